"""`proxy-status POD`: istiod's account of a proxy against Envoy's, as text.

Source: istioctl/pkg/writer/compare and istioctl/pkg/util/configdump of 1.29: clusters, listeners and routes, each as
protobuf JSON, unified diff with seven lines of context. By meaning, and with more types: `bugbundle.sync`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from bugbundle.bundle.manifest import parse_time
from bugbundle.codec import decode
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.views import gotext, protojson
from bugbundle.views.describe_envoy import get
from bugbundle.views.gosort import sorted_by
from bugbundle.xds import schema
from bugbundle.xds.kinds import short_url
from bugbundle.xds.schema import camel

_ADMIN = "envoy.admin.v3."
_URL = "type.googleapis.com/"
_CONTEXT = 7
_ISTIO = ("io.istio.", "istio.", "stats.")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def proxy_diff(istiod: bytes, envoy: bytes, where: str) -> str:
    """What istioctl prints about two config dumps. Raises `JSONError` for what is not JSON."""
    ours, theirs = _sections(istiod, where), _sections(envoy, where)
    out = []
    for word, name, make in (
        ("Clusters", "ClustersConfigDump", _clusters),
        ("Listeners", "ListenersConfigDump", _listeners),
        ("Routes", "RoutesConfigDump", _routes),
    ):
        loaded = last_loaded(_times(theirs.get(name))) if word == "Routes" else ""
        text = _diff(word, _tree(ours, name, make), _tree(theirs, name, make))
        out.append(f"{word} Don't Match{loaded}\n{text}\n" if text else f"{word} Match{loaded}\n")
    return "".join(out)


def _sections(data: bytes, where: str) -> dict[str, dict[str, Any]]:
    """Section → its content; the last wins where one stands twice."""
    configs = dicts(as_dict(decode(data, where)).get("configs"))
    return {as_text(section.get("@type")).rpartition(".")[2]: section for section in configs}


def _tree(sections: dict[str, Any], name: str, make: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """The tree to compare, or the text of the error that stands for a section that is absent."""
    if name not in sections:
        return f"config dump has no configuration type {_URL}{_ADMIN}{name}"
    return _known(protojson.shape(make(sections[name]), _ADMIN + name))


def _known(tree: Any) -> Any:
    """The tree as istioctl reads it: of a type that it does not know it keeps the name only."""
    if isinstance(tree, list):
        return [_known(item) for item in tree]
    if not isinstance(tree, dict) or isinstance(tree, protojson.Struct):
        return tree
    message = short_url(as_text(tree.get("@type")))
    if not message or message.startswith("google.protobuf.") or schema.fields(message) is not None:
        return type(tree)((key, _known(item)) for key, item in tree.items())
    return _spelled(tree) if message.startswith(_ISTIO) else {"@type": tree["@type"]}


def _spelled(value: Any) -> Any:
    """A message of Istio's own, which the schema lacks: names in camelCase, defaults left out."""
    if isinstance(value, list):
        return [_spelled(item) for item in value]
    if not isinstance(value, dict):
        return value
    members = {camel(key) if key[:1] != "@" else key: _spelled(item) for key, item in value.items()}
    return {key: members[key] for key in sorted(members) if members[key] not in (None, "", 0, False, [])}


def _typed(body: Any, message: str) -> dict[str, Any]:
    return {**as_dict(body), "@type": _URL + message}


def _without(item: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key not in names}


_VERSION = ("version_info", "versionInfo", "last_updated", "lastUpdated")


def _clusters(section: dict[str, Any]) -> dict[str, Any]:
    items = []
    for item in dicts(get(section, "dynamic_active_clusters")):
        body = _typed(item.get("cluster"), "envoy.config.cluster.v3.Cluster")
        items.append({**_without(item, *_VERSION), "cluster": body})
    return {"dynamicActiveClusters": sorted_by(items, lambda item: as_text(item["cluster"].get("name")))}


def _listeners(section: dict[str, Any]) -> dict[str, Any]:
    items = []
    for item in dicts(get(section, "dynamic_listeners")):
        active = get(item, "active_state")
        if not isinstance(active, dict):
            continue
        body = _typed(active.get("listener"), "envoy.config.listener.v3.Listener")
        kept = _without(item, "name", "active_state", "activeState", "draining_state", "drainingState")
        items.append({**kept, "activeState": {**_without(active, *_VERSION), "listener": body}})
    return {"dynamicListeners": sorted_by(items, lambda item: as_text(item["activeState"]["listener"].get("name")))}


def _routes(section: dict[str, Any]) -> dict[str, Any]:
    items = []
    for item in dicts(get(section, "dynamic_route_configs")):
        body = _typed(get(item, "route_config"), "envoy.config.route.v3.RouteConfiguration")
        hosts = dicts(get(body, "virtual_hosts"))
        if hosts:
            body = _without(body, "virtual_hosts", "virtualHosts")
            body["virtualHosts"] = sorted_by(hosts, lambda host: as_text(host.get("name")))
        items.append({**_without(item, *_VERSION, "route_config", "routeConfig"), "routeConfig": body})
    return {"dynamicRouteConfigs": sorted_by(items, lambda item: as_text(item["routeConfig"].get("name")))}


def _diff(word: str, istiod: Any, envoy: Any) -> str:
    """A unified diff; empty where both are equal."""
    if istiod == envoy:
        return ""
    a, b = _lines(istiod), _lines(envoy)
    if a == b:
        return ""
    return "".join(difflib.unified_diff(a, b, f"Istiod {word}", f"Envoy {word}", n=_CONTEXT))


def _lines(tree: Any) -> list[str]:
    text = tree if isinstance(tree, str) else gotext.message(tree)
    return [f"{line}\n" for line in text.split("\n")]


def _times(section: Any) -> list[Any]:
    return [get(item, "last_updated") for item in dicts(get(section, "dynamic_route_configs"))]


def last_loaded(times: Iterable[Any]) -> str:
    """The newest of Envoy's times of its route configurations, as RFC 1123 in UTC; empty without one."""
    found = [time for each in times if (time := parse_time(each)) is not None]
    return f" (RDS last loaded at {_rfc1123(max(found))})" if found else ""


def _rfc1123(time: datetime) -> str:
    utc = time.astimezone(UTC)
    day = f"{_DAYS[utc.weekday()]}, {utc.day:02d} {_MONTHS[utc.month - 1]} {utc.year:04d}"
    return f"{day} {utc:%H:%M:%S} UTC"
