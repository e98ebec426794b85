"""BB516: ztunnel's policy admits clients, and not the waypoint through which they come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from fnmatch import fnmatchcase

from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.meshconfig import root_namespace
from bugbundle.mesh.config.policies import target_refs
from bugbundle.mesh.config.waypoints import serves, service_bindings, waypoint, waypoint_pods
from bugbundle.mesh.config.ztunnels import destination, lines, source
from bugbundle.mesh.kube import as_dict, as_list, as_text, dicts
from bugbundle.mesh.ref import Proof, Ref, name_of, ref
from bugbundle.mesh.selectors import contains, workload_selector
from bugbundle.mesh.signals.logs import Line
from bugbundle.mesh.workloads.index import captured, index, pod_id
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.words import some


@rule(
    "BB516",
    per=Mesh,
    level=Level.WARNING,
    reads={res.AUTHORIZATION_POLICY, res.NAMESPACE, res.SERVICE, res.K8S_GATEWAY, res.POD},
    optional={res.SERVICE_ENTRY, res.GATEWAY_CLASS, res.CONFIG_MAP, Source.LOG},
    message=(
        "AuthorizationPolicy {policy} admits {clients} to {pods}, and not waypoint {waypoint} ({identity}) "
        "through which they come{seen}"
    ),
    explains={"BB555", "BB556", "BB727", "BB750"},
)
def policy_locks_out_waypoint(mesh: Mesh) -> Iterator[Evidence]:
    """ztunnel's policy admits clients, and not the waypoint through which they come.

    ## Why it matters
    Behind a waypoint ztunnel sees the waypoint's identity: the policy refuses all that comes that way.

    ## What to do
    Bind the rules for clients to the waypoint (`targetRefs` with the Service), and let ztunnel's policy admit the
    waypoint's principal.
    """
    groups: dict[tuple[Ref, Ref], list[KubeObject]] = defaultdict(list)
    shown: dict[Ref, KubeObject] = {}
    for found in service_bindings(mesh):
        gateway = waypoint(mesh, found.waypoint)
        if gateway is None or serves(mesh, gateway) not in ("service", "all"):
            continue
        for pod in index(mesh).pods_of(found.target):
            policies = allowing(mesh, pod) if captured(pod) else []
            if policies and not any(admits(policy, identity(mesh, gateway)) for policy in policies):
                shown.update({ref(policies[0]): policies[0], ref(gateway): gateway})
                groups[ref(policies[0]), ref(gateway)].append(pod)
    for (policy, gateway_ref), pods in groups.items():
        refused = list(refusals(mesh, {ref(pod) for pod in pods}, shown[gateway_ref]))
        yield Evidence(
            policy,
            {
                "policy": name_of(shown[policy]),
                "clients": "some clients" if dicts(shown[policy].spec.get("rules")) else "nobody",
                "pods": some(len(pods), "pod"),
                "waypoint": name_of(shown[gateway_ref]),
                "identity": identity(mesh, shown[gateway_ref])[0],
                "seen": f": {len(refused)} connections of it refused within the last 10 minutes" if refused else "",
            },
            objects=(
                gateway_ref,
                *(ref(pod) for pod in pods[:20]),
                *dict.fromkeys(ref(service) for pod in pods for service in index(mesh).services_of(pod)),
            ),
            proofs=(
                Proof(shown[policy].at("/spec/rules"), "no source that fits the waypoint"),
                *(line.proof for line in refused[-1:]),
            ),
            affects=tuple(pod_id(pod) for pod in pods),
            level=Level.ERROR if refused else Level.WARNING,
            confidence=Confidence.CERTAIN if refused else Confidence.LIKELY,
        )


def allowing(mesh: Mesh, pod: KubeObject) -> list[KubeObject]:
    """The ALLOW policies that ztunnel applies to a pod."""
    return [
        policy
        for policy in mesh.kube.list(res.AUTHORIZATION_POLICY)
        if policy.namespace in (pod.namespace, root_namespace(mesh))
        and as_text(policy.spec.get("action")) in ("", "ALLOW")
        and not any(True for _ in target_refs(policy))
        and contains(pod.labels, workload_selector(policy.spec) or {})
    ]


def identity(mesh: Mesh, gateway: KubeObject) -> tuple[str, str]:
    """(`ns/…/sa/…`, namespace) of a waypoint: the ServiceAccount has the Gateway's name unless its pods say else."""
    pod = next(iter(waypoint_pods(mesh, gateway)), None)
    account = as_text(pod.spec.get("serviceAccountName")) if pod else ""
    return f"ns/{gateway.namespace}/sa/{account or gateway.name}", gateway.namespace


def admits(policy: KubeObject, who: tuple[str, str]) -> bool:
    """Whether a rule of a policy lets the waypoint in, ports aside."""
    for item in dicts(policy.spec.get("rules")):
        sources = [as_dict(entry.get("source")) for entry in dicts(item.get("from"))]
        if not sources or any(_fits(one, *who) for one in sources):
            return True
    return False


def _fits(one: dict[str, object], name: str, namespace: str) -> bool:
    wanted = {
        "principals": f"cluster.local/{name}",
        "namespaces": namespace,
        "serviceAccounts": f"{namespace}/{name.rpartition('/')[2]}",
    }
    for field, value in wanted.items():
        patterns = [as_text(item) for item in as_list(one.get(field))]
        if patterns and not any(_like(value, pattern) for pattern in patterns):
            return False
    return True


def _like(value: str, pattern: str) -> bool:
    """`*` at the start or the end; the trust domain may be any."""
    tail = pattern.partition("/")[2] if "/ns/" in pattern else ""
    return fnmatchcase(value, pattern) or (bool(tail) and fnmatchcase(value.partition("/")[2], tail))


def refusals(mesh: Mesh, pods: set[Ref], gateway: KubeObject) -> Iterator[Line]:
    """The lines of ztunnels that refused the waypoint at these pods."""
    own = {ref(pod) for pod in waypoint_pods(mesh, gateway)}
    for ztunnel in mesh.ztunnels:
        for line in lines(ztunnel, "policy"):
            if own & set(source(line)) and pods & set(destination(line)):
                yield line
