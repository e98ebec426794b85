"""The query of a list, get or watch, checked: numbers, booleans, the continue token."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from bugbundle.replay.status import Refusal

_TOKEN = "bugbundle:"


def flag(query: Mapping[str, str], name: str) -> bool:
    """A boolean as the API server reads it: absent, `0` and `false` in any case are false, anything else is true.

    Source: `Convert_Slice_string_To_bool` of k8s.io/apimachinery/pkg/runtime/conversion.go.
    """
    return name in query and query[name].lower() not in ("0", "false")


def integer(query: Mapping[str, str], name: str) -> int | None:
    """A whole number ≥ 0; None where it is absent."""
    value = query.get(name, "")
    if not value:
        return None
    if not (value.isascii() and value.isdecimal()) or len(value) > 18:
        raise Refusal(400, f"invalid value for {name}: {value[:40]!a} is not a number that is at least 0")
    return int(value)


CHUNK, WHOLE = 500, 20_000
"""A page as large as kubectl's own is answered with the whole list, up to so many objects: pages spare the
real server's store, here they would only cost the client's throttle. The API allows it (`limit` in
k8s.io/apimachinery `ListOptions`: servers may return all available results)."""


@dataclass(frozen=True, slots=True)
class Page:
    """`limit` and where the page starts."""

    limit: int
    start: int

    @classmethod
    def of(cls, query: Mapping[str, str], total: int) -> Page:
        """From a query about `total` objects; `Refusal` 400 for a token that this server did not give out."""
        limit, start = integer(query, "limit") or 0, _start(query.get("continue", ""))
        return cls(0 if limit >= CHUNK and total <= WHOLE else limit, start)

    def token(self, total: int) -> str:
        """The token of the next page; "" where this is the last."""
        end = self.start + self.limit
        if not self.limit or end >= total:
            return ""
        return base64.urlsafe_b64encode(f"{_TOKEN}{end}".encode()).decode()


def _start(token: str) -> int:
    if not token:
        return 0
    try:
        text = base64.urlsafe_b64decode(token.encode()[:200]).decode()
    except (binascii.Error, ValueError):
        text = ""
    digits = text.removeprefix(_TOKEN)
    if not text.startswith(_TOKEN) or not (digits.isascii() and digits.isdecimal()) or len(digits) > 12:
        raise Refusal(400, "continue key is not valid: this server did not give it out")
    return int(digits)
