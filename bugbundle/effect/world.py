"""Which namespaces istiod discovers, which objects it knows, which revisions there are.

Sources: pkg/kube/namespace/filter.go (an object of a namespace that no discoverySelector fits does not exist for
istiod; without selectors every namespace counts, and no namespace is exempt), pkg/config/model.go `ObjectInRevision`
(an object with label istio.io/rev belongs to that revision alone; from 1.24 tags count too), debug/configz.
"""

from __future__ import annotations

import functools

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.meshconfig import mesh_config, mesh_config_map, mesh_configs, root_namespace
from bugbundle.mesh.config.revisions import tags
from bugbundle.mesh.kube import as_dict, as_list, as_text, dicts
from bugbundle.mesh.once import once
from bugbundle.mesh.selectors import matches
from bugbundle.mesh.workloads.index import index


class World:
    """What one mesh's control planes see."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self.config = mesh_config(mesh)
        self.config_map = mesh_config_map(mesh)
        self.root = root_namespace(mesh)
        configs = mesh_configs(mesh)
        chosen = [dicts(config.get("discoverySelectors")) for _, config in configs]
        self.selectors = [one for rows in chosen for one in rows] if chosen and all(chosen) else []
        if self.selectors:
            self.config_map, self.config = configs[0]

    def discovered(self, namespace: str) -> bool | None:
        """Whether istiod sees a namespace; None where the namespace, or the mesh's settings, were not recorded."""
        if not namespace or not self.selectors:
            return True if self.config_map is not None else None
        space = index(self.mesh).namespaces.get(namespace)
        if space is None:
            return None
        return any(matches(one, space.labels, absent=True) for one in self.selectors)

    @functools.cached_property
    def revisions(self) -> frozenset[str]:
        """The revisions of the running istiods, and the tags that lead to them; empty where no istiod was recorded."""
        own = {istiod.revision for istiod in self.mesh.istiods}
        return frozenset(own | {tag for tag, revision in tags(self.mesh).items() if revision in own})

    def served(self, item: KubeObject) -> bool | None:
        """Whether a control plane takes the object, by its label; None where no istiod was recorded."""
        wanted = item.labels.get("istio.io/rev", "")
        if not wanted or not self.revisions:
            return True if self.revisions else None
        return wanted in self.revisions

    @functools.cached_property
    def _known(self) -> frozenset[tuple[str, str, str]] | None:
        pages = [page for one in self.mesh.istiods if (page := as_list(one.json("debug/configz.json")))]
        if not pages or len(pages) < len(self.mesh.istiods):
            return None
        return frozenset(_key(as_dict(row)) for page in pages for row in page)

    def knows(self, item: KubeObject) -> bool | None:
        """Whether an istiod holds the object (debug/configz); None where not every one told."""
        if self._known is None:
            return None
        return (item.kind, item.namespace, item.name) in self._known


def _key(row: dict[str, object]) -> tuple[str, str, str]:
    meta = as_dict(row.get("metadata"))
    return (as_text(row.get("kind")), as_text(meta.get("namespace")), as_text(meta.get("name")))


@once
def world(mesh: Mesh) -> World:
    """The one world of a mesh."""
    return World(mesh)


READS = {res.CONFIG_MAP, res.NAMESPACE, res.POD, res.MUTATING}
"""The lists that the questions here look at."""
