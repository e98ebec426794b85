"""BB716: a VirtualService injects faults."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh.kube import as_dict, dicts
from bugbundle.rules.lib import resources as res
from bugbundle.rules.lib.istioctl import name_of
from bugbundle.rules.model import Evidence, Level, Proof, ref, rule


@rule(
    "BB716",
    per=Mesh,
    level=Level.WARNING,
    reads={res.VIRTUAL_SERVICE},
    message="VirtualService {service} {what} {share} % of the requests of a rule, on purpose",
    explains={"BB750"},
    diagnosis=False,
)
def fault_injection(mesh: Mesh) -> Iterator[Evidence]:
    """A VirtualService injects faults.

    ## Why it matters
    It delays or breaks requests on purpose (response flags DI and FI): fine for a test, a riddle when it was
    forgotten.

    ## What to do
    Take the `fault` block out once the test is over.
    """
    for service in mesh.kube.list(res.VIRTUAL_SERVICE):
        for number, entry in enumerate(dicts(service.spec.get("http"))):
            for kind in ("abort", "delay"):
                fault = as_dict(as_dict(entry.get("fault")).get(kind))
                share = as_dict(fault.get("percentage")).get(
                    "value", fault.get("percent", 0 if "percentage" in fault else 100)
                )
                if not fault or not share:
                    continue
                what = (
                    f"aborts with {fault.get('httpStatus', fault.get('grpcStatus'))}"
                    if kind == "abort"
                    else f"delays by {fault.get('fixedDelay')}"
                )
                yield Evidence(
                    ref(service),
                    {"service": name_of(service), "what": what, "share": f"{share}"},
                    proofs=(Proof(service.at(f"/spec/http/{number}/fault/{kind}"), what),),
                )
