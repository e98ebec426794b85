"""One Envoy's recorded configuration, as it runs: listeners, routes, clusters, endpoints, by name.

Bodies are read in their canonical form (`bugbundle.xds.canonical`: names in snake_case, defaults left out) and kept by
their meaning, so that what many proxies share is read once for all of them.
"""

from __future__ import annotations

import functools
from typing import Any

from bugbundle.codec import decode, encode
from bugbundle.errors import BugbundleError
from bugbundle.mesh import Mesh, Proxy
from bugbundle.mesh import Resource as Recorded
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.once import once
from bugbundle.mesh.ref import Ref
from bugbundle.mesh.workloads.owners import config_ref
from bugbundle.trace.model import Resource
from bugbundle.xds import Xds, canonical
from bugbundle.xds.kinds import MESSAGES
from bugbundle.xds.schema import camel

RUNNING = ("dynamic_active", "static", "flat")
"""The sections of a dump that hold what Envoy runs; warming, draining and rejected resources take no new requests."""


def made_by(body: dict[str, Any]) -> Ref | None:
    """The object in `metadata.filter_metadata.istio.config`; None where istiod names none."""
    filters = as_dict(as_dict(body.get("metadata")).get("filter_metadata"))
    return config_ref(as_text(as_dict(filters.get("istio")).get("config")))


class Body:
    """One resource: its canonical body, and where it stands."""

    def __init__(self, recorded: Recorded, body: dict[str, Any]) -> None:
        self.recorded = recorded
        self.body = body

    @functools.cached_property
    def resource(self) -> Resource:
        """As a step names it."""
        return Resource(str(self.recorded.kind), self.recorded.name, str(self.recorded.pointer))

    @functools.cached_property
    def personal(self) -> bool:
        """Whether who the client is may decide: by its identity, address or port."""
        text = encode(self.body)
        return any(word in text for word in _PERSONAL)


_PERSONAL = (b".rbac.", b"source_prefix", b"source_port", b"source_type", b"SourceI", b"SourcePort")


class Envoy:
    """What one proxy runs. `problem` says why nothing is known of it; empty if something is."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.id = proxy.id
        self._read_bodies: dict[tuple[Xds, str], Body | None] = {}

    @functools.cached_property
    def title(self) -> str:
        """`sidecar web-0.shop`."""
        return f"{self.proxy.kind} {self.id}"

    @functools.cached_property
    def problem(self) -> str:
        """Why its configuration cannot be read."""
        if self.proxy.dump is None:
            return self.proxy.gap("config_dump.json").reason or "not recorded"
        return self.proxy.dump.problem

    @functools.cached_property
    def _names(self) -> dict[Xds, dict[str, Recorded]]:
        found: dict[Xds, dict[str, Recorded]] = {}
        if self.problem or self.proxy.dump is None:
            return found
        for section in reversed(RUNNING):
            for recorded in self.proxy.dump.resources(section=section):
                if recorded.has_body:
                    found.setdefault(recorded.kind, {})[recorded.name] = recorded
        return found

    def has(self, kind: Xds) -> bool:
        """Whether anything of a kind was recorded."""
        return bool(self._names.get(kind))

    def names(self, kind: Xds) -> list[str]:
        """The names of a kind, in the dump's order."""
        return list(self._names.get(kind, ()))

    def get(self, kind: Xds, name: str) -> Body | None:
        """One resource; None where Envoy has none of the name, or its body cannot be read."""
        key = (kind, name)
        if key not in self._read_bodies:
            recorded = self._names.get(kind, {}).get(name)
            self._read_bodies[key] = _read(recorded, self.proxy.mesh) if recorded else None
        return self._read_bodies[key]

    @functools.cached_property
    def clusters(self) -> frozenset[str]:
        """The names of its clusters."""
        return frozenset(self._names.get(Xds.CDS, ()))

    @functools.cached_property
    def personal(self) -> bool:
        """Whether any of its listeners for what its pod sends asks who the client is."""
        known = _personal(self.proxy.mesh)
        if self.outbound_meaning not in known:
            mine = (one for one in self.listeners if not one.recorded.name.startswith("virtualInbound"))
            known[self.outbound_meaning] = any(one.personal for one in mine)
        return known[self.outbound_meaning]

    @functools.cached_property
    def outbound_meaning(self) -> int:
        """Equal for proxies that treat what their pods send alike: of all but what is inbound."""
        found = [
            (str(kind), one.meaning)
            for kind in (Xds.LDS, Xds.RDS, Xds.CDS, Xds.EDS, Xds.ECDS)
            for name, one in self._names.get(kind, {}).items()
            if not name.startswith(("inbound|", "virtualInbound"))
        ]
        return hash(frozenset(found))

    @functools.cached_property
    def listeners(self) -> list[Body]:
        """Every listener that takes connections."""
        return [body for name in self._names.get(Xds.LDS, ()) if (body := self.get(Xds.LDS, name))]

    @functools.cached_property
    def by_address(self) -> dict[tuple[str, int], Body]:
        """(address, port) → listener; those that only Envoy itself reaches (internal) have none."""
        found: dict[tuple[str, int], Body] = {}
        for one in self.listeners:
            places = [one.body.get("address"), *(a.get("address") for a in dicts(one.body.get("additional_addresses")))]
            for place in places:
                socket = as_dict(as_dict(place).get("socket_address"))
                port = socket.get("port_value")
                if isinstance(port, int):
                    found.setdefault((as_text(socket.get("address")), port), one)
        return found

    @functools.cached_property
    def live(self) -> dict[str, dict[str, Any]]:
        """cluster → its `host_statuses` by `address:port`, from the page `clusters`; empty where not recorded."""
        rows = dicts(as_dict(self.proxy.json("clusters.json")).get("cluster_statuses"))
        return {as_text(row.get("name")): row for row in rows}


