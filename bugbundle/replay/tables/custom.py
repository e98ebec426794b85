"""Columns of custom resources, from their CRD's `additionalPrinterColumns`.

Source: k8s.io/apiextensions-apiserver/pkg/registry/customresource/tableconvertor/tableconvertor.go.
"""

from __future__ import annotations

from typing import Any

from bugbundle.codec import encode_sorted
from bugbundle.replay.ages import Clock, parse
from bugbundle.replay.shape import Object, number, objects, scalar, text
from bugbundle.replay.tables.columns import Column, Printer, age_of, name_of
from bugbundle.replay.tables.jsonpath import Step, results
from bugbundle.replay.tables.jsonpath import parse as parse_path


def printer(version: Object) -> Printer:
    """The printer for one version of a CRD; Age alone where it names no columns."""
    listed = objects(version, "additionalPrinterColumns")
    if not listed:
        return Printer((Column("Name", format="name"), Column("Age")), _age_only)
    found = [
        (_column(item), steps)
        for item in listed
        if (steps := parse_path(text(item, "jsonPath") or text(item, "JSONPath"))) is not None
    ]

    def cells(obj: Object, clock: Clock) -> list[Any]:
        return [name_of(obj), *(_cell(column.type, steps, obj, clock) for column, steps in found)]

    return Printer((Column("Name", format="name"), *(column for column, _ in found)), cells)


def _age_only(obj: Object, clock: Clock) -> list[Any]:
    return [name_of(obj), age_of(obj, clock)]


def _column(item: Object) -> Column:
    path = text(item, "jsonPath") or text(item, "JSONPath")
    about = text(item, "description", default=f"Custom resource definition column (in JSONPath format): {path}")
    kind = text(item, "type", default="string")
    return Column(text(item, "name"), kind, text(item, "format"), number(item, "priority"), about)


def _cell(kind: str, steps: list[Step], obj: Object, clock: Clock) -> Any:
    found = results(steps, obj)
    if not found or found[0] is None:
        return None
    value = found[0]
    if kind == "string":
        return encode_sorted(value).decode() if isinstance(value, list | dict) else scalar(value)
    if kind == "date":
        if not isinstance(value, str):
            return None
        return clock.since(value) if parse(value) else "<invalid>"
    if kind == "boolean":
        return value if isinstance(value, bool) else None
    if kind in ("integer", "number") and isinstance(value, int | float) and not isinstance(value, bool):
        return int(value) if kind == "integer" else float(value)
    return None
