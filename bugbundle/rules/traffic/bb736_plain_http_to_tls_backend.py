"""Plain HTTP to a backend that closes the connection without an answer: most often because it wants TLS."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.envoys import shaping, uses
from bugbundle.mesh.config.hosts import hosts
from bugbundle.mesh.facts import ClusterFacts
from bugbundle.mesh.kube import as_text, dicts
from bugbundle.mesh.ref import Proof, Ref, name_of, ref
from bugbundle.mesh.signals.access import Fault
from bugbundle.mesh.signals.failures import failures, proof, times
from bugbundle.mesh.workloads.index import index, meshed
from bugbundle.mesh.workloads.owners import ClusterName, config_ref
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.symptoms.model import State
from bugbundle.symptoms.requests import symptom_of
from bugbundle.xds.kinds import Xds

FEWEST = 5
TLS_PORTS = frozenset({443, 6443, 8443, 9443, 10250, 636, 5671, 8883})
WORDS = ("https", "tls", "ssl")


@rule(
    "BB736",
    per=Mesh,
    level=Level.ERROR,
    reads={Source.LOG, res.SERVICE, res.POD, Source.ENVOY_CONFIG_DUMP},
    optional={res.SERVICE_ENTRY, res.CONFIG_MAP, res.DESTINATION_RULE, res.REPLICA_SET},
    explains={"BB750"},
    message=(
        "the proxies send plain HTTP to {target}, {why}, and it closes every connection without an answer: {count}"
        " requests failed with 503 UC, none succeeded"
    ),
)
def plain_http_to_tls_backend(mesh: Mesh) -> Iterator[Evidence]:
    """Every request to a backend outside of the mesh's mTLS ends with UC (`connection_termination`), and the client's
    cluster has no TLS.

    A server that expects TLS closes the connection when plain HTTP arrives. That is certain to a reader only where the
    port says so (its name, `appProtocol`, or number); else it is the likeliest reason, since nothing else was seen to
    succeed there.

    ## Why it matters
    Nobody gets an answer from that backend through the mesh.

    ## What to do
    If the backend speaks TLS, let the proxies originate it: a DestinationRule for its host with
    `trafficPolicy.tls.mode: SIMPLE` (and `sni`), or a BackendTLSPolicy for Gateway API routes. Ask it from a pod that
    has no sidecar: `curl -vk https://HOST:PORT/`. If the port's name says https although clients send plain HTTP,
    correct the name.
    """
    groups: dict[str, list[Fault]] = defaultdict(list)
    for cluster, found in failures(mesh).towards(("UC",)):
        parts = ClusterName(cluster)
        for fault in found:
            ended = "connection_termination" in fault.whole and fault.code == "503"
            since = fault.good is None or (fault.first is not None and fault.good < fault.first)
            if ended and since and symptom_of(mesh, fault).state is State.NOW and _plain(fault):
                groups[f"{parts.host}:{parts.port}"].append(fault)
    for found in groups.values():
        parts = ClusterName(found[0].cluster)
        target = hosts(mesh).find(parts.host, found[0].proxy.namespace)
        if times(found) >= FEWEST and target is not None and not _meshed(mesh, target.source):
            yield _evidence(mesh, target.source, parts.port, found)


def _plain(fault: Fault) -> bool:
    """Whether the client's cluster sends without TLS to endpoints that have no mTLS of the mesh."""
    resource = fault.proxy.dump.named(Xds.CDS).get(fault.cluster) if fault.proxy.dump else None
    facts = resource.facts() if resource else None
    return isinstance(facts, ClusterFacts) and facts.tls in ("", "auto")


def _meshed(mesh: Mesh, source: KubeObject) -> bool:
    return source.kind == "Service" and any(meshed(pod) for pod in index(mesh).pods_of(source))


def _evidence(mesh: Mesh, source: KubeObject, number: int, found: list[Fault]) -> Evidence:
    place, port = _port(source, number)
    told = _told(port)
    routes = dict.fromkeys(one for fault in found for one in _routes(mesh, fault))
    return Evidence(
        ref(source),
        {
            "target": f"{source.kind} {name_of(source)}:{number}",
            "why": f"whose port is for TLS {told}" if told else "which is outside of the mesh and may want TLS",
            "count": times(found),
        },
        objects=(*routes, *dict.fromkeys(ref(fault.proxy) for fault in found)),
        proofs=(Proof(source.at(place or "/spec"), told or f"port {number}"), *(proof(fault) for fault in found[-2:])),
        affects=tuple(dict.fromkeys(fault.proxy.id for fault in found)),
        confidence=Confidence.LIKELY if told else Confidence.POSSIBLE,
        at=max((fault.at for fault in found if fault.at), default=None),
    )


def _port(source: KubeObject, number: int) -> tuple[str, dict[str, Any]]:
    for place, port in enumerate(dicts(source.spec.get("ports"))):
        if number in (port.get("port"), port.get("number")):
            return f"/spec/ports/{place}", port
    return "", {}


def _told(port: dict[str, Any]) -> str:
    """What of a port speaks for TLS; empty where nothing does."""
    for key in ("appProtocol", "name", "protocol", "targetPort"):
        if as_text(port.get(key)).lower().startswith(WORDS):
            return f"({key} {port[key]!r})"
    number = next((port[key] for key in ("port", "targetPort", "number") if port.get(key) in TLS_PORTS), 0)
    return f"(port {number})" if number else ""


def _routes(mesh: Mesh, fault: Fault) -> Iterator[Ref]:
    """The Istio objects that route to the cluster."""
    for resource in shaping(fault.proxy):
        for sent in uses(resource).targets.get(fault.cluster, ()):
            made = config_ref(sent.config)
            if made and "~" not in made.name:
                yield made
