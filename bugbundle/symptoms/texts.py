"""Texts of recorded logs, line by line."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.errors import BugbundleError
from bugbundle.mesh import Mesh

MOST_BYTES = 8 << 20
"""Of each log, from its end."""


def log_text(mesh: Mesh, path: str) -> str:
    """The end of a log, from the start of a line; empty where it was not recorded."""
    try:
        data = mesh.bundle[path]
    except (KeyError, BugbundleError):
        return ""
    if len(data) > MOST_BYTES:
        data = data[-MOST_BYTES:].partition(b"\n")[2]
    return data.decode("utf-8", "replace")


def log_lines(mesh: Mesh, namespace: str, pod: str, container: str) -> Iterator[tuple[int, str, str]]:
    """(number, path, line) of a container's log."""
    path = f"logs/{namespace}/{pod}/{container}.log"
    for number, line in enumerate(log_text(mesh, path).splitlines(), 1):
        yield number, path, line
