"""How far a collection is: a display on a terminal, lines elsewhere, JSON for machines. All on stderr."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bugbundle.collect.run import Collection

EVERY = 10.0
"""Seconds between two lines about one stage."""
WORDS = {"istiod": "who is connected"}


def progress(log_format: str) -> Lines:
    """The one that fits."""
    if log_format == "json":
        return JsonLines()
    return Display() if sys.stderr.isatty() else Lines()


class Lines:
    """A line per stage, and one every ten seconds."""

    def __init__(self) -> None:
        self.collection: Collection | None = None
        self._said = self._begun = time.monotonic()
        self._noted = ""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """So many questions of a stage are done."""
        now = time.monotonic()
        if done == total or now - self._said > EVERY:
            self.say(stage, done, total)
            self._said = now

    def note(self, text: str) -> None:
        """What happens meanwhile; the same only once in ten seconds."""
        head, now = text.partition(":")[0], time.monotonic()
        if head != self._noted or now - self._said > EVERY:
            self.tell(text)
            self._noted, self._said = head, now

    def say(self, stage: str, done: int, total: int) -> None:
        """One line."""
        entries, size, gaps = self.figures
        behind = f", {gaps} gaps" if gaps else ""
        click.echo(
            f"{WORDS.get(stage, stage)} {done}/{total} ({entries} entries, {size / 1e6:.1f} MB{behind})", err=True
        )

    def tell(self, text: str) -> None:
        """One line about what is no progress."""
        click.echo(text, err=True)

    @property
    def figures(self) -> tuple[int, int, int]:
        """Entries, bytes, gaps so far."""
        recorder = self.collection.recorder if self.collection else None
        return (recorder.entries, recorder.bytes, len(recorder.gaps)) if recorder else (0, 0, 0)

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._begun

    def end(self) -> None:
        """No more."""


class JsonLines(Lines):
    """The same as JSON, an object a line."""

    def say(self, stage: str, done: int, total: int) -> None:
        """One line."""
        entries, size, gaps = self.figures
        self._echo(event="progress", stage=stage, done=done, total=total, entries=entries, bytes=size, gaps=gaps)

    def tell(self, text: str) -> None:
        """One line."""
        self._echo(event="note", message=text)

    def _echo(self, **fields: Any) -> None:
        from bugbundle.codec import encode

        click.echo(encode({"seconds": round(self.seconds, 3), **fields}).decode(), err=True)


class Display(Lines):
    """A line that changes: stage, bar, entries, bytes, rate, gaps, time left."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"), TimeRemainingColumn(compact=True),
            console=Console(stderr=True), transient=True,
        )  # fmt: skip
        self._task = self._progress.add_task("look", total=None, figures="")
        self._stage = ""
        self._progress.start()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """So many questions of a stage are done."""
        if stage != self._stage:
            self._stage = stage
            self._progress.reset(self._task, total=total, description=WORDS.get(stage, stage))
        entries, size, gaps = self.figures
        rate = size / max(self.seconds, 0.1)
        figures = f"{entries} entries, {size / 1e6:.1f} MB ({rate / 1e6:.1f} MB/s)" + (f", {gaps} gaps" if gaps else "")
        self._progress.update(self._task, completed=done, total=total, figures=figures)

    def tell(self, text: str) -> None:
        """Above the display."""
        self._progress.console.print(text, markup=False, highlight=False)

    def end(self) -> None:
        """Take the display away."""
        self._progress.stop()
