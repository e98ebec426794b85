"""Whether two bundles hold the same recording: entries, contents, questions, gaps; times and order aside."""

from __future__ import annotations

from bugbundle.bundle import Bundle
from bugbundle.bundle.layout import HEADER, MANIFEST
from bugbundle.collect.reply import status_message


def recording(bundle: Bundle) -> dict[str, tuple[str, str, int, bytes]]:
    """Path → target, request, status, body; of the header and the manifest only that they are there."""
    found = {}
    for path in bundle:
        entry = bundle.entry(path)
        body = b"" if path in (HEADER, MANIFEST) else bundle[path]
        found[path] = (entry.target, entry.request, entry.status, body)
    return found


def gaps(bundle: Bundle) -> dict[str, tuple[str, str, int, str]]:
    """Path → target, request, status, reason; a reason that is a whole `Status` counts as its message."""
    return {
        path: (gap.target, gap.request, gap.status, (status_message(gap.reason.encode()) or gap.reason).strip())
        for path, gap in bundle.gaps.items()
    }


def differences(first: Bundle, second: Bundle) -> list[str]:
    """One line per difference; none where they are equal."""
    one, two = recording(first), recording(second)
    lines = [f"only in the first: {path}" for path in sorted(one.keys() - two.keys())]
    lines += [f"only in the second: {path}" for path in sorted(two.keys() - one.keys())]
    for path in sorted(one.keys() & two.keys()):
        if one[path][:3] != two[path][:3]:
            lines.append(f"{path}: {one[path][:3]} became {two[path][:3]}")
        if one[path][3] != two[path][3]:
            lines.append(f"{path}: {len(one[path][3])} bytes became {len(two[path][3])} others")
    if gaps(first) != gaps(second):
        lines.append(f"gaps: {gaps(first)} became {gaps(second)}")
    return lines
