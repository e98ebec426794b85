"""A healthy mesh, and one thing that goes wrong in it: told in every recording where the real one shows it.

A `Scene` holds the recordings of a healthy mesh and changes them together: the Kubernetes lists in all their API
versions, Envoy's dump (snake_case) beside istiod's account of the same proxy (camelCase), debug/syncz, logs, counters.
"""

from __future__ import annotations

import copy
import functools
import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import captures

from bugbundle.analysis import Analysis, analyze
from bugbundle.bundle import Bundle, open_bundle
from bugbundle.bundle.manifest import parse_time
from bugbundle.rules import Finding, Level

Json = dict[str, Any]
Change = Callable[["Scene"], None]

VS = "virtualservices.networking.istio.io"
DR = "destinationrules.networking.istio.io"
SE = "serviceentries.networking.istio.io"
EF = "envoyfilters.networking.istio.io"
PA = "peerauthentications.security.istio.io"
AP = "authorizationpolicies.security.istio.io"
RA = "requestauthentications.security.istio.io"
GW = "gateways.networking.istio.io"
KG = "gateways.gateway.networking.k8s.io"
HR = "httproutes.gateway.networking.k8s.io"
NP = "networkpolicies.networking.k8s.io"
CFG = "/apis/networking.istio.io/v1/namespaces/%s/%s/%s"
"""`istio.config` of what istiod makes: namespace, kind with dashes, name."""

SECTIONS = {
    "cluster": ("ClustersConfigDump", "dynamic_active_clusters", "cluster"),
    "listener": ("ListenersConfigDump", "dynamic_listeners", "listener"),
    "route": ("RoutesConfigDump", "dynamic_route_configs", "route_config"),
    "endpoint": ("EndpointsConfigDump", "dynamic_endpoint_configs", "endpoint_config"),
    "secret": ("SecretsConfigDump", "dynamic_active_secrets", "secret"),
}
TYPES = {
    "cluster": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
    "listener": "type.googleapis.com/envoy.config.listener.v3.Listener",
    "route": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
    "endpoint": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
}
OPAQUE = ("filter_metadata", "typed_extension_protocol_options", "match")


@functools.cache
def recordings(name: str = "healthy") -> dict[str, bytes]:
    """The entries of a sample bundle."""
    return dict(open_bundle(captures.sample(name)))


