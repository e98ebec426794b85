"""BB701: a Service has a selector that fits no pod."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import SYSTEM_NAMESPACES
from bugbundle.mesh.kube import texts
from bugbundle.mesh.ref import Proof, Ref, name_of, ref
from bugbundle.mesh.selectors import selector_text
from bugbundle.mesh.workloads.index import index
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.rules.traffic.backends import Clue, find_clue


@rule(
    "BB701",
    per=Mesh,
    level=Level.ERROR,
    reads={res.SERVICE, res.POD},
    optional={res.DEPLOYMENT, res.STATEFUL_SET, Source.LOG},
    message="{what} {verb} no pods{why}",
    explains={"BB302", "BB750", "BB710", "IST0173"},
)
def service_selects_no_pods(mesh: Mesh) -> Iterator[Evidence]:
    """A Service has a selector that fits no pod.

    ## Why it matters
    It has no endpoints: callers get 503 with the response flag UH (no healthy upstream), or «connection
    refused».

    ## What to do
    Compare the Service's selector with the labels of the pods (`kubectl get pods --show-labels`) and correct
    the one that is wrong. Where nothing is meant to run behind it, delete the Service.
    """
    quiet: dict[str, list[KubeObject]] = defaultdict(list)
    known = index(mesh)
    for service in mesh.kube.list(res.SERVICE):
        wanted = texts(service.spec.get("selector"))
        aside = service.namespace in SYSTEM_NAMESPACES or service.spec.get("type") == "ExternalName"
        if not wanted or aside or known.pods_of(service) or not known.covers(res.POD, service.namespace):
            continue
        clue = find_clue(mesh, service, wanted)
        if clue is None:
            quiet[service.namespace].append(service)
        else:
            yield told(service, wanted, clue)
    for namespace, services in quiet.items():
        yield from together(namespace, services)


FEW = 3
"""Services of one namespace told one by one; more, with nothing that speaks for a mistake, are told together."""


def told(service: KubeObject, wanted: dict[str, str], clue: Clue) -> Evidence:
    """The finding on one Service with a clue."""
    shown = Proof(service.at("/spec/selector"), f"selector: {selector_text(wanted)}")
    return Evidence(
        ref(service),
        {"what": f"Service {name_of(service)}", "verb": "selects", "why": f" ({selector_text(wanted)}): {clue.text}"},
        objects=clue.objects,
        proofs=(shown, *clue.proofs),
        affects=clue.affects,
        level=clue.level,
        confidence=clue.confidence,
    )


def together(namespace: str, services: list[KubeObject]) -> Iterator[Evidence]:
    """Services without pods and without a clue: perhaps meant so."""
    groups = [[service] for service in services] if len(services) <= FEW else [services]
    for group in groups:
        first = group[0]
        names = ", ".join(service.name for service in group[:3]) + (", …" if len(group) > 3 else "")
        many = len(group) > 1
        wanted = selector_text(texts(first.spec.get("selector")))
        yield Evidence(
            Ref("Namespace", "", namespace) if many else ref(first),
            {
                "what": f"{len(group)} Services of {namespace} ({names})" if many else f"Service {name_of(first)}",
                "verb": "select" if many else "selects",
                "why": "" if many else f" ({wanted})",
            },
            objects=tuple(ref(service) for service in group),
            proofs=(Proof(first.at("/spec/selector"), f"selector: {wanted}"),),
            level=Level.WARNING,
            confidence=Confidence.LIKELY,
        )
