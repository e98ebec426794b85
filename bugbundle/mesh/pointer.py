"""Where a value came from."""

from __future__ import annotations

from typing import NamedTuple


class Pointer(NamedTuple):
    """An entry of the bundle and a JSON pointer into it (RFC 6901; `line N` for text; empty = all of it)."""

    entry: str
    pointer: str = ""

    def __str__(self) -> str:
        return f"{self.entry}#{self.pointer}" if self.pointer else self.entry
