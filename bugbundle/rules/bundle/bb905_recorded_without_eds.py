"""Dumps without endpoints."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Pointer, Proxy
from bugbundle.mesh.config.envoys import names
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.xds import Xds


@rule(
    "BB905",
    per=Mesh,
    level=Level.INFO,
    reads={Source.ENVOY_CONFIG_DUMP},
    diagnosis=False,
    message="the config dumps of {count} were recorded without endpoints (EDS)",
)
def recorded_without_eds(mesh: Mesh) -> Iterator[Evidence]:
    """Config dumps with dynamic clusters and without the section of endpoints: asked for without `include_eds`.

    ## Why it matters
    Endpoints in Envoy cannot be compared with istiod's, and clusters without endpoints are not found.

    ## What to do
    Record with `bugbundle collect`, or ask Envoy for `/config_dump?include_eds`.
    """
    found = [proxy for proxy in mesh.proxies if names(proxy) and _lacks(proxy)]
    if found:
        yield Evidence(
            origin=ref(found[0]) if len(found) == 1 else Ref("Bundle", "", "proxies"),
            values={"count": found[0].id if len(found) == 1 else f"{len(found)} proxies ({found[0].id}, …)"},
            proofs=tuple(Proof(Pointer(one.entry("config_dump.json")), "no endpoints") for one in found[:3]),
        )


def _lacks(proxy: Proxy) -> bool:
    dump = proxy.dump
    return dump is not None and not dump.has(Xds.EDS) and dump.has(Xds.CDS, "dynamic_active")
