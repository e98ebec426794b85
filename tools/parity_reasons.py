"""Why an answer of ours may differ from istioctl's: each reason recognises its own cases and no others.

docs/parity.md has a paragraph under each key. A difference that no reason recognises is unexplained.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Case:
    """One recorded answer and ours: the words behind `istioctl`, stdout, exit code and stderr of both."""

    words: tuple[str, ...]
    expected: str
    expected_code: int
    expected_error: str
    got: str
    code: int
    error: str

    @property
    def command(self) -> str:
        """The first two words, where the second is one of a group."""
        return " ".join(self.words[:2])


Reason = Callable[[Case], bool]


def refused_by_istioctl(case: Case) -> bool:
    """istioctl would not or could not reach the pod; the recording did, or says why not in its own words."""
    return case.expected_code == 1 and "building port forwarded: pod is not running" in case.expected_error


def envoy_map_order(case: Case) -> bool:
    """Envoy's own dump, asked for twice: the same but for the order of protobuf maps and resources."""
    if case.command != "proxy-config all" or "json" not in case.words:
        return False
    left, right = _parsed(case.expected), _parsed(case.got)
    return left is not None and left == right


def counters_moved(case: Case) -> bool:
    """Envoy's counters of each host went on between istioctl's question and the recording's."""
    if case.command != "proxy-config endpoint" or case.code != case.expected_code:
        return False
    pattern = re.compile(r'("value"|  value): "\d+"|value: "\d+"')
    return pattern.sub("", case.expected) == pattern.sub("", case.got)


def resources_reordered(case: Case) -> bool:
    """Envoy listed the same resources in another order, or one's maps."""
    if case.command not in ("proxy-config route", "proxy-config all") or case.code != case.expected_code:
        return False
    return sorted(case.expected.splitlines()) == sorted(case.got.splitlines())


def levels_not_recorded(case: Case) -> bool:
    """The recording has no `logging.txt`."""
    return case.command == "proxy-config log" and "logging.txt" in case.error


def root_is_compared(case: Case) -> bool:
    """istioctl cannot read any ROOTCA; bugbundle compares them."""
    wrong = "illegal base64 data"
    return case.command == "proxy-config rootca-compare" and wrong in case.expected_error and not case.got


REASONS: dict[str, Reason] = {
    "refused-by-istioctl": refused_by_istioctl,
    "envoy-map-order": envoy_map_order,
    "counters-moved": counters_moved,
    "resources-reordered": resources_reordered,
    "levels-not-recorded": levels_not_recorded,
    "root-is-compared": root_is_compared,
}


def explain(case: Case) -> str:
    """The key of the first reason that recognises the case; empty where none does."""
    return next((key for key, reason in REASONS.items() if reason(case)), "")


def _parsed(text: str) -> Any:
    """The JSON with every list of objects sorted; None for text that is none."""
    try:
        return _sorted(json.loads(text))
    except ValueError:
        return None


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted((_sorted(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    return value
