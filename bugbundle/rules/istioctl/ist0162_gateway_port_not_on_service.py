"""IST0162: a Gateway opens a port that no Service of its pods offers."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.kube import as_dict, as_text, dicts, texts
from bugbundle.mesh.ref import ref
from bugbundle.mesh.selectors import selector_text
from bugbundle.mesh.workloads.index import index
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0162",
    "gateway.IngressGatewayPortAnalyzer",
    level=Level.WARNING,
    reads={res.GATEWAY, res.POD, res.SERVICE},
    message=(
        "The gateway is listening on a target port (port {port}) that is not defined in the Service"
        " associated with its workload instances (Pod selector {selector}). If you need to access "
        "the gateway port through the gateway Service, it will not be available."
    ),
)
def gateway_port_not_on_service(mesh: Mesh) -> Iterator[Hit]:
    """A Gateway opens a port that no Service of its pods offers.

    ## Why it matters
    From outside the port cannot be reached.

    ## What to do
    Add the port to the gateway's Service.
    """
    for gateway in analysed(mesh, res.GATEWAY):
        wanted = texts(gateway.spec.get("selector"))
        pods = index(mesh).select(wanted)
        offered = offered_ports(mesh, pods)
        for number, server in enumerate(dicts(gateway.spec.get("servers"))):
            port = as_dict(server.get("port")).get("number")
            if isinstance(port, int) and pods and port not in offered:
                values = {"port": port, "selector": selector_text(wanted)}
                yield Hit(
                    gateway,
                    values,
                    f"/spec/servers/{number}/port",
                    f"port {port}; offered: {sorted(offered)}",
                )


def offered_ports(mesh: Mesh, pods: list[KubeObject]) -> set[int]:
    """The ports and target ports of the Services that select any of these pods."""
    services = {ref(service): service for pod in pods for service in index(mesh).services_of(pod)}
    found: set[int] = set()
    for service in services.values():
        for port in dicts(service.spec.get("ports")):
            if as_text(port.get("protocol")) in ("", "TCP"):
                found.update(n for n in (port.get("targetPort"), port.get("port")) if isinstance(n, int))
    return found
