"""A mesh of any size, grown out of a sample bundle: realistic dumps, realistic differences between proxies.

Every proxy gets the dump of one of the sample's sidecars, grown to the asked size by services with their clusters,
listeners, routes and endpoints; its own name, address, inbound listener and update times; and the maps in an order of
its own, as Envoy prints them. istiod's account of it says the same, compact and in camelCase. Every 211th is STALE
and lacks a change, so that there is something to find; everything else of the sample stays beside them as it is.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bugbundle.bundle import FORMAT, Bundle, BundleWriter, Entry, Header
from bugbundle.codec import encode, reindent
from bugbundle.mesh import Mesh, Proxy
from bugbundle.redact.gate import Gate
from bugbundle.xds.schema import camel

CDS = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
POD_LIST = "k8s/api/v1/pods.json"
STALE = 211
"""Every so many-th proxy has not got its last CDS push."""


@dataclass(frozen=True)
class Plan:
    """How large: `proxies` of about `size` bytes each."""

    proxies: int = 1000
    size: int = 2_000_000
    seed: int = 1


def generate(sample: Bundle, plan: Plan, target: Path) -> Path:
    """Write the mesh as a bundle; `target` is there only once it is whole."""
    part = target.with_suffix(".part")
    mesh = Mesh(sample)
    header = Header(FORMAT, "bench", mesh.now, ("bench",))
    with BundleWriter(part, header, Gate()) as writer:
        for path, body in entries(mesh, plan):
            writer.add(Entry(path, 0, target="bench", request="GET", at=mesh.now), body)
    return part.replace(target)


@dataclass(frozen=True)
class Copy:
    """One generated pod: the `number`-th, made after the sidecar `like`, in its namespace (its certificate says so)."""

    number: int
    like: Proxy

    @property
    def name(self) -> str:
        return f"app-{self.number % 50}-{self.number:05d}"

    @property
    def namespace(self) -> str:
        return self.like.id.rpartition(".")[2]

    @property
    def id(self) -> str:
        return f"{self.name}.{self.namespace}"

    @property
    def stale(self) -> bool:
        return self.number % STALE == 5


def copies_of(mesh: Mesh, plan: Plan) -> list[Copy]:
    """The proxies to make, after the largest four of the sample's, in the order in which a bundle has them."""
    sidecars = [proxy for proxy in mesh.proxies if proxy.kind == "sidecar"]
    sidecars = sorted(sidecars, key=lambda proxy: -len(mesh.bundle[proxy.entry("config_dump.json")]))[:4]
    copies = [Copy(number, sidecars[number % len(sidecars)]) for number in range(plan.proxies)]
    return sorted(copies, key=lambda copy: (copy.namespace, copy.name))


def entries(mesh: Mesh, plan: Plan) -> Iterator[tuple[str, bytes]]:
    """Every entry, in the order in which a bundle stores them."""
    istiod, sample = mesh.istiods[0], mesh.bundle
    copies = copies_of(mesh, plan)
    likes = {copy.like.id: copy.like for copy in copies}.values()
    moulds = {like.id: Mould(json.loads(sample[like.entry("config_dump.json")]), plan, mesh.now) for like in likes}
    fresh = {POD_LIST: pods(mesh, copies), istiod.entry("debug/syncz.json"): syncz(mesh, copies)}
    accounts, endpoints = istiod.entry("debug/config_dump/"), istiod.entry("debug/edsz/")
    ours = ("bundle.json", "manifest.json", "proxies/", accounts, endpoints)
    yield from ((path, fresh.get(path) or sample[path]) for path in sample if not path.startswith(ours))
    yield from ((path, sample[path]) for path in sample.paths("proxies/"))
    for copy in copies:
        yield f"proxies/{copy.namespace}/{copy.name}/config_dump.json", moulds[copy.like.id].envoy(copy)
    yield from ((path, sample[path]) for path in sample.paths(accounts))
    for copy in copies:
        yield f"{accounts}{copy.id}.json", moulds[copy.like.id].istiod(copy)
    yield from ((path, sample[path]) for path in sample.paths(endpoints))
    for copy in copies:
        yield f"{endpoints}{copy.id}.json", moulds[copy.like.id].edsz


