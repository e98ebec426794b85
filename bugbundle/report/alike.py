"""Diagnoses of one rule put together: fifty proxies with one trouble are one thing to read."""

from __future__ import annotations

from collections.abc import Sequence

from bugbundle.diagnosis import Diagnosis


def alike(diagnoses: Sequence[Diagnosis]) -> list[list[Diagnosis]]:
    """Groups of the same rule and level, in the order of the first of each."""
    groups: dict[tuple[str, str], list[Diagnosis]] = {}
    for item in diagnoses:
        groups.setdefault((item.cause.code, str(item.cause.level)), []).append(item)
    return list(groups.values())
