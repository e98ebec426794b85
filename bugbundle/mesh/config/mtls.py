"""The mTLS mode that a workload demands: PeerAuthentications put together as istioctl describe does.

Mesh-wide (root namespace, no selector), then namespace, then workload; the oldest of a level wins; UNSET inherits;
port modes only come from the workload's policy.
"""

from __future__ import annotations

from dataclasses import dataclass

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.meshconfig import root_namespace
from bugbundle.mesh.kube import as_dict, as_text
from bugbundle.mesh.selectors import contains, workload_selector

INHERIT = ("", "UNSET")


@dataclass(frozen=True, slots=True)
class Demand:
    """What a workload demands, and the policy that says so (None: Istio's default, PERMISSIVE)."""

    mode: str
    policy: KubeObject | None
    ports: dict[int, str]
    workload_policy: KubeObject | None

    def at(self, port: int) -> tuple[str, KubeObject | None]:
        """(mode, policy) for one port of the workload."""
        mode = self.ports.get(port, "")
        return (self.mode, self.policy) if mode in INHERIT else (mode, self.workload_policy)


class Demands:
    """The PeerAuthentications of a mesh, ready to be asked."""

    def __init__(self, mesh: Mesh) -> None:
        self._root = root_namespace(mesh)
        self._whole: dict[str, list[KubeObject]] = {}
        self._selected: dict[str, list[KubeObject]] = {}
        for policy in sorted(mesh.kube.list(res.PEER_AUTHENTICATION), key=_age):
            wanted = workload_selector(policy.spec)
            group = self._selected if wanted else self._whole
            group.setdefault(policy.namespace, []).append(policy)

    def of(self, pod: KubeObject) -> Demand:
        """What a pod demands."""
        mode, source = "PERMISSIVE", None
        for namespace in dict.fromkeys((self._root, pod.namespace)):
            for policy in self._whole.get(namespace, [])[:1]:
                if _mode(policy) not in INHERIT:
                    mode, source = _mode(policy), policy
        mine = None if pod.namespace == self._root else self._workload(pod)
        ports: dict[int, str] = {}
        if mine is not None:
            if _mode(mine) not in INHERIT:
                mode, source = _mode(mine), mine
            for port, setting in as_dict(mine.spec.get("portLevelMtls")).items():
                if str(port).isdigit():
                    ports[int(port)] = as_text(as_dict(setting).get("mode"))
        return Demand(mode, source, ports, mine)

    def _workload(self, pod: KubeObject) -> KubeObject | None:
        for policy in self._selected.get(pod.namespace, ()):
            if contains(pod.labels, workload_selector(policy.spec) or {}):
                return policy
        return None


def _mode(policy: KubeObject) -> str:
    return as_text(as_dict(policy.spec.get("mtls")).get("mode"))


def _age(policy: KubeObject) -> tuple[str, str, str]:
    return (as_text(policy.metadata.get("creationTimestamp")), policy.namespace, policy.name)