def _read(recorded: Recorded, mesh: Mesh) -> Body | None:
    known = _bodies(mesh)
    body = known.get(recorded.meaning)
    if body is None:
        try:
            raw = recorded.body()
            body = as_dict(canonical(raw, MESSAGES.get(recorded.kind, "")))
        except BugbundleError:
            return None
        known[recorded.meaning] = body = as_dict(in_order(body, raw))
    return Body(recorded, body)


def in_order(body: Any, raw: Any) -> Any:
    """A canonical body with its virtual hosts as they stood (the canonical form sorts them by name)."""
    if isinstance(body, list) and isinstance(raw, list) and len(body) == len(raw):
        return [in_order(one, other) for one, other in zip(body, raw, strict=True)]
    if not isinstance(body, dict) or not isinstance(raw, dict):
        return body
    hosts, stood = body.get("virtual_hosts"), raw.get("virtual_hosts", raw.get("virtualHosts"))
    if isinstance(hosts, list) and isinstance(stood, list) and len(hosts) == len(stood):
        order = sorted(range(len(stood)), key=lambda n: as_text(as_dict(stood[n]).get("name")))
        back = sorted(range(len(stood)), key=lambda place: order[place])
        return {**body, "virtual_hosts": [hosts[place] for place in back]}
    return {key: in_order(one, raw.get(key, raw.get(camel(key)))) for key, one in body.items()}


@once
def envoy(proxy: Proxy) -> Envoy:
    """The configuration of a proxy, remembered with its mesh."""
    return Envoy(proxy)


@once
def _personal(mesh: Mesh) -> dict[int, bool]:
    """`outbound_meaning` → `personal`, filled as they are asked for."""
    return {}


@once
def _bodies(mesh: Mesh) -> dict[bytes, dict[str, Any]]:
    """meaning → canonical body, filled as they are asked for."""
    return {}


def loose(body: bytes) -> dict[str, Any]:
    """A resource outside of any dump, in canonical form. Raises `DumpError` for what is not JSON."""
    return as_dict(canonical(as_dict(decode(body))))
