"""One bundle looked at for a comparison: all that is held against the other, small enough to keep many and to pickle.

Findings, sync and xDS come from one analysis of the bundle; its bodies are not kept.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bugbundle.analysis import Analysis, analyze
from bugbundle.bundle import Bundle
from bugbundle.compare.counters import Counters, counters_of
from bugbundle.compare.listing import Listing, listing
from bugbundle.compare.logs import Logs, logs_of
from bugbundle.compare.model import Side
from bugbundle.diagnosis import Diagnosis
from bugbundle.mesh import Mesh, Proxy
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.ref import Ref
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules import Finding, NotEvaluated
from bugbundle.sync import ProxySync
from bugbundle.xds import Xds

SECTIONS = frozenset({"static", "dynamic_active", "flat"})
"""What Envoy runs; what warms or drains is on its way."""

LEFT_OUT = frozenset({Xds.BOOTSTRAP, Xds.SDS})
"""Types whose resources differ from proxy to proxy; certificates are held against each other by their serials."""


@dataclass
class ProxyLook:
    """One proxy: whose it is, which version, what istiod says of it, the numbers of its resources in the table."""

    workload: Ref
    kind: str
    revision: str
    version: str
    connected: bool | None
    verdicts: dict[str, str]
    rows: array[int]
    recorded: bool
    roots: frozenset[str]
    drifts: int = 0


@dataclass
class Look:
    """A bundle as a comparison sees it."""

    side: Side
    listings: dict[str, Listing]
    served: dict[str, frozenset[str]]
    owners: dict[tuple[str, str], Ref]
    proxies: dict[str, ProxyLook]
    ztunnels: dict[str, Ref]
    table: list[tuple[str, str, bytes]]
    spans: list[tuple[str, int, int]]
    addresses: frozenset[str]
    findings: list[Finding]
    diagnoses: list[Diagnosis]
    not_evaluated: list[NotEvaluated]
    versions: dict[str, str]
    counters: Counters
    logs: Logs
    entries: frozenset[str]
    gaps: dict[str, str]
    options: dict[str, Any] = field(default_factory=dict)
    has_manifest: bool = True
    _lost: dict[int, list[str]] = field(default_factory=dict)

    def lost_to(self, other: Look) -> list[str]:
        """The pages and logs that this side has, of pods that the other has too but not these of."""
        known = self._lost.get(id(other))
        if known is None:
            pods = set(other.owners) if "pods" in other.listings else None
            known = [path for path in self.entries - other.entries if _of_pod(path, pods)]
            self._lost[id(other)] = known
        return known


def _of_pod(path: str, pods: set[tuple[str, str]] | None) -> bool:
    parts = path.split("/")
    if parts[0] not in ("proxies", "istiod", "ztunnel", "logs") or len(parts) < 4:
        return False
    return pods is None or (parts[1], parts[2]) in pods


def unserved(look: Look, resource: str) -> bool:
    """Whether that side's cluster says that it has no such resource."""
    plural, _, group = resource.partition(".")
    if group in look.served:
        return plural not in look.served[group]
    return bool(group) and "*" in look.served and group not in look.served["*"]


def look(bundle: Bundle) -> Look:
    """Everything that a comparison needs of a bundle; runs all rules over it."""
    return look_at(analyze(bundle))


def look_at(analysis: Analysis) -> Look:
    """As `look`, of a bundle that was analysed already."""
    mesh, bundle = analysis.mesh, analysis.bundle
    owners = {key: workload(mesh, pod) for key, pod in mesh.pods.items()}
    table = _Table(mesh)
    sync = {one.proxy: one for one in analysis.sync}
    proxies = {proxy.id: _proxy(proxy, owners, sync.get(proxy.id), table) for proxy in mesh.proxies}
    return Look(
        side=_side(bundle, mesh),
        listings={resource: listing(bundle, mesh.kube, resource) for resource in mesh.kube.resources()},
        served=_served(bundle, mesh),
        owners=owners,
        proxies=proxies,
        ztunnels={
            one.id: owners.get((one.namespace, one.name), Ref("Pod", one.namespace, one.name)) for one in mesh.ztunnels
        },
        table=table.rows,
        spans=table.spans,
        addresses=frozenset(_addresses(mesh)),
        findings=analysis.findings,
        diagnoses=list(analysis.diagnoses),
        not_evaluated=analysis.not_evaluated,
        versions=_versions(mesh, owners, proxies),
        counters=counters_of(mesh, owners),
        logs=logs_of(mesh, owners),
        entries=frozenset(bundle),
        gaps={path: gap.reason or "no answer" for path, gap in bundle.gaps.items()},
        options=dict(bundle.header.options),
        has_manifest=bundle.manifest is not None,
    )


def _side(bundle: Bundle, mesh: Mesh) -> Side:
    system = mesh.kube.get("namespaces", "", "kube-system")
    uid = as_text(system.metadata.get("uid")) if system else ""
    return Side(bundle.origin, bundle.started, bundle.header.tool, uid, tuple(bundle.notes))


