"""A bundle's own account of itself, for `info`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from bugbundle.bundle.manifest import format_time
from bugbundle.bundle.reader import Bundle


def describe(bundle: Bundle) -> dict[str, Any]:
    """`summary` (label → text), and lists of lines: `contents`, `redacted`, `gaps`, `notes`. Reads no entry."""
    raw = sum(bundle.store.size(path) for path in bundle)
    file = Path(bundle.origin)
    size = file.stat().st_size if file.is_file() else None
    manifest = bundle.manifest
    summary = {
        "bundle": bundle.origin,
        "format": f"{bundle.header.format}, written by {bundle.header.tool or 'an unknown tool'}",
        "recorded": format_time(bundle.started) or "unknown",
        "finished": (format_time(manifest.finished) if manifest else None) or "unknown: no manifest",
        "clusters": ", ".join(bundle.header.clusters) or "unknown",
        "size": f"{raw / 1e6:.1f} MB" + (f" in {size / 1e6:.2f} MB ({raw / max(size, 1):.0f}×)" if size else ""),
        "entries": str(len(bundle)),
        "gaps": str(len(bundle.gaps)),
    }
    return {
        "summary": summary,
        "contents": _contents(bundle),
        "redacted": [f"{number:>6}  {kind}" for kind, number in sorted(_redacted(bundle).items())],
        "gaps": _gaps(bundle),
        "notes": list(bundle.notes),
    }


def _gaps(bundle: Bundle) -> list[str]:
    """A line for each reason: the first entry that lacks for it, and how many others."""
    groups: dict[tuple[int, str], list[str]] = {}
    for gap in bundle.gaps.values():
        groups.setdefault((gap.status, gap.reason), []).append(gap.path)
    return [
        f"{paths[0]}{f' and {len(paths) - 1} more' if paths[1:] else ''}: {status or 'no answer'}: {reason[:240]}"
        for (status, reason), paths in groups.items()
    ]


def _redacted(bundle: Bundle) -> dict[str, int]:
    return bundle.manifest.redacted if bundle.manifest else {}


def _contents(bundle: Bundle) -> list[str]:
    """Entries and bytes by top folder, and who they came from."""
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    parts: dict[str, set[str]] = {}
    for path in bundle:
        pieces = path.split("/")
        head = pieces[0] if len(pieces) > 1 else "(bundle)"
        counts[head] += 1
        sizes[head] += bundle.store.size(path)
        if head not in ("k8s", "(bundle)") and len(pieces) > 2:
            parts.setdefault(head, set()).add("/".join(pieces[1:3]))
    lines = []
    for head, number in sorted(counts.items()):
        pods = f", {len(parts[head])} {'pod' if len(parts[head]) == 1 else 'pods'}" if head in parts else ""
        lines.append(f"{head:<10} {number:>6} entries {sizes[head] / 1e6:>10.1f} MB{pods}")
    return lines
