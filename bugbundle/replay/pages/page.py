"""One answer of a recorded HTTP server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

TEXT = "text/plain; charset=UTF-8"
JSON = "application/json"
METRICS = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Page:
    """An HTTP answer: status, headers, body.

    Not `answered`: the recording says that the server gave none at all, and the body why. Who can end a
    connection without an answer does so; who cannot, gives the page.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    answered: bool = True


def sentence(status: int, text: str) -> Page:
    """A page that says one thing in plain text."""
    return Page(status, {"content-type": TEXT}, text.encode("utf-8", "replace") + b"\n")


def canonical(method: str, path: str, query: Mapping[str, str]) -> str:
    """A request in the form of the manifest, with its parameters sorted and `?a` the same as `?a=`."""
    tail = "?" + urlencode(sorted(query.items())) if query else ""
    return f"{method} {path}{tail}"


def split_target(target: str) -> tuple[str, dict[str, str]]:
    """The path (with a leading slash) and the parameters of a request target; the last of a name counts."""
    path, _, tail = target.partition("#")[0].partition("?")
    try:
        query = dict(parse_qsl(tail, keep_blank_values=True, max_num_fields=100))
    except ValueError:
        query = {}
    return "/" + path.lstrip("/"), query


def parse_request(request: str) -> str:
    """A manifest's `request` in canonical form; empty where it is none."""
    method, _, target = request.partition(" ")
    if not target.startswith("/"):
        return ""
    return canonical(method, *split_target(target))
