"""What a recording could hold and this one does not: a gap each, with the command that would have recorded it."""

from __future__ import annotations

from collections.abc import Iterable

from bugbundle.bundle.layout import NOT_HELD
from bugbundle.bundle.model import Gap
from bugbundle.codec import encode
from bugbundle.importers.draft import Draft, Lists
from bugbundle.importers.objects import Object, folder
from bugbundle.istio import Source, source_of

BUILT_IN = (
    ("v1", "pods", "Pod", True), ("v1", "services", "Service", True), ("v1", "namespaces", "Namespace", False),
    ("v1", "nodes", "Node", False), ("v1", "configmaps", "ConfigMap", True), ("v1", "secrets", "Secret", True),
    ("v1", "events", "Event", True), ("v1", "endpoints", "Endpoints", True),
    ("v1", "serviceaccounts", "ServiceAccount", True), ("v1", "resourcequotas", "ResourceQuota", True),
    ("v1", "replicationcontrollers", "ReplicationController", True),
    ("apps/v1", "deployments", "Deployment", True), ("apps/v1", "daemonsets", "DaemonSet", True),
    ("apps/v1", "statefulsets", "StatefulSet", True), ("apps/v1", "replicasets", "ReplicaSet", True),
    ("batch/v1", "jobs", "Job", True), ("batch/v1", "cronjobs", "CronJob", True),
    ("autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", True),
    ("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", True),
    ("networking.k8s.io/v1", "ingresses", "Ingress", True),
    ("discovery.k8s.io/v1", "endpointslices", "EndpointSlice", True),
    ("policy/v1", "poddisruptionbudgets", "PodDisruptionBudget", True),
    ("coordination.k8s.io/v1", "leases", "Lease", True),
    ("admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", False),
    ("admissionregistration.k8s.io/v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", False),
    ("apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition", False),
)  # fmt: skip
"""Lists of Kubernetes itself: apiVersion, plural, kind, whether it has namespaces."""

CUSTOM = (
    ("networking.istio.io/v1", "virtualservices", "VirtualService", True),
    ("networking.istio.io/v1", "destinationrules", "DestinationRule", True),
    ("networking.istio.io/v1", "gateways", "Gateway", True),
    ("networking.istio.io/v1", "serviceentries", "ServiceEntry", True),
    ("networking.istio.io/v1", "sidecars", "Sidecar", True),
    ("networking.istio.io/v1", "workloadentries", "WorkloadEntry", True),
    ("networking.istio.io/v1", "workloadgroups", "WorkloadGroup", True),
    ("networking.istio.io/v1beta1", "proxyconfigs", "ProxyConfig", True),
    ("networking.istio.io/v1alpha3", "envoyfilters", "EnvoyFilter", True),
    ("security.istio.io/v1", "authorizationpolicies", "AuthorizationPolicy", True),
    ("security.istio.io/v1", "peerauthentications", "PeerAuthentication", True),
    ("security.istio.io/v1", "requestauthentications", "RequestAuthentication", True),
    ("telemetry.istio.io/v1", "telemetries", "Telemetry", True),
    ("extensions.istio.io/v1alpha1", "wasmplugins", "WasmPlugin", True),
    ("gateway.networking.k8s.io/v1", "gatewayclasses", "GatewayClass", False),
    ("gateway.networking.k8s.io/v1", "gateways", "Gateway", True),
    ("gateway.networking.k8s.io/v1", "httproutes", "HTTPRoute", True),
    ("gateway.networking.k8s.io/v1", "grpcroutes", "GRPCRoute", True),
    ("gateway.networking.k8s.io/v1alpha2", "tcproutes", "TCPRoute", True),
    ("gateway.networking.k8s.io/v1alpha2", "tlsroutes", "TLSRoute", True),
    ("gateway.networking.k8s.io/v1beta1", "referencegrants", "ReferenceGrant", True),
)  # fmt: skip
"""Lists whose kinds a CustomResourceDefinition makes."""

ALL = BUILT_IN + CUSTOM
CRDS = "customresourcedefinitions"
_EXEC = {
    "proxies": "kubectl exec POD -n NAMESPACE -c istio-proxy -- pilot-agent request {} {}",
    "istiod": "kubectl exec ISTIOD -n NAMESPACE -c discovery -- pilot-discovery request {} {}",
}
_PER_PROXY = (Source.ISTIOD_CONFIG_DUMP, Source.ISTIOD_EDSZ, Source.ISTIOD_NDSZ)
_UNASKED = frozenset({*_PER_PROXY, Source.ISTIOD_DEBUG, Source.ISTIOD_CONTROLZ})


def name(row: tuple[str, str, str, bool]) -> str:
    """`virtualservices.networking.istio.io`."""
    group = row[0].rpartition("/")[0]
    return f"{row[1]}.{group}" if group else row[1]


