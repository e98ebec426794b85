"""Corrections, tried on the recorded mesh before they are advised.

A patch replaces its object in memory; the rules that judge objects run again over that mesh, and the rule that found
the cause. Findings from logs and dumps, which still show the old state, count as its consequences and are not asked.
"""

from __future__ import annotations

import copy
import json
import shlex
from typing import Any

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh.kube import as_dict
from bugbundle.mesh.manifests import FileKube, Manifest
from bugbundle.rules.engine import run
from bugbundle.rules.model import RULES, Finding, Level, Patch, Rule


def command(patch: Patch) -> str:
    """The correction as `kubectl` takes it."""
    target = patch.target
    space = f" -n {shlex.quote(target.namespace)}" if target.namespace else ""
    ops = json.dumps([op.plain() for op in patch.ops], ensure_ascii=False)
    return f"kubectl patch {patch.resource} {shlex.quote(target.name)}{space} --type json -p {shlex.quote(ops)}"


def tried(mesh: Mesh, finding: Finding, findings: list[Finding]) -> bool | None:
    """Whether a finding's patch takes it away and brings nothing new; None where it cannot be tried.

    `findings` are those of the mesh as it was recorded.
    """
    patch = finding.patch
    changed = patched(mesh, patch) if patch else None
    if changed is None:
        return None
    rules = [rule for rule in RULES.values() if rule.code == finding.code or _of_objects(rule)]
    after = run(changed, rules)
    if any(broken.code == finding.code for broken in after.broken):
        return None
    known = {(one.code, one.origin) for one in findings}
    new = [one for one in after.findings if one.level is not Level.INFO and (one.code, one.origin) not in known]
    left = {(one.code, one.origin) for one in after.findings if one.patch is not None}
    gone = (finding.code, finding.origin) not in left
    return gone and not new


def patched(mesh: Mesh, patch: Patch) -> Mesh | None:
    """The mesh with the patched object in place of the recorded one; None where the patch does not fit."""
    found = mesh.kube.get(patch.resource, patch.target.namespace, patch.target.name)
    raw = apply(found.raw, patch) if found else None
    if found is None or raw is None or isinstance(mesh.kube, FileKube):
        return None
    raw.setdefault("apiVersion", found.api_version)
    raw.setdefault("kind", found.kind)
    item = KubeObject(raw, found.pointer, found.api_version, found.kind)
    return Mesh(mesh.bundle, FileKube([Manifest(item, "", {})], mesh.bundle), mesh.revision)


def apply(raw: dict[str, Any], patch: Patch) -> dict[str, Any] | None:
    """The object after the operations (RFC 6902: add, replace, remove); None where one does not fit."""
    made = copy.deepcopy(raw)
    for op in patch.ops:
        *path, last = [part.replace("~1", "/").replace("~0", "~") for part in op.path.split("/")[1:]]
        place: Any = made
        for part in path:
            place = _step(place, part)
        if not _change(place, last, op.op, op.value):
            return None
    return made


def _step(place: Any, part: str) -> Any:
    if isinstance(place, list) and part.isdigit() and int(part) < len(place):
        return place[int(part)]
    return as_dict(place).get(part)


def _change(place: Any, last: str, op: str, value: Any) -> bool:
    if isinstance(place, dict):
        if op in ("remove", "replace") and last not in place:
            return False
        if op == "remove":
            del place[last]
        else:
            place[last] = value
        return True
    if isinstance(place, list) and last.isdigit() and int(last) < len(place) and op in ("remove", "replace"):
        if op == "remove":
            del place[int(last)]
        else:
            place[int(last)] = value
        return True
    return False


def _of_objects(rule: Rule) -> bool:
    """Whether a rule judges objects alone."""
    return all(isinstance(one, str) for one in rule.reads) and rule.diagnosis
