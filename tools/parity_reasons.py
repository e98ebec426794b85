"""Why an answer of ours may differ from istioctl's: each reason recognises its own cases and no others.

docs/parity.md has a paragraph under each key. A difference that no reason recognises is unexplained.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from parity_versions import VERSIONS
from parity_views import VIEWS

_LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z\t\w+\t")
_COUNTER = re.compile(r',?\n +"?value"?: "\d+"')
_ORIGINAL = re.compile(r"HEALTHY (OK |)inbound\|\d+\|\|$|PassthroughCluster$")


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
    """istioctl forwards no port to a pod that is not Running; its Envoy was recorded, and stderr says so.

    What istioctl printed before it gave up is the beginning of ours.
    """
    told = "is not running" in case.error and "istioctl would refuse" in case.error
    return case.expected_code == 1 and case.code == 0 and told and case.got.startswith(case.expected)


def log_lines_on_stdout(case: Case) -> bool:
    """istioctl's stdout is nothing but lines of its own log."""
    return bool(case.expected) and all(_LOG_LINE.match(line) for line in case.expected.splitlines())


def envoy_order(case: Case) -> bool:
    """Envoy told the same, resources or the members of maps in another order: line by line the same."""
    if case.command not in ("proxy-config all", "proxy-config route") or case.code != case.expected_code:
        return False
    return _lines(case.expected) == _lines(case.got)


def endpoints_moved(case: Case) -> bool:
    """Envoy's page of clusters at another time: other order, other counters, else line by line the same."""
    if case.command != "proxy-config endpoint" or case.code != case.expected_code:
        return False
    return _lines(_COUNTER.sub("", case.expected)) == _lines(_COUNTER.sub("", case.got))


def original_destination(case: Case) -> bool:
    """A host that a cluster of type ORIGINAL_DST had for the seconds that a connection took."""
    if case.command not in ("proxy-config endpoint", "proxy-config all") or case.code != case.expected_code:
        return False
    return _without_original(case.expected) == _without_original(case.got)


def _without_original(text: str) -> list[str]:
    """The rows of a table, blanks folded, without those of inbound and passthrough clusters."""
    rows = [" ".join(line.split()) for line in text.splitlines()]
    return [row for row in rows if not _ORIGINAL.search(row)]


def levels_not_recorded(case: Case) -> bool:
    """The recording has no `logging.txt`."""
    return case.command == "proxy-config log" and "logging.txt" in case.error


def root_is_compared(case: Case) -> bool:
    """istioctl cannot read any ROOTCA; bugbundle compares them."""
    wrong = "illegal base64 data"
    return case.command == "proxy-config rootca-compare" and wrong in case.expected_error and not case.got


REASONS: dict[str, Reason] = {
    "refused-by-istioctl": refused_by_istioctl,
    "log-lines-on-stdout": log_lines_on_stdout,
    "envoy-order": envoy_order,
    "endpoints-moved": endpoints_moved,
    "original-destination": original_destination,
    "levels-not-recorded": levels_not_recorded,
    "root-is-compared": root_is_compared,
    **VIEWS,
    **VERSIONS,
}


def explain(case: Case) -> str:
    """The key of the first reason that recognises the case; empty where none does."""
    return next((key for key, reason in REASONS.items() if reason(case)), "")


def _lines(text: str) -> list[str]:
    """The lines in no order, without what parts them from the next."""
    return sorted(line.removesuffix(",").removeprefix("- ") for line in text.splitlines())
