"""An analysis as SARIF 2.1.0, for code scanning. Kubernetes objects are logical locations, entries artifacts."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from bugbundle import __version__
from bugbundle.analysis import Analysis
from bugbundle.report.words import clip, line
from bugbundle.rules import Finding, Level
from bugbundle.rules.model import RULES

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "note"}


def render(analysis: Analysis) -> str:
    """One run of one tool."""
    codes = list(dict.fromkeys([*analysis.outcome.checked, *(item.code for item in analysis.findings)]))
    numbers = {code: number for number, code in enumerate(codes)}
    cards = dict(RULES)
    rules: list[dict[str, Any]] = []
    for code in codes:
        made: dict[str, Any] = {"id": code}
        if code in cards:
            card = cards[code]
            made["name"] = card.name
            made["shortDescription"] = {"text": card.summary or card.name}
            made["help"] = {"text": card.section("What to do") or card.summary or card.name}
            made["defaultConfiguration"] = {"level": _LEVELS[card.level]}
        rules.append(made)
    driver = {
        "name": "bugbundle",
        "version": __version__,
        "informationUri": "https://github.com/bugbundle/bugbundle",
        "rules": rules,
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [_invocation(analysis)],
        "results": [_result(item, numbers[item.code]) for item in analysis.findings],
    }
    text = json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode() + "\n"


def _invocation(analysis: Analysis) -> dict[str, Any]:
    """Whether the run was whole: broken rules and inputs that lacked are notifications."""
    broken = [
        {
            "level": "error",
            "message": {"text": f"failed on {item.subject}: {item.error}"},
            "associatedRule": {"id": item.code},
        }
        for item in analysis.broken
    ]
    blind = [
        {
            "level": "note",
            "message": {"text": f"not evaluated on {item.subject}: {'; '.join(item.missing)}"},
            "associatedRule": {"id": item.code},
        }
        for item in analysis.not_evaluated
    ]
    return {"executionSuccessful": not broken, "toolExecutionNotifications": [*broken, *blind]}


def _result(item: Finding, number: int) -> dict[str, Any]:
    names = [{"fullyQualifiedName": str(thing), "kind": "resource"} for thing in item.objects]
    entries = list(dict.fromkeys(proof.pointer.entry for proof in item.proofs))[:10]
    places = [{"physicalLocation": {"artifactLocation": {"uri": quote(entry)}}} for entry in entries]
    first: dict[str, Any] = {"logicalLocations": names}
    if places:
        first.update(places[0])
    return {
        "ruleId": item.code,
        "ruleIndex": number,
        "level": _LEVELS[item.level],
        "message": {"text": clip(line(f"{item.origin}: {item.message}"), 2000)},
        "locations": [first],
        "relatedLocations": places[1:],
        "partialFingerprints": {"findingId/v1": item.id},
    }
