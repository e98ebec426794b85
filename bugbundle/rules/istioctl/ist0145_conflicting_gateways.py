"""IST0145: two Gateways on the same pods claim the same port and host."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.config.gateways import Server, plain_hosts, selector_of, servers
from bugbundle.mesh.config.hosts import texts_of
from bugbundle.mesh.kube import as_text
from bugbundle.mesh.ref import name_of, ref
from bugbundle.mesh.selectors import selector_text
from bugbundle.mesh.workloads.index import index
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0145",
    "gateway.ConflictingGatewayAnalyzer",
    level=Level.ERROR,
    reads={res.GATEWAY, res.POD},
    message=("Conflict with gateways {others} (workload selector {selector}, port {port}, hosts {hosts})."),
)
def conflicting_gateways(mesh: Mesh) -> Iterator[Hit]:
    """Two Gateways on the same pods claim the same port and host.

    ## Why it matters
    Istio merges the servers of one port by the age of the Gateways: the younger one's server for the host
    does nothing.

    ## What to do
    Merge the Gateways, or give them different hosts. Which one wins: the older, see BB707.
    """
    gateways = [g for g in analysed(mesh, res.GATEWAY) if fits_pods(mesh, selector_of(g))]
    groups: dict[tuple[str, int], list[Server]] = defaultdict(list)
    for server in servers(gateways):
        groups[selector_text(selector_of(server.gateway)), server.port].append(server)
    for (selector, port), group in groups.items():
        for mine in group:
            others = [other for other in group if other.gateway is not mine.gateway and clash(mine, other)]
            if others:
                values = {
                    "others": ",".join(dict.fromkeys(name_of(other.gateway) for other in others)),
                    "selector": selector,
                    "port": port,
                    "hosts": ",".join(texts_of(mine.raw.get("hosts"))),
                }
                objects = tuple(ref(other.gateway) for other in others)
                yield Hit(mine.gateway, values, mine.place, mine.text(), objects)


def fits_pods(mesh: Mesh, wanted: dict[str, str]) -> bool:
    """Whether a selector fits any pod."""
    return bool(index(mesh).select(wanted))


def clash(one: Server, other: Server) -> bool:
    """The same address, and a host of the one inside of the other's."""
    if as_text(one.raw.get("bind")) != as_text(other.raw.get("bind")):
        return False
    return bool(set(plain_hosts(one.raw)) & set(plain_hosts(other.raw)))
