"""The one place that says how text of others is shown: what a terminal or a browser would obey is written as an escape.

Control characters (but tab and line end), the C1 controls, marks that turn the direction of text around, separators of
lines that only some programs know, invisible tags, halves of surrogate pairs. `\\u001b` is how JSON spells such a
character, too: so JSON that is quoted stays the same JSON.
"""

from __future__ import annotations

import re

_ODD = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
COLOURS = re.compile("\x1b\\[(?:0|[0-9]{1,2}(?:;[0-9]{1,2}){0,3})?m")
"""What a terminal takes for a colour, and obeys."""

FIXED = re.compile(
    "\x1b\\[(?:1;31mError|33mWarning|32m\u2714|31m\u2718|31m(?:STALE|ERROR|UNHEALTHY|FAILED|MISSING|NOT SENT))\x1b\\[0m"
    "|Info\x1b\\[0m"
)
"""The coloured words that istioctl's answers and ours have, whole: no text of others can do more with them."""


def clean(text: str) -> str:
    """The text with what would be obeyed written as an escape: `\\u001b`."""
    if text.isascii() and text.isprintable():
        return text
    return _ODD.sub(_escape, text)


def clean_but(text: str, ours: re.Pattern[str]) -> str:
    """The same, but for what `ours` fits."""
    if "\x1b" not in text:
        return clean(text)
    parts: list[str] = []
    done = 0
    for found in ours.finditer(text):
        parts += (clean(text[done : found.start()]), found[0])
        done = found.end()
    return "".join((*parts, clean(text[done:])))


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code > 0xFFFF:
        high, low = divmod(code - 0x10000, 0x400)
        return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
    return f"\\u{code:04x}"
