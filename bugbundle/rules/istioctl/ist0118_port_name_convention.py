"""IST0118: a Service port's name does not tell its protocol."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.config.ports import own_service, protocol
from bugbundle.mesh.kube import as_text, dicts
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0118",
    "service.PortNameAnalyzer",
    level=Level.INFO,
    reads={res.SERVICE},
    message=(
        "Port name {name} (port: {port}, targetPort: {target}) doesn't follow the naming convention of Istio port."
    ),
)
def port_name_convention(mesh: Mesh) -> Iterator[Hit]:
    """A Service port's name does not tell its protocol.

    ## Why it matters
    Istio then guesses the protocol from the first bytes: slower, and wrong for protocols in which the server
    speaks first.

    ## What to do
    Name the port `<protocol>[-<suffix>]` (`http-web`, `tcp-db`) or set `appProtocol`.
    """
    for service in analysed(mesh, res.SERVICE):
        if not own_service(service) or service.spec.get("type") == "ExternalName":
            continue
        for number, port in enumerate(dicts(service.spec.get("ports"))):
            if protocol(port) is None:
                values = {
                    "name": as_text(port.get("name")),
                    "port": port.get("port"),
                    "target": port.get("targetPort", 0),
                }
                yield Hit(service, values, f"/spec/ports/{number}", f"name: {as_text(port.get('name'))}")
