"""What the commands write to: nothing of what was recorded reaches a terminal, a file or a pipe raw.

Every character that a command writes passes `SafeText`. Colours pass in two ways: the fixed words of
`quoting.FIXED`, and what is handed to `styled`, whose parts were cleaned before they were coloured.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from bugbundle.quoting import COLOURS, FIXED, clean_but

_LIVE = re.compile(COLOURS.pattern + "|\r|\x1b\\[(?:\\?25[lh]|[0-9]{0,3}[AKGCDJ])")
"""What a progress display does beside: colours, back to the line's begin, up, wipe, hide the cursor."""


class SafeText:
    """A text stream that writes what would be obeyed as escapes. All else is the stream's own."""

    def __init__(self, stream: TextIO, ours: re.Pattern[str]) -> None:
        self._stream = stream
        self._ours = ours

    def write(self, text: str) -> int:
        """Write a text, quoted; the number of its characters."""
        return self.put(clean_but(text, self._ours))

    def writelines(self, lines: Iterator[str]) -> None:
        """Write several."""
        for text in lines:
            self.write(text)

    def put(self, text: str) -> int:
        """Write what is quoted already."""
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            encoding = getattr(self._stream, "encoding", None) or "ascii"
            self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def quoted(*, live: bool = False) -> Iterator[None]:
    """Everything that is written to stdout and stderr meanwhile is quoted. `live`: stderr shows progress."""
    out, err = sys.stdout, sys.stderr
    progress = live and bool(getattr(err, "isatty", bool)())
    sys.stdout, sys.stderr = SafeText(out, FIXED), SafeText(err, _LIVE if progress else FIXED)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = out, err


def styled(text: str) -> None:
    """Write a text whose colours are ours: what it took from others was cleaned before."""
    stream: Any = sys.stdout
    put = stream.put if isinstance(stream, SafeText) else stream.write
    put(clean_but(text, COLOURS))
