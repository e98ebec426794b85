"""The rules themselves: the list, and each one's documentation, which is its docstring."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from bugbundle.istio import Source
from bugbundle.rules import Rule

FAMILIES = {
    "BB1": "Control plane",
    "BB2": "Sync",
    "BB3": "Proxy configuration",
    "BB4": "Identity and certificates",
    "BB5": "Ambient",
    "BB6": "Versions, revisions and injection",
    "BB7": "Traffic and logs",
    "BB8": "Kubernetes around the mesh",
    "BB9": "The bundle itself",
    "IST": "As istioctl analyze",
}


def family(code: str) -> str:
    """The family of a code, in words."""
    return FAMILIES.get(code[:3], "Other")


def reads(rule: Rule) -> list[str]:
    """What a rule looks at: paths of entries, and resources as kubectl names them; optional ones last."""
    needed = sorted(_input(item) for item in rule.reads)
    return needed + sorted(f"{_input(item)} (where recorded)" for item in rule.optional)


def _input(item: Source | str) -> str:
    return item if isinstance(item, str) else f"{item.value.folder}/…/{item.value.name}"


def as_text(rules: Sequence[Rule]) -> str:
    """One rule a line; one rule alone: its whole card."""
    if len(rules) == 1:
        return _card(rules[0])
    width = max((len(rule.name) for rule in rules), default=0)
    return "".join(f"{rule.code:<8} {rule.level:<8} {rule.name:<{width}}  {sentence(rule.summary)}\n" for rule in rules)


def sentence(text: str) -> str:
    """The first sentence, at most some 110 characters."""
    first = re.split(r"(?<=[.:;])\s", text, maxsplit=1)[0].rstrip(":;")
    return first if len(first) <= 110 else first[:108].rsplit(" ", 1)[0] + " …"


def _card(rule: Rule) -> str:
    lines = [
        f"{rule.code} {rule.name} ({rule.level}, per {rule.per.__name__})",
        "",
        rule.doc,
        "",
        "## Looks at",
    ]
    lines += [f"- {item}" for item in reads(rule)]
    if rule.explains:
        lines += ["", f"## Explains\n{', '.join(sorted(rule.explains))}"]
    if rule.analyzer:
        lines += ["", f"## In istioctl\n{rule.analyzer}"]
    return "\n".join([*lines, ""])


def as_json(rules: Sequence[Rule]) -> str:
    """A list of cards."""
    return json.dumps([_fields(rule) for rule in rules], indent=2, ensure_ascii=False) + "\n"


def _fields(rule: Rule) -> dict[str, Any]:
    return {
        "code": rule.code,
        "name": rule.name,
        "level": str(rule.level),
        "family": family(rule.code),
        "per": rule.per.__name__,
        "message": rule.message,
        "summary": rule.summary,
        "whyItMatters": rule.section("Why it matters"),
        "whatToDo": rule.section("What to do"),
        "reads": reads(rule),
        "explains": sorted(rule.explains),
        "analyzer": rule.analyzer,
    }


def as_markdown(rules: Sequence[Rule]) -> str:
    """A chapter per family, a section per rule."""
    parts: list[str] = []
    ordered = sorted(rules, key=lambda rule: ([*FAMILIES].index(rule.code[:3]), rule.code))
    for number, rule in enumerate(ordered):
        if number == 0 or family(ordered[number - 1].code) != family(rule.code):
            parts.append(f"## {family(rule.code)}\n")
        parts.append(_chapter(rule))
    return "\n".join(parts)


_EACH = {"Mesh": "the whole mesh", "Proxy": "each proxy", "Istiod": "each istiod", "Ztunnel": "each ztunnel"}


def _chapter(rule: Rule) -> str:
    needs, looks = (_codes(sorted(map(_input, some))) for some in (rule.reads, rule.optional))
    facts = {
        "Says": f"`{rule.message}`",
        "Needs": needs,
        "Looks at, where recorded": looks,
        "Explains": ", ".join(sorted(rule.explains)),
        "In istioctl": f"`{rule.analyzer}`" if rule.analyzer else "",
    }
    head = f"### {rule.code} {rule.name}\n\n**{rule.level}.** Looks at {_EACH[rule.per.__name__]}."
    doc = re.sub(r"\n## (.*)\n", r"\n#### \1\n\n", rule.doc)
    return "\n".join([head, "", doc, "", *(f"- **{title}:** {text}" for title, text in facts.items() if text), ""])


def _codes(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
