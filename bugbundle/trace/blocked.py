"""NetworkPolicies between two pods: whether they let a port through, by Kubernetes' own rules.

A pod that no policy of a direction selects takes everything. Connections of ambient go to the destination's port 15008.
"""

from __future__ import annotations

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.network_policies import Policies, address_allowed, peers, pod_allowed, port_allowed, rules
from bugbundle.mesh.kube import as_dict, dicts
from bugbundle.mesh.once import once
from bugbundle.mesh.workloads.index import index
from bugbundle.trace.model import Resource
from bugbundle.trace.places import addresses_of


@once
def _policies(mesh: Mesh) -> Policies:
    return Policies(mesh)


def restricts(mesh: Mesh) -> bool:
    """Whether there is any NetworkPolicy."""
    return bool(mesh.kube.list(res.NETWORK_POLICY))


def blocked(
    mesh: Mesh, source: KubeObject | None, source_ip: str, goal: KubeObject | None, goal_ip: str, port: int
) -> tuple[KubeObject, str] | None:
    """(a policy that selects the pod and lets this connection not through, in words); None where nothing blocks it."""
    if source is not None and not source.spec.get("hostNetwork"):
        found = _policies(mesh).of(source, "Egress")
        if found and not any(
            _fits(mesh, p, r, "Egress", goal, goal_ip, port, goal) for p, _, r in rules(found, "Egress")
        ):
            return found[0], f"no egress rule lets {source.name} open {goal_ip}:{port}"
    if goal is not None:
        found = _policies(mesh).of(goal, "Ingress")
        if found and not any(
            _fits(mesh, p, r, "Ingress", source, source_ip, port, goal) for p, _, r in rules(found, "Ingress")
        ):
            return found[
                0
            ], f"no ingress rule lets {source.name if source else source_ip or 'it'} reach port {port} of {goal.name}"
    return None


def _fits(
    mesh: Mesh, policy: KubeObject, rule: dict[str, object], direction: str, other: KubeObject | None, address: str,
    port: int, goal: KubeObject | None,
) -> bool:  # fmt: skip
    if not port_allowed(rule, port, _port_name(goal, port)):
        return False
    listed = peers(rule, direction)
    if not listed:
        return True
    known = index(mesh)
    if other is not None and any(pod_allowed(one, policy, other, known) for one in listed):
        return True
    here = address or (addresses_of(other)[:1] or ("",))[0] if other is not None else address
    key = "from" if direction == "Ingress" else "to"
    blocks = [one for one in listed if "ipBlock" in one]
    return bool(blocks) and address_allowed({"from": blocks} if key else {}, here)


def _port_name(pod: KubeObject | None, port: int) -> str:
    for container in dicts(pod.spec.get("containers")) if pod else ():
        for one in dicts(container.get("ports")):
            if one.get("containerPort") == port:
                return str(as_dict(one).get("name") or "")
    return ""


def named(policy: KubeObject) -> Resource:
    """As a step names it."""
    return Resource("NetworkPolicy", f"{policy.namespace}/{policy.name}", str(policy.pointer))
