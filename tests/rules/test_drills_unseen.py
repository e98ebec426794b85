"""What was deleted, or forbidden, is not missing: no new Error, and what could not be evaluated still cannot."""

from __future__ import annotations

import functools
import json
import os
import random
import re

import pytest
from captures import sample

from bugbundle.bundle import Bundle, open_bundle
from bugbundle.mesh import Mesh
from bugbundle.rules import Level, all_rules, run

SAMPLES = ("healthy", "mtls-conflict")
SHARE = 3
"""Kinds of entry of each sample; all of them with BUGBUNDLE_DRILLS=1 (`make drills`)."""
_LIST = re.compile(r"k8s/(?:api|apis/[^/]+)/[^/]+/(?:namespaces/[^/]+/)?([^/]+)\.json")


def kind_of(path: str) -> str:
    """`k8s pods`, `logs`, `proxies certs.json`, `istiod debug/edsz`; empty where it is the frame of all others."""
    parts = path.split("/")
    if parts[0] == "k8s":
        found = _LIST.fullmatch(path)
        return f"k8s {found[1]}" if found else ""
    if len(parts) < 4:
        return ""
    return "logs" if parts[0] == "logs" else f"{parts[0]} {'/'.join(parts[3:-1]) or parts[3]}"


@functools.cache
def entries(name: str) -> dict[str, bytes]:
    """All of a sample."""
    bundle = open_bundle(sample(name))
    return {path: bundle[path] for path in bundle}


def chosen() -> list[tuple[str, str]]:
    """(sample, kind of entry)."""
    found = []
    for name in SAMPLES:
        kinds = sorted({kind for path in entries(name) if (kind := kind_of(path))})
        whole = bool(os.environ.get("BUGBUNDLE_DRILLS"))
        found += [(name, kind) for kind in (kinds if whole else random.Random(name).sample(kinds, SHARE))]
    return found


def without(name: str, kind: str, *, forbidden: bool) -> dict[str, bytes]:
    """The sample as it would be if nobody had asked for these entries, or nobody were allowed to see them."""
    gone = {path for path in entries(name) if kind_of(path) == kind}
    manifest = json.loads(entries(name)["manifest.json"])
    manifest["entries"] = [row for row in manifest["entries"] if row["path"] not in gone]
    if forbidden:
        row = {"target": "kubernetes", "request": "GET /", "status": 403, "reason": "forbidden"}
        manifest["gaps"] = [*manifest.get("gaps", []), *({"path": path, **row} for path in sorted(gone))]
    left = {path: body for path, body in entries(name).items() if path not in gone}
    return {**left, "manifest.json": json.dumps(manifest).encode()}


def told(found: dict[str, bytes]) -> tuple[set[tuple[str, str]], set[tuple[str, str]], list[str]]:
    """Errors (code, object), what was not evaluated (code, subject), codes of rules that broke."""
    outcome = run(Mesh(Bundle.from_entries(found)), all_rules())
    errors = {(one.code, str(one.origin)) for one in outcome.findings if one.level is Level.ERROR}
    return errors, {(one.code, one.subject) for one in outcome.not_evaluated}, [one.code for one in outcome.broken]


@functools.cache
def before(name: str) -> tuple[set[tuple[str, str]], set[tuple[str, str]], list[str]]:
    """Of the whole sample."""
    return told(entries(name))


@pytest.mark.parametrize("forbidden", [True, False], ids=["forbidden", "deleted"])
@pytest.mark.parametrize(("name", "kind"), chosen())
def test_what_was_not_seen_is_not_missing(name: str, kind: str, forbidden: bool) -> None:
    errors, unseen, broken = told(without(name, kind, forbidden=forbidden))
    whole = before(name)
    gone = {subject for _, subject in whole[1]} - {subject for _, subject in unseen}
    assert sorted(errors - whole[0]) == []
    assert sorted(row for row in whole[1] - unseen if row[1] not in gone) == []
    assert broken == []
