"""BB710: a subset that routes use fits none of the Service's own pods."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.hosts import destinations, host_of, service_of
from bugbundle.mesh.kube import as_text, dicts, texts
from bugbundle.mesh.ref import Proof, Ref, name_of, ref
from bugbundle.mesh.selectors import contains, selector_text
from bugbundle.mesh.workloads.index import index
from bugbundle.rules.model import Evidence, Level, rule


@rule(
    "BB710",
    per=Mesh,
    level=Level.ERROR,
    reads={res.DESTINATION_RULE, res.SERVICE, res.POD, res.VIRTUAL_SERVICE},
    message=(
        "Subset {subset} of DestinationRule {rule} ({labels}) fits none of the pods of Service "
        "{service}, and routes use it"
    ),
    explains={"BB302", "BB750", "IST0173"},
)
def subset_without_pods(mesh: Mesh) -> Iterator[Evidence]:
    """A subset that routes use fits none of the Service's own pods.

    ## Why it matters
    Requests for the subset answer 503 (UH), though the Service has pods. istioctl's check is content with any
    pod of the mesh that carries the labels.

    ## What to do
    Correct the subset's labels, or label the pods of the Service.
    """
    used = used_subsets(mesh)
    for item in mesh.kube.list(res.DESTINATION_RULE):
        key = service_of(as_text(item.spec.get("host")), item.namespace)
        service = mesh.kube.get(res.SERVICE, *key) if key else None
        pods = index(mesh).pods_of(service) if service else []
        for number, subset in enumerate(dicts(item.spec.get("subsets"))):
            wanted, name = texts(subset.get("labels")), as_text(subset.get("name"))
            plain = {k: v for k, v in wanted.items() if not k.startswith(("topology.", "kubernetes.io/"))}
            routes = used.get((key, name)) if key else None
            if service is None or not pods or not routes or any(contains(pod.labels, plain) for pod in pods):
                continue
            yield Evidence(
                ref(item),
                {"rule": name_of(item), "subset": name, "labels": selector_text(wanted), "service": name_of(service)},
                objects=(ref(service), *routes),
                proofs=(Proof(item.at(f"/spec/subsets/{number}/labels"), selector_text(wanted)),),
            )


def used_subsets(mesh: Mesh) -> dict[tuple[tuple[str, str], str], list[Ref]]:
    """(Service, subset) → the VirtualServices that route to it."""
    found: dict[tuple[tuple[str, str], str], list[Ref]] = defaultdict(list)
    for item in mesh.kube.list(res.VIRTUAL_SERVICE):
        for destination in _used(item):
            key = service_of(host_of(destination), item.namespace)
            name = as_text(destination.get("subset"))
            if key and name and ref(item) not in found[key, name]:
                found[key, name].append(ref(item))
    return found


def _used(item: KubeObject) -> Iterator[dict[str, Any]]:
    """The destinations that get requests: all but those of weight 0 beside others."""
    idle = [
        route.get("destination")
        for kind in ("http", "tcp", "tls")
        for entry in dicts(item.spec.get(kind))
        if len(routes := dicts(entry.get("route"))) > 1
        for route in routes
        if not route.get("weight")
    ]
    for _, destination, _ in destinations(item):
        if not any(destination is one for one in idle):
            yield destination
