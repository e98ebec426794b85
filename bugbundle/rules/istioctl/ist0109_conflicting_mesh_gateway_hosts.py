"""IST0109: several VirtualServices for sidecars claim the same host."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.config.hosts import full_name, host_matches, texts_of
from bugbundle.mesh.ref import Ref, name_of, ref
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0109",
    "virtualservice.ConflictingMeshGatewayHostsAnalyzer",
    level=Level.ERROR,
    reads={res.VIRTUAL_SERVICE},
    message=(
        "The VirtualServices {names} associated with mesh gateway define the same host {host} which"
        " can lead to undefined behavior. This can be fixed by merging the conflicting "
        "VirtualServices into a single resource."
    ),
    diagnosis=True,
)
def conflicting_mesh_gateway_hosts(mesh: Mesh) -> Iterator[Hit]:
    """Several VirtualServices for sidecars claim the same host.

    ## Why it matters
    Istio takes the oldest one's rules for a host; the others' rules do nothing, and which one wins can
    surprise.

    ## What to do
    Merge them into one VirtualService, or split the hosts.
    """
    claims: dict[tuple[str, str], list[KubeObject]] = defaultdict(list)
    for service in analysed(mesh, res.VIRTUAL_SERVICE):
        gateways = texts_of(service.spec.get("gateways"))
        if gateways and "mesh" not in gateways:
            continue
        scopes = texts_of(service.spec.get("exportTo")) or ["*"]
        for scope in {service.namespace if scope == "." else scope for scope in (["*"] if "*" in scopes else scopes)}:
            for host in texts_of(service.spec.get("hosts")):
                claims[scope, full_name(host, service.namespace)].append(service)
    told: set[Ref] = set()
    for (scope, host), owners in sorted(claims.items(), key=lambda item: (item[0][0] == "*", item[0])):
        rivals = list(owners)
        if scope != "*":
            rivals += [item for one, items in claims.items() for item in items if covers(one, host)]
        if len(rivals) < 2:
            continue
        names = ",".join(sorted(name_of(item) for item in rivals))
        for service in rivals:
            if ref(service) not in told:
                told.add(ref(service))
                values = {"names": names, "host": f"{scope}/{host}"}
                alone = "it is one VirtualService that names the host twice" if len(set(map(ref, rivals))) == 1 else ""
                objects = tuple(map(ref, rivals))
                yield Hit(service, values, "/spec/hosts", f"hosts: {host}", objects, harmless=alone)


def covers(claim: tuple[str, str], host: str) -> bool:
    """Whether a claim of all namespaces holds a host, perhaps by a wildcard."""
    return claim[0] == "*" and host_matches(claim[1], host)