def camel(value: Any) -> Any:
    """Envoy's spelling made istiod's; maps keep their keys."""
    if isinstance(value, list):
        return [camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, item in value.items():
        name = re.sub(r"(?<=[a-z0-9])_([a-z0-9])", lambda m: m[1].upper(), key)
        found[name] = item if key in OPAQUE else camel(item)
    return found


class Case(NamedTuple):
    """One change to the healthy mesh, and the first diagnosis that it should get; none where `code` is empty."""

    change: Callable[[Scene], None]
    code: str
    origin: str


def register(cases: list[Case], code: str = "", origin: str = "") -> Callable[[Change], Change]:
    """Makes a function a case."""

    def add(change: Change) -> Change:
        cases.append(Case(change, code, origin))
        return change

    return add


def name_of(case: Case) -> str:
    return case.change.__name__.replace("_", "-")


def check(case: Case) -> None:
    """The first diagnosis is the cause and names it in its title, and no other Error comes up."""
    scene = Scene()
    case.change(scene)
    found = diagnosed(scene)
    if not case.code:
        assert [one.title for one in found.diagnoses] == []
        return
    assert found.diagnoses
    first = found.diagnoses[0]
    assert (first.cause.code, str(first.cause.origin)) == (case.code, case.origin)
    assert first.cause.origin.name in first.title or str(first.cause.origin) in first.title
    assert [one.line for one in loud(found)] == []


class Scene:
    """Recordings to be changed; `build` makes a bundle of them."""

    def __init__(self, name: str = "healthy") -> None:
        self.files = dict(recordings(name))
        self._open: dict[str, Any] = {}
        self.now = parse_time(json.loads(self.files["bundle.json"])["started"])

    def time(self, ago: float) -> str:
        """RFC 3339, so many seconds before the capture."""
        assert self.now
        return (self.now - timedelta(seconds=ago)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"

    def paths(self, pattern: str) -> list[str]:
        """Entries by a regular expression over the whole path."""
        return [path for path in self.files if re.fullmatch(pattern, path)]

    def json(self, path: str) -> Any:
        """An entry to be changed in place."""
        if path not in self._open:
            self._open[path] = json.loads(self.files[path])
        return self._open[path]

    def build(self) -> Bundle:
        for path, value in self._open.items():
            self.files[path] = json.dumps(value).encode()
        return Bundle.from_entries(self.files)

    # Kubernetes

    def lists(self, resource: str) -> list[Json]:
        """The list of a resource, once per API version."""
        plural, _, group = resource.partition(".")
        where = rf"k8s/apis/{re.escape(group)}/[^/]+/{plural}\.json" if group else rf"k8s/api/v1/{plural}\.json"
        return [self.json(path) for path in self.paths(where)]

    def add(self, resource: str, kind: str, namespace: str, name: str, spec: Json, **more: Any) -> None:
        """An object made a minute before the capture, in every API version."""
        meta = {"name": name, "namespace": namespace, "creationTimestamp": self.time(60)[:19] + "Z", "generation": 1}
        meta.update(more.pop("metadata", {}))
        for found in self.lists(resource):
            item = {"apiVersion": found["apiVersion"], "kind": kind, "metadata": meta, "spec": spec, **more}
            found["items"] = [*(found.get("items") or []), copy.deepcopy(item)]

    def objects(self, resource: str, namespace: str, name: str) -> list[Json]:
        """The object in every API version; the name may be the start of it."""
        found = [
            item
            for listed in self.lists(resource)
            for item in listed.get("items") or []
            if item["metadata"].get("namespace", "") == namespace and item["metadata"]["name"].startswith(name)
        ]
        assert found, f"{resource} {namespace}/{name}"
        return found

    def remove(self, resource: str, namespace: str, name: str) -> None:
        for found in self.lists(resource):
            found["items"] = [
                item
                for item in found.get("items") or []
                if (item["metadata"].get("namespace", ""), item["metadata"]["name"]) != (namespace, name)
            ]

    # proxies

    def proxies(self, start: str = "") -> list[str]:
        """`ns/pod` of the proxies whose name, or `ns/name`, starts so."""
        names = sorted({path.split("/", 3)[1] + "/" + path.split("/", 3)[2] for path in self.paths("proxies/.*")})
        return [name for name in names if name.startswith(start) or name.split("/")[1].startswith(start)]

    def proxy(self, start: str) -> str:
        return self.proxies(start)[0]

    def dump(self, proxy: str) -> Json:
        return self.json(f"proxies/{proxy}/config_dump.json")

    def accounts(self, proxy: str) -> list[Json]:
        """istiod's account of a proxy, by whichever replica."""
        namespace, name = proxy.split("/")
        return [self.json(path) for path in self.paths(rf"istiod/.*/debug/config_dump/{name}\.{namespace}\.json")]

    def rows(self, proxy: str, kind: str, *, istiod: bool = False) -> list[Json]:
        """The entries of a type: Envoy's, or istiod's."""
        part, section, _ = SECTIONS[kind]
        dumps = self.accounts(proxy) if istiod else [self.dump(proxy)]
        name = camel({section: 0}).popitem()[0] if istiod else section
        return [
            row
            for dump in dumps
            for config in dump["configs"]
            if config["@type"].endswith("." + part)
            for row in config.get(name, [])
        ]

    def body(self, row: Json, kind: str) -> Json:
        """The resource inside an entry of a dump."""
        key = SECTIONS[kind][2]
        if "active_state" in row or "activeState" in row:
            row = row.get("active_state") or row["activeState"]
        return row.get(key) or row.get("routeConfig") or row["endpointConfig"]

    def bodies(self, proxy: str, kind: str, name: str = "", *, istiod: bool = False) -> list[Json]:
        found = [self.body(row, kind) for row in self.rows(proxy, kind, istiod=istiod)]
        return [one for one in found if name in (one.get("name") or one.get("cluster_name") or one["clusterName"])]

    def push(self, proxy: str, kind: str, body: Json, *, to_envoy: bool = True, to_istiod: bool = True) -> None:
        """A resource (Envoy's spelling) that istiod has for a proxy and Envoy took; one of the same name gives way."""
        part, section, key = SECTIONS[kind]
        name = body.get("name") or body["cluster_name"]
        body = {"@type": TYPES[kind], **body}
        for dump, wanted, istiod in [(self.dump(proxy), to_envoy, False)] + [
            (account, to_istiod, True) for account in self.accounts(proxy)
        ]:
            if not wanted or (istiod and kind == "endpoint"):
                continue
            row: Json = {key: body}
            if kind == "listener":
                row = {"name": name, "active_state": {"listener": body, "last_updated": self.time(50)}}
            elif not istiod:
                row["last_updated"] = self.time(50)
            for config in dump["configs"]:
                if config["@type"].endswith("." + part):
                    place = next(iter(camel({section: 0}))) if istiod else section
                    rows = [one for one in config.get(place, []) if name not in self._names(one, kind)]
                    config[place] = [*rows, camel(row) if istiod else row]

    def _names(self, row: Json, kind: str) -> tuple[str, ...]:
        try:
            found = self.body(row, kind)
        except KeyError:
            return (row.get("name", ""),)
        return (found.get("name") or found.get("cluster_name") or found.get("clusterName") or "",)

    def drop(self, proxy: str, kind: str, pattern: str, *, of_istiod: bool = True) -> None:
        """Resources that neither istiod nor Envoy has any more."""
        part, section, _ = SECTIONS[kind]
        for dump in [self.dump(proxy), *(self.accounts(proxy) if of_istiod else [])]:
            for config in dump["configs"]:
                for place in (section, next(iter(camel({section: 0})))):
                    if config["@type"].endswith("." + part) and place in config:
                        config[place] = [
                            row for row in config[place] if not re.search(pattern, self._names(row, kind)[0])
                        ]

    def every(self, change: Callable[[Json], None], kind: str, name: str, proxies: list[str] | None = None) -> None:
        """One change to a resource in Envoy's spelling, for all proxies that have it and for istiod."""
        for proxy in self.proxies() if proxies is None else proxies:
            for body in self.bodies(proxy, kind, name):
                body = copy.deepcopy(body)
                change(body)
                self.push(proxy, kind, body)

    def endpoints(self, pattern: str, groups: list[Json]) -> None:
        """The endpoints of the clusters that match, for Envoy and for istiod (debug/edsz)."""
        for proxy in self.proxies():
            for body in self.bodies(proxy, "endpoint"):
                if re.search(pattern, body.get("cluster_name", "")):
                    body["endpoints"] = groups
        for path in self.paths("istiod/.*/edsz/.*"):
            for body in self.json(path).get("configs") or []:
                if re.search(pattern, body.get("clusterName", "")):
                    body["endpoints"] = camel(groups)

    def lend(self, proxy: str, other: str, *kinds: str) -> None:
        """What another proxy has of these types becomes this one's, for Envoy and for istiod."""
        for kind in kinds:
            part, section, _ = SECTIONS[kind]
            for mine, theirs, place in [(self.dump(proxy), self.dump(other), section)] + [
                (mine, theirs, next(iter(camel({section: 0}))))
                for mine, theirs in zip(self.accounts(proxy), self.accounts(other), strict=True)
            ]:
                rows = [row for one in theirs["configs"] if one["@type"].endswith("." + part) for row in one[place]]
                for one in mine["configs"]:
                    if one["@type"].endswith("." + part):
                        one[place] = copy.deepcopy(rows)

    # what is told over time

    def syncz(self, proxy: str) -> list[Json]:
        """The rows of a proxy in debug/syncz."""
        namespace, name = proxy.split("/")
        rows = [row for path in self.paths("istiod/.*/debug/syncz.json") for row in self.json(path)]
        return [row for row in rows if row["proxy"] == f"{name}.{namespace}"]

    def log(self, path: str, *lines: str, ago: float = 20) -> None:
        """Lines at the end of a log (`ns/pod/container`); `{t}` is a time so long before the capture."""
        place = f"logs/{path}.log"
        text = "".join(line.replace("{t}", self.time(ago)) + "\n" for line in lines)
        self.files[place] = self.files.get(place, b"") + text.encode()

    def access(self, proxy: str, times: int, **fields: str) -> None:
        """Requests in the access log of a proxy, in Istio's default format, within the last minute."""
        values = {
            "code": "503", "flags": "-", "details": "via_upstream", "reason": "-", "path": "GET / HTTP/1.1",
            "authority": "-", "host": "-", "cluster": "-", "local": "10.96.0.1:80", "remote": "10.244.3.24:41000",
            "termination": "-", "sni": "-", "route": "-", **fields,
        }  # fmt: skip
        line = (
            '[{t}] "{path}" {code} {flags} {details} {termination} "{reason}" 0 0 4 - "-" "curl/8" "5a0c" '
            '"{authority}" "{host}" {cluster} - {local} {remote} {sni} {route}'
        )
        for number in range(times):
            self.log(f"{proxy}/istio-proxy", line.format(t=self.time(50 - number), **values))

    def counter(self, proxy: str, name: str, value: int) -> None:
        """A counter of Envoy's stats."""
        path = f"proxies/{proxy}/stats.txt"
        text = re.sub(rf"(?m)^{re.escape(name)}: .*\n", "", self.files[path].decode())
        self.files[path] = f"{text}{name}: {value}\n".encode()

    def rejects(self, proxy: str, kind: str, message: str, *bodies: Json) -> None:
        """A NACK of one type: istiod's syncz and log, Envoy's error_state, counter and log. istiod has the bodies."""
        number, url = {"cluster": ("cds", TYPES["cluster"]), "listener": ("lds", TYPES["listener"])}.get(
            kind, ("rds", TYPES[kind])
        )
        namespace, name = proxy.split("/")
        for row in self.syncz(proxy):
            state = row["resources"].setdefault(url, {})
            state.update(sent=self.time(50)[:19] + "Z/99aa", sentTime=self.time(50), lastError=message)
            state.setdefault("acked", "")
            row[f"{kind}_sent"] = state["sent"]
        for body in bodies:
            self.push(proxy, kind, body, to_envoy=False)
            if kind == "listener":
                self._error_state(proxy, body, message)
        for path in self.paths(r"logs/istio-system/istiod-.*/discovery\.log"):
            node = f"{name}.{namespace}-7"
            said = f"{{t}}\twarn\tdelta\tADS:{number.upper()}: ACK ERROR {node} Internal:{message}"
            self.log(path.removeprefix("logs/").removesuffix(".log"), said, ago=50)
        self.log(
            f"{proxy}/istio-proxy",
            "{t}\twarning\tenvoy config\tsource/extensions/config_subscription/grpc/grpc_subscription_impl.cc:138\t"
            f"gRPC config for {url} rejected: {message}\tthread=20",
            ago=50,
        )
        if kind in ("cluster", "listener"):
            manager = "cluster_manager" if kind == "cluster" else "listener_manager"
            self.counter(proxy, f"{manager}.{number}.update_rejected", 1)

    def _error_state(self, proxy: str, body: Json, message: str) -> None:
        failed = {"failed_configuration": {"@type": TYPES["listener"], **body}, "details": message}
        for config in self.dump(proxy)["configs"]:
            if "ListenersConfigDump" in config["@type"]:
                known = [row for row in config["dynamic_listeners"] if row.get("name") == body["name"]]
                for row in known:
                    row["error_state"] = {**failed, "last_update_attempt": self.time(50)}
                if not known:
                    row = {"name": body["name"], "error_state": {**failed, "last_update_attempt": self.time(50)}}
                    config["dynamic_listeners"].append(row)


def loud(found: Analysis) -> Iterator[Finding]:
    """The Errors that no diagnosis but the first tells of."""
    own = found.diagnoses[0] if found.diagnoses else None
    known = {own.cause.id, *(one.id for one in own.consequences)} if own else set()
    return (one for one in found.findings if one.level is Level.ERROR and one.id not in known)


def diagnosed(scene: Scene) -> Analysis:
    """What the whole of bugbundle says of it; no rule may break on it."""
    found = analyze(scene.build())
    assert found.broken == []
    return found


def reroute(s: Scene, virtual_host: str, cluster: str, config: str) -> None:
    """All requests to a virtual host go to one cluster, in every proxy."""

    def change(table: Json) -> None:
        for host in table["virtual_hosts"]:
            if host["name"] == virtual_host:
                route = host["routes"][-1]
                route.setdefault("route", {}).pop("weighted_clusters", None)
                route["route"]["cluster"] = cluster
                route["metadata"] = {"filter_metadata": {"istio": {"config": config}}}
                host["routes"] = [route]

    for proxy in s.proxies():
        for table in s.bodies(proxy, "route"):
            if any(host["name"] == virtual_host for host in table["virtual_hosts"]):
                table = copy.deepcopy(table)
                change(table)
                s.push(proxy, "route", table)


def vs(s: Scene, namespace: str, name: str, host: str, destination: Json) -> None:
    """A VirtualService with one route."""
    spec = {"hosts": [host], "http": [{"route": [{"destination": destination}]}]}
    s.add(VS, "VirtualService", namespace, name, spec)
