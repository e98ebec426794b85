"""What one bundle says, as rows: the work of one task. Runs in a worker, which may be another machine."""

from __future__ import annotations

import functools
import hashlib
import platform
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from bugbundle import __version__
from bugbundle.analysis import Analysis, analyze
from bugbundle.bundle.manifest import format_time
from bugbundle.codec import decode
from bugbundle.errors import BugbundleError
from bugbundle.fleet.model import Look, Rows
from bugbundle.fleet.places import Place, digest, local, mark_of
from bugbundle.importers import open_recording
from bugbundle.mesh import Istiod, Mesh
from bugbundle.mesh.config.revisions import minor, proxy_version
from bugbundle.mesh.kube import as_dict, as_text
from bugbundle.report.headline import headline
from bugbundle.report.lifetimes import seen
from bugbundle.rules import Level
from bugbundle.rules.versions.bb653_release_out_of_support import end_of_support
from bugbundle.sync.model import Verdict

ORDER = [Verdict.ERROR, Verdict.STALE, Verdict.NOT_CONNECTED, Verdict.DIFFERS, Verdict.NOT_SENT, Verdict.SYNCED]
"""Worst first; what is not here says nothing about a proxy."""

TRIES = 2


def look(place: Place, page: bool = False) -> Look:
    """Analyze one bundle. What is wrong with the file is the row's `failure`; a defect of ours too, by its place."""
    try:
        with local(place) as path:
            for _ in range(TRIES):
                before = mark_of(place)
                found = _look(path, page)
                if mark_of(place) == before:
                    return found
        return Look(failure="it changed while it was read, twice: run again when nobody writes to it")
    except BugbundleError as error:
        return Look(failure=" ".join(str(error).split()))
    except MemoryError:
        return Look(failure="it needs more memory than this worker has: raise --memory")
    except OSError as error:
        return Look(failure=f"it cannot be read ({error.strerror or type(error).__name__})")
    except Exception as error:
        return Look(failure=f"this bundle could not be analyzed ({type(error).__name__}): a defect of bugbundle")


def _look(path: Path, page: bool) -> Look:
    sha256 = digest(path)
    analysis = analyze(open_recording(path))
    mesh, header = analysis.mesh, analysis.bundle.header
    html = ""
    if page:
        from bugbundle.report.html import render

        html = render(analysis)
    return Look(
        sha256,
        header.clusters[0] if header.clusters else "",
        _uid(mesh),
        format_time(mesh.now),
        rows_of(analysis, path),
        page=html,
    )


def _uid(mesh: Mesh) -> str:
    """The UID of namespace kube-system, by which a cluster is known."""
    space = mesh.kube.find("namespaces", "", "kube-system")
    return str(space.metadata.get("uid") or "") if space else ""


def rows_of(analysis: Analysis, path: Path) -> Rows:
    """The rows of every table, in an order of their own that does not depend on who asks."""
    return {
        "bundles": [_bundle(analysis, path)],
        "diagnoses": list(_diagnoses(analysis)),
        "findings": list(_findings(analysis)),
        "not_evaluated": [
            {"code": item.code, "subject": item.subject, "missing": "; ".join(item.missing)}
            for item in analysis.not_evaluated
        ],
        "proxies": list(_proxies(analysis)),
        "certificates": list(_certificates(analysis.mesh)),
        "versions": list(_versions(analysis.mesh)),
    }


def _bundle(analysis: Analysis, path: Path) -> dict[str, Any]:
    mesh, bundle = analysis.mesh, analysis.bundle
    levels = Counter(finding.level for finding in analysis.findings)
    size = path.stat().st_size if path.is_file() else sum(f.stat().st_size for f in path.rglob("*") if f.is_file())
    return {
        "tool": bundle.header.tool,
        "istio": ", ".join(sorted({_istiod_version(istiod) for istiod in mesh.istiods} - {""})),
        "kubernetes": _kubernetes(mesh),
        "bytes": size,
        "entries": len(bundle),
        "gaps": len(analysis.gaps),
        "proxies": len(mesh.proxies),
        "errors": levels[Level.ERROR],
        "warnings": levels[Level.WARNING],
        "infos": levels[Level.INFO],
        "diagnoses": len(analysis.diagnoses),
        "not_evaluated": len(analysis.not_evaluated),
        "headline": headline(analysis).text,
    }


