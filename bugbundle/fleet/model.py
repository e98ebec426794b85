"""What a fleet's tables hold: their columns, and the rows of one bundle."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SCHEMA = 1
"""Of the tables: raised when a column goes or changes its meaning."""

WHO = {"bundle": "string", "cluster": "string", "started": "timestamp"}
"""The columns with which every table begins: the bundle's path in the fleet, its cluster, when it was recorded."""

TABLES: dict[str, dict[str, str]] = {
    "bundles": WHO
    | {
        "url": "string",
        "cluster_uid": "string",
        "sha256": "string",
        "tool": "string",
        "istio": "string",
        "kubernetes": "string",
        "bytes": "int64",
        "entries": "int64",
        "gaps": "int64",
        "proxies": "int64",
        "errors": "int64",
        "warnings": "int64",
        "infos": "int64",
        "diagnoses": "int64",
        "not_evaluated": "int64",
        "headline": "string",
        "failure": "string",
    },
    "diagnoses": WHO
    | {
        "rank": "int64",
        "code": "string",
        "level": "string",
        "confidence": "string",
        "kind": "string",
        "namespace": "string",
        "name": "string",
        "title": "string",
        "affects": "int64",
        "consequences": "int64",
    },
    "findings": WHO
    | {
        "code": "string",
        "level": "string",
        "confidence": "string",
        "kind": "string",
        "namespace": "string",
        "name": "string",
        "message": "string",
        "at": "timestamp",
    },
    "not_evaluated": WHO | {"code": "string", "subject": "string", "missing": "string"},
    "proxies": WHO
    | {
        "proxy": "string",
        "namespace": "string",
        "kind": "string",
        "version": "string",
        "istiod": "string",
        "sync": "string",
    },
    "certificates": WHO
    | {
        "role": "string",
        "name": "string",
        "holder": "string",
        "serial": "string",
        "not_before": "timestamp",
        "not_after": "timestamp",
    },
    "versions": WHO | {"component": "string", "version": "string", "instances": "int64", "support_ends": "timestamp"},
}
"""Table → column → type (`string`, `int64`, `timestamp`: UTC, microseconds). docs/fleet.md explains each."""

Rows = dict[str, list[dict[str, Any]]]
"""Table → rows without the columns of `WHO`; times as RFC 3339 text."""


@dataclass(frozen=True)
class Look:
    """What became of one bundle: its rows, or why there are none."""

    sha256: str = ""
    cluster: str = ""
    cluster_uid: str = ""
    started: str | None = None
    rows: Rows = field(default_factory=dict)
    failure: str = ""
    page: str = ""

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "page"}


@dataclass(frozen=True)
class Done:
    """One bundle of the fleet: where it is, what was found, whether it was known before."""

    name: str
    url: str
    look: Look
    known: bool = False
