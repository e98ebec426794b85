"""BB719: requests to hosts that the mesh does not know are blocked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.meshconfig import mesh_config_map
from bugbundle.mesh.config.visibility import sidecar_of
from bugbundle.mesh.kube import as_dict, as_text
from bugbundle.mesh.ref import Ref, name_of, ref
from bugbundle.mesh.signals.access import Fault
from bugbundle.mesh.signals.failures import called, failures, proof, times
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.words import some

FEWEST = 3


@rule(
    "BB719",
    per=Mesh,
    level=Level.WARNING,
    reads={Source.LOG},
    optional={res.SIDECAR, res.SERVICE, res.POD, res.CONFIG_MAP},
    explains={"BB750"},
    message=(
        "{who} may not call {hosts}: the mesh does not know {it}, and {by} lets out only what it knows "
        "(REGISTRY_ONLY); {requests} blocked"
    ),
)
def host_outside_registry(mesh: Mesh) -> Iterator[Evidence]:
    """Requests for hosts that are neither a Service nor in a ServiceEntry were blocked, as the access log tells.

    ## Why it matters
    With `outboundTrafficPolicy` REGISTRY_ONLY such requests answer 502 (route `block_all`) or are closed
    (BlackHoleCluster). Often that is meant; an application that needs the host fails.

    ## What to do
    If the application needs it, add a ServiceEntry for the host (and its port); else nothing, it is blocked as
    intended.
    """
    groups: dict[tuple[Ref, str], list[Fault]] = defaultdict(list)
    for fault in failures(mesh).lost():
        if fault.blocked and fault.recent:
            groups[_origin(mesh, fault)].append(fault)
    for (origin, by), found in groups.items():
        wanted = sorted({_host(fault) for fault in found})
        proxies = tuple(dict.fromkeys(fault.proxy.id for fault in found))
        if times(found) < FEWEST:
            continue
        services = [ref(one) for fault in found if (one := called(mesh, fault))]
        yield Evidence(
            origin,
            {
                "who": proxies[0] if len(proxies) == 1 else f"{len(proxies)} proxies ({proxies[0]}, …)",
                "hosts": ", ".join(wanted[:3]) + (", …" if len(wanted) > 3 else ""),
                "it": "it" if len(wanted) == 1 else "them",
                "by": by,
                "requests": some(times(found), "request"),
            },
            objects=(*dict.fromkeys(services), *dict.fromkeys(ref(fault.proxy) for fault in found)),
            proofs=tuple(proof(fault) for fault in found[-3:]),
            affects=proxies,
            confidence=Confidence.LIKELY,
        )


def _host(fault: Fault) -> str:
    return fault.authority or fault.sni or fault.local


def _origin(mesh: Mesh, fault: Fault) -> tuple[Ref, str]:
    """(what sets the mode for the caller, in words)."""
    sidecar = sidecar_of(mesh, fault.proxy.pod) if fault.proxy.pod else None
    if sidecar is not None and _mode(sidecar) == "REGISTRY_ONLY":
        return ref(sidecar), str(sidecar)
    settings = mesh_config_map(mesh)
    return (
        (ref(settings), f"MeshConfig (ConfigMap {name_of(settings)})")
        if settings
        else (Ref("Mesh", "", "outboundTrafficPolicy"), "the mesh")
    )


def _mode(sidecar: KubeObject) -> str:
    return as_text(as_dict(sidecar.spec.get("outboundTrafficPolicy")).get("mode"))
