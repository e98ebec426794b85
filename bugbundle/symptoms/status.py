"""Replicas that are missing, pods that are not ready, a status that is behind its spec."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_text
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.index import alive, ready
from bugbundle.mesh.workloads.owners import workload
from bugbundle.mesh.workloads.trouble import statuses
from bugbundle.symptoms.model import Kind, State, Symptom
from bugbundle.words import clip

DAEMON_SET = "daemonsets.apps"
YOUNG = timedelta(seconds=60)
"""A pod may take so long to start."""

DELETED = timedelta(minutes=5)
"""An object that is being deleted for longer hangs on a finalizer."""

BEHIND = (res.DEPLOYMENT, res.STATEFUL_SET, DAEMON_SET, res.K8S_GATEWAY, res.HTTP_ROUTE, res.SERVICE_ENTRY)


def status(mesh: Mesh) -> Iterator[Symptom]:
    """Every symptom of this source."""
    yield from _replicas(mesh)
    yield from _pods(mesh)
    yield from _behind(mesh)
    yield from _deleting(mesh)


def wanted_and_ready(item: KubeObject) -> tuple[int, int]:
    """(wanted, ready) replicas of a Deployment, StatefulSet, ReplicaSet or DaemonSet."""
    if item.kind == "DaemonSet":
        return _int(item.status.get("desiredNumberScheduled")), _int(item.status.get("numberReady"))
    replicas = item.spec.get("replicas")
    return 1 if replicas is None else _int(replicas), _int(item.status.get("readyReplicas"))


def _replicas(mesh: Mesh) -> Iterator[Symptom]:
    for resource in (res.DEPLOYMENT, res.STATEFUL_SET, DAEMON_SET):
        for item in mesh.kube.list(resource):
            wanted, there = wanted_and_ready(item)
            if there < wanted:
                text = f"{item} has {there} of {wanted} replicas ready"
                yield Symptom(Kind.STATUS, ref(item), text, wanted - there, proofs=(Proof(item.at("/status"), text),))


def _pods(mesh: Mesh) -> Iterator[Symptom]:
    groups: dict[tuple[Ref, str], list[KubeObject]] = {}
    for pod in mesh.pods.values():
        if alive(pod) and not ready(pod) and not _starting(mesh, pod):
            groups.setdefault((workload(mesh, pod), _why(pod)), []).append(pod)
    for (owner, why), pods in groups.items():
        who = f"Pod {pods[0].namespace}/{pods[0].name}" if len(pods) == 1 else f"{len(pods)} pods of {owner}"
        things = tuple(ref(pod) for pod in pods[:50])
        text = f"{who} {'is' if len(pods) == 1 else 'are'} not ready" + (f": {why}" if why else "")
        proofs = (Proof(pods[0].at("/status"), clip(why or text)),)
        yield Symptom(Kind.STATUS, owner, text, len(pods), proofs=proofs, things=things)


def _starting(mesh: Mesh, pod: KubeObject) -> bool:
    return bool(mesh.now and pod.created and mesh.now - pod.created < YOUNG)


def _why(pod: KubeObject) -> str:
    for one in statuses(pod):
        reason = as_text(one.waiting.get("reason"))
        if reason and reason not in ("PodInitializing", "ContainerCreating"):
            return f"container {one.container} waits: {reason} {clip(as_text(one.waiting.get('message')), 160)}".strip()
    for condition in pod.conditions():
        if condition.get("status") == "False" and condition.get("type") in ("PodScheduled", "Ready"):
            return ": ".join(filter(None, (as_text(condition.get(key)) for key in ("reason", "message"))))[:200]
    return as_text(pod.status.get("reason"))


def _behind(mesh: Mesh) -> Iterator[Symptom]:
    for resource in BEHIND:
        for item in mesh.kube.list(resource):
            generation, seen = item.metadata.get("generation"), item.status.get("observedGeneration")
            if isinstance(generation, int) and isinstance(seen, int) and 0 < seen < generation:
                text = f"{item} was changed (generation {generation}), and its controller has seen generation {seen}"
                yield Symptom(
                    Kind.STATUS,
                    ref(item),
                    text,
                    proofs=(Proof(item.at("/status/observedGeneration"), str(seen)),),
                    grave=False,
                )


def _deleting(mesh: Mesh) -> Iterator[Symptom]:
    from bugbundle.bundle.manifest import parse_time

    for resource in (res.NAMESPACE, res.POD, res.K8S_GATEWAY, res.SERVICE):
        for item in mesh.kube.list(resource):
            since = parse_time(item.metadata.get("deletionTimestamp"))
            if since and mesh.now and mesh.now - since > DELETED:
                text = f"{item} has been being deleted since {since:%Y-%m-%d %H:%M}"
                yield Symptom(
                    Kind.STATUS,
                    ref(item),
                    text,
                    first=since,
                    proofs=(Proof(item.at("/metadata/deletionTimestamp"), text),),
                    state=State.NOW,
                    grave=False,
                )


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0
