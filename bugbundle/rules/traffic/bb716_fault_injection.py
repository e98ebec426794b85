"""BB716: a VirtualService injects faults."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.hosts import service_of, texts_of
from bugbundle.mesh.kube import as_dict, dicts
from bugbundle.mesh.ref import Proof, name_of, ref
from bugbundle.mesh.signals.access import Fault
from bugbundle.mesh.signals.failures import called, failures, proof, times
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import some

FLAGS = {"abort": "FI", "delay": "DI"}
"""Envoy's response flags of injected faults."""


@rule(
    "BB716",
    per=Mesh,
    level=Level.WARNING,
    reads={res.VIRTUAL_SERVICE},
    optional={Source.LOG, res.SERVICE, res.POD, res.CONFIG_MAP},
    message="VirtualService {service} {what} {share} % of the requests of a rule, on purpose{seen}",
    explains={"BB750"},
)
def fault_injection(mesh: Mesh) -> Iterator[Evidence]:
    """A VirtualService injects faults: Info, and a Warning where the access logs show requests that they hit.

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
                hit = _hit(mesh, service, FLAGS[kind])
                seen = f": {some(times(hit), 'request')} within the last hour" if hit else ""
                yield Evidence(
                    ref(service),
                    {"service": name_of(service), "what": what, "share": f"{share}", "seen": seen},
                    objects=tuple(dict.fromkeys(ref(one) for fault_ in hit if (one := called(mesh, fault_)))),
                    proofs=(Proof(service.at(f"/spec/http/{number}/fault/{kind}"), what), *map(proof, hit[-2:])),
                    level=Level.WARNING if any(one.recent for one in hit) else Level.INFO,
                    affects=tuple(dict.fromkeys(one.proxy.id for one in hit)),
                )


def _hit(mesh: Mesh, service: KubeObject, flag: str) -> list[Fault]:
    """The requests to one of its hosts that a fault was injected into."""
    wanted = {service_of(host, service.namespace) for host in texts_of(service.spec.get("hosts"))} - {None}
    found = [(fault, called(mesh, fault)) for fault in failures(mesh).flagged((flag,))]
    return [fault for fault, item in found if item is not None and (item.namespace, item.name) in wanted]