def _diagnoses(analysis: Analysis) -> Iterator[dict[str, Any]]:
    for rank, item in enumerate(analysis.diagnoses, 1):
        yield {
            "rank": rank,
            "code": item.cause.code,
            "level": str(item.cause.level),
            "confidence": str(item.cause.confidence),
            "kind": item.cause.origin.kind,
            "namespace": item.cause.origin.namespace,
            "name": item.cause.origin.name,
            "title": item.title,
            "affects": len(item.affects),
            "consequences": len(item.consequences),
        }


def _findings(analysis: Analysis) -> Iterator[dict[str, Any]]:
    for item in analysis.findings:
        yield {
            "code": item.code,
            "level": str(item.level),
            "confidence": str(item.confidence),
            "kind": item.origin.kind,
            "namespace": item.origin.namespace,
            "name": item.origin.name,
            "message": item.message,
            "at": format_time(item.at),
        }


def _proxies(analysis: Analysis) -> Iterator[dict[str, Any]]:
    told = {one.proxy: one for one in analysis.sync}
    for proxy in analysis.mesh.proxies:
        sync = told.get(proxy.id)
        states = {one.verdict for one in sync.types.values()} if sync else set()
        yield {
            "proxy": proxy.id,
            "namespace": proxy.namespace,
            "kind": proxy.kind,
            "version": proxy_version(proxy),
            "istiod": sync.istiod if sync else "",
            "sync": str(next((state for state in ORDER if state in states), Verdict.UNKNOWN)),
        }


def _certificates(mesh: Mesh) -> Iterator[dict[str, Any]]:
    """Each certificate in each place, once."""
    found = {(one.role, one.name, one.holder, one.serial, one.since, one.until) for one in seen(mesh)}
    for role, name, holder, serial, since, until in sorted(found):
        yield {
            "role": role,
            "name": name,
            "holder": holder,
            "serial": serial,
            "not_before": format_time(since),
            "not_after": format_time(until),
        }


def _versions(mesh: Mesh) -> Iterator[dict[str, Any]]:
    counts = Counter(("proxy", proxy_version(proxy)) for proxy in mesh.proxies)
    counts.update(("istiod", _istiod_version(istiod)) for istiod in mesh.istiods)
    if kubernetes := _kubernetes(mesh):
        counts["kubernetes", kubernetes] = 1
    for (component, version), number in sorted(counts.items()):
        end = _end(version) if component == "istiod" else None
        yield {
            "component": component,
            "version": version,
            "instances": number,
            "support_ends": f"{end:%Y-%m-%d}T00:00:00Z" if end else None,
        }


def _end(version: str) -> date | None:
    release = minor(version)
    return end_of_support(release[1]) if release and release[0] == 1 else None


def _istiod_version(istiod: Istiod) -> str:
    return istiod.text("version.txt").strip().partition("-")[0][:40] if istiod.has("version.txt") else ""


def _kubernetes(mesh: Mesh) -> str:
    page = mesh.bundle.get("k8s/version.json", b"{}")
    try:
        return as_text(as_dict(decode(page, "k8s/version.json")).get("gitVersion"))
    except BugbundleError:
        return ""


@functools.cache
def code_version() -> str:
    """A digest of the code that makes rows: results of other code are not reused."""
    root = Path(__file__).resolve().parent.parent
    whole = hashlib.sha256(f"{__version__} {platform.python_version_tuple()[:2]}".encode())
    for file in sorted(root.rglob("*")):
        if file.suffix in (".py", ".json"):
            whole.update(file.relative_to(root).as_posix().encode())
            whole.update(file.read_bytes())
    return whole.hexdigest()[:16]
