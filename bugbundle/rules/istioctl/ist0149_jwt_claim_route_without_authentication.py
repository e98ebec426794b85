"""IST0149: a VirtualService routes by JWT claims that no RequestAuthentication of the gateway validates."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.config.hosts import texts_of
from bugbundle.mesh.kube import as_dict, dicts, texts
from bugbundle.mesh.ref import Ref, ref
from bugbundle.mesh.selectors import contains, workload_selector
from bugbundle.mesh.workloads.index import index
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0149",
    "virtualservice.JWTClaimRouteAnalyzer",
    level=Level.ERROR,
    reads={res.VIRTUAL_SERVICE, res.GATEWAY, res.POD, res.REQUEST_AUTHENTICATION},
    message=(
        "The virtual service uses the JWT claim based routing (key: {key}) but found no request "
        "authentication for the gateway ({gateway}) pod ({pod}). The request authentication must "
        "first be applied for the gateway pods to validate the JWT token and make the claims "
        "available for routing."
    ),
    diagnosis=True,
)
def jwt_claim_route_without_authentication(mesh: Mesh) -> Iterator[Hit]:
    """A VirtualService routes by JWT claims that no RequestAuthentication of the gateway validates.

    ## Why it matters
    Without validated tokens there are no claims: the route never matches.

    ## What to do
    Add a RequestAuthentication that selects the gateway's pods.
    """
    for service in analysed(mesh, res.VIRTUAL_SERVICE):
        key = claim_key(service)
        for name in texts_of(service.spec.get("gateways")) if key else ():
            space, _, local = name.rpartition("/")
            gateway = mesh.kube.get(res.GATEWAY, space or service.namespace, local)
            for pod in index(mesh).select(texts(gateway.spec.get("selector"))) if gateway else ():
                if not authenticated(mesh, pod):
                    values = {
                        "key": key,
                        "gateway": f"{space or service.namespace}/{local}",
                        "pod": pod.name,
                    }
                    yield Hit(
                        service,
                        values,
                        "/spec/http",
                        f"header {key}",
                        (Ref("Gateway", space, local), ref(pod)),
                    )


def claim_key(service: KubeObject) -> str:
    """The first header of the form `@request.auth.claims…` that a rule matches."""
    for rule in dicts(service.spec.get("http")):
        for match in dicts(rule.get("match")):
            for field in ("headers", "withoutHeaders"):
                for name in as_dict(match.get(field)):
                    if name.lower().startswith(("@request.auth.claims.", "@request.auth.claims[")):
                        return str(name)
    return ""


def authenticated(mesh: Mesh, pod: KubeObject) -> bool:
    """Whether a RequestAuthentication applies to a gateway's pod."""
    for policy in mesh.kube.list(res.REQUEST_AUTHENTICATION):
        near = policy.namespace in (pod.namespace, "istio-system")
        if near and contains(pod.labels, workload_selector(policy.spec) or {}):
            return True
    return False
