"""How a connection manager makes paths normal.

Sources: source/common/http/conn_manager_utility.cc (`maybeNormalizePath`), path_utility.cc, and Chromium's URL
canonicalizer (url/url_canon_path.cc), which Envoy uses.
"""

from __future__ import annotations

import re
from typing import Any

from bugbundle.mesh.kube import as_text
from bugbundle.trace.matchers import Headers

_SLASH = re.compile(r"%(?:2f|5c)", re.IGNORECASE)
_ESCAPE = re.compile(r"%([0-9a-fA-F]{2})")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class Rejected(Exception):
    """The request is answered 400."""


class Redirected(Exception):
    """The request is sent to the path with its slashes unescaped."""


def normal_path(config: dict[str, Any], headers: Headers) -> None:
    """Set `:path` to its normal form, as the connection manager is told to. Raises `Rejected` and `Redirected`."""
    path = headers.get(":path")
    if path is None:
        return
    if "#" in path:
        raise Rejected("the path has a fragment")
    path, mark, query = path.partition("?")
    action = as_text(config.get("path_with_escaped_slashes_action"))
    if _SLASH.search(path):
        if action == "REJECT_REQUEST":
            raise Rejected("the path has an escaped slash")
        if action in ("UNESCAPE_AND_REDIRECT", "UNESCAPE_AND_FORWARD"):
            path = re.sub("%2f", "/", re.sub("%5c", r"\\", path, flags=re.IGNORECASE), flags=re.IGNORECASE)
            if action == "UNESCAPE_AND_REDIRECT":
                raise Redirected(path + mark + query)
    if config.get("normalize_path"):
        path = canonical(path)
    if config.get("merge_slashes"):
        path = re.sub(r"//+", "/", path)
    headers.set(":path", path + mark + query)


def canonical(path: str) -> str:
    """RFC 3986: escaped unreserved characters as themselves, `\\` as `/`, no dot segments."""
    text = _ESCAPE.sub(_unescape, path.replace("\\", "/"))
    out: list[str] = []
    parts = text.split("/")
    for number, part in enumerate(parts[1:], 1):
        last = number == len(parts) - 1
        if part in (".", ".."):
            if part == ".." and out:
                out.pop()
            if last:
                out.append("")
        else:
            out.append(part)
    return "/" + "/".join(out)


def _unescape(match: re.Match[str]) -> str:
    value = int(match[1], 16)
    return chr(value) if value in _UNRESERVED else match[0]