def pods(mesh: Mesh, copies: list[Copy]) -> bytes:
    """The sample's pods, and one more for every proxy: no Service selects them."""
    raw = json.loads(mesh.bundle[POD_LIST])
    found = {f"{pod['metadata']['name']}.{pod['metadata']['namespace']}": pod for pod in raw["items"]}
    for copy in copies:
        pod = json.loads(json.dumps(found[copy.like.id]))
        pod["metadata"].update(name=copy.name, uid=f"uid-{copy.number}")
        pod["metadata"]["labels"]["app"] = copy.name
        pod["metadata"].pop("ownerReferences", None)
        pod["status"]["podIP"] = address(copy.number)
        raw["items"].append(pod)
    return json.dumps(raw).encode()


def syncz(mesh: Mesh, copies: list[Copy]) -> bytes:
    """What istiod sent and what was acked, for all."""
    known = mesh.istiods[0].syncz
    rows: list[dict[str, Any]] = [dict(row) for row in known.values()]
    for copy in copies:
        row = {**known[copy.like.id], "proxy": copy.id}
        if copy.stale:
            sent = f"{mesh.now - timedelta(minutes=10):%Y-%m-%dT%H:%M:%SZ}"
            kinds = {**row.get("resources", {})}
            kinds[CDS] = {**kinds.get(CDS, {}), "sent": f"{sent}/newer", "sentTime": sent}
            row.update(cluster_sent=f"{sent}/newer", resources=kinds)
        rows.append(row)
    return json.dumps(rows).encode()


def address(number: int) -> str:
    """A pod's address."""
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


class Mould:
    """One sidecar's dump, grown to size: every proxy is cast from one, and differs where real ones do."""

    def __init__(self, dump: dict[str, Any], plan: Plan, now: datetime) -> None:
        self._now = now
        self._random = random.Random(plan.seed)
        self._dump = dump
        self._sections = {config["@type"].rpartition(".")[2]: config for config in dump["configs"]}
        copies = 0
        while len(json.dumps(dump, indent=1)) < plan.size:
            self._grow(copies)
            copies += 1
        self._maps = list(maps(dump))
        self._istiod = self._account()
        self.edsz = self._endpoints()

    def _grow(self, copy: int) -> None:
        """One more of every Service that the dump knows: cluster, endpoints, listener, virtual hosts."""
        suffix = f"-copy{copy}"
        names = {"dynamic_active_clusters", "dynamic_endpoint_configs", "dynamic_listeners"}
        for config in self._sections.values():
            for section in names & set(config):
                config[section].extend([another(row, suffix, copy) for row in config[section] if original(row)])
            for row in config.get("dynamic_route_configs", ()):
                hosts = row["route_config"].get("virtual_hosts", [])
                hosts.extend([another(host, suffix, copy) for host in hosts if original(host)])

    def envoy(self, copy: Copy) -> bytes:
        """The dump of one proxy as Envoy prints it."""
        self._personal(self._sections, copy, "filter_chains")
        self._shuffle_maps(random.Random(copy.number))
        cluster = self._sections["ClustersConfigDump"]["dynamic_active_clusters"][-1]["cluster"]
        pushed = cluster["connect_timeout"]
        cluster["connect_timeout"] = "77s" if copy.stale else pushed
        body = reindent(encode(self._dump), 1)
        cluster["connect_timeout"] = pushed
        return body

    def _shuffle_maps(self, shuffle: random.Random) -> None:
        """Envoy prints the keys of maps in an order that differs from proxy to proxy."""
        for found in self._maps:
            keys = list(found)
            shuffle.shuffle(keys)
            for key in keys:
                found[key] = found.pop(key)

    def istiod(self, copy: Copy) -> bytes:
        """istiod's account of it."""
        sections = {config["@type"].rpartition(".")[2]: config for config in self._istiod["configs"]}
        self._personal(sections, copy, "filterChains")
        return encode(self._istiod)

    def _personal(self, sections: dict[str, Any], copy: Copy, chains: str) -> None:
        """What is a proxy's own: node, times, the order of clusters, its inbound listener."""
        shuffle = random.Random(copy.number)
        boot = sections.get("BootstrapConfigDump", {}).get("bootstrap")
        if boot:
            domain = f"{copy.namespace}.svc.cluster.local"
            boot["node"]["id"] = f"sidecar~{address(copy.number)}~{copy.id}~{domain}"
            boot["node"]["metadata"]["NAME"] = copy.name
        for config in sections.values():
            for section in ("dynamic_active_clusters", "dynamic_route_configs"):
                for row in config.get(section, ()):
                    row["last_updated"] = stamp(self._now, shuffle)
            for row in config.get("dynamic_listeners", config.get("dynamicListeners", ())):
                state = row.get("active_state") or row.get("activeState")
                if "active_state" in row:
                    state["last_updated"] = stamp(self._now, shuffle)
                if row["name"] == "virtualInbound":
                    state["listener"][chains][0]["name"] = f"inbound-{address(copy.number)}"
        if copy.number % 97 == 13 and chains == "filter_chains":
            rows = sections["ClustersConfigDump"]["dynamic_active_clusters"]
            rows.insert(0, rows.pop(1))

    def _account(self) -> dict[str, Any]:
        """The dump as istiod writes it: dynamic sections only, camelCase, no times."""
        wanted = ("ClustersConfigDump", "ListenersConfigDump", "RoutesConfigDump")
        configs = [{"@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump"}]
        for kind in wanted:
            config = self._sections[kind]
            kept = {key: value for key, value in config.items() if key == "@type" or key.startswith("dynamic_")}
            configs.append(camelled(strip_times(kept)))
        return json.loads(json.dumps({"configs": configs}))

    def _endpoints(self) -> bytes:
        rows = self._sections["EndpointsConfigDump"]["dynamic_endpoint_configs"]
        return json.dumps(
            {"configs": [camelled(row["endpoint_config"]) for row in rows]}, separators=(",", ":")
        ).encode()


