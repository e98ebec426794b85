"""The version of the control plane."""

from __future__ import annotations

import re

from bugbundle.mesh import Mesh

_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


def newest_version(mesh: Mesh) -> tuple[int, ...]:
    """(major, minor, patch) of the newest istiod, by its own word; empty where none told it."""
    found = [_VERSION.search(istiod.text("version.txt")) for istiod in mesh.istiods]
    return max((tuple(int(part or 0) for part in match.groups()) for match in found if match), default=())
