"""`remote-clusters`: the clusters that each istiod watches. Source: istioctl/pkg/proxyconfig's clusterz of 1.29."""

from __future__ import annotations

from bugbundle.mesh import Mesh
from bugbundle.mesh.kube import as_text, dicts
from bugbundle.views.proxy_status import istiods
from bugbundle.views.table import Table


def table(mesh: Mesh, revision: str = "") -> Table:
    """NAME SECRET STATUS ISTIOD."""
    rows = tuple(
        (as_text(row.get("id")), as_text(row.get("secretName")), as_text(row.get("syncStatus")), istiod.name)
        for istiod in istiods(mesh, revision)
        for row in dicts(istiod.json("debug/clusterz.json"))
    )
    return Table(("NAME", "SECRET", "STATUS", "ISTIOD"), rows, padding=5)
