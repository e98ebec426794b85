"""A mesh of any size, grown out of a sample bundle: realistic dumps, realistic differences between proxies.

Every proxy gets the dump of one of the sample's sidecars, grown to the asked size by services with their clusters,
listeners, routes and endpoints; its own name, address, inbound listener and update times; and the maps in an order of
its own, as Envoy prints them. istiod's account of it says the same, compact and in camelCase.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bugbundle.bundle import FORMAT, Bundle, BundleWriter, Entry, Header
from bugbundle.codec import encode, reindent
from bugbundle.mesh import Mesh
from bugbundle.redact.gate import Gate
from bugbundle.xds.schema import camel

STARTED = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Plan:
    """How large: `proxies` of about `size` bytes each."""

    proxies: int = 1000
    size: int = 2_000_000
    seed: int = 1


def generate(sample: Bundle, plan: Plan, target: Path) -> Path:
    """Write the mesh as a bundle."""
    header = Header(FORMAT, "bench", STARTED, ("bench",))
    with BundleWriter(target, header, Gate()) as writer:
        for path, body in entries(sample, plan):
            writer.add(Entry(path, 0, target="bench", request="GET", at=STARTED), body)
    return target


def entries(sample: Bundle, plan: Plan) -> Iterator[tuple[str, bytes]]:
    """Every entry, in the order in which a bundle stores them."""
    mesh = Mesh(sample)
    istiod = mesh.istiods[0]
    yield from kubernetes(sample, plan)
    yield from ((p, sample[p]) for p in sample.paths(istiod.entry("")) if p.count("/") == 4 and "syncz" not in p)
    sidecars = [proxy for proxy in mesh.proxies if proxy.kind == "sidecar"]
    moulds = [Mould(json.loads(sample[proxy.entry("config_dump.json")]), plan) for proxy in sidecars[:4]]
    names = [f"app-{n % 50}-{n:05d}" for n in range(plan.proxies)]
    row = dict(next(iter(istiod.syncz.values())))
    rows = [json.dumps({**row, "proxy": f"{name}.bench"}) for name in names]
    yield istiod.entry("debug/syncz.json"), ("[" + ",".join(rows) + "]").encode()
    for kind in ("envoy", "istiod", "edsz"):
        for number, name in enumerate(names):
            mould = moulds[number % len(moulds)]
            if kind == "envoy":
                yield f"proxies/bench/{name}/config_dump.json", mould.envoy(number, name)
            elif kind == "istiod":
                yield istiod.entry(f"debug/config_dump/{name}.bench.json"), mould.istiod(number, name)
            else:
                yield istiod.entry(f"debug/edsz/{name}.bench.json"), mould.edsz()


def kubernetes(sample: Bundle, plan: Plan) -> Iterator[tuple[str, bytes]]:
    """The sample's lists, with a pod for every proxy."""
    for path in sample.paths("k8s/"):
        if path != "k8s/api/v1/pods.json":
            yield path, sample[path]
    raw = json.loads(sample["k8s/api/v1/pods.json"])
    meshed = [pod for pod in raw["items"] if "istio-proxy" in json.dumps(pod["spec"])]
    mould = next(pod for pod in meshed if "sidecar.istio.io/status" in pod["metadata"].get("annotations", {}))
    raw["items"] = [pod for pod in raw["items"] if pod not in meshed]
    for number in range(plan.proxies):
        pod = json.loads(json.dumps(mould))
        pod["metadata"].update(name=f"app-{number % 50}-{number:05d}", namespace="bench", uid=f"uid-{number}")
        pod["status"]["podIP"] = address(number)
        raw["items"].append(pod)
    yield "k8s/api/v1/pods.json", json.dumps(raw).encode()


def address(number: int) -> str:
    """A pod's address."""
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


