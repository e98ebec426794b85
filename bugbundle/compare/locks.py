"""Locks of leader election that nobody renews any more.

A lock is an annotation `control-plane.alpha.kubernetes.io/leader` or a Lease: its holder renews it every few seconds
(client-go, tools/leaderelection). Its times are noise as long as they go on.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from bugbundle.bundle.manifest import parse_time
from bugbundle.codec import JSONError, decode
from bugbundle.compare.model import Field
from bugbundle.mesh.kube import as_dict, as_text

LEADER = "control-plane.alpha.kubernetes.io/leader"
FRESH = timedelta(minutes=1)
DEAD = timedelta(minutes=5)


Times = tuple[datetime | None, datetime | None]


def abandoned(before: dict[str, Any], after: dict[str, Any], times: Times) -> Field | None:
    """The field that shows that a lock was renewed at the first recording, and not for minutes at the second.

    `times`: when any lock was renewed last, on each side.
    """
    last = [renewed(raw) for raw in (before, after)]
    if not all((*last, *times)):
        return None
    ages = [at - renewed_at for at, renewed_at in zip(times, last, strict=True) if at and renewed_at]
    if ages[0] > FRESH or ages[1] < DEAD:
        return None
    holders = [_holder(raw) for raw in (before, after)]
    return Field(
        "renewTime", f"{last[0]:%Y-%m-%d %H:%M:%S} by {holders[0]}", f"{last[1]:%Y-%m-%d %H:%M:%S} by {holders[1]}"
    )


def _lock(raw: dict[str, Any]) -> dict[str, Any]:
    text = as_dict(as_dict(raw.get("metadata")).get("annotations")).get(LEADER)
    if not isinstance(text, str):
        return as_dict(raw.get("spec")) if "renewTime" in as_dict(raw.get("spec")) else {}
    try:
        return as_dict(decode(text.encode("utf-8", "replace")))
    except JSONError:
        return {}


def is_lock(raw: dict[str, Any]) -> bool:
    """Whether an object holds a lock."""
    return bool(_lock(raw))


def renewed(raw: dict[str, Any]) -> datetime | None:
    """When a lock was renewed last; None for what is none."""
    return parse_time(_lock(raw).get("renewTime"))


def _holder(raw: dict[str, Any]) -> str:
    return as_text(_lock(raw).get("holderIdentity")) or "nobody"
