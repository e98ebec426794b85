"""A secret that Envoy asks for and never got."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh, Proxy, Resource
from bugbundle.mesh.columns import Column
from bugbundle.mesh.facts import ClusterFacts, Facts, ListenerFacts
from bugbundle.mesh.kinds import GATEWAY, K8S_GATEWAY, SECRET
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.once import once
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.owners import config_ref
from bugbundle.mesh.workloads.pod_age import SETTLING, running_for
from bugbundle.rules.certificates.identity import secret_ref
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.xds import Xds

FILES = ("file-cert:", "file-root:")
"""SDS names of certificates that lie in the pod (security/pkg/nodeagent, DestinationRule and Gateway with paths)."""

SECTIONS = ("dynamic_active", "dynamic_warming")


@rule(
    "BB406",
    per=Mesh,
    level=Level.ERROR,
    reads={Source.ENVOY_CONFIG_DUMP},
    optional={"pods", "secrets", "gateways.networking.istio.io", "gateways.gateway.networking.k8s.io"},
    explains={"BB206", "BB306", "BB750"},
    message="{who} for {secret} {name} ({user}), which {have} not arrived{why}",
)
def secret_not_delivered(mesh: Mesh) -> Iterator[Evidence]:
    """A listener or cluster names an SDS secret that is not among the proxy's active secrets.

    ## Why it matters
    Envoy holds the listener or cluster back, or refuses its TLS connections, until the secret arrives.

    ## What to do
    Gateway credential: create the Secret (type kubernetes.io/tls, keys tls.crt and tls.key) in the namespace of the
    gateway's pods, or allow it with a ReferenceGrant. Workload certificate: look at the agent's log.
    """
    groups: dict[tuple[str, str], list[tuple[Proxy, Resource]]] = {}
    names: dict[tuple[str, str], list[str]] = {}
    for proxy in mesh.proxies:
        age = running_for(proxy)
        if proxy.dump is None or (age is not None and age < SETTLING):
            continue
        have = proxy.dump.column(Xds.SDS, "dynamic_active").named.keys()
        if not have and not proxy.dump.has(Xds.SDS):
            continue
        for kind in (Xds.LDS, Xds.CDS):
            if _all_asked(proxy.dump.column(kind, *SECTIONS)) <= have:
                continue
            for resource in proxy.dump.resources(kind):
                if resource.section not in SECTIONS or not resource.has_body:
                    continue
                for name in _asked(resource.facts()):
                    if name not in have:
                        key = ("file", _made_by(resource)) if name.startswith(FILES) else ("secret", name)
                        groups.setdefault(key, []).append((proxy, resource))
                        names.setdefault(key, []).append(name)
    for key, members in sorted(groups.items()):
        yield _evidence(mesh, list(dict.fromkeys(names[key])), members)


def _made_by(resource: Resource) -> str:
    """The API path of the Istio object behind a listener or cluster, else its name."""
    return as_text(getattr(resource.facts(), "config", "")) or resource.name


@once
def _all_asked(column: Column) -> frozenset[str]:
    """Every secret that listeners or clusters name."""
    return frozenset(name for one in column.contents for name in _asked(column.facts(one)))


def _asked(facts: Facts) -> tuple[str, ...]:
    if isinstance(facts, ClusterFacts):
        return facts.secrets
    if isinstance(facts, ListenerFacts):
        return tuple(dict.fromkeys(name for chain in facts.chains for name in chain.secrets))
    return ()


def _evidence(mesh: Mesh, missing: list[str], members: list[tuple[Proxy, Resource]]) -> Evidence:
    proxy, resource = members[0]
    name = missing[0]
    files = name.startswith(FILES)
    holders = list(dict.fromkeys(one for one, _ in members))
    secret = secret_ref(name, proxy.namespace)
    facts = resource.facts()
    made = config_ref(facts.config) if isinstance(facts, ClusterFacts | ListenerFacts) else None
    gateways = [ref(item) for item in _gateways(mesh, secret)] if secret else []
    objects = [one for one in (secret, made, *gateways, *(ref(one) for one in holders[:20])) if one]
    absent = secret and mesh.kube.recorded(SECRET) and mesh.kube.get(SECRET, secret.namespace, secret.name) is None
    return Evidence(
        origin=secret or (made if files and made else ref(proxy)),
        values={
            "who": f"{made} makes {_holders(holders)} ask" if files and made else f"{_holders(holders)} asks",
            "secret": "files" if files else "secret",
            "name": " and ".join(one.partition(":")[2] if files else one for one in missing[:3]),
            "user": f"{resource.kind.name} {resource.name}",
            "have": "have" if files else "has",
            "why": f": there is no {secret}" if absent else ": the pod does not have them" if files else "",
        },
        objects=tuple(objects),
        proofs=(Proof(resource.pointer, f"asks for secret {name}"),),
        affects=tuple(one.id for one in holders),
        confidence=Confidence.CERTAIN if absent or (files and made) else Confidence.LIKELY,
    )


def _holders(holders: list[Proxy]) -> str:
    return holders[0].id if len(holders) == 1 else f"each of {len(holders)} proxies"


def _gateways(mesh: Mesh, secret: Ref) -> Iterator[KubeObject]:
    """The Gateways that name a Secret."""
    for item in mesh.kube.list(GATEWAY):
        names = {
            as_text(as_dict(server.get("tls")).get("credentialName")) for server in dicts(item.spec.get("servers"))
        }
        if secret.name in names:
            yield item
    for item in mesh.kube.list(K8S_GATEWAY):
        for listener in dicts(item.spec.get("listeners")):
            for one in dicts(as_dict(listener.get("tls")).get("certificateRefs")):
                space = as_text(one.get("namespace")) or item.namespace
                if (space, as_text(one.get("name"))) == (secret.namespace, secret.name):
                    yield item
