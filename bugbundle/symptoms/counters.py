"""What Envoy counted: rejected configuration, endpoints that never answer, endpoints that are ejected.

Counters tell no time. They speak of now only where nothing succeeded since the proxy started.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Proxy
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.pointer import Pointer
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.signals.metrics import samples
from bugbundle.mesh.workloads.owners import ClusterName, workload
from bugbundle.symptoms.model import Kind, State, Symptom

COUNTED = (
    ("envoy_cluster_manager_cds_update_rejected", "updates of clusters (CDS) rejected"),
    ("envoy_listener_manager_lds_update_rejected", "updates of listeners (LDS) rejected"),
    ("envoy_http_rds_update_rejected", "updates of routes (RDS) rejected"),
)
"""Istio's default statistics have these (pkg/bootstrap/config.go)."""


NOWHERE = Pointer("")


@dataclass(slots=True)
class _Tally:
    failed: int = 0
    total: int = 0
    proxies: list[Proxy] = field(default_factory=list)
    where: Pointer = NOWHERE


def counters(mesh: Mesh) -> Iterator[Symptom]:
    """A symptom per client workload and cluster, and per kind of rejected update."""
    yield from _connects(mesh)
    yield from _rejected(mesh)


def _connects(mesh: Mesh) -> Iterator[Symptom]:
    groups: dict[tuple[Ref, str], _Tally] = {}
    for proxy in mesh.proxies:
        data = proxy.data("clusters.json")
        if data is None or (b'"cx_connect_fail"' not in data):
            continue
        owner = workload(mesh, proxy.pod) if proxy.pod else ref(proxy)
        for number, cluster in enumerate(dicts(as_dict(proxy.json("clusters.json")).get("cluster_statuses"))):
            failed, total = _sum(cluster, "cx_connect_fail"), _sum(cluster, "cx_total")
            if failed:
                tally = groups.setdefault((owner, as_text(cluster.get("name"))), _Tally())
                tally.failed, tally.total = tally.failed + failed, tally.total + total
                tally.proxies.append(proxy)
                tally.where = Pointer(proxy.entry("clusters.json"), f"/cluster_statuses/{number}")
    for (owner, name), tally in groups.items():
        yield _connect(owner, name, tally)


def _connect(owner: Ref, cluster: str, tally: _Tally) -> Symptom:
    text = f"{tally.failed} of {tally.total} connections to {cluster} failed, as Envoy counted"
    service = ClusterName(cluster).service
    never = tally.failed >= tally.total > 0
    return Symptom(
        Kind.COUNTER,
        owner,
        text,
        tally.failed,
        service,
        proofs=(Proof(tally.where, text),),
        things=tuple(ref(proxy) for proxy in tally.proxies[:50]),
        state=State.NOW if never else State.PAST,
        reason="" if never else f"{tally.total - tally.failed} connections succeeded",
        grave=False,
    )


def _sum(cluster: dict[str, object], name: str) -> int:
    stats = (stat for host in dicts(cluster.get("host_statuses")) for stat in dicts(host.get("stats")))
    values = (stat.get("value") for stat in stats if stat.get("name") == name)
    return sum(int(value) for value in values if isinstance(value, (int, str)) and str(value).isdigit())


def _rejected(mesh: Mesh) -> Iterator[Symptom]:
    groups: dict[tuple[Ref, str, str], _Tally] = {}
    for proxy in mesh.proxies:
        text = proxy.text(Source.AGENT_METRICS.value.name)
        for name, words in COUNTED:
            for sample in samples(text, name) if name in text else ():
                if sample.value > 0:
                    owner = workload(mesh, proxy.pod) if proxy.pod else ref(proxy)
                    tally = groups.setdefault((owner, name, words), _Tally())
                    tally.failed += int(sample.value)
                    tally.proxies.append(proxy)
                    tally.where = Pointer(proxy.entry(Source.AGENT_METRICS.value.name), f"line {sample.line}")
    for (owner, name, words), tally in groups.items():
        held = any(_error_state(proxy) for proxy in tally.proxies)
        text = f"{owner}: {tally.failed} {words}, as Envoy counted"
        yield Symptom(
            Kind.COUNTER,
            owner,
            text,
            tally.failed,
            proofs=(Proof(tally.where, name),),
            things=tuple(ref(proxy) for proxy in tally.proxies[:50]),
            state=State.NOW if held else State.PAST,
            reason="" if held else "nothing in the dump carries an error: a later update was accepted",
            grave=False,
        )


def _error_state(proxy: Proxy) -> bool:
    dump = proxy.dump
    return dump is None or any(resource.has_error for resource in dump.resources())
