"""Which ztunnel answers, and its recorded pages.

Source: istioctl/pkg/ztunnelconfig/ztunnelconfig.go of 1.29; a pod of ambient stands for its node's ztunnel since 1.30.
"""

from __future__ import annotations

import difflib

from bugbundle.errors import NotInBundle
from bugbundle.mesh import Mesh
from bugbundle.mesh.kube import as_text
from bugbundle.mesh.parts import Ztunnel
from bugbundle.views.names import find_pod
from bugbundle.views.ztunnel_dump import ZtunnelDump

DUMP, LOGGING = "config_dump.json", "logging.txt"
SYSTEM = "istio-system"


def find(
    mesh: Mesh, name: str = "", node: str = "", namespace: str = "", *, single: bool = False
) -> tuple[Ztunnel, str]:
    """(the ztunnel, the pod of ambient that was named instead, if one was).

    Raises `NotInBundle` where there is none; with `single` also where none was named and there are several.
    """
    if node:
        return _on_node(mesh, node), ""
    if not name:
        if single and len(mesh.ztunnels) > 1:
            raise NotInBundle("ztunnel pod name or --node must be set", todo=_offer(mesh, ""))
        return _some(mesh), ""
    pod, where = _pod(mesh, name, namespace)
    for ztunnel in mesh.ztunnels:
        if (ztunnel.name, ztunnel.namespace) == (pod, where):
            return ztunnel, ""
    named = mesh.pod(where, pod)
    if named is None:
        raise NotInBundle(f"ztunnel {pod}.{where} is not in the bundle", todo=_offer(mesh, pod))
    return _on_node(mesh, as_text(named.spec.get("nodeName"))), pod


def _pod(mesh: Mesh, name: str, namespace: str) -> tuple[str, str]:
    """A name without a namespace is a ztunnel's first."""
    for ztunnel in mesh.ztunnels:
        if name == ztunnel.name and namespace in ("", ztunnel.namespace):
            return ztunnel.name, ztunnel.namespace
    return find_pod(mesh, name, namespace or (SYSTEM if "/" in name else ""))


def _some(mesh: Mesh) -> Ztunnel:
    """The one that istioctl takes of the daemonset, as kubectl takes a pod to attach to."""
    if not mesh.ztunnels:
        raise NotInBundle("no ztunnel is in the bundle")
    recorded = [ztunnel for ztunnel in mesh.ztunnels if ztunnel.has(DUMP)] or mesh.ztunnels
    try:
        name, namespace = find_pod(mesh, "daemonset/ztunnel", recorded[0].namespace)
    except NotInBundle:
        return recorded[0]
    return next((z for z in recorded if (z.name, z.namespace) == (name, namespace)), recorded[0])


def _on_node(mesh: Mesh, node: str) -> Ztunnel:
    for ztunnel in mesh.ztunnels:
        if node and ztunnel.node_name == node:
            return ztunnel
    nodes = ", ".join(sorted(filter(None, (ztunnel.node_name for ztunnel in mesh.ztunnels))))
    raise NotInBundle(f"no ztunnel of node {node or '(none)'} is in the bundle", todo=f"Nodes: {nodes}")


def _offer(mesh: Mesh, name: str) -> str:
    every = [ztunnel.id for ztunnel in mesh.ztunnels]
    near = difflib.get_close_matches(name, every, n=5, cutoff=0.4) if name else []
    return f"Ztunnels: {', '.join(near or every)}" if every else "It has no ztunnel"


def read(ztunnel: Ztunnel) -> ZtunnelDump:
    """Its dump. Raises `NotInBundle` with the gap's reason, `JSONError` or `DumpError` where it is damaged."""
    return ZtunnelDump(page(ztunnel, DUMP), ztunnel.entry(DUMP))


def logging(ztunnel: Ztunnel) -> str:
    """Its logging levels. Raises `NotInBundle` with the gap's reason."""
    return page(ztunnel, LOGGING).decode("utf-8", "replace")


def page(ztunnel: Ztunnel, name: str) -> bytes:
    """One recorded page. Raises `NotInBundle` with the gap's reason, `BundleError` where it is damaged."""
    path = ztunnel.entry(name)
    try:
        return ztunnel.mesh.bundle[path]
    except KeyError:
        reason = ztunnel.gap(name).reason or "it was not recorded"
        raise NotInBundle(f"no {name} of {ztunnel.id} in the bundle: {reason}", where=path) from None
