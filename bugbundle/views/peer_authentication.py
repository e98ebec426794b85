"""The PeerAuthentications of a workload, composed as istiod does.

Source: pilot/pkg/security/authn/policy_applier.go, ComposePeerAuthentication; printed by istioctl describe.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bugbundle.mesh import Mesh
from bugbundle.mesh.kube import KubeObject, as_dict, as_text, texts
from bugbundle.mesh.selectors import contains

RESOURCE = "peerauthentications.security.istio.io"


@dataclass(slots=True)
class Effective:
    """The mode of the workload, of single ports, and the policies that match it, mesh's first."""

    mode: str = "PERMISSIVE"
    ports: dict[int, str] = field(default_factory=dict)
    applied: list[KubeObject] = field(default_factory=list)


def effective(mesh: Mesh, namespace: str, labels: dict[str, str], root: str) -> Effective:
    """What the PeerAuthentications of the root namespace and the workload's own make of it."""
    every = mesh.kube.list(RESOURCE)
    of_root = [policy for policy in every if policy.namespace == root]
    of_own = [policy for policy in every if policy.namespace == namespace]
    out = Effective(applied=[p for p in [*of_root, *of_own] if contains(labels, selector(p))])
    mesh_wide = _oldest([p for p in out.applied if p.namespace == root and not selector(p)])
    of_namespace = _oldest([p for p in out.applied if p.namespace != root and not selector(p)])
    of_workload = _oldest([p for p in out.applied if p.namespace != root and selector(p)])
    for policy in (mesh_wide, of_namespace, of_workload):
        mode = _mode(as_dict(policy.spec.get("mtls"))) if policy else "UNSET"
        if mode != "UNSET":
            out.mode = mode
    if of_workload:
        for port, settings in as_dict(of_workload.spec.get("portLevelMtls")).items():
            mode = _mode(as_dict(settings))
            if port.isdigit():
                out.ports[int(port)] = out.mode if mode == "UNSET" else mode
    return out


def selector(policy: KubeObject) -> dict[str, str]:
    """The labels that a policy selects by."""
    return texts(as_dict(policy.spec.get("selector")).get("matchLabels"))


def _mode(settings: dict[str, object]) -> str:
    return as_text(settings.get("mode")) or "UNSET"


def _oldest(policies: list[KubeObject]) -> KubeObject | None:
    return min(policies, key=lambda p: as_text(p.metadata.get("creationTimestamp")), default=None)


def lines(found: Effective) -> list[str]:
    """The block as `describe pod` prints it."""
    out = ["Effective PeerAuthentication:", f"   Workload mTLS mode: {found.mode}"]
    if found.ports:
        out.append("   Port Level mTLS mode:")
        out.extend(f"      {port}: {mode}" for port, mode in sorted(found.ports.items()))
    if found.applied:
        out.append("Applied PeerAuthentication:")
        out.append("   " + ", ".join(f"{policy.name}.{policy.namespace}" for policy in found.applied))
    return out
