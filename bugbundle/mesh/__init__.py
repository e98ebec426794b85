"""The mesh: what a bundle says, lazily, every value with a pointer to where it came from.

Knows bundles, xDS and the Kubernetes objects around a mesh. Must not know rules, views or any output, and never
touches a network.
"""

from bugbundle.mesh.kube import Kube, KubeObject
from bugbundle.mesh.model import Mesh
from bugbundle.mesh.parts import Istiod, Proxy, SyncState, Ztunnel
from bugbundle.mesh.pointer import Pointer
from bugbundle.mesh.resources import Dump, Resource

__all__ = [
    "Dump",
    "Istiod",
    "Kube",
    "KubeObject",
    "Mesh",
    "Pointer",
    "Proxy",
    "Resource",
    "SyncState",
    "Ztunnel",
]