def maps(value: Any) -> Iterator[dict[str, Any]]:
    """Every `filter_metadata` with several keys."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "filter_metadata" and len(item) > 1:
                yield item
            yield from maps(item)
    elif isinstance(value, list):
        for item in value:
            yield from maps(item)


def original(row: dict[str, Any]) -> bool:
    """Is it of a Service, and not a copy already?"""
    text = json.dumps(row)
    return ".svc.cluster.local" in text and "-copy" not in text and '"0.0.0.0"' not in text


def another(row: dict[str, Any], suffix: str, copy: int) -> dict[str, Any]:
    """The same for another Service: its name, its address (10.96.x.y becomes 10.100.x.y and so on), its domains."""
    text = json.dumps(row).replace(".svc.cluster.local", f"{suffix}.svc.cluster.local")
    fresh: dict[str, Any] = json.loads(text.replace("10.96.", f"10.{100 + copy}."))
    if "domains" in fresh:
        fresh["domains"] = [domain for domain in fresh["domains"] if suffix in domain]
    return fresh


def stamp(now: datetime, shuffle: random.Random) -> str:
    """A time within the last hour."""
    when = now - timedelta(milliseconds=shuffle.randrange(3_600_000))
    return when.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def strip_times(value: Any) -> Any:
    """Without `last_updated`."""
    if isinstance(value, dict):
        return {key: strip_times(item) for key, item in value.items() if key != "last_updated"}
    return [strip_times(item) for item in value] if isinstance(value, list) else value


MAPS = {"filter_metadata", "typed_extension_protocol_options", "typed_per_filter_config", "match", "policies"}


def camelled(value: Any, inside: bool = False) -> Any:
    """Names in camelCase; the keys of maps stay."""
    if isinstance(value, dict):
        return {
            (key if inside or key.startswith("@") else camel(key)): camelled(item, key in MAPS and key != "match")
            if not inside or key in ("typed_config",)
            else item
            for key, item in value.items()
        }
    return [camelled(item, inside) for item in value] if isinstance(value, list) else value
