"""Lists whose items are not parsed, and the order of API versions."""

from __future__ import annotations

import re

from bugbundle.codec import decode, split_array, split_object

ESCAPED = re.compile(rb"\\u00(?:2[de]|3[0-9]|[4-7])", re.IGNORECASE)
"""A letter, digit, dot or dash of a name that is written as an escape."""

_VERSION = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")


class Rows:
    """A list whose items are not parsed."""

    def __init__(self, data: bytes, path: str) -> None:
        top = split_object(data, path)
        self.kind, self.version = (decode(top[key], path) if key in top else "" for key in ("kind", "apiVersion"))
        self.texts = [bytes(row) for row in split_array(top["items"], path)] if "items" in top else None
        escaped = ESCAPED.search(data) is not None
        self.escaped = {n for n, text in enumerate(self.texts or ()) if ESCAPED.search(text)} if escaped else set()


def rank(version: str) -> tuple[int, int, int]:
    """v2 > v1 > v1beta2 > v1alpha3, as Kubernetes orders versions."""
    match = _VERSION.fullmatch(version)
    if not match:
        return (-1, 0, 0)
    stage = {None: 2, "beta": 1, "alpha": 0}[match[2]]
    return (stage, int(match[1]), int(match[3] or 0))
