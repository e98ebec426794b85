"""The contract: a comparison as JSON, format 1 (docs/compare.md)."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from bugbundle import __version__
from bugbundle.bundle.manifest import format_time
from bugbundle.compare import Change, Comparison, Side, TimeLine
from bugbundle.compare.model import ABSENT
from bugbundle.report.json import plain
from bugbundle.rules import Finding, Ref

FORMAT = 1
"""Raised when a member goes or changes its meaning."""


def document(result: Comparison, line: TimeLine | None = None) -> dict[str, Any]:
    """The document as plain values; a field's `before` or `after` is left out where it is not there."""
    made: dict[str, Any] = {
        "format": FORMAT,
        "tool": f"bugbundle {__version__}",
        "headline": result.headline,
        "before": _side(result.before),
        "after": _side(result.after),
        "notes": list(result.notes),
        "changes": [_change(item) for item in result.changes],
        "diagnoses": _diagnoses(result),
        "findings": {
            "appeared": [_finding(item) for item in result.appeared],
            "disappeared": [_finding(item) for item in result.disappeared],
            "remained": [_finding(item) for item in result.remained],
        },
        "populations": {
            name: {"common": item.common, "added": list(item.added), "removed": list(item.removed)}
            for name, item in result.populations.items()
        },
        "notComparable": [{"what": i.what, "side": i.side, "reason": i.reason} for i in result.not_comparable],
        "ignored": [{"kind": item.kind, "count": item.count, "reason": item.reason} for item in result.ignored],
    }
    if line is not None:
        made["timeLine"] = [
            {"before": _side(one.before), "after": _side(one.after), "headline": one.headline, "roots": len(one.roots)}
            for one in line.steps
        ]
        made["began"] = {"between": [_side(line.began.before), _side(line.began.after)]} if line.began else None
    found = plain(made)
    assert isinstance(found, dict)
    return found


def _diagnoses(result: Comparison) -> dict[str, Any]:
    return {
        name: [_finding(item) for item in items if item.id in result.causes]
        for name, items in (
            ("appeared", result.appeared),
            ("disappeared", result.disappeared),
            ("remained", result.remained),
        )
    }


def _side(side: Side) -> dict[str, Any]:
    return {"name": PurePath(side.origin).name, "started": format_time(side.started), "tool": side.tool}


def _change(item: Change) -> dict[str, Any]:
    return {
        "id": item.id,
        "kind": item.kind,
        "object": _object(item.object),
        "change": item.change,
        "root": item.root,
        "summary": item.summary,
        "fields": [
            {
                "path": field.path,
                **({} if field.before is ABSENT else {"before": field.before}),
                **({} if field.after is ABSENT else {"after": field.after}),
            }
            for field in item.fields
        ],
        "by": item.by,
        "at": format_time(item.at),
        "level": item.level,
        "because": list(item.because),
        "consequences": list(item.consequences),
        "objects": [_object(thing) for thing in item.objects],
        "affects": list(item.affects),
    }


def _finding(item: Finding) -> dict[str, Any]:
    return {
        "id": item.id,
        "code": item.code,
        "level": str(item.level),
        "origin": str(item.origin),
        "message": item.message,
        "objects": [_object(thing) for thing in item.objects],
    }


def _object(thing: Ref) -> dict[str, str]:
    return {"kind": thing.kind, "namespace": thing.namespace, "name": thing.name}
