"""BB715: a VirtualService delegates to one that is not there, or may not be used so."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.hosts import exported, texts_of
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.ref import Proof, Ref, name_of, ref
from bugbundle.rules.model import Evidence, Level, rule


@rule(
    "BB715",
    per=Mesh,
    level=Level.ERROR,
    reads={res.VIRTUAL_SERVICE},
    message="VirtualService {service} delegates to {delegate}, which {problem}",
    explains={"BB750"},
)
def delegate_missing(mesh: Mesh) -> Iterator[Evidence]:
    """A VirtualService delegates to one that is not there, or may not be used so.

    ## Why it matters
    The delegating rule has no routes: requests that match it answer 404.

    ## What to do
    Create the delegate, or correct its name and namespace. A delegate has no `hosts` and must be exported to
    the namespace of the root.
    """
    for service in mesh.kube.list(res.VIRTUAL_SERVICE):
        for number, entry in enumerate(dicts(service.spec.get("http"))):
            delegate = as_dict(entry.get("delegate"))
            if not delegate:
                continue
            key = (as_text(delegate.get("namespace")) or service.namespace, as_text(delegate.get("name")))
            found = mesh.kube.get(res.VIRTUAL_SERVICE, *key)
            if found is None:
                problem = "does not exist"
            elif not exported(found.spec.get("exportTo"), found.namespace, service.namespace):
                problem = f"is not exported to {service.namespace}"
            elif texts_of(found.spec.get("hosts")):
                problem = "has hosts of its own, so it cannot be a delegate"
            else:
                continue
            yield Evidence(
                ref(service),
                {"service": name_of(service), "delegate": "/".join(key), "problem": problem},
                objects=(Ref("VirtualService", *key),),
                proofs=(Proof(service.at(f"/spec/http/{number}/delegate"), f"delegate: {'/'.join(key)}"),),
            )
