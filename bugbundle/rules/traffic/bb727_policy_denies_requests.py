"""BB727: an AuthorizationPolicy denies every request that a workload gets."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh, Proxy
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.hosts import texts_of
from bugbundle.mesh.config.meshconfig import root_namespace
from bugbundle.mesh.kube import as_dict, dicts
from bugbundle.mesh.ref import Proof, Ref, name_of, ref
from bugbundle.mesh.selectors import contains, workload_selector
from bugbundle.mesh.signals.access import Fault
from bugbundle.mesh.signals.failures import failures, proof, times
from bugbundle.mesh.workloads.index import index
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.words import some

FEWEST, MANY = 5, 10
"""Requests: fewer are passed over; many, or a policy that names nobody who exists, make an Error of it."""

_NAMED = re.compile(r"ns\[([^\]]+)\]-policy\[([^\]]+)\]")
_PRINCIPAL = re.compile(r"[^/*]+/ns/([^/*]+)/sa/([^/*]+)")


@rule(
    "BB727",
    per=Mesh,
    level=Level.WARNING,
    reads={Source.LOG, res.AUTHORIZATION_POLICY},
    optional={res.POD, res.SERVICE, res.CONFIG_MAP, "serviceaccounts"},
    explains={"BB750"},
    message="AuthorizationPolicy {policy} {what}: {requests} to {pods} denied, and none let through{clue}",
)
def policy_denies_requests(mesh: Mesh) -> Iterator[Evidence]:
    """Every request to a workload is denied now: by a DENY policy that Envoy names, or because no ALLOW policy fits.

    Denials beside requests that pass are what policies are for, and are told as Info by BB750. A policy without any
    rule is told by BB713.

    ## Why it matters
    The workload serves nobody: 403, «RBAC: access denied».

    ## What to do
    Compare the policy's `from`, `to` and `when` with who calls: principals are TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT,
    and a caller without mTLS has none; paths and methods are matched as the server sees them.
    """
    groups: dict[tuple[Proxy, str], list[Fault]] = defaultdict(list)
    for fault in failures(mesh).refused():
        if fault.recent and (fault.count >= fault.total or _since(fault)):
            groups[fault.proxy, fault.policy].append(fault)
    told: dict[tuple[Ref, str], list[Fault]] = defaultdict(list)
    shown: dict[Ref, KubeObject] = {}
    for (proxy, text), found in groups.items():
        for policy, what in _policies(mesh, proxy, text):
            told[ref(policy), what].extend(found)
            shown[ref(policy)] = policy
    for (name, what), found in told.items():
        if times(found) >= FEWEST:
            yield _evidence(mesh, shown[name], what, found)


def _since(fault: Fault) -> bool:
    """Whether nothing was let through since the first denial: what passed before was before the policy."""
    return bool(fault.good and fault.first and fault.at and fault.good < fault.first < fault.at)


def _policies(mesh: Mesh, proxy: Proxy, text: str) -> list[tuple[KubeObject, str]]:
    """The policies behind what Envoy logs: the one that matched, else the ALLOW policies of the pod."""
    named = _NAMED.search(text)
    if named:
        found = mesh.kube.get(res.AUTHORIZATION_POLICY, named[1], named[2])
        return [(found, f"({found.spec.get('action', 'ALLOW')}) matches every caller")] if found else []
    pod = proxy.pod
    if pod is None:
        return []
    allowing = [
        item
        for item in mesh.kube.list(res.AUTHORIZATION_POLICY)
        if item.spec.get("action", "ALLOW") == "ALLOW"
        and item.namespace in (pod.namespace, root_namespace(mesh))
        and not dicts(item.spec.get("targetRefs"))
        and contains(pod.labels, workload_selector(item.spec) or {})
    ]
    if not all(dicts(item.spec.get("rules")) for item in allowing):
        return []
    return [(item, "(ALLOW) matches none of the callers") for item in allowing[:1]]


def _evidence(mesh: Mesh, policy: KubeObject, what: str, found: list[Fault]) -> Evidence:
    proxies = list(dict.fromkeys(fault.proxy for fault in found))
    services = [ref(one) for proxy in proxies if proxy.pod for one in index(mesh).services_of(proxy.pod)]
    unknown = list(strangers(mesh, policy))
    return Evidence(
        ref(policy),
        {
            "policy": name_of(policy),
            "what": what,
            "requests": some(times(found), "request"),
            "pods": proxies[0].id if len(proxies) == 1 else f"{len(proxies)} workloads",
            "clue": f"; there is no ServiceAccount {unknown[0]}, which it allows" if unknown else "",
        },
        objects=(*dict.fromkeys(services), *(ref(proxy) for proxy in proxies[:20])),
        proofs=(Proof(policy.at("/spec"), what), *(proof(fault) for fault in found[-2:])),
        affects=tuple(proxy.id for proxy in proxies),
        level=Level.ERROR if unknown or times(found) >= MANY else Level.WARNING,
        confidence=Confidence.CERTAIN if unknown else Confidence.LIKELY,
    )


def strangers(mesh: Mesh, policy: KubeObject) -> Iterator[str]:
    """`namespace/name` of the ServiceAccounts that an ALLOW policy names and that do not exist."""
    if not mesh.kube.recorded("serviceaccounts") or policy.spec.get("action", "ALLOW") != "ALLOW":
        return
    for entry in dicts(policy.spec.get("rules")):
        for source in dicts(entry.get("from")):
            for text in texts_of(as_dict(source.get("source")).get("principals")):
                match = _PRINCIPAL.fullmatch(text)
                covered = match and index(mesh).covers("serviceaccounts", match[1])
                if match and covered and mesh.kube.get("serviceaccounts", match[1], match[2]) is None:
                    yield f"{match[1]}/{match[2]}"
