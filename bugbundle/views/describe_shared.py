"""What the blocks of `describe` share: how objects are named, the lines said so far, the pod's Envoy."""

from __future__ import annotations

from dataclasses import dataclass, field

from bugbundle.codec import decode
from bugbundle.errors import BugbundleError
from bugbundle.mesh import Mesh
from bugbundle.mesh.kube import KubeObject, as_dict, as_text, dicts
from bugbundle.mesh.pointer import Pointer
from bugbundle.views.describe_envoy import EnvoyConfig
from bugbundle.views.names import phase_of

RULE = "--------------------"
PROXY = "istio-proxy"


@dataclass(slots=True)
class Described:
    """Text for stdout; `problem` is what ended it early, empty where nothing did; `warnings` are for stderr."""

    parts: list[str] = field(default_factory=list)
    problem: str = ""
    warnings: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.parts)


class Stop(Exception):
    """The description cannot go on; its text says why."""


@dataclass(slots=True)
class Describer:
    """What all blocks share: `namespace` is the one whose objects are named without it."""

    mesh: Mesh
    namespace: str = "default"
    system: str = "istio-system"
    ignore_unmeshed: bool = False
    out: Described = field(default_factory=Described)

    def name(self, item: KubeObject) -> str:
        """`name`, or `name.namespace` for another namespace."""
        return item.name if item.namespace == self.namespace else f"{item.name}.{item.namespace}"

    def say(self, *lines: str) -> None:
        """Add lines."""
        self.out.parts.extend(f"{line}\n" for line in lines)

    def get(self, resource: str, kind: str, key: tuple[str, str]) -> KubeObject:
        """An object that Envoy's configuration names.

        Where the API server lacks it, a warning, and the empty object that istioctl goes on with.
        """
        found = self.mesh.kube.get(resource, *key)
        if found is None:
            warning = f"Proxy is stale; it references to non-existent {kind} {key[1]}.{key[0]}"
            if warning not in self.out.warnings:
                self.out.warnings.append(warning)
        return found or KubeObject({}, Pointer(""))


def revision_of(pod: KubeObject) -> str:
    """Its revision by annotation: `istio.io/rev`, else what the injector noted; empty without either."""
    if "istio.io/rev" in pod.annotations:
        return pod.annotations["istio.io/rev"]
    try:
        status = decode(pod.annotations.get("sidecar.istio.io/status", "").encode(), "annotation")
    except BugbundleError:
        return ""
    return as_text(as_dict(status).get("revision"))


def is_meshed(pod: KubeObject) -> bool:
    """Whether it has a container or init container `istio-proxy`."""
    every = [*dicts(pod.spec.get("containers")), *dicts(pod.spec.get("initContainers"))]
    return any(container.get("name") == PROXY for container in every)


def config_of(mesh: Mesh, pod: KubeObject) -> EnvoyConfig | None:
    """The pod's Envoy as recorded; None where it is a ztunnel. Raises `Stop` where there is none."""
    path = f"proxies/{pod.namespace}/{pod.name}/config_dump.json"
    if f"ztunnel/{pod.namespace}/{pod.name}/config_dump.json" in mesh.bundle:
        return None
    dump = mesh.dump(path)
    phase = phase_of(pod)
    if dump is None and phase:
        raise Stop(f"pod is not running. Status={phase}")
    if dump is None:
        gap = mesh.bundle.gaps.get(path)
        raise Stop(gap.text if gap else f"{pod.name}.{pod.namespace} has no Envoy in this bundle")
    if dump.problem:
        raise Stop(f"can't parse the config_dump of {pod.name}: {dump.problem}")
    return EnvoyConfig(dump)
