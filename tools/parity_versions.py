"""Answers of istioctl before and after 1.29, the release whose layouts bugbundle prints: same content, other layout."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parity_reasons import Case

_SERIAL = re.compile(r"\b0*([0-9a-f]{16,})\b")
_QUERY = re.compile(r", 65536\.65536\.65536 \(\d+ proxies\)")
_CONNECTIONS = re.compile(r"\nWORKLOAD +DIRECTION ")
_CLIENT = re.compile(r"^client version: .*\n", re.MULTILINE)


def _words(case: Case) -> tuple[str, ...]:
    return case.words[1:] if case.words[0] in ("experimental", "x") else case.words


def _rows(text: str) -> list[list[str]]:
    """The cells of a table, which two blanks or more part."""
    return [re.split(r" {2,}", line.strip()) for line in text.splitlines()]


def _without(text: str, column: str) -> str:
    """A table without one of its columns."""
    lines = text.splitlines()
    start = lines[0].find(column) if lines else -1
    if start < 0:
        return text
    behind = re.match(r" *", lines[0][start + len(column) :])
    end = start + len(column) + (behind.end() if behind else 0)
    return "\n".join(line[:start] + line[end:] for line in lines)


def column_is_newer(case: Case) -> bool:
    """A column that istioctl prints since 1.27 or 1.28; without it both are equal."""
    if case.code != case.expected_code:
        return False
    newer = {"waypoint": "TRAFFIC TYPE", "admin": "STACK TRACE LEVEL"}.get(_words(case)[0])
    return newer is not None and newer not in case.expected and _rows(case.expected) == _rows(_without(case.got, newer))


def section_is_newer(case: Case) -> bool:
    """`ztunnel-config all` ends with the connections since 1.27; what stands above is equal."""
    above = _CONNECTIONS.split(case.got, maxsplit=1)[0]
    return _words(case)[:2] == ("ztunnel-config", "all") and above != case.got and above == case.expected


def serial_with_zeros(case: Case) -> bool:
    """A serial number without its leading zeros, as istioctl before 1.29 prints it."""
    if _words(case)[0] not in ("proxy-config", "pc") or case.code != case.expected_code:
        return False
    return _serials(case.expected) == _serials(case.got)


def _serials(text: str) -> list[list[str]]:
    return _rows(_SERIAL.sub(r"\1", text))


def states_before_1_27(case: Case) -> bool:
    """`proxy-status` with a column for each type, as `--format wide` prints it: the same proxies and istiods."""
    if _words(case)[0] != "proxy-status" or "SUBSCRIBED TYPES" in case.expected or case.code != case.expected_code:
        return False
    return case.expected.startswith("NAME ") and _proxies(case.expected) == _proxies(case.got)


def _proxies(text: str) -> list[tuple[str, ...]]:
    rows = _rows(text)
    places = [rows[0].index(name) for name in ("NAME", "CLUSTER", "ISTIOD")]
    return [tuple(row[place] for place in places) for row in rows[1:]]


def flag_is_newer(case: Case) -> bool:
    """A flag that this istioctl does not have."""
    return case.expected_code != 0 and case.code == 0 and "unknown shorthand flag" in case.expected_error


def json_since_1_30(case: Case) -> bool:
    """`proxy-status -o json`: istioctl 1.29 ignores the flag, 1.30 prints istiod's XDS answer. The same proxies."""
    if _words(case)[0] != "proxy-status" or not case.expected.startswith("{") or "json" not in case.words:
        return False
    nodes = [each["node"]["id"] for each in json.loads(case.expected)["resources"]]
    return sorted(nodes) == [row[0] for row in _rows(case.got)[1:]]


def istioctl_is_a_proxy(case: Case) -> bool:
    """istioctl counted its own XDS connection, which has the version 65536.65536.65536, among the proxies."""
    if _words(case)[0] != "version" or "65536." not in case.expected:
        return False
    return _CLIENT.sub("", _QUERY.sub("", case.expected)) == _CLIENT.sub("", case.got)


VERSIONS: dict[str, Callable[[Case], bool]] = {
    "column-is-newer": column_is_newer,
    "section-is-newer": section_is_newer,
    "serial-with-zeros": serial_with_zeros,
    "states-before-1.27": states_before_1_27,
    "flag-is-newer": flag_is_newer,
    "json-since-1.30": json_since_1_30,
    "istioctl-is-a-proxy": istioctl_is_a_proxy,
}
