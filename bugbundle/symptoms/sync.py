"""Proxies that rejected what istiod sent, or did not acknowledge it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from bugbundle.mesh import Mesh
from bugbundle.mesh.pointer import Pointer
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.owners import workload
from bugbundle.symptoms.model import Kind, Symptom
from bugbundle.words import clip, some

SLOW = timedelta(seconds=30)
"""A proxy that has not answered for so long is behind."""


def sync(mesh: Mesh) -> Iterator[Symptom]:
    """A symptom per workload, type and trouble."""
    groups: dict[tuple[Ref, str, str], list[tuple[Ref, Proof]]] = {}
    for istiod in mesh.istiods:
        for proxy_id in istiod.syncz:
            for url, state in istiod.states(proxy_id).items():
                late = state.sent_time is None or mesh.now is None or mesh.now - state.sent_time > SLOW
                if state.status == "ERROR" or (state.status == "STALE" and late and state.sent_time):
                    pod = _pod(mesh, proxy_id)
                    owner = _owner(mesh, pod)
                    what = f"{url.rpartition('.')[2]} {state.status}"
                    proof = Proof(Pointer(istiod.entry("debug/syncz.json")), clip(state.last_error or what))
                    groups.setdefault((owner, what, state.last_error), []).append((pod, proof))
    for (owner, what, error), found in groups.items():
        text = f"{some(len(found), 'proxy').replace('proxys', 'proxies')} of {owner}: {what}"
        things = tuple(pod for pod, _ in found[:50])
        yield Symptom(
            Kind.SYNC, owner, text + (f": {clip(error, 240)}" if error else ""), len(found), None,
            proofs=(found[0][1],), things=things,
        )  # fmt: skip


def _owner(mesh: Mesh, pod: Ref) -> Ref:
    found = mesh.pods.get((pod.namespace, pod.name))
    return workload(mesh, found) if found else pod


def _pod(mesh: Mesh, proxy_id: str) -> Ref:
    proxy = mesh.proxy(proxy_id)
    if proxy is not None:
        return ref(proxy)
    name, _, namespace = proxy_id.rpartition(".")
    return Ref("Pod", namespace, name)
