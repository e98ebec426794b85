"""Any recording to a bundle: cleaned, ordered so that like stands with like, indexed, sealed.

Knows bundles and redaction. Must not know what the entries mean.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bugbundle import __version__
from bugbundle.bundle import FORMAT, Bundle, BundleWriter, Gap
from bugbundle.bundle.directory import group
from bugbundle.bundle.layout import HEADER, MANIFEST
from bugbundle.errors import BugbundleError, BundleError
from bugbundle.redact.detect import holds_secrets
from bugbundle.redact.gate import Gate, Leak

LONG = 64 << 20
"""Bytes from which a log is written as a stream."""

ORDER = ("", "k8s", "istiod", "proxies", "ztunnel", "logs")
"""The order of the top folders: what is asked for first stands first."""


def convert(
    source: Bundle, target: str | os.PathLike[str], *, force: bool = False, encrypt_to: Sequence[Any] = ()
) -> Path:
    """Write `source` as a bundle at `target`; the path written.

    Entries that cannot be read, or in which a secret would be left after cleaning, become gaps. Raises `BundleError`
    where the target exists and `force` is not given.
    """
    path = Path(target)
    if not len(source):
        raise BundleError("holds nothing", where=source.origin, todo="Record it again")
    if path.exists() and force:
        if Path(source.origin).exists() and path.samefile(source.origin):
            raise BundleError("is the bundle that is being read", where=str(path), todo="Give another name")
        path.unlink()
    started = source.started or datetime.now(UTC).replace(microsecond=0)
    header = replace(
        source.header, format=FORMAT, tool=f"bugbundle {__version__}", started=started, redaction={"rules": 1}
    )
    with BundleWriter(path, header, _gate(source), encrypt_to) as writer:
        for gap in source.gaps.values():
            writer.gap(gap)
        for name in sorted(source, key=_place):
            _copy(source, name, writer)
        writer.close(source.manifest.finished if source.manifest else None)
    return path


def merge(parts: Sequence[Bundle], target: str | os.PathLike[str]) -> Path:
    """Parts of one recording (`collect --shard`) as one bundle at `target`; the path written.

    What several have is taken from the first; a gap of one is none where another has the answer. Raises `BundleError`
    where they are of different clusters, or the target exists.
    """
    names = {part.header.clusters for part in parts}
    if len(names) > 1:
        said = ", ".join(sorted("+".join(clusters) or "unknown" for clusters in names))
        raise BundleError(f"are parts of different clusters ({said})", todo="Merge the parts of one collection")
    first = parts[0]
    owners = {name: part for part in reversed(parts) for name in part}
    started = min((part.started for part in parts if part.started), default=datetime.now(UTC).replace(microsecond=0))
    options = {name: value for name, value in first.header.options.items() if name != "shard"}
    header = replace(
        first.header,
        format=FORMAT,
        tool=f"bugbundle {__version__}",
        started=started,
        options=options,
        redaction={"rules": 1},
    )
    with BundleWriter(target, header, _gate(first)) as writer:
        for gap in (gap for part in parts for gap in part.gaps.values() if gap.path not in owners):
            writer.gap(gap)
        for name in sorted(owners, key=_place):
            _copy(owners[name], name, writer)
        ends = [part.manifest.finished for part in parts if part.manifest and part.manifest.finished]
        writer.close(max(ends, default=None))
    return Path(target)


def _gate(source: Bundle) -> Gate:
    """A gate that has seen the recording's Secrets, so that it knows copies of their values wherever they stand."""
    gate = Gate()
    for name in source:
        if holds_secrets(name):
            with suppress(BugbundleError):  # an entry that cannot be read becomes a gap when its turn comes
                gate.learn(name, source[name])
    return gate


def _copy(source: Bundle, name: str, writer: BundleWriter) -> None:
    if name in (HEADER, MANIFEST):
        return
    entry = source.entry(name)
    try:
        if name.startswith("logs/") and source.store.size(name) > LONG:
            writer.add_stream(entry, source.store.chunks(name))
            return
        writer.add(entry, source[name])
    except (BundleError, Leak) as error:
        writer.gap(Gap(name, entry.target, entry.request, 0, f"left out: {error.what}"))


def _place(name: str) -> tuple[int, str, str]:
    head = name.partition("/")[0] if "/" in name else ""
    rank = ORDER.index(head) if head in ORDER else len(ORDER)
    return (rank, group(name), name)
