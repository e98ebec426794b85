"""Whether bundles can be compared: of one cluster, not the same file, whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from bugbundle.bundle import Bundle
from bugbundle.errors import BugbundleError
from bugbundle.mesh import Kube
from bugbundle.mesh.kube import as_text


def check(bundles: Sequence[Bundle], anyway: bool = False) -> list[str]:
    """What must be said above a comparison. Raises `BugbundleError` where the bundles are of different clusters."""
    told = list(_same_files(bundles))
    uids = [cluster_uid(bundle) for bundle in bundles]
    for bundle, uid in zip(bundles[1:], uids[1:], strict=True):
        if uid and uids[0] and uid != uids[0]:
            if not anyway:
                raise BugbundleError(
                    f"is of another cluster than {bundles[0].origin}: the UID of namespace kube-system is {uid} there"
                    f" and {uids[0]} here",
                    where=bundle.origin,
                    todo="Compare two recordings of one cluster, or compare these by names alone with --anyway",
                )
            told.append(f"{bundle.origin} is of another cluster than {bundles[0].origin}: compared by names alone")
    for older, newer in pairwise(bundles):
        if older.started and newer.started and newer.started < older.started and len(bundles) == 2:
            told.append("AFTER was recorded before BEFORE: read what is «added» as removed since")
    for bundle in bundles:
        told += [f"{bundle.origin}: {note}" for note in bundle.notes]
    return told


def cluster_uid(bundle: Bundle) -> str:
    """The UID of namespace kube-system; empty where it was not recorded."""
    found = Kube(bundle).find("namespaces", "", "kube-system")
    return as_text(found.metadata.get("uid")) if found else ""


def _same_files(bundles: Sequence[Bundle]) -> Iterator[str]:
    seen: dict[Path, str] = {}
    for bundle in bundles:
        path = Path(bundle.origin)
        if path.exists():
            known = seen.setdefault(path.resolve(), bundle.origin)
            if known is not bundle.origin:
                yield f"{bundle.origin} and {known} are the same file: nothing can have changed between them"
