"""Requests that fail in Envoy, by what they were sent to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from bugbundle.istio import Source
from bugbundle.mesh import Mesh
from bugbundle.mesh.config.envoys import shaping, uses
from bugbundle.mesh.config.gateway_exposure import has_route, named_for
from bugbundle.mesh.config.hosts import hosts, service_of
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.signals.access import Fault, faults
from bugbundle.mesh.signals.failures import called
from bugbundle.mesh.signals.flags import flag_of, meaning
from bugbundle.mesh.workloads.index import index
from bugbundle.mesh.workloads.owners import ClusterName, config_ref
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.symptoms.model import State
from bugbundle.symptoms.requests import symptom_of

QUIET = frozenset({"DC", "FI", "DI", "RL", "RBAC", "JWT"})
"""What is often wanted, or not the mesh's doing: told as Info."""

FEWEST = 5
SHARE = 0.01


@dataclass(slots=True)
class Group:
    """The same failure towards the same destination, over all proxies."""

    faults: list[Fault] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Requests."""
        return sum(fault.count for fault in self.faults)

    @property
    def share(self) -> float:
        """Of the requests to the place, where it is largest."""
        return max((fault.count / fault.total for fault in self.faults if fault.total), default=0.0)


@rule(
    "BB750",
    per=Mesh,
    level=Level.WARNING,
    reads={Source.LOG},
    optional={Source.ENVOY_CONFIG_DUMP, "services", "pods", "configmaps"},
    restates=True,
    message="{count} requests to {target} failed {side} with {flag} ({meaning}){code}{reason}{when}",
)
def response_flags(mesh: Mesh) -> Iterator[Evidence]:
    """The access logs tell of requests that Envoy itself failed: at least five, or 1 % of those to one place.

    Failures within the last hour after which nothing succeeded are told as they are; older ones, those that later
    requests to the same place did not have, and what is noise (a few malformed requests among many good ones), as
    Info. The side is told first:
    at the client (cluster `outbound|…`) or at the server (`inbound|…`).

    ## Why it matters
    It is what users see: the flag says which step failed. The cause is usually in another finding.

    ## What to do
    NR: route or filter chain; NC: subset or port; UH: endpoints; UF with a TLS reason: certificates or mTLS modes; UC:
    the server or its TLS; UO: circuit breaker limits; DC: the client's own time-out.
    """
    groups: dict[tuple[str, str, bool, bool], Group] = {}
    for fault in faults(mesh):
        if fault.blocked:
            continue
        recent = symptom_of(mesh, fault).state is not State.PAST
        key = (flag_of(fault), target_of(mesh, fault), fault.inbound, recent)
        groups.setdefault(key, Group()).faults.append(fault)
    for (flag, target, inbound, recent), group in groups.items():
        if group.count >= FEWEST or (group.share >= SHARE and group.count > 1 and recent):
            yield _evidence(mesh, flag, target, inbound, recent, group)


def target_of(mesh: Mesh, fault: Fault) -> str:
    """`Service ns/name`, the cluster, the host that was asked for, or the proxy itself."""
    if fault.inbound:
        return f"{fault.proxy.id}"
    parts = ClusterName(fault.cluster)
    service = called(mesh, fault)
    if service is not None or parts.service:
        return str(ref(service) if service else parts.service)
    return f"{parts.host}:{parts.port}" if parts.host else fault.cluster or fault.authority or fault.sni or fault.local


def _evidence(mesh: Mesh, flag: str, target: str, inbound: bool, recent: bool, group: Group) -> Evidence:
    last = max(group.faults, key=lambda fault: (fault.at.timestamp() if fault.at else 0.0, fault.count))
    proxies = list(dict.fromkeys(fault.proxy for fault in group.faults))
    codes = sorted({fault.code for fault in group.faults} - {"0", "-", ""})
    hurts = any(symptom_of(mesh, fault).state is State.NOW for fault in group.faults)
    objects = list(dict.fromkeys(one for fault in group.faults for one in _objects(mesh, fault)))
    return Evidence(
        origin=objects[0] if objects else ref(proxies[0]),
        values={
            "count": group.count,
            "target": target,
            "side": "at the server's proxy" if inbound else f"at {_some([one.id for one in proxies])}",
            "flag": flag,
            "meaning": meaning(last),
            "code": f", HTTP {', '.join(codes)}" if codes else "",
            "reason": f": {last.reason or last.details}"[:120] if (last.reason or last.details).strip("-") else "",
            "when": "" if recent else "; it was over at the capture",
        },
        objects=(*objects, *(ref(one) for one in proxies[:20])),
        proofs=(Proof(last.pointer, last.text),),
        affects=tuple(one.id for one in proxies) if recent else (),
        level=Level.WARNING if hurts and flag not in QUIET and not _nobodys(mesh, flag, last) else Level.INFO,
        confidence=Confidence.LIKELY if recent else Confidence.POSSIBLE,
        at=last.at,
    )


def _some(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{len(items)} proxies"


def _objects(mesh: Mesh, fault: Fault) -> Iterator[Ref]:
    """The Service that was called, and the Istio objects that route to it."""
    if fault.inbound:
        pod = fault.proxy.pod
        yield from (ref(item) for item in index(mesh).services_of(pod)) if pod else ()
        return
    service = called(mesh, fault)
    host = ClusterName(fault.cluster).host
    target = hosts(mesh).find(host, fault.proxy.namespace) if host else None
    if service is not None or ClusterName(fault.cluster).service:
        yield ref(service) if service else Ref("Service", *(service_of(host, "") or ("", "")))
    elif target:
        yield ref(target.source)
    if fault.proxy.kind == "gateway" and not host:
        name = fault.authority.partition(":")[0] or fault.sni
        yield from (ref(one) for one in named_for(mesh, name))
    for resource in shaping(fault.proxy) if fault.cluster else ():
        for sent in uses(resource).targets.get(fault.cluster, ()):
            made = config_ref(sent.config)
            if made and "~" not in made.name:
                yield made


def _nobodys(mesh: Mesh, flag: str, fault: Fault) -> bool:
    """Whether a gateway was asked for what nobody offers: a host that no object names, a path that no route has."""
    if flag != "NR" or fault.proxy.kind != "gateway" or fault.inbound:
        return False
    name = fault.authority.partition(":")[0] or fault.sni
    return has_route(fault.proxy, name) or not named_for(mesh, name)
