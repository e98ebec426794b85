"""Names of things, and what was seen of them: `Ref` an object, `Proof` a place and what stands there."""

from __future__ import annotations

from typing import NamedTuple

from bugbundle.mesh.kube import KubeObject
from bugbundle.mesh.parts import Istiod, Proxy, Ztunnel
from bugbundle.mesh.pointer import Pointer


class Ref(NamedTuple):
    """A Kubernetes object by kind, namespace and name."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """`Kind ns/name`, as istioctl writes an origin."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def ref(thing: KubeObject | Proxy | Istiod | Ztunnel) -> Ref:
    """The reference of an object, or of the pod that a proxy, istiod or ztunnel is."""
    if isinstance(thing, KubeObject):
        return Ref(thing.kind, thing.namespace, thing.name)
    return Ref("Pod", thing.namespace, thing.name)


class Proof(NamedTuple):
    """One thing seen: where, and what stands there (never a secret, at most a line or two)."""

    pointer: Pointer
    text: str


def name_of(item: KubeObject) -> str:
    """`ns/name`, or the name alone of what belongs to no namespace."""
    return f"{item.namespace}/{item.name}" if item.namespace else item.name
