"""IST0137: services reach one port of a Deployment by different ports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import dicts
from bugbundle.mesh.ref import Ref
from bugbundle.rules.istioctl.deployments import shared_deployments
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level
from bugbundle.words import go_list, quoted


@analyzer(
    "IST0137",
    "deployment.MultiServiceAnalyzer",
    level=Level.WARNING,
    reads={res.SERVICE, res.DEPLOYMENT},
    optional={res.NAMESPACE},
    message=(
        "This deployment {deployment} is associated with multiple services {services} using "
        "targetPort {target} but different ports: {ports}."
    ),
)
def deployment_services_ports(mesh: Mesh) -> Iterator[Hit]:
    """Services reach one port of a Deployment by different ports.

    ## Why it matters
    The proxy of the pods has one listener for a target port and cannot tell the Services apart.

    ## What to do
    Give the Services the same port, or separate target ports.
    """
    for deployment, services in shared_deployments(mesh):
        targets: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
        for service in services:
            for port in dicts(service.spec.get("ports")):
                number = port.get("port")
                if isinstance(number, int):
                    targets[str(port.get("targetPort") or number)][number].append(service.name)
        for target, ports in targets.items():
            if len(ports) > 1:
                names = sorted(group[-1] for group in ports.values())
                values = {
                    "deployment": deployment.name,
                    "services": go_list(f"{deployment.namespace}/{name}" for name in names),
                    "target": quoted(target),
                    "ports": go_list(sorted(ports)),
                }
                objects = tuple(Ref("Service", deployment.namespace, name) for name in dict.fromkeys(names))
                yield Hit(deployment, values, "/spec/template", f"targetPort {target}: {sorted(ports)}", objects)
