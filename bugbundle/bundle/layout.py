"""Names inside a bundle, and which of them are refused."""

from __future__ import annotations

import re

from bugbundle.errors import BundleError

HEADER = "bundle.json"
MANIFEST = "manifest.json"

TOP = frozenset({HEADER, MANIFEST, "k8s", "istiod", "proxies", "ztunnel", "logs"})
"""The names at the top of a bundle."""

UNASKED = "bugbundle-unasked"
"""The header with which a recording that is served says that it holds neither an answer nor a gap: the question was
not asked when it was recorded. Who records the recording again leaves it so."""
GAP = "bugbundle-gap"
"""The header with which it says that the answer stands for a gap: the gap's status, a blank, its reason as in a URL."""

READ_FROM = "read from"
"""How the note on somebody else's recording begins: it tells of no loss."""

NOT_HELD = " does not hold it"
"""In the reason of a gap: recordings of this kind have no such entry; nothing was asked, nothing failed."""

MAX_NAME = 1024
_BAD = re.compile(r"^/|^[A-Za-z]:|\\|//|[\x00-\x1f\x7f]|(^|/)\.\.?(/|$)|/$")


def check_name(path: str) -> str:
    """The path itself, if it may be an entry's; `BundleError` for `..`, absolute names, drives, controls."""
    if not path or len(path) > MAX_NAME or _BAD.search(path):
        shown = ascii(path[:80])
        raise BundleError(f"refused the entry name {shown}", todo="This is not a bundle that bugbundle wrote")
    return path


_DUMP = re.compile(r"proxies/[^/]+/[^/]+/config_dump\.json|istiod/[^/]+/[^/]+/debug/(config_dump|edsz)/[^/]+\.json")


def is_dump(path: str) -> bool:
    """Whether an entry is a config dump that belongs into the xDS index."""
    return _DUMP.fullmatch(path) is not None
