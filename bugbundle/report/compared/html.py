"""A comparison as one self-contained page, in the style of the report."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from markupsafe import Markup

from bugbundle import __version__
from bugbundle.compare import Change, Comparison, Field, TimeLine
from bugbundle.compare.model import ABSENT
from bugbundle.compare.wording import changed_lines, when
from bugbundle.report.compared.outline import consequences, outline
from bugbundle.report.drifts import Piece, mark
from bugbundle.report.html import digest, environment, source
from bugbundle.report.words import clip

MAX_VALUE = 3000
MAX_FIELDS = 30
MAX_ROOTS = 400


@dataclass(frozen=True)
class Pair:
    """One field, both sides in pieces; None where a side does not have it."""

    path: str
    before: tuple[Piece, ...] | None
    after: tuple[Piece, ...] | None


@dataclass
class Node:
    """A root change as it is shown: its fields, what followed, by kind."""

    change: Change
    when: str
    pairs: list[Pair]
    cut: int
    below: list[Change]
    together: list[str]


@dataclass
class Branch:
    """The root changes of one namespace, by kind and name; `Cluster` for what belongs to none."""

    name: str
    nodes: list[Node] = field(default_factory=list)


def render(result: Comparison, line: TimeLine | None = None) -> str:
    """The page."""
    style = source("report.css") + "\n" + source("compare.css")
    script = source("report.js")
    return (
        environment()
        .get_template("compare.html")
        .render(
            style=Markup(style),
            script=Markup(script),
            policy=(
                f"default-src 'none'; style-src {digest(style)}; script-src {digest(script)}; img-src data:;"
                " base-uri 'none'; form-action 'none'"
            ),
            version=__version__,
            **_facts(result, line),
        )
    )


def _facts(result: Comparison, line: TimeLine | None) -> dict[str, Any]:
    seen = outline(result)
    nodes = [_node(root, result) for root in [*seen.told, *seen.quiet][:MAX_ROOTS]]
    bad = any(change.level == "Error" for change in result.changes)
    return {
        "result": result,
        "level": "Fine" if not result.roots else "Error" if bad else "Warning",
        "first": nodes[0] if nodes else None,
        "names": [PurePath(side.origin).name for side in (result.before, result.after)],
        "branches": _branches(nodes),
        "restarted": seen.restarted,
        "flows": [change for change in result.changes if change.kind == "flow"],
        "line": line,
        "left_out": _left_out(result),
        "total_left_out": sum(item.count for item in result.ignored),
    }


def _node(root: Change, result: Comparison) -> Node:
    below = consequences(result, root)
    pairs = [_pair(item) for item in root.fields[:MAX_FIELDS]] if root.kind not in ("log", "proxy") else []
    others = [str(thing) for thing in root.objects if thing != root.object]
    return Node(root, when(root, result.after.started), pairs, len(root.fields) - len(pairs), below, others)


def _branches(nodes: list[Node]) -> list[Branch]:
    """Namespaces in the order of their most important change."""
    found: dict[str, Branch] = {}
    for node in nodes:
        thing = node.change.object
        name = thing.namespace or (thing.name if thing.kind == "Namespace" else "")
        found.setdefault(name, Branch(name or "Cluster")).nodes.append(node)
    return list(found.values())


def _pair(item: Field) -> Pair:
    left, right = changed_lines(item)
    one, two = _text(left), _text(right)
    if one is None or two is None:
        return Pair(
            item.path,
            None if one is None else (Piece(one, False),),
            None if two is None else (Piece(two, False),),
        )
    return Pair(item.path, *mark(one, two))


def _text(value: Any) -> str | None:
    if value is ABSENT:
        return None
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return clip(text, MAX_VALUE) or '""'


def _left_out(result: Comparison) -> list[tuple[str, int, str]]:
    """(reason, how many, of which kinds)."""
    found: dict[str, list[tuple[str, int]]] = {}
    for item in result.ignored:
        found.setdefault(item.reason, []).append((item.kind, item.count))
    rows = [
        (reason, sum(count for _, count in items), ", ".join(f"{count:,} {kind}" for kind, count in items))
        for reason, items in found.items()
    ]
    return sorted(rows, key=lambda row: -row[1])
