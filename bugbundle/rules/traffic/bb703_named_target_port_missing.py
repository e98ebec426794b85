"""BB703: a Service sends to a named port that no container has."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.client_tls import container_port, declared_ports
from bugbundle.mesh.kube import as_text, dicts
from bugbundle.mesh.ref import Proof, name_of, ref
from bugbundle.mesh.workloads.index import index, pod_id
from bugbundle.rules.model import Evidence, Level, rule


@rule(
    "BB703",
    per=Mesh,
    level=Level.ERROR,
    reads={res.SERVICE, res.POD},
    message="Service {service} port {port} goes to the named port {name}, which {who}{has}",
    explains={"BB302", "BB704", "BB750"},
)
def named_target_port_missing(mesh: Mesh) -> Iterator[Evidence]:
    """A Service sends to a named port that no container has.

    ## Why it matters
    Without a number for the name the Service has no endpoints for that port: callers get 503 (UH) or nothing
    at all.

    ## What to do
    Give the container's port this name, or set `targetPort` to a number or to a name that it has.
    """
    for service in mesh.kube.list(res.SERVICE):
        pods = index(mesh).pods_of(service)
        for number, port in enumerate(dicts(service.spec.get("ports"))):
            name = as_text(port.get("targetPort"))
            without = [pod for pod in pods if name and not container_port(pod, name)]
            if not without or name.isdigit():
                continue
            every = len(without) == len(pods)
            has = sorted({as_text(p.get("name")) for pod in without for p in declared_ports(pod)} - {""})
            shown = Proof(service.at(f"/spec/ports/{number}/targetPort"), f"targetPort: {name}")
            offered = Proof(without[0].at("/spec/containers"), f"named ports: {', '.join(has) or 'none'}")
            values = {
                "service": name_of(service),
                "port": port.get("port"),
                "name": name,
                "who": "none of its pods has" if every else f"{len(without)} of its {len(pods)} pods lack",
                "has": f" (they have {', '.join(has)})" if has else "",
            }
            yield Evidence(
                ref(service),
                values,
                objects=tuple(ref(pod) for pod in without[:20]),
                proofs=(shown, offered),
                affects=tuple(pod_id(pod) for pod in without),
                level=Level.ERROR if every else Level.WARNING,
            )
