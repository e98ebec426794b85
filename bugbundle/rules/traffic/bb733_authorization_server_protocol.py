"""An external authorization server that cannot be asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.hosts import hosts
from bugbundle.mesh.config.meshconfig import mesh_config, mesh_config_map, root_namespace
from bugbundle.mesh.config.ports import protocol
from bugbundle.mesh.config.webhook_trust import ready_endpoints
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.ref import Proof, Ref, name_of, ref
from bugbundle.mesh.selectors import workload_selector
from bugbundle.mesh.signals.access import Fault
from bugbundle.mesh.signals.failures import failures, proof, times
from bugbundle.mesh.workloads.index import index, pod_id
from bugbundle.rules.model import Confidence, Evidence, Level, Op, Patch, rule
from bugbundle.symptoms.model import State
from bugbundle.symptoms.requests import symptom_of

KINDS = ("envoyExtAuthzGrpc", "envoyExtAuthzHttp")
H2 = frozenset({"grpc", "grpc-web", "http2"})


@rule(
    "BB733",
    per=Mesh,
    level=Level.ERROR,
    reads={res.AUTHORIZATION_POLICY, res.CONFIG_MAP, res.SERVICE, Source.LOG},
    optional={res.POD, res.SERVICE_ENTRY, res.ENDPOINT_SLICE},
    explains={"BB750"},
    message=(
        "the proxies cannot ask the external authorization server {service} of provider {provider}: {problem};"
        " {count} requests refused (UAEX, ext_authz_error) by AuthorizationPolicy {policy}"
    ),
)
def authorization_server_protocol(mesh: Mesh) -> Iterator[Evidence]:
    """Requests fail with `ext_authz_error`: the proxy could not ask the external authorization server.

    The provider of the CUSTOM policy is held against its Service: a gRPC provider is asked in HTTP/2 only if the
    Service's port says so by its name or `appProtocol`; an HTTP provider at a gRPC port, a port that the Service does
    not have, and a Service without ready endpoints fail alike.

    ## Why it matters
    Every request that the policy is for is refused with 403, whatever the server would have said; its log shows
    nothing.

    ## What to do
    Name the port of the server's Service `grpc` (or `http2`), or set `appProtocol: grpc`, where the provider is
    `envoyExtAuthzGrpc`; else correct service and port of the provider in `meshConfig.extensionProviders`.
    """
    settings = mesh_config_map(mesh)
    if settings is None:
        return
    known = {as_text(one.get("name")): one for one in dicts(mesh_config(mesh).get("extensionProviders"))}
    for policy in mesh.kube.list(res.AUTHORIZATION_POLICY):
        provider = known.get(as_text(as_dict(policy.spec.get("provider")).get("name")))
        failed = _failed(mesh, policy) if policy.spec.get("action") == "CUSTOM" and provider else []
        if failed and provider:
            yield from _evidence(mesh, settings, policy, provider, failed)


def _failed(mesh: Mesh, policy: KubeObject) -> list[Fault]:
    """The requests that could not be asked about, at the pods of the policy."""
    space = "" if policy.namespace == root_namespace(mesh) else policy.namespace
    ids = {pod_id(pod) for pod in index(mesh).select(workload_selector(policy.spec) or {}, space)}
    found = failures(mesh).flagged(("UAEX",))
    return [
        one
        for one in found
        if one.details == "ext_authz_error"
        and (one.proxy.id in ids or not ids)
        and symptom_of(mesh, one).state is State.NOW
    ]


def _evidence(
    mesh: Mesh, settings: KubeObject, policy: KubeObject, provider: dict[str, Any], failed: list[Fault]
) -> Iterator[Evidence]:
    kind = next((one for one in KINDS if one in provider), "")
    wanted = as_dict(provider.get(kind))
    space, slash, host = as_text(wanted.get("service")).rpartition("/")
    found = hosts(mesh).find(host, space if slash else policy.namespace)
    service = found.source if found else None
    if service is None:
        return
    number = wanted.get("port")
    place, port = _port(service, number)
    problem = _problem(mesh, kind, service, port, number)
    yield Evidence(
        ref(service) if service else ref(settings),
        {
            "service": name_of(service) if service else host,
            "provider": as_text(provider.get("name")),
            "problem": problem or "the server did not answer, or the connection failed",
            "count": times(failed),
            "policy": name_of(policy),
        },
        objects=(
            ref(policy),
            ref(settings),
            *dict.fromkeys(ref(one.proxy) for one in failed),
            *(_callers(mesh, failed)),
        ),
        proofs=(
            *(
                (Proof(service.at(place), f"port {number}, name {as_text(port.get('name'))!r}"),)
                if service and port
                else ()
            ),
            Proof(settings.at("/data/mesh"), f"{as_text(provider.get('name'))}: {kind}, port {number}"),
            *(proof(one) for one in failed[-2:]),
        ),
        affects=tuple(dict.fromkeys(one.proxy.id for one in failed)),
        confidence=Confidence.CERTAIN if problem else Confidence.LIKELY,
        at=failed[-1].at,
        patch=_patch(kind, service, place, port),
    )


def _patch(kind: str, service: KubeObject | None, place: str, port: dict[str, Any] | None) -> Patch | None:
    """`appProtocol: grpc` for the port of a gRPC provider's Service."""
    if service is None or service.kind != "Service" or port is None or kind != KINDS[0] or protocol(port) in H2:
        return None
    return Patch(ref(service), res.SERVICE, (Op("add", f"{place}/appProtocol", "grpc"),))


def _callers(mesh: Mesh, failed: list[Fault]) -> tuple[Ref, ...]:
    pods = [one.proxy.pod for one in failed if one.proxy.pod is not None]
    return tuple(dict.fromkeys(ref(one) for pod in pods for one in index(mesh).services_of(pod)))


def _port(service: KubeObject | None, number: object) -> tuple[str, dict[str, Any] | None]:
    for place, port in enumerate(dicts(service.spec.get("ports")) if service else []):
        if number in (port.get("port"), port.get("number")):
            return f"/spec/ports/{place}", port
    return "", None


def _problem(mesh: Mesh, kind: str, service: KubeObject | None, port: dict[str, Any] | None, number: object) -> str:
    if service is None:
        return "the mesh does not know that host"
    if port is None:
        return f"it has no port {number}"
    told = protocol(port)
    named = f"its port {number} is named {as_text(port.get('name'))!r}"
    if kind == KINDS[0] and told not in H2:
        return f"the provider speaks gRPC, and {named}, so Envoy sends HTTP/1.1 instead of HTTP/2"
    if kind == KINDS[1] and told in ("grpc", "tcp", "tls", "https"):
        return f"the provider speaks HTTP/1.1, and {named} ({told})"
    if service.kind == "Service" and ready_endpoints(mesh, service.namespace, service.name) is False:
        return "it has no ready endpoint"
    return ""
