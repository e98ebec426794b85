"""TLS of the client inside TLS of its proxy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.envoys import shaper_of
from bugbundle.mesh.config.hosts import hosts
from bugbundle.mesh.kube import as_dict, dicts
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.signals.access import Fault
from bugbundle.mesh.signals.failures import failures, proof, times
from bugbundle.mesh.workloads.owners import ClusterName
from bugbundle.rules.model import Confidence, Evidence, Level, Op, Patch, rule
from bugbundle.symptoms.model import State
from bugbundle.symptoms.requests import symptom_of
from bugbundle.xds.kinds import Xds

FEWEST = 3


@rule(
    "BB737",
    per=Mesh,
    level=Level.ERROR,
    reads={Source.LOG, Source.ENVOY_CONFIG_DUMP},
    optional={res.SERVICE, res.SERVICE_ENTRY, res.DESTINATION_RULE, res.CONFIG_MAP, res.POD, res.REPLICA_SET},
    explains={"BB750"},
    message=(
        "{rule} makes the proxies originate TLS to {host}:{port}, and the clients already speak TLS there (SNI {sni}):"
        " TLS inside TLS, {count} connections failed"
    ),
)
def tls_over_tls(mesh: Mesh) -> Iterator[Evidence]:
    """Clients open TLS themselves, and a DestinationRule makes their proxy wrap it in TLS once more.

    ## Why it matters
    The server finds a TLS hello where it expects a request, and closes: no connection to that host works.

    ## What to do
    Let one side do it: remove `trafficPolicy.tls` for that port from the DestinationRule; or have the clients speak
    plain HTTP to a port that the ServiceEntry declares as HTTP, with `targetPort: 443`, and keep the rule.
    """
    groups: dict[tuple[Ref, str], list[Fault]] = defaultdict(list)
    for cluster, found in failures(mesh).towards(("UC", "UF", "URX")):
        for fault in found:
            maker = shaper_of(fault.proxy, cluster)
            wrapped = fault.sni and fault.code in ("0", "", "-") and maker is not None and originates(mesh, maker)
            if wrapped and maker is not None and symptom_of(mesh, fault).state is State.NOW:
                groups[maker, cluster].append(fault)
    for (maker, cluster), found in groups.items():
        parts = ClusterName(cluster)
        target = hosts(mesh).find(parts.host, found[0].proxy.namespace)
        if times(found) >= FEWEST:
            resource = found[0].proxy.dump.named(Xds.CDS)[cluster] if found[0].proxy.dump else None
            yield Evidence(
                maker,
                {
                    "rule": str(maker),
                    "host": parts.host,
                    "port": parts.port,
                    "sni": found[-1].sni,
                    "count": times(found),
                },
                objects=(*((ref(target.source),) if target else ()), *dict.fromkeys(ref(one.proxy) for one in found)),
                proofs=(
                    *((Proof(resource.pointer, f"{cluster}: TLS"),) if resource else ()),
                    *(proof(one) for one in found[-2:]),
                ),
                affects=tuple(dict.fromkeys(one.proxy.id for one in found)),
                confidence=Confidence.LIKELY,
                at=found[-1].at,
                patch=_patch(mesh, maker),
            )


def _patch(mesh: Mesh, maker: Ref) -> Patch | None:
    """The rule without TLS of its own, where it sets it for all ports."""
    item = mesh.kube.get(res.DESTINATION_RULE, maker.namespace, maker.name)
    whole = item is not None and "tls" in as_dict(item.spec.get("trafficPolicy"))
    return Patch(maker, res.DESTINATION_RULE, (Op("remove", "/spec/trafficPolicy/tls"),)) if whole else None


def originates(mesh: Mesh, maker: Ref) -> bool:
    """Whether a DestinationRule makes the proxies originate TLS of their own (SIMPLE, MUTUAL)."""
    item = mesh.kube.get(res.DESTINATION_RULE, maker.namespace, maker.name)
    policy = as_dict(item.spec.get("trafficPolicy")) if item else {}
    settings = [policy, *dicts(policy.get("portLevelSettings"))]
    subsets = [as_dict(one.get("trafficPolicy")) for one in dicts(item.spec.get("subsets"))] if item else []
    return any(as_dict(one.get("tls")).get("mode") in ("SIMPLE", "MUTUAL") for one in (*settings, *subsets))
