"""The bundle: the file, written as it streams and read at random.

Knows tar, zstd, paths, header, manifest and index. Must not know what Istio is: to this room an entry is a
path and bytes, and the xDS index is what `bugbundle.xds` makes of any config dump.
"""

from bugbundle.bundle.model import FORMAT, Damage, Entry, Gap, Header, Manifest
from bugbundle.bundle.reader import Bundle, open_bundle
from bugbundle.bundle.writer import BundleWriter

__all__ = [
    "FORMAT",
    "Bundle",
    "BundleWriter",
    "Damage",
    "Entry",
    "Gap",
    "Header",
    "Manifest",
    "open_bundle",
]
