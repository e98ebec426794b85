"""Outcomes to the file, by one thread: cleaned first, like beside like.

Proxies answer one after the other, each with a dozen pages; a bundle wants page by page. So what comes mixed is
cleaned, packed into files without a name, and moved into the bundle when all have answered.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO

from bugbundle.bundle import BundleWriter, Entry, Gap
from bugbundle.bundle.directory import group
from bugbundle.bundle.frames import pack, unpack
from bugbundle.collect.ask import Outcome, entry_of
from bugbundle.errors import BundleError
from bugbundle.redact.gate import Gate, Leak
from bugbundle.redact.redactor import Redacted

STREAMED = ("k8s", "logs")
"""Top folders that come in order."""
FLUSHED = 2.0
"""Seconds after which what came in order can be read, even if this process is killed."""
TOO_LARGE = "left out: the file would be larger than --max-size"
LOGS_SHARE = 0.4
"""What logs may take of the size that was given, as the dumps that tell more come last."""
MANIFEST, ROW = 8192, 120
"""Bytes for the manifest, the index, and in them for each entry."""
GUESS = 8
"""How many times smaller an answer becomes, about."""
PACKED = 4096
"""Bytes from which an entry is packed while it waits."""


class Cleaned:
    """The writer's cleaner: what was cleaned before it waited is not cleaned twice, everything else is."""

    def __init__(self) -> None:
        self._gate = Gate()
        self.waiting: dict[str, Redacted] = {}

    def redact(self, path: str, body: bytes) -> Redacted:
        """One entry, cleaned. Raises `Leak`."""
        done = self.waiting.pop(path, None)
        return Redacted(body, done.removed) if done is not None else self._gate.redact(path, body)

    def redact_stream(self, path: str, chunks: Iterable[bytes], removed: dict[str, int]) -> Iterator[bytes]:
        """A long entry, cleaned as it passes. Raises `Leak`."""
        return self._gate.redact_stream(path, chunks, removed)


def _nameless() -> IO[bytes]:
    return tempfile.TemporaryFile()


def _worth(name: str) -> tuple[bool, str]:
    """What says most comes first where not all will fit."""
    return not name.endswith(("config_dump.json", "clusters.json", "server_info.json")), name


@dataclass
class _Heap:
    """The waiting entries of one group: a file without a name, and where each lies in it."""

    file: IO[bytes] = field(default_factory=_nameless)
    rows: list[tuple[Entry, int, bool, dict[str, int]]] = field(default_factory=list)


class Recorder:
    """Takes outcomes; counts them."""

    def __init__(
        self, writer: BundleWriter, cleaned: Cleaned, wanted: Callable[[str], bool], max_size: int = 0
    ) -> None:
        self._writer = writer
        self._max_size = max_size
        self._wanted = wanted
        self._cleaned = cleaned
        self._heaps: dict[str, _Heap] = {}
        self.entries = 0
        self.bytes = 0
        self._flushed = time.monotonic()
        self.cramped = False
        """Whether the folder for temporary files (`TMPDIR`) is full."""
        self.recovered = False
        """Whether a question was answered that had failed before."""
        self.waiting = 0
        """Bytes that are not in the bundle yet."""
        self.gaps: list[Gap] = []
        self.kinds: Counter[str] = Counter()

    def take(self, outcome: Outcome) -> None:
        """Write it, or let it wait for its like; nothing where its entry is not wanted."""
        if not self._wanted(outcome.path if isinstance(outcome, Gap) else outcome.ask.path):
            return
        if isinstance(outcome, Gap):
            self.gap(outcome)
            return
        entry, body = entry_of(outcome), outcome.reply.body
        if self._full(entry.path, len(body)):
            self.gap(outcome.ask.gap(TOO_LARGE))
            return
        try:
            if entry.path.partition("/")[0] in STREAMED or self.cramped:
                self._writer.add(entry, body)
            else:
                self._wait(entry, body)
        except (Leak, BundleError) as error:
            self.gap(outcome.ask.gap(f"left out: {error.what}", outcome.reply.status))
            return
        except OSError:
            raise
        except Exception as error:
            # No answer of anybody ends the recording.
            self.gap(outcome.ask.gap(f"left out: it cannot be recorded ({type(error).__name__})", outcome.reply.status))
            return
        if time.monotonic() - self._flushed > FLUSHED:
            self._writer.flush()
            self._flushed = time.monotonic()
        self.entries += 1
        self.bytes += len(body)
        self.kinds[entry.path.partition("/")[0]] += 1

    def gap(self, gap: Gap) -> None:
        """A question without an answer."""
        self.gaps.append(gap)
        self._writer.gap(gap)

    def _full(self, path: str, size: int) -> bool:
        """Whether this would take the file beyond `--max-size`; logs may take a part of it only."""
        if not self._max_size:
            return False
        room = self._max_size * (LOGS_SHARE if path.startswith("logs/") else 1.0) - MANIFEST
        room -= ROW * (self.entries + len(self.gaps))
        return self._writer.size + size // GUESS > room

    def gather(self) -> None:
        """Move what waits into the bundle, group by group."""
        for name in sorted(self._heaps, key=_worth if self._max_size else None):
            heap = self._heaps.pop(name)
            place = 0
            heap.file.seek(0)
            for entry, size, packed, removed in heap.rows:
                body = heap.file.read(size)
                place += size
                if self._full(entry.path, len(body)):
                    self.gap(Gap(entry.path, entry.target, entry.request, 0, TOO_LARGE))
                    continue
                self._cleaned.waiting[entry.path] = Redacted(b"", removed)
                try:
                    self._writer.add(entry, unpack(body) if packed else body)
                except BundleError as error:
                    self.gap(Gap(entry.path, entry.target, entry.request, entry.status, f"left out: {error.what}"))
                except (ValueError, TypeError, ArithmeticError, LookupError, RecursionError) as error:
                    why = f"left out: it cannot be recorded ({type(error).__name__})"
                    self.gap(Gap(entry.path, entry.target, entry.request, entry.status, why))
            heap.file.close()
        self.waiting = 0

    def _wait(self, entry: Entry, body: bytes) -> None:
        found = self._cleaned.redact(entry.path, body)
        packed = len(found.body) >= PACKED
        kept = pack(found.body) if packed else found.body
        try:
            heap = self._heaps.setdefault(group(entry.path), _Heap())
            place = heap.file.tell()
            heap.file.write(kept)
            heap.file.flush()
        except OSError:
            # No room to wait in: into the bundle at once, where it takes more room than beside its like.
            self.cramped = True
            if group(entry.path) in self._heaps:
                self._heaps[group(entry.path)].file.seek(place)
            self._writer.add(entry, body)
            return
        self.waiting += len(found.body)
        heap.rows.append((entry, len(kept), packed, found.removed))
