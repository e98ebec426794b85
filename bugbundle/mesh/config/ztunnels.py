"""What a ztunnel says of itself and of its node, and what istiod would have it know."""

from __future__ import annotations

import re

from bugbundle.mesh import KubeObject, Mesh, Ztunnel
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.once import once
from bugbundle.mesh.ref import Ref
from bugbundle.mesh.signals.logs import Line, ztunnel_log
from bugbundle.mesh.workloads.index import captured, node_of
from bugbundle.mesh.workloads.pod_age import finished

_DESTINATION = re.compile(r'dst\.workload="([^"]*)".*?dst\.namespace="([^"]*)"')
_SERVICE = re.compile(r'dst\.service="([\w-]+)\.([\w-]+)\.svc')
_SOURCE = re.compile(r'src\.workload="([^"]*)".*?src\.namespace="([^"]*)"')


@once
def account(mesh: Mesh, kind: str) -> dict[str, str] | None:
    """istiod's `workloads` (by uid) or `services` (by namespace/hostname) for ambient → a readable name.

    Of several replicas only what all of them have; None where none gave an account (debug/ambientz, since Istio 1.23).
    """
    pages = [page for one in mesh.istiods if (page := as_dict(one.json("debug/ambientz.json")))]
    if not pages:
        return None
    tables = [{key_of(kind, row): _name(kind, row) for row in dicts(page.get(kind))} for page in pages]
    common = set(tables[0]).intersection(*tables[1:]) if tables else set()
    return {key: tables[0][key] for key in sorted(common)} if tables else {}


def key_of(kind: str, row: dict[str, object]) -> str:
    """What a workload or a service is known by on both sides."""
    if kind == "workloads":
        return as_text(row.get("uid"))
    return f"{as_text(row.get('namespace'))}/{as_text(row.get('hostname'))}"


def _name(kind: str, row: dict[str, object]) -> str:
    return f"{as_text(row.get('namespace'))}/{as_text(row.get('name'))}"


def pods_of_node(ztunnel: Ztunnel) -> list[KubeObject]:
    """The living pods of its node that are captured by ambient."""
    return [
        pod
        for pod in ztunnel.mesh.kube.list("pods")
        if node_of(pod) == ztunnel.node_name and captured(pod) and not finished(pod)
    ]


def lines(ztunnel: Ztunnel, *names: str) -> list[Line]:
    """Known lines of its log near the capture."""
    log = ztunnel_log(ztunnel.mesh, ztunnel.namespace, ztunnel.name)
    return log.recent(*names) if log else []


def destination(line: Line) -> tuple[Ref, ...]:
    """The pod and the Service that an access line of ztunnel is about."""
    return _refs(line, _DESTINATION, "Pod") + _refs_service(line)


def source(line: Line) -> tuple[Ref, ...]:
    """The pod that opened the connection."""
    return _refs(line, _SOURCE, "Pod")


def _refs(line: Line, pattern: re.Pattern[str], kind: str) -> tuple[Ref, ...]:
    match = pattern.search(line.whole)
    return (Ref(kind, match[2], match[1]),) if match and match[1] else ()


def _refs_service(line: Line) -> tuple[Ref, ...]:
    match = _SERVICE.search(line.whole)
    return (Ref("Service", match[2], match[1]),) if match else ()
