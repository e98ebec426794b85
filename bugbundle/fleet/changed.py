"""What changed between consecutive bundles of one cluster."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

from bugbundle.compare import compare
from bugbundle.errors import BugbundleError, UsageError
from bugbundle.fleet.places import Place, local
from bugbundle.fleet.query import QUESTIONS, Answer, ask
from bugbundle.importers import open_recording

COLUMNS = ("from", "to", "started", "changes", "appeared", "disappeared", "headline")


def changed(fleet: Path, cluster: str) -> Answer:
    """A row for each pair of consecutive bundles of a cluster (its name or UID): root changes, findings come and gone.

    The bundles are read again; a pair of which one cannot be read says so in its headline. Raises `UsageError` where
    the fleet has fewer than two bundles of this cluster.
    """
    found = ask(fleet, QUESTIONS["pairs"], {"cluster": cluster}).rows
    if len(found) < 2:
        known = ask(fleet, "SELECT DISTINCT cluster FROM bundles WHERE cluster <> '' ORDER BY cluster LIMIT 20").rows
        raise UsageError(
            f"the fleet has {len(found)} bundles of cluster {cluster!r}, and comparing takes two",
            where=str(fleet),
            todo=f"Its clusters are {', '.join(row[0] for row in known) or 'unknown'}",
        )
    return Answer(COLUMNS, [_row(one, two) for one, two in pairwise(found)])


def _row(one: tuple[Any, ...], two: tuple[Any, ...]) -> tuple[Any, ...]:
    head = (one[0], two[0], two[2])
    try:
        with local(_place(one)) as before, local(_place(two)) as after:
            told = compare(open_recording(before), open_recording(after))
    except BugbundleError as error:
        return (*head, None, None, None, f"could not be compared: {error}")
    return (*head, len(told.roots), len(told.appeared), len(told.disappeared), told.headline)


def _place(row: tuple[Any, ...]) -> Place:
    return Place(row[0], row[1], 0, "")
