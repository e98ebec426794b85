"""The door to Jinja2: one analysis as one self-contained page.

No script, style, font or image comes from elsewhere, and the page's own content security policy forbids it: the one
style sheet and the one script are allowed by their hashes. Every value is escaped; the script is for comfort only.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import jinja2
from markupsafe import Markup, escape

from bugbundle import __version__
from bugbundle.analysis import Analysis
from bugbundle.quoting import clean
from bugbundle.report import words
from bugbundle.report.alike import alike
from bugbundle.report.cards import family, sentence
from bugbundle.report.contents import contents
from bugbundle.report.drifts import drifts
from bugbundle.report.headline import headline, looked_at, tally
from bugbundle.report.inventory import inventory
from bugbundle.report.lifetimes import lifetimes
from bugbundle.report.matrix import LEGEND, SYMBOLS, matrix
from bugbundle.report.symptoms import groups as symptom_groups
from bugbundle.report.symptoms import says as symptom_says
from bugbundle.report.symptoms import when as symptom_when
from bugbundle.report.unseen import gap_groups, unseen
from bugbundle.rules import Finding, Level, Rule
from bugbundle.rules.model import RULES
from bugbundle.sync.model import TYPES

MAX_TEXT = 2000
"""Characters of one value on the page."""

MAX_PER_RULE = 100
"""Findings of one rule that are shown; the rest are counted."""

MAX_FINDINGS = 1000
"""Findings that are shown at all; beyond it FEW of each rule."""

FEW = 5


def render(analysis: Analysis) -> str:
    """The page of one analysis."""
    return page("report.html", **_facts(analysis))


def page(template: str, **values: Any) -> str:
    """Any page in the report's style: one template with its values, the style sheet and the script inside."""
    env = environment()
    style = source("report.css")
    script = source("report.js")
    return env.get_template(template).render(
        style=Markup(style),
        script=Markup(script),
        policy=(
            f"default-src 'none'; style-src {digest(style)}; script-src {digest(script)}; img-src data:;"
            " base-uri 'none'; form-action 'none'"
        ),
        version=__version__,
        **values,
    )


def _facts(analysis: Analysis) -> dict[str, Any]:
    """All that the templates may see."""
    bundle = analysis.bundle
    cards = dict(RULES)
    held = contents(bundle)
    return {
        "analysis": analysis,
        "bundle": bundle,
        "header": bundle.header,
        "manifest": bundle.manifest,
        "now": analysis.mesh.now,
        "headline": headline(analysis),
        "groups": alike(analysis.diagnoses),
        "looked_at": looked_at(analysis),
        "tally": tally(analysis),
        "symptom_groups": list(symptom_groups(analysis.symptoms)),
        "symptom_says": symptom_says,
        "symptom_when": symptom_when,
        "levels": _by_level(analysis.findings, cards),
        "unseen": unseen(analysis.not_evaluated),
        "gaps": gap_groups(analysis.gaps),
        "matrix": matrix(analysis),
        "types": TYPES,
        "symbols": SYMBOLS,
        "legend": LEGEND,
        "drifts": drifts(analysis),
        "lifetimes": lifetimes(analysis.mesh),
        "inventory": inventory(analysis.mesh),
        "checks": _checks(analysis, cards),
        "contents": held,
        "total_size": sum(kind.size for kind in held),
        "cards": cards,
    }


def _by_level(findings: Sequence[Finding], cards: dict[str, Rule]) -> list[tuple[Level, list[dict[str, Any]]]]:
    """Findings by level, then by rule, in their own order."""
    made = []
    room = MAX_FINDINGS
    for level in Level:
        groups: dict[str, list[Finding]] = {}
        for finding in findings:
            if finding.level is level:
                groups.setdefault(finding.code, []).append(finding)
        rules = []
        for code, found in groups.items():
            most = MAX_PER_RULE if room > 0 else FEW
            room -= min(len(found), most)
            rules.append({"code": code, "card": cards.get(code), "findings": found, "most": most})
        if rules:
            made.append((level, rules))
    return made


def _checks(analysis: Analysis, cards: dict[str, Rule]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Every rule that was to run, by family: how often it looked, found, could not look."""
    outcome = analysis.outcome
    groups: dict[str, list[dict[str, Any]]] = {}
    for code in sorted(outcome.checked):
        card = cards.get(code)
        groups.setdefault(family(code), []).append(
            {
                "code": code,
                "name": card.name if card else "",
                "summary": sentence(card.summary) if card else "",
                "looked": outcome.checked[code],
                "found": sum(1 for item in outcome.findings if item.code == code),
                "blind": sum(1 for item in outcome.not_evaluated if item.code == code),
                "broken": sum(1 for item in outcome.broken if item.code == code),
            }
        )
    return list(groups.items())


@functools.cache
def environment() -> jinja2.Environment:
    """Templates with every value escaped, and the filters that pages use."""
    env = jinja2.Environment(
        loader=jinja2.PackageLoader("bugbundle.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    env.filters.update(
        utc=words.utc,
        span=words.span,
        bytes=words.size,
        count=words.count,
        prose=_prose,
        clock=_clock,
        slug=_slug,
        inline=lambda text: words.line(str(text)),
        listed=lambda items, limit=3: words.listed([words.line(str(item)) for item in items], limit),
        cut=lambda text, limit: words.clip(text, limit),
        sentence_case=lambda text: text[:1].upper() + text[1:],
        soft=_soft,
    )
    return env


def _finalize(value: Any) -> Any:
    """Every value on its way into the page: made harmless to look at, cut where it is endless."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return words.clip(clean(str(value)), MAX_TEXT)
    return value


def _prose(text: str) -> Markup:
    """Text of a rule's card: `code` in backticks."""
    parts = clean(text).split("`")
    if len(parts) % 2 == 0:
        return Markup(escape(clean(text)))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part) for number, part in enumerate(parts)
    )


def _soft(text: str) -> Markup:
    """A name that may be broken behind its separators."""
    parts = re.split(r"(?<=[/.|:-])", words.clip(clean(text), MAX_TEXT))
    return Markup("<wbr>").join(part for part in parts if part)


def _clock(when: datetime | None) -> str:
    return f"{when:%H:%M:%S}" if when else words.DASH


def _slug(parts: Iterable[str] | str) -> str:
    """A fragment of its own for any text: readable where it can be, never more than a fragment may hold."""
    text = parts if isinstance(parts, str) else "-".join(parts)
    code = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{re.sub('[^A-Za-z0-9]+', '-', text)[:60].strip('-')}-{code}"


@functools.cache
def source(name: str) -> str:
    """The text of a template, a style sheet or a script."""
    env = environment()
    assert env.loader is not None
    return env.loader.get_source(env, name)[0].strip()


def digest(text: str) -> str:
    """The hash by which the policy allows an inline element."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
