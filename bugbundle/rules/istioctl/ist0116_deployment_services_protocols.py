"""IST0116: services give one port of a Deployment different protocols."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_text, dicts
from bugbundle.mesh.ref import Ref
from bugbundle.rules.istioctl.deployments import shared_deployments
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level
from bugbundle.words import go_list


@analyzer(
    "IST0116",
    "deployment.MultiServiceAnalyzer",
    level=Level.WARNING,
    reads={res.SERVICE, res.DEPLOYMENT},
    optional={res.NAMESPACE},
    message=(
        "This deployment {deployment} is associated with multiple services using port {port} but "
        "different protocols: {services}"
    ),
)
def deployment_services_protocols(mesh: Mesh) -> Iterator[Hit]:
    """Services give one port of a Deployment different protocols.

    ## Why it matters
    The proxy of the pods can only treat a port one way.

    ## What to do
    Use one protocol for a port in all Services of a workload.
    """
    for deployment, services in shared_deployments(mesh):
        ports: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for service in services:
            for port in dicts(service.spec.get("ports")):
                if isinstance(port.get("port"), int):
                    ports[port["port"]][as_text(port.get("protocol")) or "TCP"].append(service.name)
        for number, protocols in ports.items():
            if len(protocols) > 1:
                names = sorted(name for group in protocols.values() for name in group)
                values = {
                    "deployment": deployment.name,
                    "port": number,
                    "services": go_list(f"{deployment.namespace}/{name}" for name in names),
                }
                objects = tuple(Ref("Service", deployment.namespace, name) for name in dict.fromkeys(names))
                yield Hit(deployment, values, "/spec/template", f"port {number}: {sorted(protocols)}", objects)
