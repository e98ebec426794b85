"""Container logs: `/pods/NAME/log` with the options of `kubectl logs`, cut as of the time of the capture.

Where the lines were recorded with the kubelet's timestamps (the recorded request had `timestamps=true`),
those are used, and taken off unless asked for. Otherwise the time that a line begins with counts (RFC 3339,
`2026/11/21 01:28:24`, Envoy's `[2026-11-21T…]`), carried on to the lines below it; a line before the first
known time has none: it is never cut off by `since`, and `timestamps` prints it as it is.

The words of the refusals: `validateContainer` in k8s.io/kubernetes/pkg/registry/core/pod/strategy.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bugbundle.bundle import Bundle
from bugbundle.errors import BugbundleError
from bugbundle.replay.ages import parse
from bugbundle.replay.query import flag, integer
from bugbundle.replay.shape import Object, objects, text
from bugbundle.replay.status import Refusal, from_gap, unrecorded

_OWN_TIME = re.compile(
    rb"[\[{\"]{0,2}(?P<day>\d{4}[-/]\d\d[-/]\d\d)[T ](?P<time>\d\d:\d\d:\d\d)(?P<part>\.\d{1,9})?"
    rb"(?P<zone>Z|[+-]\d\d:\d\d)?"
)
_STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d) ")


@dataclass(frozen=True, slots=True)
class Line:
    """One line with its end; `at` where its time is known; `shown` is the time as it was recorded."""

    body: bytes
    at: datetime | None
    shown: bytes = b""


@dataclass(frozen=True, slots=True)
class Options:
    """`PodLogOptions`, checked."""

    container: str
    previous: bool
    timestamps: bool
    since: datetime | None
    seconds: int | None
    tail: int | None
    limit: int | None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Options:
        """From a query; `Refusal` 400 for what the API server refuses."""
        seconds, limit = integer(query, "sinceSeconds"), integer(query, "limitBytes")
        since_text = query.get("sinceTime", "")
        since = parse(since_text)
        if since_text and since is None:
            raise Refusal(400, "invalid value for sinceTime: it is not RFC 3339")
        if seconds is not None and since:
            raise Refusal(400, "sinceSeconds: at most one of `sinceTime` or `sinceSeconds` may be specified")
        for name, value in (("sinceSeconds", seconds), ("limitBytes", limit)):
            if value == 0:
                raise Refusal(400, f"{name}: Invalid value: 0: must be greater than 0")
        return cls(
            container=query.get("container", ""),
            previous=flag(query, "previous"),
            timestamps=flag(query, "timestamps"),
            since=since,
            seconds=seconds,
            tail=integer(query, "tailLines"),
            limit=limit,
        )


def log(bundle: Bundle, pod: Object, options: Options) -> bytes:
    """The part of a container's recorded log that is asked for."""
    namespace, name = text(pod, "metadata", "namespace"), text(pod, "metadata", "name")
    container = _container(pod, options.container)
    suffix = ".previous.log" if options.previous else ".log"
    path = f"logs/{namespace}/{name}/{container}{suffix}"
    lines = list(_lines(bundle, path, container, name, options.previous))
    since = options.since or _since(bundle.at(path), options.seconds)
    if since:
        lines = [line for line in lines if line.at is None or line.at >= since]
    if options.tail is not None:
        lines = lines[len(lines) - options.tail :] if options.tail < len(lines) else lines
    body = b"".join(_stamped(line) if options.timestamps else line.body for line in lines)
    return body[: options.limit] if options.limit is not None else body


def _since(now: datetime | None, seconds: int | None) -> datetime | None:
    if now is None or seconds is None or seconds > 10**10:
        return None
    try:
        return now - timedelta(seconds=seconds)
    except OverflowError:
        return None


def _stamped(line: Line) -> bytes:
    if line.shown:
        return line.shown + line.body
    if line.at is None:
        return line.body
    shown = line.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return shown.encode() + b" " + line.body


def _lines(bundle: Bundle, path: str, container: str, pod: str, previous: bool) -> Iterator[Line]:
    if path not in bundle:
        raise _absent(bundle, path, container, pod, previous)
    try:
        body, request = bundle[path], bundle.entry(path).request
    except BugbundleError as error:
        raise Refusal(503, f"the recorded log cannot be read: {error.what}") from None
    stamped = "timestamps=true" in request
    at: datetime | None = None
    for line in _split(body):
        if stamped and (found := _STAMP.match(line)):
            at = parse(found[0].decode().strip())
            yield Line(line[found.end() :], at, found[0])
        else:
            at = _own_time(line) or at
            yield Line(line, at)


def _split(body: bytes) -> list[bytes]:
    """At newlines alone: a carriage return is part of its line."""
    parts = [part + b"\n" for part in body.split(b"\n")]
    last = parts.pop()[:-1]
    return [*parts, last] if last else parts


def _own_time(line: bytes) -> datetime | None:
    found = _OWN_TIME.match(line)
    if not found:
        return None
    day = found["day"].decode().replace("/", "-")
    part = (found["part"] or b"").decode()
    return parse(f"{day}T{found['time'].decode()}{part}{(found['zone'] or b'Z').decode()}")


def _absent(bundle: Bundle, path: str, container: str, pod: str, previous: bool) -> Refusal:
    if path in bundle.gaps:
        return from_gap(bundle.gaps[path])
    if previous:
        return Refusal(400, f'previous terminated container "{container}" in pod "{pod}" not found')
    return unrecorded(f'the log of container "{container}" in pod "{pod}"')


def _container(pod: Object, wanted: str) -> str:
    """The container to read: the one asked for, else the only one."""
    name = text(pod, "metadata", "name")
    own, inits = _names(pod, "containers"), _names(pod, "initContainers")
    others = _names(pod, "ephemeralContainers")
    if wanted:
        if wanted not in (*own, *inits, *others):
            raise Refusal(400, f"container {ascii(wanted[:253])[1:-1]} is not valid for pod {name}")
        return wanted
    if len(own) == 1:
        return own[0]
    message = f"a container name must be specified for pod {name}, choose one of: [{' '.join(own)}]"
    if inits:
        message += f" or one of the init containers: [{' '.join(inits)}]"
    if others:
        message += f" or one of the ephemeral containers: [{' '.join(others)}]"
    raise Refusal(400, message)


def _names(pod: Object, key: str) -> list[str]:
    return [text(item, "name") for item in objects(pod, "spec", key)]