def _served(bundle: Bundle, mesh: Mesh) -> dict[str, frozenset[str]]:
    """API group → its resources, of the groups whose discovery was recorded; `*` holds the groups' names."""
    from bugbundle.codec import decode
    from bugbundle.errors import BugbundleError

    found: dict[str, set[str]] = {}
    for path in bundle.paths("k8s/", ".json"):
        parts = path.removesuffix(".json").split("/")
        try:
            if parts == ["k8s", "apis"]:
                groups = dicts(as_dict(decode(bundle[path], path)).get("groups"))
                found["*"] = {as_text(group.get("name")) for group in groups}
            elif parts[1:] == ["api", "v1"] or (len(parts) == 4 and parts[1] == "apis"):
                group = parts[2] if parts[1] == "apis" else ""
                rows = dicts(as_dict(decode(bundle[path], path)).get("resources"))
                found.setdefault(group, set()).update(as_text(row.get("name")) for row in rows)
        except BugbundleError:
            continue
    return {group: frozenset(names) for group, names in found.items()}


class _Table:
    """(type, name, meaning) of every resource that some proxy runs, by number; where its body stands first."""

    def __init__(self, mesh: Mesh) -> None:
        self._index = mesh.index
        self.rows: list[tuple[str, str, bytes]] = []
        self.spans: list[tuple[str, int, int]] = []
        self._numbers: dict[tuple[str, str, bytes], int] = {}
        self._of_body: dict[int, int] = {}

    def of(self, proxy: Proxy) -> array[int]:
        """The resources that a proxy runs."""
        if proxy.dump is None or proxy.dump.problem:
            return array("I")
        rows = self._index.rows(proxy.dump.entry)
        wanted = {
            number
            for number in set(rows.classes)
            if self._index.classes[number].section in SECTIONS and self._index.classes[number].kind not in LEFT_OUT
        }
        bodies = {body for made, body in zip(rows.classes, rows.bodies, strict=True) if made in wanted}
        return array("I", sorted({self._number(body) for body in bodies if body < len(self._index.bodies)}))

    def _number(self, body: int) -> int:
        known = self._of_body.get(body)
        if known is None:
            made = self._index.bodies[body]
            key = (str(made.kind), made.name, made.meaning)
            known = self._numbers.setdefault(key, len(self.rows))
            if known == len(self.rows):
                self.rows.append(key)
                self.spans.append((made.entry, made.offset, made.length))
            self._of_body[body] = known
        return known


def _addresses(mesh: Mesh) -> Iterator[str]:
    """The addresses of all pods."""
    for pod in mesh.pods.values():
        for row in dicts(pod.status.get("podIPs")):
            yield as_text(row.get("ip"))
        yield as_text(pod.status.get("podIP"))


def _proxy(proxy: Proxy, owners: dict[tuple[str, str], Ref], sync: ProxySync | None, table: _Table) -> ProxyLook:
    own = Ref("Pod", proxy.namespace, proxy.name)
    labels = proxy.pod.labels if proxy.pod else {}
    meta = proxy.metadata
    return ProxyLook(
        workload=owners.get((proxy.namespace, proxy.name)) or _by_name(proxy) or own,
        kind=proxy.kind,
        revision=labels.get("istio.io/rev", ""),
        version=as_text(meta.get("ISTIO_VERSION")),
        connected=sync.connected if sync else None,
        verdicts={kind.value: one.verdict.value for kind, one in sync.types.items()} if sync else {},
        rows=table.of(proxy),
        recorded=proxy.dump is not None and not proxy.dump.problem,
        roots=_roots(proxy),
        drifts=len(sync.drifts) if sync else 0,
    )


def _by_name(proxy: Proxy) -> Ref | None:
    """The workload that the node's metadata name, where the pod was not recorded."""
    name = as_text(proxy.metadata.get("WORKLOAD_NAME"))
    owner = as_text(proxy.metadata.get("OWNER")).rpartition("/")[0].rpartition("/")[2]
    kind = {"deployments": "Deployment", "statefulsets": "StatefulSet", "daemonsets": "DaemonSet", "jobs": "Job"}.get(
        owner
    )
    return Ref(kind, proxy.namespace, name) if kind and name else None


def _roots(proxy: Proxy) -> frozenset[str]:
    """The serials of the CA certificates that the proxy trusts, as `certs` prints them."""
    rows = dicts(as_dict(proxy.json("certs.json")).get("certificates"))
    return frozenset(as_text(ca.get("serial_number")) for row in rows for ca in dicts(row.get("ca_cert")))


def _versions(mesh: Mesh, owners: dict[tuple[str, str], Ref], proxies: dict[str, ProxyLook]) -> dict[str, str]:
    """What runs in which version: Kubernetes, each istiod, the proxies of each workload."""
    found: dict[str, str] = {}
    try:
        from bugbundle.codec import decode

        found["Kubernetes"] = as_text(as_dict(decode(mesh.bundle["k8s/version.json"])).get("gitVersion"))
    except Exception:
        found.pop("Kubernetes", None)
    for istiod in mesh.istiods:
        owner = owners.get((istiod.namespace, istiod.name), Ref("Pod", istiod.namespace, istiod.name))
        said = istiod.text("version.txt").strip().partition("-")[0]
        if said:
            found[str(owner)] = said
    for proxy in proxies.values():
        if proxy.version:
            found[f"the proxies of {proxy.workload}"] = proxy.version
    return {key: value for key, value in found.items() if value}
