"""Envoy holds a resource back."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.bundle.manifest import parse_time
from bugbundle.istio import Source
from bugbundle.mesh import Proxy, Resource
from bugbundle.mesh.facts import ClusterFacts, ListenerFacts
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.owners import ClusterName, config_ref
from bugbundle.mesh.workloads.pod_age import recorded, seconds, span
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.xds import Xds

STUCK_SECONDS = 60.0


@rule(
    "BB206",
    per=Proxy,
    level=Level.WARNING,
    reads={Source.ENVOY_CONFIG_DUMP},
    explains={"BB306", "BB305", "BB750"},
    message="{proxy} has held {kind} {name} back for {age}: it waits for {waits}",
)
def warming(proxy: Proxy) -> Iterator[Evidence]:
    """A cluster or listener has been warming for more than a minute.

    Envoy does not use a cluster before its endpoints and secrets have arrived, nor a listener before its routes,
    secrets and extensions have.

    ## Why it matters
    An old version stays in use, or, for a new one, connections are refused. A proxy that starts is not ready before
    its first resources are warm.

    ## What to do
    Find what it waits for: the secret (BB406), the extension (a Wasm image that cannot be fetched), the routes or the
    endpoints that istiod has not sent.
    """
    if proxy.dump is None:
        return
    for kind in (Xds.CDS, Xds.LDS):
        for resource in proxy.dump.resources(kind, "dynamic_warming"):
            age = seconds(recorded(proxy), parse_time(resource.last_updated))
            if age is not None and age <= STUCK_SECONDS:
                continue
            waits, objects = _waits(proxy, resource)
            yield Evidence(
                origin=ref(proxy),
                values={
                    "proxy": proxy.id,
                    "kind": kind.name,
                    "name": resource.name,
                    "age": span(age) if age is not None else "an unknown time",
                    "waits": waits,
                },
                objects=objects,
                proofs=(Proof(resource.pointer, "warming"),),
                affects=(proxy.id,),
                confidence=Confidence.CERTAIN if age is not None else Confidence.POSSIBLE,
            )


def _waits(proxy: Proxy, resource: Resource) -> tuple[str, tuple[Ref, ...]]:
    """(what it likely waits for, the objects behind it)."""
    facts = resource.facts()
    secrets: list[str] = []
    routes: list[str] = []
    config = ""
    if isinstance(facts, ClusterFacts):
        secrets, config = list(facts.secrets), facts.config
    elif isinstance(facts, ListenerFacts):
        secrets = [name for chain in facts.chains for name in chain.secrets]
        routes = [name for chain in facts.chains for name in chain.rds]
        config = facts.config
    dump = proxy.dump
    have = {one.name for one in dump.resources(Xds.SDS, "dynamic_active")} if dump else set()
    known = {one.name for one in dump.resources(Xds.RDS)} if dump else set()
    missing = [f"secret {name}" for name in dict.fromkeys(secrets) if name not in have]
    missing += [f"route {name}" for name in dict.fromkeys(routes) if name not in known]
    service = ClusterName(resource.name).service
    found = (config_ref(config), service)
    return ", ".join(missing[:3]) or "an answer from istiod", tuple(one for one in found if one)
