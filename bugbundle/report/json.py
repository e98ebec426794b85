"""The contract: an analysis as JSON (`analyze.schema.json`, format 2).

`code`, `level`, `origin`, `message`, `documentationUrl` and `reference` are as in `istioctl analyze -o json`.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import PurePath
from typing import Any

from bugbundle import __version__
from bugbundle.analysis import Analysis
from bugbundle.bundle import Gap
from bugbundle.bundle.manifest import format_time
from bugbundle.diagnosis import Diagnosis
from bugbundle.patches import command
from bugbundle.report.headline import headline
from bugbundle.report.symptoms import rows
from bugbundle.rules import Finding, Proof, Ref
from bugbundle.rules.model import Patch

FORMAT = 2
"""Of the document, not of the bundle: raised when a member goes or changes its meaning."""


def render(analysis: Analysis) -> str:
    """The document as text."""
    return json.dumps(document(analysis), indent=2, ensure_ascii=False) + "\n"


def schema() -> dict[str, Any]:
    """The JSON Schema of the document."""
    text = resources.files("bugbundle.report").joinpath("analyze.schema.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def document(analysis: Analysis) -> dict[str, Any]:
    """The document as plain values."""
    explained: dict[int, list[str]] = {}
    for told in analysis.symptoms:
        if told.diagnosis is not None:
            explained.setdefault(id(told.diagnosis), []).append(told.symptom.id)
    made = {
        "format": FORMAT,
        "tool": f"bugbundle {__version__}",
        "headline": headline(analysis).text,
        "bundle": _bundle(analysis),
        "diagnoses": [_diagnosis(analysis, item, explained.get(id(item), [])) for item in analysis.diagnoses],
        "findings": [_finding(item) for item in analysis.findings],
        "symptoms": rows(analysis),
        "notEvaluated": [
            {"code": item.code, "subject": item.subject, "missing": list(item.missing)}
            for item in analysis.not_evaluated
        ],
        "gaps": [_gap(item) for item in analysis.gaps],
        "broken": [{"code": item.code, "subject": item.subject, "error": item.error} for item in analysis.broken],
        "checked": dict(sorted(analysis.outcome.checked.items())),
    }
    found = plain(made)
    assert isinstance(found, dict)
    return found


def _bundle(analysis: Analysis) -> dict[str, Any]:
    bundle = analysis.bundle
    manifest = bundle.manifest
    return {
        "name": PurePath(bundle.origin).name,
        "format": bundle.header.format,
        "tool": bundle.header.tool,
        "started": format_time(bundle.started),
        "finished": format_time(manifest.finished) if manifest else None,
        "clusters": list(bundle.header.clusters),
        "entries": len(bundle),
        "redacted": dict(manifest.redacted) if manifest else {},
        "notes": list(bundle.notes),
    }


def _diagnosis(analysis: Analysis, item: Diagnosis, symptoms: list[str]) -> dict[str, Any]:
    cause = item.cause
    return {
        "code": cause.code,
        "level": str(cause.level),
        "title": item.title,
        "objects": [_object(thing) for thing in item.objects],
        "confidence": str(cause.confidence),
        "why": item.why,
        "whatToDo": item.what_to_do,
        "evidence": [_evidence(proof) for proof in cause.proofs],
        "cause": cause.id,
        "consequences": [finding.id for finding in item.consequences],
        "affects": list(item.affects),
        "symptoms": symptoms,
        "patch": _patch(cause.patch),
        "tried": analysis.tried(item),
    }


def _patch(patch: Patch | None) -> dict[str, Any] | None:
    if patch is None:
        return None
    return {
        "object": _object(patch.target),
        "type": "json",
        "operations": [op.plain() for op in patch.ops],
        "command": command(patch),
    }


def _finding(item: Finding) -> dict[str, Any]:
    return {
        "id": item.id,
        "code": item.code,
        "level": str(item.level),
        "origin": str(item.origin),
        "message": item.message,
        "documentationUrl": item.documentation_url,
        "reference": item.reference,
        "confidence": str(item.confidence),
        "at": format_time(item.at),
        "objects": [_object(thing) for thing in item.objects],
        "affects": list(item.affects),
        "evidence": [_evidence(proof) for proof in item.proofs],
    }


def _object(thing: Ref) -> dict[str, str]:
    return {"kind": thing.kind, "namespace": thing.namespace, "name": thing.name}


def _evidence(proof: Proof) -> dict[str, str]:
    return {"entry": proof.pointer.entry, "pointer": proof.pointer.pointer, "text": proof.text}


def _gap(item: Gap) -> dict[str, Any]:
    return {
        "path": item.path,
        "target": item.target,
        "request": item.request,
        "status": item.status,
        "reason": item.reason,
    }


def plain(value: Any) -> Any:
    """The value with text that UTF-8 can write (names of files may hold anything)."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value
