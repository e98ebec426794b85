"""A listener that Envoy took and does not serve."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Pointer, Proxy
from bugbundle.mesh.facts import ListenerFacts
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.workloads.owners import config_ref
from bugbundle.mesh.workloads.pod_age import seconds
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.xds import Xds

NEAR_SECONDS = 30.0


@rule(
    "BB305",
    per=Proxy,
    level=Level.WARNING,
    reads={Source.ENVOY_CONFIG_DUMP, Source.ENVOY_LISTENERS},
    explains={"BB750"},
    message="{proxy} has listener {name} in its configuration and does not serve it",
)
def listener_not_bound(proxy: Proxy) -> Iterator[Evidence]:
    """The config dump has an active listener that Envoy's `listeners` page does not list.

    ## Why it matters
    Connections to that port are refused, or fall to another listener.

    ## What to do
    Look at the proxy's log for `cannot bind` (a port below 1024, a port that is taken).
    """
    dump = proxy.dump
    bundle = proxy.mesh.bundle
    apart = seconds(bundle.at(proxy.entry("listeners.json")), bundle.at(proxy.entry("config_dump.json")))
    page = as_dict(proxy.json("listeners.json")).get("listener_statuses")
    if dump is None or not page or (apart is not None and abs(apart) > NEAR_SECONDS):
        return
    bound = {as_text(status.get("name")) for status in dicts(page)}
    for resource in dump.resources(Xds.LDS, "dynamic_active"):
        if resource.name in bound or not resource.has_body:
            continue
        facts = resource.facts()
        made = config_ref(facts.config) if isinstance(facts, ListenerFacts) else None
        yield Evidence(
            origin=ref(proxy),
            values={"proxy": proxy.id, "name": resource.name},
            objects=(made,) if made else (),
            proofs=(
                Proof(resource.pointer, f"listener {resource.name} is active"),
                Proof(Pointer(proxy.entry("listeners.json")), f"{len(bound)} listeners, not {resource.name}"),
            ),
            affects=(proxy.id,),
            confidence=Confidence.LIKELY,
        )
