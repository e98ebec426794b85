"""BB210: a NetworkPolicy keeps proxies from istiod, and they are not connected."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Istiod, KubeObject, Mesh, Proxy, Ztunnel
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.network_policies import Policies, peers, pod_allowed, port_allowed, rules
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.index import Index, index
from bugbundle.mesh.workloads.owners import control_plane
from bugbundle.mesh.workloads.pod_age import finished
from bugbundle.rules.model import Confidence, Evidence, Level, rule

PORT = 15012


@rule(
    "BB210",
    per=Mesh,
    level=Level.ERROR,
    reads={res.NETWORK_POLICY, res.POD, Source.ISTIOD_SYNCZ},
    optional={res.NAMESPACE, Source.ENVOY_CONFIG_DUMP},
    explains={"BB202", "BB203", "BB206", "BB208", "BB306", "BB402", "BB410", "BB550", "BB551", "BB553"},
    message="NetworkPolicy {policy} lets nothing to istiod's port 15012 {side} {proxies}, which {verb} not connected",
)
def network_policy_blocks_istiod(mesh: Mesh) -> Iterator[Evidence]:
    """Proxies are not connected to istiod, and a NetworkPolicy lets no traffic from them to istiod's port 15012.

    Judged pod by pod: the ingress rules of the policies that select istiod's pods, the egress rules of those that
    select the proxy's; blocks of addresses count as open.

    ## Why it matters
    What was connected before keeps its configuration and gets no more; what starts now gets none and does not become
    ready.

    ## What to do
    Allow TCP 15012 to istiod's pods: from every namespace of the mesh (ingress), or in the egress rules of the
    namespace, beside DNS.
    """
    known, policies = index(mesh), Policies(mesh)
    groups: dict[tuple[Ref, str], list[Proxy | Ztunnel]] = defaultdict(list)
    shown: dict[Ref, KubeObject] = {}
    for part in _lost(mesh):
        blocker = next((one for istiod in mesh.istiods if (one := _between(known, policies, part, istiod))), None)
        if blocker:
            policy, side = blocker
            groups[ref(policy), side].append(part)
            shown[ref(policy)] = policy
    for (name, side), parts in groups.items():
        services = {one for part in parts if isinstance(part, Proxy) for one in control_plane(part)}
        services |= {ref(one) for istiod in mesh.istiods if istiod.pod for one in known.services_of(istiod.pod)}
        first = f"{parts[0].id}" if len(parts) == 1 else f"{len(parts)} proxies ({parts[0].id}, …)"
        yield Evidence(
            name,
            {
                "policy": f"{name.namespace}/{name.name}",
                "side": "from" if side == "Ingress" else "out of",
                "proxies": first,
                "verb": "is" if len(parts) == 1 else "are",
            },
            objects=(
                *sorted(services),
                *(ref(istiod) for istiod in mesh.istiods),
                *(ref(part) for part in parts[:200]),
            ),
            proofs=(Proof(shown[name].at("/spec"), f"{side}: no rule for TCP {PORT}"),),
            affects=tuple(part.id for part in parts),
            confidence=Confidence.LIKELY,
        )


def _lost(mesh: Mesh) -> Iterator[Proxy | Ztunnel]:
    """What runs and is held by no istiod, where all could be asked."""
    if not mesh.istiods or not all(one.has("debug/syncz.json") for one in mesh.istiods):
        return
    parts: list[Proxy | Ztunnel] = [*mesh.proxies, *mesh.ztunnels]
    for part in parts:
        if part.pod is not None and not finished(part.pod) and not mesh.istiods_of(part.id):
            yield part


def _between(known: Index, policies: Policies, part: Proxy | Ztunnel, istiod: Istiod) -> tuple[KubeObject, str] | None:
    """The policy that keeps a pod from an istiod, and its direction."""
    if part.pod is None or istiod.pod is None or part.pod.spec.get("hostNetwork"):
        return None
    for direction, own, other in (("Ingress", istiod.pod, part.pod), ("Egress", part.pod, istiod.pod)):
        found = policies.of(own, direction)
        if found and not any(_open(known, item, direction, other) for item in rules(found, direction)):
            return found[0], direction
    return None


def _open(known: Index, item: tuple[KubeObject, int, dict[str, object]], direction: str, other: KubeObject) -> bool:
    """Whether one rule lets the other pod through on the port; a block of addresses is taken as open."""
    policy, _, entry = item
    wanted = peers(entry, direction)
    near = not wanted or any("ipBlock" in peer or pod_allowed(peer, policy, other, known) for peer in wanted)
    return near and port_allowed(entry, PORT)
