"""IST0126: a network of the mesh takes its endpoints from a registry that istiod does not have."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.meshconfig import mesh_config_map, mesh_networks
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.ref import ref
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level

REGISTRIES = frozenset({"Mock", "Kubernetes", "External"})
"""What istiod has without any remote cluster."""

MULTI_CLUSTER = "istio/multiCluster"


@analyzer(
    "IST0126",
    "meshnetworks.MeshNetworksAnalyzer",
    level=Level.ERROR,
    reads={res.CONFIG_MAP, res.SECRET},
    message="Unknown service registry {registry} in network {network}",
)
def unknown_network_registry(mesh: Mesh) -> Iterator[Hit]:
    """The settings of a network name a cluster that istiod does not know.

    ## Why it matters
    The endpoints of that cluster belong to no network: requests go to their addresses directly, which nobody can
    reach from another network.

    ## What to do
    Correct `fromRegistry` in the key `meshNetworks` of the ConfigMap `istio`, or give istiod the Secret of that cluster
    (`istioctl create-remote-secret`).
    """
    found = mesh_config_map(mesh)
    if found is None:
        return
    known = {key for one in mesh.kube.list(res.SECRET) if _remote(one) for key in as_dict(one.raw.get("data"))}
    origin = KubeObject({"kind": "MeshNetworks", "metadata": _NAME}, found.at("/data/meshNetworks"))
    for network, settings in sorted(as_dict(mesh_networks(mesh).get("networks")).items()):
        for endpoint in dicts(as_dict(settings).get("endpoints")):
            registry = as_text(endpoint.get("fromRegistry") or endpoint.get("from_registry"))
            if registry and registry not in REGISTRIES | known:
                values = {"registry": registry, "network": network}
                yield Hit(origin, values, "", f"{network}: fromRegistry: {registry}", (ref(found),))


_NAME = {"namespace": "istio-system", "name": "meshnetworks"}
"""What istioctl calls the settings of all networks."""


def _remote(secret: KubeObject) -> bool:
    return secret.labels.get(MULTI_CLUSTER) == "true"
