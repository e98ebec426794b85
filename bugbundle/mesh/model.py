"""The whole mesh of one bundle."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from bugbundle.bundle import Bundle
from bugbundle.bundle.layout import is_dump
from bugbundle.istio import Source, source_of
from bugbundle.mesh.columns import Columns
from bugbundle.mesh.fact_table import FactTable
from bugbundle.mesh.kube import Kube, KubeObject
from bugbundle.mesh.parts import PROXY_CONTAINER, Istiod, Part, Proxy, Ztunnel, containers
from bugbundle.mesh.resources import Dump
from bugbundle.xds.index import XdsIndex

P = TypeVar("P", bound=Part)


class Mesh:
    """What a bundle says about a mesh. Nothing is read before it is asked for."""

    def __init__(self, bundle: Bundle, kube: Kube | None = None, revision: str = "default") -> None:
        self.bundle = bundle
        self.kube = Kube(bundle) if kube is None else kube
        self.kept: dict[Hashable, Any] = {}
        """What `once` keeps."""
        self._alone: dict[str, Proxy | None] = {}
        self.revision = revision
        """The control plane whose Istio objects count where rules are istioctl's."""

    @property
    def now(self) -> datetime | None:
        """The capture's own time: every age is measured against it."""
        return self.bundle.started

    @functools.cached_property
    def index(self) -> XdsIndex:
        """The xDS index: the archive's own, or one that grows as dumps are asked for."""
        return self.bundle.xds_index()

    @functools.cached_property
    def _facts(self) -> FactTable:
        return FactTable(self.index)

    @functools.cached_property
    def _columns(self) -> Columns:
        return Columns(self.index, self._facts)

    def prefetch(self) -> None:
        """Look at every distinct xDS resource now, in the bundle's own order: for whoever will look at all of them."""
        for path in self.bundle:
            if is_dump(path):
                self.index.rows(path)
        self._facts.prefetch()

    def dump(self, entry: str) -> Dump | None:
        """The config dump in an entry; None where it was not recorded."""
        return Dump(self.bundle, self.index, self._facts, self._columns, entry) if entry in self.bundle else None

    @functools.cached_property
    def pods(self) -> dict[tuple[str, str], KubeObject]:
        """(namespace, name) → pod."""
        return {(pod.namespace, pod.name): pod for pod in self.kube.list("pods")}

    @functools.cached_property
    def proxies(self) -> list[Proxy]:
        """Every Envoy: pods with a proxy container, and whatever has entries; sorted by id.

        Where no pods were recorded, a log of a proxy tells of one, and istiod of those that are connected.
        """
        found = self._parts(Proxy, [pod for pod in self.pods.values() if _has_proxy(pod)])
        if self.kube.recorded("pods"):
            return found
        known = {(proxy.namespace, proxy.name) for proxy in found} | {
            (one.namespace, one.name) for one in self.ztunnels
        }
        logs = (path.split("/") for path in self.bundle.paths("logs/", f"/{PROXY_CONTAINER}.log"))
        told = {(parts[1], parts[2]) for parts in logs if len(parts) == 4 and not parts[2].startswith("ztunnel")}
        told |= {(space, name) for one in self.istiods for name, _, space in (key.rpartition(".") for key in one.syncz)}
        more = [Proxy(self, *key, None) for key in sorted(told - known)]
        return sorted([*found, *more], key=lambda proxy: (proxy.name, proxy.namespace))

    def pod(self, namespace: str, name: str) -> KubeObject | None:
        """One pod; the list, which may be long, is not parsed for it."""
        return self.kube.find("pods", namespace, name)

    @functools.cached_property
    def istiods(self) -> list[Istiod]:
        """Every replica of istiod."""
        return self._parts(Istiod, self.kube.labelled("pods", "app", "istiod"))

    @functools.cached_property
    def ztunnels(self) -> list[Ztunnel]:
        """Every ztunnel."""
        return self._parts(Ztunnel, self.kube.labelled("pods", "app", "ztunnel"))

    @functools.cached_property
    def sources(self) -> set[Source]:
        """The kinds of entry that the bundle holds."""
        return {source_of(path) for path in self.bundle}

    def proxy(self, proxy_id: str) -> Proxy | None:
        """A proxy by `pod.namespace`. Where not all are known yet, only this one is looked at."""
        if "proxies" in self.__dict__:
            return self._by_id.get(proxy_id)
        if proxy_id not in self._alone:
            self._alone[proxy_id] = self._one(proxy_id)
        return self._alone[proxy_id]

    def _one(self, proxy_id: str) -> Proxy | None:
        name, _, namespace = proxy_id.rpartition(".")
        pod = self.pod(namespace, name)
        if (pod is None or not _has_proxy(pod)) and not self.bundle.paths(f"{Proxy.folder}/{namespace}/{name}/"):
            return None
        return Proxy(self, namespace, name, pod)

    @functools.cached_property
    def _by_id(self) -> dict[str, Proxy]:
        return {proxy.id: proxy for proxy in self.proxies}

    def istiods_of(self, proxy_id: str) -> list[Istiod]:
        """The replicas that a proxy is connected to."""
        return [istiod for istiod in self.istiods if proxy_id in istiod.syncz]

    def _parts(self, kind: type[P], pods: Sequence[KubeObject]) -> list[P]:
        found: dict[tuple[str, str], KubeObject | None] = {(pod.namespace, pod.name): pod for pod in pods}
        for path in self.bundle:
            if path.startswith(kind.folder + "/"):
                parts = path.split("/", 3)
                if len(parts) == 4:
                    key = (parts[1], parts[2])
                    if key not in found:
                        found[key] = self.pod(*key)
        keys = sorted(found, key=lambda key: (key[1], key[0]))
        return [kind(self, *key, found[key]) for key in keys]


def _has_proxy(pod: KubeObject) -> bool:
    """A container or init container `istio-proxy` that is an Envoy (ztunnel's is named so too)."""
    if pod.labels.get("app") == "ztunnel":
        return False
    named = [container for container in containers(pod) if container.get("name") == PROXY_CONTAINER]
    return bool(named)
