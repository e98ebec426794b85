"""A control plane that does not serve."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Istiod, Mesh, Pointer
from bugbundle.mesh.kinds import DEPLOYMENT, SERVICE
from bugbundle.mesh.kube import as_dict, as_text
from bugbundle.mesh.parts import container_statuses
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.index import ready
from bugbundle.mesh.workloads.owners import CONTROL_PLANE_SERVICE, workload
from bugbundle.mesh.workloads.pod_age import finished
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.words import clip


@rule(
    "BB101",
    per=Mesh,
    level=Level.ERROR,
    reads={"pods"},
    optional={"deployments.apps", "services", Source.ISTIOD_READY},
    explains={"BB105", "BB202", "BB203", "BB208", "BB306", "BB410", "BB553", "BB611"},
    message="{what}",
)
def istiod_not_ready(mesh: Mesh) -> Iterator[Evidence]:
    """No replica of istiod is ready, or one of several is not, or has restarted within the last hour.

    ## Why it matters
    Without a ready istiod no proxy gets changes or certificates, no new pod becomes ready, and injection fails, so
    that pods of meshed namespaces may not even be created.

    ## What to do
    Read istiod's log and previous log, its events and its limits (OOMKilled). A replica that waits for its caches
    cannot list something: look for «cannot list resource».
    """
    living = [one for one in mesh.istiods if one.pod is not None and not finished(one.pod)]
    up = [one for one in living if one.pod is not None and ready(one.pod)]
    services = tuple(ref(item) for item in mesh.kube.list(SERVICE) if item.labels.get("app") == CONTROL_PLANE_SERVICE)
    if not up:
        yield from _none(mesh, living, services)
        return
    for one in living:
        if one not in up:
            yield _evidence(one, f"replica {one.id} of istiod is not ready", Level.WARNING, services)


def _none(mesh: Mesh, living: list[Istiod], services: tuple[Ref, ...]) -> Iterator[Evidence]:
    """Every replica is down, or there is none although there should be."""
    for one in living:
        yield _evidence(one, f"no replica of istiod is ready: {one.id}{_state(one)}", Level.ERROR, services)
    if living:
        return
    for item in mesh.kube.list(DEPLOYMENT):
        if item.labels.get("app") == CONTROL_PLANE_SERVICE:
            count = item.spec.get("replicas", 1)
            yield Evidence(
                origin=ref(item),
                values={"what": f"istiod has no pods ({count} wanted by {ref(item)})"},
                objects=services,
                proofs=(Proof(item.pointer, f"replicas {count}"),),
                affects=tuple(proxy.id for proxy in mesh.proxies),
            )


def _evidence(one: Istiod, what: str, level: Level, services: tuple[Ref, ...]) -> Evidence:
    proofs = [Proof(one.pod.pointer, f"not ready{_state(one)}")] if one.pod else []
    text = one.text("ready.txt").strip()
    if text and "404" not in text:
        proofs.append(Proof(Pointer(one.entry("ready.txt")), clip(text, 200)))
    owner = (workload(one.mesh, one.pod),) if one.pod else ()
    down = tuple(proxy.id for proxy in one.mesh.proxies) if level is Level.ERROR else ()
    return Evidence(
        origin=ref(one),
        values={"what": what},
        objects=(*owner, *services),
        proofs=tuple(proofs),
        affects=down,
        level=level,
        confidence=Confidence.CERTAIN,
    )


def _state(one: Istiod) -> str:
    for status in container_statuses(one.pod):
        waiting = as_text(as_dict(as_dict(status.get("state")).get("waiting")).get("reason"))
        last = as_text(as_dict(as_dict(status.get("lastState")).get("terminated")).get("reason"))
        if waiting or last:
            return f" ({waiting or 'running'}{f', last ended by {last}' if last else ''})"
    return ""
