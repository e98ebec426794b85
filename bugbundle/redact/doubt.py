"""What the second opinion doubts costs as little as can be: the value, else the string or line that it stands in, else
the item of the list. Only an entry that none of it helps is left out.
"""

from __future__ import annotations

import re

from bugbundle.codec import JSONError, encode, split_array, split_object
from bugbundle.redact.residue import doubts, residue
from bugbundle.redact.standin import STANDIN_MARK, Cut

KIND = "doubtful"

_STRING = re.compile(rb'"((?:[^"\\\\]++|\\\\.)*+)"', re.DOTALL)
_LINE = re.compile(rb"[^\r\n]++")
_NEAR = (b"pass", b"://", b"earer")
_REACH = 200


def values(path: str, body: bytes) -> list[Cut]:
    """The doubtful values, where what makes them doubtful stands before them."""
    found = set()
    for _, value in doubts(body):
        place = body.find(value)
        while place >= 0:
            before = body[max(0, place - _REACH) : place].lower()
            if any(word in before for word in _NEAR) or value.startswith((b"eyJ", b"BEGIN")):
                found.add(Cut(place, place + len(value), KIND))
            place = body.find(value, place + len(value))
    return sorted(found)


def strings(path: str, body: bytes) -> list[Cut]:
    """The strings of JSON, else the lines, in which something is doubtful."""
    pattern = _STRING if path.endswith(".json") else _LINE
    group = 1 if pattern is _STRING else 0
    return [
        Cut(*found.span(group), KIND)
        for found in pattern.finditer(body)
        if len(found[group]) > 3 and STANDIN_MARK not in found[group][:12] and any(doubts(found[group]))
    ]


def lines(path: str, body: bytes) -> list[Cut]:
    """Lines, each with the one behind it, in which something is doubtful; for text alone."""
    if path.endswith(".json"):
        return []
    spans = [found.span() for found in _LINE.finditer(body)]
    pairs = zip(spans, spans[1:] or spans, strict=False)
    return [Cut(first[0], second[1], KIND) for first, second in pairs if any(doubts(body[first[0] : second[1]]))]


def items(path: str, body: bytes) -> bytes | None:
    """A list of objects without those in which something is left; None where the entry is none, or it does not help."""
    try:
        members = split_object(body)
        listed = split_array(members["items"])
    except (JSONError, KeyError):
        return None
    kept = [item for item in listed if not residue(path, bytes(item))]
    if len(kept) == len(listed):
        return None
    return encode({**members, "items": kept})
