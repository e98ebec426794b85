"""BB723: an AuthorizationPolicy asks an external provider that is not there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.hosts import hosts
from bugbundle.mesh.config.meshconfig import mesh_config, mesh_config_map, root_namespace
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.ref import Proof, Ref, name_of, ref
from bugbundle.mesh.selectors import workload_selector
from bugbundle.mesh.signals.failures import failures, proof, times
from bugbundle.mesh.workloads.index import index, pod_id
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import some

PROVIDERS = ("envoyExtAuthzHttp", "envoyExtAuthzGrpc")


@rule(
    "BB723",
    per=Mesh,
    level=Level.ERROR,
    reads={res.AUTHORIZATION_POLICY, res.CONFIG_MAP},
    optional={res.SERVICE, res.SERVICE_ENTRY, res.POD, Source.LOG},
    explains={"BB750"},
    message="AuthorizationPolicy {policy} asks the provider {provider}, {problem}{seen}",
)
def authorization_provider_missing(mesh: Mesh) -> Iterator[Evidence]:
    """A policy with action CUSTOM names a provider that MeshConfig lacks, or whose Service does not exist.

    ## Why it matters
    The proxies cannot ask and refuse every request that the policy is for: 403 (response flag UAEX).

    ## What to do
    Define the provider in `meshConfig.extensionProviders`, or correct its name in the policy, or its `service` (full
    name, or `namespace/name`) there.
    """
    settings = mesh_config_map(mesh)
    if settings is None:
        return
    known = {as_text(one.get("name")): one for one in dicts(mesh_config(mesh).get("extensionProviders"))}
    for policy in mesh.kube.list(res.AUTHORIZATION_POLICY):
        if policy.spec.get("action") != "CUSTOM":
            continue
        name = as_text(as_dict(policy.spec.get("provider")).get("name"))
        problem = _problem(mesh, known.get(name), policy)
        if not problem:
            continue
        space = "" if policy.namespace == root_namespace(mesh) else policy.namespace
        pods = index(mesh).select(workload_selector(policy.spec) or {}, space)
        ids = {pod_id(pod) for pod in pods}
        refused = [one for one in failures(mesh).flagged(("UAEX",)) if one.proxy.id in ids]
        yield Evidence(
            ref(policy),
            {
                "policy": name_of(policy),
                "provider": name,
                "problem": problem,
                "seen": f"; {some(times(refused), 'request')} refused" if refused else "",
            },
            objects=(ref(settings), *dict.fromkeys(Ref("Pod", f.proxy.namespace, f.proxy.name) for f in refused)),
            proofs=(Proof(policy.at("/spec/provider"), f"provider: {name}"), *(proof(one) for one in refused[-2:])),
            affects=tuple(sorted(ids)),
        )


def _problem(mesh: Mesh, provider: dict[str, Any] | None, policy: KubeObject) -> str:
    if provider is None:
        return "which meshConfig.extensionProviders does not define"
    service = next((as_text(as_dict(provider.get(kind)).get("service")) for kind in PROVIDERS if kind in provider), "")
    space, slash, host = service.rpartition("/")
    listed = mesh.kube.recorded(res.SERVICE) and mesh.kube.recorded(res.SERVICE_ENTRY)
    if not host or not listed or hosts(mesh).find(host, space if slash else policy.namespace):
        return ""
    return f"whose service {service} the mesh does not know"
