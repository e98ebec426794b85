"""IST0112: a VirtualService routes to a Service with several ports and does not say which."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.config.hosts import destinations, host_of, hosts
from bugbundle.mesh.ref import ref
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level
from bugbundle.words import go_list, quoted


@analyzer(
    "IST0112",
    "virtualservice.DestinationHostAnalyzer",
    level=Level.ERROR,
    reads={res.VIRTUAL_SERVICE, res.SERVICE},
    optional={res.SERVICE_ENTRY},
    message=(
        "This VirtualService routes to a service {host} that exposes multiple ports {ports}. "
        "Specifying a port in the destination is required to disambiguate."
    ),
)
def destination_port_required(mesh: Mesh) -> Iterator[Hit]:
    """A VirtualService routes to a Service with several ports and does not say which.

    ## Why it matters
    Istio drops the whole route where it cannot tell the port.

    ## What to do
    Set `destination.port.number`.
    """
    table = hosts(mesh)
    for service in analysed(mesh, res.VIRTUAL_SERVICE):
        for place, destination, _ in destinations(service):
            target = table.find(host_of(destination), service.namespace, service.spec.get("exportTo"))
            if target is None or len(target.ports) < 2 or destination.get("port"):
                continue
            values = {"host": quoted(host_of(destination)), "ports": go_list(target.ports)}
            yield Hit(service, values, place, f"host: {host_of(destination)}, no port", (ref(target.source),))
