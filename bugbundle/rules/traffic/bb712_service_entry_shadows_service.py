"""BB712: a ServiceEntry claims the name of a Service."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.hosts import service_of, texts_of
from bugbundle.mesh.ref import Proof, name_of, ref
from bugbundle.rules.model import Evidence, Level, rule


@rule(
    "BB712",
    per=Mesh,
    level=Level.WARNING,
    reads={res.SERVICE_ENTRY, res.SERVICE},
    explains={"BB302", "BB750"},
    diagnosis=False,
    message="ServiceEntry {entry} claims {host}, the name of Service {service}",
)
def service_entry_shadows_service(mesh: Mesh) -> Iterator[Evidence]:
    """A ServiceEntry has the host name of a Service in the cluster.

    ## Why it matters
    Two registries answer for one name: endpoints, ports and resolution come from one of them or from both, and which
    is not promised. It is used on purpose to add virtual machines to a Service.

    ## What to do
    Give the ServiceEntry a name of its own, or select the workloads with the Service.
    """
    for entry in mesh.kube.list(res.SERVICE_ENTRY):
        for number, host in enumerate(texts_of(entry.spec.get("hosts"))):
            key = service_of(host, entry.namespace) if "." in host else None
            service = mesh.kube.get(res.SERVICE, *key) if key else None
            if service is not None:
                yield Evidence(
                    ref(entry),
                    {"entry": name_of(entry), "host": host, "service": name_of(service)},
                    objects=(ref(service),),
                    proofs=(Proof(entry.at(f"/spec/hosts/{number}"), host),),
                )
