"""One line of a log: when, how bad, and what it says.

Reads what istiod, the agents and istio-cni print (zap, tab-separated), Envoy's own lines and its access log, ztunnel's
(tracing), klog's, and JSON of any of them. Any other line is text without a level; its time is the first in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from bugbundle.bundle.manifest import parse_time
from bugbundle.codec import JSONError, decode

LEVELS = {
    "trace": "debug", "debug": "debug", "info": "info", "warn": "warning", "warning": "warning",
    "error": "error", "critical": "error", "fatal": "error", "panic": "error",
}  # fmt: skip
"""How a level is written → `debug`, `info`, `warning` or `error`."""

BAD = ("warning", "error")
"""The levels that somebody should read."""

_HEAD = re.compile(
    r"^\[?(?P<time>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)\]?"
    r"(?:\[\d+\])?\s*(?:\[?(?P<level>[A-Za-z]{4,8})\]?(?=[\s:\]]))?[\s:]*"
)
_KLOG = re.compile(r"^(?P<level>[IWEF])\d{4} \d\d:\d\d:\d\d\.\d+\s+\d+ ([\w.]+):\d+\] ")
_KLOGS = {"I": "info", "W": "warning", "E": "error", "F": "error"}
_ACCESS = re.compile(
    r'^"(?P<method>[A-Z-]+|-) (?P<path>\S+) (?P<protocol>[\w./]+|-)" '
    r"(?P<code>\d{1,3}) (?P<flags>[A-Z][\w,]*|-) (?P<details>\S+)"
)
_CLUSTER = re.compile(r"\s((?:in|out)bound\|[^|\s]*\|[^|\s]*\|[^\s]*|[A-Z]\w*Cluster)")
_MESSAGE = ("msg", "message", "log", "event")
_TIMES = ("time", "ts", "timestamp", "start_time", "@timestamp")


class Line(NamedTuple):
    """One line: `at` in UTC (None where it names no time), `level` of `LEVELS` (empty where it names none), `text` is
    what it says without both, `access` whether it is a line of Envoy's access log, `raw` the line itself."""

    at: datetime | None
    level: str
    text: str
    access: bool
    raw: str


def read(lines: Iterable[str]) -> Iterator[Line]:
    """Lines taken apart, blank ones left out. A line without a time has that of the line above it."""
    last: datetime | None = None
    for raw in lines:
        if not raw or raw.isspace():
            continue
        line = _one(raw.rstrip("\r\n"))
        if line.at is None and last is not None:
            line = line._replace(at=last)
        last = line.at
        yield line


def _one(raw: str) -> Line:
    if raw.startswith("{"):
        found = _json(raw)
        if found is not None:
            return found
    klog = _KLOG.match(raw)
    if klog:
        return Line(None, _KLOGS[klog["level"]], raw[klog.end() :], False, raw)
    head = _HEAD.match(raw)
    if not head:
        return Line(None, "", raw, False, raw)
    written = (head["level"] or "").lower()
    level = LEVELS.get(written, "")
    text = raw[head.end() :] if level else raw[max(head.end("time"), 0) :].lstrip("] \t")
    access = _ACCESS.match(text) if raw.startswith("[") else None
    if access:
        return Line(_time(head["time"]), level, _of_access(access, text), True, raw)
    return Line(_time(head["time"]), level, text.replace("\t", " "), False, raw)


def _of_access(match: re.Match[str], text: str) -> str:
    """`503 UH no_healthy_upstream outbound|9080||details…`: what tells one kind of answer from another."""
    cluster = _CLUSTER.search(text, match.end())
    return _answer(match["code"], match["flags"], match["details"], cluster[1] if cluster else "-")


def _answer(code: Any, flags: Any, details: Any, cluster: Any) -> str:
    return f"{code} {flags or '-'} {str(details or '-').split('{')[0]} {cluster or '-'}"


def _json(raw: str) -> Line | None:
    try:
        value = decode(raw.encode("utf-8", "replace"))
    except JSONError:
        return None
    if not isinstance(value, dict):
        return None
    at = next((_time(str(value[key])) for key in _TIMES if key in value), None)
    level = LEVELS.get(str(value.get("level", value.get("severity", ""))).lower(), "")
    if "response_code" in value and "response_flags" in value:
        details = value.get("response_code_details")
        text = _answer(value["response_code"], value["response_flags"], details, value.get("upstream_cluster"))
        return Line(at, level, text, True, raw)
    says = next((str(value[key]) for key in _MESSAGE if value.get(key)), "")
    rest = " ".join(f"{key}={value[key]}" for key in value if key not in {*_MESSAGE, *_TIMES, "level", "severity"})
    return Line(at, level, f"{says} {rest}".strip(), False, raw)


def _time(text: str) -> datetime | None:
    text = text.replace(",", ".")
    at = parse_time(text) or parse_time(text + "Z")
    return at.astimezone(UTC) if at else None
