"""`admin log`: the logging scopes of an istiod. Source: istioctl/pkg/admin/istiodconfig.go of 1.29."""

from __future__ import annotations

from typing import Any

from bugbundle.mesh.kube import as_text, dicts
from bugbundle.mesh.parts import Istiod
from bugbundle.views.table import Table

ENTRY = "controlz/scope.json"


def scopes(istiod: Istiod) -> list[dict[str, Any]]:
    """Every scope, by name, in the shape of `-o json`."""
    found = [
        {
            "scope_name": as_text(row.get("name")),
            "log_level": as_text(row.get("output_level")),
            "stack_trace_level": as_text(row.get("stack_trace_level")),
            "description": as_text(row.get("description")),
        }
        for row in dicts(istiod.json(ENTRY))
    ]
    return sorted(found, key=lambda row: row["scope_name"])


def table(found: list[dict[str, Any]]) -> Table:
    """ACTIVE SCOPE DESCRIPTION LOG LEVEL STACK TRACE LEVEL."""
    rows = tuple((row["scope_name"], row["description"], row["log_level"], row["stack_trace_level"]) for row in found)
    return Table(("ACTIVE SCOPE", "DESCRIPTION", "LOG LEVEL", "STACK TRACE LEVEL"), rows, padding=3)