def command(path: str) -> str:
    """The command that would have recorded an entry, with words in capitals for what varies."""
    source = source_of(path)
    spec = source.value
    method, _, request = spec.request.partition(" ")
    if source is Source.LOG:
        return "kubectl logs POD -n NAMESPACE -c CONTAINER"
    if source is Source.KUBERNETES:
        parts = path.removesuffix(".json").split("/")
        plural = parts[-1]
        group = f".{parts[2]}" if parts[1] == "apis" and len(parts) > 4 else ""
        return f"kubectl get {plural}{group} -A -o yaml"
    if spec.folder == "ztunnel" or spec.port in (9876, 8080):
        return f"kubectl port-forward POD -n NAMESPACE {spec.port}, then {method} http://localhost:{spec.port}{request}"
    return _EXEC[spec.folder].format(method, request.replace("*", "POD.NAMESPACE")) if spec.folder in _EXEC else ""


def gap(path: str, what: str) -> Gap:
    """The gap of an entry that a recording of this kind does not hold."""
    source, how = source_of(path), command(path)
    target = "kubernetes" if source in (Source.KUBERNETES, Source.LOG) else source.value.folder
    record = f"; `bugbundle collect` records it, or `{how}`" if how else ""
    return Gap(path, target, source.value.request, 0, f"this {what}{NOT_HELD}{record}")


def empty(draft: Draft, asked: Iterable[str]) -> None:
    """Lists that were asked for and of which there is no object: there were none."""
    wanted = set(asked)
    present = {(known.api_version.rpartition("/")[0], known.kind) for known in draft.lists.values()}
    for row in ALL:
        if name(row) in wanted and (row[0].rpartition("/")[0], row[2]) not in present:
            draft.nothing(row[0], row[2], row[1])


def defined(draft: Draft) -> set[str] | None:
    """The names of all CustomResourceDefinitions; None where they are not known to be all."""
    path = f"{folder('apiextensions.k8s.io/v1')}/{CRDS}.json"
    known = draft.lists.get(path)
    if known is None or not known.whole:
        return None
    return {name for group in known.groups for name in group.names()}


def discovery(draft: Draft) -> None:
    """Discovery documents, where all CustomResourceDefinitions are known: what the cluster did not serve."""
    try:
        crds = defined(draft)
    except Exception:
        return
    if crds is None:
        return
    versions: dict[str, list[Object]] = {row[0]: [] for row in ALL}
    for row in ALL:
        if row in BUILT_IN or name(row) in crds:
            versions[row[0]].append(
                {
                    "name": row[1],
                    "singularName": row[2].lower(),
                    "namespaced": row[3],
                    "kind": row[2],
                    "verbs": ["get", "list"],
                }
            )
    for version, rows in versions.items():
        body = encode({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": rows})
        draft.made(f"{folder(version)}.json", "", f"GET /{folder(version)[4:]}", lambda body=body: body)  # type: ignore[misc]


def absent(draft: Draft, what: str) -> None:
    """Gaps: pages of the proxies, istiods and ztunnels that are known, lists of Kubernetes."""
    for path in _pages(draft):
        if path not in draft.entries:
            draft.gaps.setdefault(path, gap(path, what))
    present = {(known.api_version.rpartition("/")[0], known.kind) for known in draft.lists.values() if known.groups}
    for row in ALL:
        path = f"{folder(row[0])}/{row[1]}.json"
        if path in draft.entries or path in draft.lists:
            continue
        if (row[0].rpartition("/")[0], row[2]) in present:
            _partial(draft, path, row, what)
        else:
            draft.gaps.setdefault(path, gap(path, what))


def _partial(draft: Draft, path: str, row: tuple[str, str, str, bool], what: str) -> None:
    """A list of which only a part is there: of some namespaces, or some objects."""
    ours: list[tuple[str, Lists]] = [
        (place, known) for place, known in draft.lists.items()
        if known.kind == row[2] and known.api_version.rpartition("/")[0] == row[0].rpartition("/")[0]
    ]  # fmt: skip
    if any("/namespaces/" not in place for place, _ in ours):
        return
    spaces = sorted({place.split("/namespaces/")[1].partition("/")[0] for place, _ in ours})
    shown = f"{', '.join(spaces[:5])}{', …' if len(spaces) > 5 else ''}"
    few = "namespaces" if len(spaces) > 1 else "namespace"
    draft.gaps.setdefault(
        path, Gap(path, "kubernetes", f"GET /{path[4:-5]}", 0, f"this {what} holds those of {few} {shown}")
    )


def _pages(draft: Draft) -> Iterable[str]:
    parts = {tuple(path.split("/", 3)[:3]) for path in draft.entries if path.count("/") >= 3}
    for head, namespace, pod in sorted(parts):
        for source in Source:
            if source.value.folder == head and head in ("proxies", "istiod", "ztunnel") and source not in _UNASKED:
                yield source.entry(namespace, pod)
    proxies = [part for part in sorted(parts) if part[0] == "proxies"]
    for head, namespace, pod in sorted(parts):
        if head == "istiod":
            for source in _PER_PROXY[:2]:
                for _, space, proxy in proxies:
                    yield source.entry(namespace, pod, f"{proxy}.{space}")
