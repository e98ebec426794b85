"""IST0150: a port of an ExternalName Service is taken as TCP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.config.ports import own_service, protocol
from bugbundle.mesh.kube import as_text, dicts
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0150",
    "service.PortNameAnalyzer",
    level=Level.WARNING,
    reads={res.SERVICE},
    message=(
        "Port name for ExternalName service is invalid. Proxy may prevent tcp named ports and "
        "unmatched traffic for ports serving TCP protocol from being forwarded correctly"
    ),
)
def external_name_port_name(mesh: Mesh) -> Iterator[Hit]:
    """A port of an ExternalName Service is taken as TCP.

    ## Why it matters
    A TCP port without an address captures all traffic of that port number.

    ## What to do
    Name the port by its protocol (`http`, `https`, `tls`), or use a ServiceEntry.
    """
    for service in analysed(mesh, res.SERVICE):
        if not own_service(service) or service.spec.get("type") != "ExternalName":
            continue
        for number, port in enumerate(dicts(service.spec.get("ports"))):
            if protocol(port) is None or as_text(port.get("name")).lower() == "tcp":
                values: dict[str, Any] = {}
                yield Hit(service, values, f"/spec/ports/{number}", f"name: {as_text(port.get('name'))}")
