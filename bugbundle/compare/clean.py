"""Values as they may be shown: secrets taken out, as `collect` would have taken them out.

A bundle of ours holds none; an unpacked recording of somebody else's may.
"""

from __future__ import annotations

import json
import re
from typing import Any

from bugbundle.compare.model import ABSENT, Field
from bugbundle.errors import BugbundleError
from bugbundle.redact import Redactor

_MEMBER = re.compile(r'.*?(?:\["([^"]+)"\]|\[name="([^"]+)"\]|([\w-]+))(?:\.value|\[\d+\])?$', re.DOTALL)
HIDDEN = "(a value that is not shown)"


class Cleaner:
    """Takes secrets out of what is shown; equal ones have equal stand-ins within one comparison."""

    def __init__(self) -> None:
        self._redactor = Redactor()

    def fields(self, items: tuple[Field, ...], entry: str) -> tuple[Field, ...]:
        """The fields with values that may be shown; `entry` tells what kind of thing they are of."""
        return tuple(self._field(item, entry) for item in items)

    def _field(self, item: Field, entry: str) -> Field:
        match = _MEMBER.fullmatch(item.path)
        member = next((part for part in match.groups() if part), "value") if match else "value"
        return Field(item.path, self._value(item.before, member, entry), self._value(item.after, member, entry))

    def _value(self, value: Any, member: str, entry: str) -> Any:
        if value is ABSENT or value is None or isinstance(value, bool | int | float):
            return value
        body = json.dumps({member: value}, ensure_ascii=False, default=str).encode("utf-8", "replace")
        try:
            return json.loads(self._redactor.redact(entry, body).body)[member]
        except (BugbundleError, ValueError, KeyError):
            return HIDDEN

    def line(self, text: str) -> str:
        """A line of a log."""
        try:
            return self._redactor.redact("logs/-/-/-.log", text.encode("utf-8", "replace")).body.decode(
                "utf-8", "replace"
            )
        except BugbundleError:
            return HIDDEN
