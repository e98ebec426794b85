"""Objects by what they are asked for, each table built once per mesh: who has a host, who sends to a subset."""

from __future__ import annotations

import functools
from collections import defaultdict

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.hosts import destinations, full_name, host_of, texts_of
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.once import once

Key = tuple[str, str]


class Tables:
    """Look-ups over the Istio objects of one mesh."""

    def __init__(self, mesh: Mesh) -> None:
        self._kube = mesh.kube

    @functools.cached_property
    def senders(self) -> dict[Key, list[KubeObject]]:
        """(full host, subset) → the VirtualServices that send there; the subset is empty where a route names none."""
        found: dict[Key, list[KubeObject]] = defaultdict(list)
        for item in self._kube.list(res.VIRTUAL_SERVICE):
            for _, target, _ in destinations(item):
                key = (full_name(host_of(target), item.namespace), as_text(target.get("subset")))
                if item not in found[key][-1:]:
                    found[key].append(item)
        return found

    @functools.cached_property
    def at_sidecars(self) -> dict[str, list[KubeObject]]:
        """full host → the VirtualServices for it at sidecars."""
        found: dict[str, list[KubeObject]] = defaultdict(list)
        for item in self._kube.list(res.VIRTUAL_SERVICE):
            if "mesh" in (texts_of(item.spec.get("gateways")) or ["mesh"]):
                for host in dict.fromkeys(full_name(one, item.namespace) for one in texts_of(item.spec.get("hosts"))):
                    found[host].append(item)
        return found

    @functools.cached_property
    def at_gateways(self) -> dict[Key, list[KubeObject]]:
        """(namespace, name) of a Gateway → the VirtualServices that name it."""
        found: dict[Key, list[KubeObject]] = defaultdict(list)
        for item in self._kube.list(res.VIRTUAL_SERVICE):
            for gateway in texts_of(item.spec.get("gateways")):
                space, _, name = gateway.rpartition("/")
                found[space or item.namespace, name].append(item)
        return found

    @functools.cached_property
    def delegates(self) -> dict[Key, list[KubeObject]]:
        """(namespace, name) of a VirtualService → those that delegate to it."""
        found: dict[Key, list[KubeObject]] = defaultdict(list)
        for item in self._kube.list(res.VIRTUAL_SERVICE):
            for rule in dicts(item.spec.get("http")):
                named = as_dict(rule.get("delegate"))
                if named:
                    found[as_text(named.get("namespace")) or item.namespace, as_text(named.get("name"))].append(item)
        return found

    @functools.cached_property
    def rules(self) -> dict[Key, list[KubeObject]]:
        """(namespace, full host) → its DestinationRules."""
        found: dict[Key, list[KubeObject]] = defaultdict(list)
        for item in self._kube.list(res.DESTINATION_RULE):
            found[item.namespace, full_name(as_text(item.spec.get("host")), item.namespace)].append(item)
        return found

    @functools.cached_property
    def entries(self) -> dict[str, list[KubeObject]]:
        """host → the ServiceEntries that declare it."""
        found: dict[str, list[KubeObject]] = defaultdict(list)
        for item in self._kube.list(res.SERVICE_ENTRY):
            for host in texts_of(item.spec.get("hosts")):
                found[host].append(item)
        return found


@once
def tables(mesh: Mesh) -> Tables:
    """The tables of a mesh."""
    return Tables(mesh)
