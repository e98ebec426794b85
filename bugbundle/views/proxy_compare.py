"""`proxy-status POD`: finding both accounts of a proxy, and the short way where they mean the same.

istioctl's refusals are kept: a ztunnel, a pod that is not Running, a proxy that no istiod knows.
"""

from __future__ import annotations

from typing import Any

from bugbundle.codec import decode
from bugbundle.errors import BugbundleError, NotInBundle
from bugbundle.mesh import Mesh, Proxy
from bugbundle.mesh.kube import as_dict, as_text
from bugbundle.mesh.resources import Dump
from bugbundle.views.names import find_pod, find_proxy, phase_of
from bugbundle.views.protojson import shape
from bugbundle.views.proxy_diff import last_loaded, proxy_diff
from bugbundle.views.proxy_status import istiods
from bugbundle.xds import Split, Xds
from bugbundle.xds.kinds import MESSAGES

KINDS = (Xds.CDS, Xds.LDS, Xds.RDS)
_LAID_OUT_ANEW = (b'"load_assignment"', b'"loadAssignment"')


def compare(
    mesh: Mesh,
    name: str,
    namespace: str = "",
    *,
    revision: str = "",
    envoy: bytes | None = None,
) -> str:
    """What istioctl prints; `envoy` stands for the recorded dump of Envoy where it is given.

    Raises `NotInBundle` where one of the two accounts is absent, with the reason.
    """
    pod, where = find_pod(mesh, name, namespace)
    if any((ztunnel.name, ztunnel.namespace) == (pod, where) for ztunnel in mesh.ztunnels):
        return f"Sync diff is not available for ztunnel pod {pod}.{where}\n"
    proxy = find_proxy(mesh, f"{pod}.{where}")
    phase = phase_of(proxy.pod)
    if phase and proxy.dump is None and envoy is None:
        raise BugbundleError(f"could not contact sidecar: pod is not running. Status={phase}")
    ours = _account(mesh, proxy, revision)
    if envoy is None:
        theirs = proxy.dump
        if theirs is None:
            raise NotInBundle("could not contact sidecar: " + proxy.gap("config_dump.json").text)
        if same(ours, theirs):
            return _all_match(theirs)
        envoy = mesh.bundle[theirs.entry]
    return proxy_diff(mesh.bundle[ours.entry], envoy, proxy.entry("config_dump.json"))


def _account(mesh: Mesh, proxy: Proxy, revision: str) -> Dump:
    """The account of the first istiod that has one, those to which the proxy is connected first."""
    found = sorted(istiods(mesh, revision), key=lambda istiod: proxy.id not in istiod.syncz)
    for istiod in found:
        account = istiod.account(proxy.id)
        if account is not None:
            return account
    paths = (istiod.entry(f"debug/config_dump/{proxy.id}.json") for istiod in found)
    reasons = [mesh.bundle.gap(path).text for path in paths]
    raise NotInBundle("unable to find config dump in Istiod responses", todo="; ".join(reasons))


def same(ours: Dump, theirs: Dump) -> bool:
    """Whether both surely print the same text: by the hashes of what they mean, without rendering them.

    False where that cannot be told: a section is missing, Envoy holds errors or warming resources. Clusters that
    carry endpoints are compared as text: their meaning is blind to the order of endpoints.
    """
    if ours.problem or theirs.problem:
        return False
    parts = (ours.parts, theirs.parts)
    if any(kind not in part.versions for part in parts for kind in KINDS):
        return False
    for kind in KINDS:
        if any(r.has_error or r.section == "dynamic_warming" for r in theirs.resources(kind)):
            return False
        mine, others = (_meanings(dump, kind) for dump in (ours, theirs))
        if mine != others:
            return False
    return _laid_out(parts[0]) == _laid_out(parts[1])


def _laid_out(parts: Split) -> dict[str, Any]:
    """Name → the text's tree of each cluster that carries endpoints."""
    found = {}
    for item in parts.items:
        if item.kind is Xds.CDS and item.section == "dynamic_active" and item.body is not None:
            raw = bytes(item.body)
            if any(mark in raw for mark in _LAID_OUT_ANEW):
                body = as_dict(decode(raw))
                found[as_text(body.get("name"))] = shape(body, MESSAGES[Xds.CDS])
    return found


def _meanings(dump: Dump, kind: Xds) -> list[tuple[str, bytes]]:
    return sorted((resource.name, resource.meaning) for resource in dump.resources(kind, "dynamic_active"))


def _all_match(theirs: Dump) -> str:
    times = [
        item.last_updated for item in theirs.parts.items if item.kind is Xds.RDS and item.section == "dynamic_active"
    ]
    return f"Clusters Match\nListeners Match\nRoutes Match{last_loaded(times)}\n"
