"""BB816: a gateway's load balancer has no address."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from bugbundle.bundle.manifest import parse_time
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.index import index, pure_proxy
from bugbundle.mesh.workloads.pod_age import span
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.words import clip

PATIENCE = timedelta(minutes=5)
RECENT = timedelta(hours=1)
NAME = "gateway.networking.k8s.io/gateway-name"


@rule(
    "BB816",
    per=Mesh,
    level=Level.WARNING,
    reads={res.SERVICE, res.POD},
    optional={res.EVENT},
    message="Service {service} of a gateway waits for the address of its load balancer{since}{text}",
    explains={"BB709", "IST0171"},
)
def load_balancer_pending(mesh: Mesh) -> Iterator[Evidence]:
    """A gateway's Service is of type LoadBalancer, and has no address since more than five minutes.

    ## Why it matters
    Nothing outside of the cluster reaches the gateway (but by node ports); a Gateway of the Gateway API is not
    programmed, and a remote cluster does not find its east-west gateway.

    ## What to do
    Look at the events of the Service and at the cloud's controller (quota, subnets, permissions, annotations). Where
    the cluster has no load balancers, use NodePort or ClusterIP.
    """
    for service in mesh.kube.list(res.SERVICE):
        if service.spec.get("type") != "LoadBalancer" or dicts(
            as_dict(service.status.get("loadBalancer")).get("ingress")
        ):
            continue
        age = mesh.now - service.created if mesh.now and service.created else None
        pods = index(mesh).pods_of(service)
        if service.spec.get("externalIPs") or not any(map(pure_proxy, pods)) or (age is not None and age < PATIENCE):
            continue
        said = failure(mesh, service)
        gateways = dict.fromkeys(pod.labels[NAME] for pod in pods if NAME in pod.labels)
        yield Evidence(
            ref(service),
            {
                "service": f"{service.namespace}/{service.name}",
                "since": f" since {span(age.total_seconds())}" if age is not None else "",
                "text": f": {clip(as_text(said.raw.get('message')), 200)}" if said else "",
            },
            objects=tuple(Ref("Gateway", service.namespace, name) for name in gateways),
            proofs=(
                Proof(service.at("/status/loadBalancer"), "no ingress"),
                *((Proof(said.at("/message"), clip(as_text(said.raw.get("message")))),) if said else ()),
            ),
            confidence=Confidence.CERTAIN if said else Confidence.LIKELY,
        )


def failure(mesh: Mesh, service: KubeObject) -> KubeObject | None:
    """The newest recent Warning about the Service."""
    for event in reversed(mesh.kube.list(res.EVENT)):
        about = as_dict(event.raw.get("involvedObject"))
        at = parse_time(event.raw.get("lastTimestamp") or event.raw.get("eventTime"))
        if (
            event.raw.get("type") == "Warning"
            and about.get("kind") == "Service"
            and (about.get("namespace"), about.get("name")) == (service.namespace, service.name)
            and not (mesh.now and at and mesh.now - at > RECENT)
        ):
            return event
    return None
