"""Services and the pods behind them: what speaks for a mistake where they do not fit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.client_tls import declared_ports
from bugbundle.mesh.kube import as_dict, dicts, texts
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.selectors import contains, selector_text
from bugbundle.mesh.signals.failures import failures, proof, times
from bugbundle.mesh.workloads.index import alive, index, pure_proxy
from bugbundle.rules.model import Confidence, Level
from bugbundle.words import some

NAMES = ("app", "app.kubernetes.io/name", "k8s-app", "service.istio.io/canonical-name")


class Clue(NamedTuple):
    """Why a Service without pods looks like a mistake, and how much."""

    text: str
    level: Level
    confidence: Confidence
    objects: tuple[Ref, ...] = ()
    proofs: tuple[Proof, ...] = ()
    affects: tuple[str, ...] = ()


def find_clue(mesh: Mesh, service: KubeObject, wanted: dict[str, str]) -> Clue | None:
    """The strongest clue; None where there is none."""
    callers = failures(mesh).of_service(service.namespace, service.name, "UH")
    clue = _own_workload(mesh, service, wanted) or _near_pods(mesh, service, wanted)
    if not callers:
        return clue
    who = tuple(dict.fromkeys(fault.proxy.id for fault in callers))
    text = (
        clue.text + "; " if clue else ""
    ) + f"{some(times(callers), 'call')} to it failed within the hour before the capture"
    return Clue(
        text,
        Level.ERROR,
        Confidence.CERTAIN,
        clue.objects if clue else (),
        (*(clue.proofs if clue else ()), *(proof(fault) for fault in callers[-2:])),
        who,
    )


def _own_workload(mesh: Mesh, service: KubeObject, wanted: dict[str, str]) -> Clue | None:
    """A Deployment or StatefulSet whose template fits: its pods are only not there."""
    for resource in (res.DEPLOYMENT, res.STATEFUL_SET):
        for item in mesh.kube.list(resource):
            labels = texts(as_dict(as_dict(item.spec.get("template")).get("metadata")).get("labels"))
            if item.namespace != service.namespace or not contains(labels, wanted):
                continue
            if item.spec.get("replicas") == 0:
                text = f"{item} is scaled to 0"
                return Clue(text, Level.INFO, Confidence.CERTAIN, (ref(item),), (_replicas(item),))
            text = f"{item} should run them and has none"
            return Clue(text, Level.ERROR, Confidence.LIKELY, (ref(item),), (_replicas(item),))
    return None


def _replicas(item: KubeObject) -> Proof:
    return Proof(item.at("/spec/replicas"), f"replicas: {item.spec.get('replicas')}")


def _near_pods(mesh: Mesh, service: KubeObject, wanted: dict[str, str]) -> Clue | None:
    """Pods that carry some of the labels, or the Service's name."""
    known = index(mesh)
    best: list[KubeObject] = []
    kept: dict[str, str] = {}
    for key, value in wanted.items():
        pods = [pod for pod in known.select({key: value}, service.namespace) if alive(pod)]
        if pods and (key in NAMES or len(pods) < len(known.pods_in.get(service.namespace, []))):
            best, kept = pods, {key: value}
            if key in NAMES:
                break
    if not best:
        found = [known.select({key: service.name}, service.namespace) for key in NAMES]
        best = next(([pod for pod in pods if alive(pod)] for pods in found if pods), [])
    if not best:
        return None
    first = best[0]
    shown = {key: first.labels.get(key, "(absent)") for key in wanted if key not in kept}
    labels = ", ".join(f"{key}={value}" for key, value in shown.items())
    text = f"nearly matched by {some(len(best), 'pod')} ({first.name} has {labels})"
    shown_labels = Proof(
        first.at("/metadata/labels"), selector_text({k: v for k, v in first.labels.items() if len(v) < 60})
    )
    return Clue(text, Level.ERROR, Confidence.LIKELY, tuple(ref(pod) for pod in best[:10]), (shown_labels,))


def numeric_ports(mesh: Mesh) -> Iterator[tuple[KubeObject, int, dict[str, Any], list[KubeObject]]]:
    """(Service, number, port, pods) of every TCP port with a numeric targetPort; gateways and waypoints left out."""
    for service in mesh.kube.list(res.SERVICE):
        pods = [pod for pod in index(mesh).pods_of(service) if not pure_proxy(pod)]
        for number, port in enumerate(dicts(service.spec.get("ports"))) if pods else ():
            target = port.get("targetPort")
            if isinstance(target, int) and port.get("protocol") in (None, "TCP"):
                yield service, number, port, pods


def port_numbers(pod: KubeObject) -> set[int]:
    """The ports that a pod's containers declare."""
    return {n for port in declared_ports(pod) if isinstance(n := port.get("containerPort"), int)}