class Mould:
    """One sidecar's dump, grown to size: every proxy is cast from one, and differs where real ones do."""

    def __init__(self, dump: dict[str, Any], plan: Plan) -> None:
        self._random = random.Random(plan.seed)
        self._dump = dump
        self._sections = {config["@type"].rpartition(".")[2]: config for config in dump["configs"]}
        copies = 0
        while len(json.dumps(dump, indent=1)) < plan.size:
            self._grow(copies)
            copies += 1
        self._maps = list(maps(dump))
        self._istiod = self._account()
        self._edsz = self._endpoints()

    def _grow(self, copy: int) -> None:
        """One more set of everything dynamic, under other names."""
        names = {"dynamic_active_clusters": "cluster", "dynamic_route_configs": "route_config"}
        names |= {"dynamic_endpoint_configs": "endpoint_config", "dynamic_listeners": "listener"}
        for config in self._sections.values():
            for section, body in names.items():
                rows = config.get(section, [])
                fresh = [json.loads(json.dumps(row)) for row in rows[:40] if "-copy" not in json.dumps(row)[:400]]
                for row in fresh:
                    rename(row, body, f"-copy{copy}")
                rows.extend(fresh)

    def envoy(self, number: int, name: str) -> bytes:
        """The dump of one proxy as Envoy prints it."""
        self._personal(self._sections, number, name, "filter_chains")
        self._shuffle_maps(random.Random(number))
        return reindent(encode(self._dump), 1)

    def _shuffle_maps(self, shuffle: random.Random) -> None:
        """Envoy prints the keys of maps in an order that differs from proxy to proxy."""
        for found in self._maps:
            keys = list(found)
            shuffle.shuffle(keys)
            for key in keys:
                found[key] = found.pop(key)

    def istiod(self, number: int, name: str) -> bytes:
        """istiod's account of it."""
        sections = {config["@type"].rpartition(".")[2]: config for config in self._istiod["configs"]}
        self._personal(sections, number, name, "filterChains")
        return encode(self._istiod)

    def edsz(self) -> bytes:
        """istiod's endpoints for it."""
        return self._edsz

    def _personal(self, sections: dict[str, Any], number: int, name: str, chains: str) -> None:
        """What is a proxy's own: node, times, the order of maps, its inbound listener."""
        shuffle = random.Random(number)
        boot = sections.get("BootstrapConfigDump", {}).get("bootstrap")
        if boot:
            boot["node"]["id"] = f"sidecar~{address(number)}~{name}.bench~bench.svc.cluster.local"
            boot["node"]["metadata"]["NAME"] = name
        for config in sections.values():
            for section in ("dynamic_active_clusters", "dynamic_route_configs"):
                for row in config.get(section, ()):
                    row["last_updated"] = stamp(shuffle)
            for row in config.get("dynamic_listeners", config.get("dynamicListeners", ())):
                state = row.get("active_state") or row.get("activeState")
                if "active_state" in row:
                    state["last_updated"] = stamp(shuffle)
                if row["name"] == "virtualInbound":
                    state["listener"][chains][0]["name"] = f"inbound-{address(number)}"
        if number % 97 == 13 and chains == "filter_chains":
            rows = sections["ClustersConfigDump"]["dynamic_active_clusters"]
            rows.append(rows.pop(0))

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


def rename(row: dict[str, Any], body: str, suffix: str) -> None:
    """Another name for a resource, and for what it refers to."""
    text = json.dumps(row)
    text = text.replace(".svc.cluster.local", f"{suffix}.svc.cluster.local")
    fresh = json.loads(text)
    inner = fresh.get(body) or fresh.get("active_state", {}).get(body) or {}
    for key in ("name", "cluster_name"):
        if key in inner and suffix not in inner[key]:
            inner[key] += suffix
    if "name" in fresh and suffix not in fresh["name"]:
        fresh["name"] += suffix
    row.clear()
    row.update(fresh)


def stamp(shuffle: random.Random) -> str:
    """A time within the last hour."""
    when = STARTED - timedelta(milliseconds=shuffle.randrange(3_600_000))
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
