"""A rejected push: which object of Istio or the Gateway API, other than an EnvoyFilter, made it.

Told by what Envoy's text repeats of an object: a regular expression, a field, a name, a host, a port.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.hosts import full_name, texts_of
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.workloads.owners import ClusterName
from bugbundle.rules.sync.nack import CLOCK, Suspect, changed, invalid_fields, pascal
from bugbundle.xds import Xds

SHAPERS: dict[Xds, tuple[str, ...]] = {
    Xds.CDS: (res.DESTINATION_RULE, res.SERVICE_ENTRY),
    Xds.LDS: (res.GATEWAY, res.K8S_GATEWAY, res.SERVICE_ENTRY, res.WASM_PLUGIN),
    Xds.RDS: (res.VIRTUAL_SERVICE, res.HTTP_ROUTE, res.GRPC_ROUTE),
    Xds.EDS: (res.SERVICE_ENTRY, res.WORKLOAD_ENTRY, res.DESTINATION_RULE),
    Xds.ECDS: (res.WASM_PLUGIN,),
    Xds.SDS: (res.GATEWAY, res.K8S_GATEWAY, res.DESTINATION_RULE),
}
"""Whose objects istiod makes a type of, EnvoyFilters aside."""

_REGEX = re.compile(
    r"(?:invalid perl operator|missing [])]|unexpected [])]|no argument for repetition operator|"
    r"bad repetition operator|invalid repetition size|invalid escape sequence|invalid character class range|"
    r"invalid character class|invalid named capture group|trailing \\ at end of regexp): ?(.*)"
)
"""RE2's errors (re2/re2.cc), each with the piece of the expression that it stumbles on."""

_CLUSTER = re.compile(r"outbound\|\d+\|[^|\s]*\|[\w.-]+")
_BIND = re.compile(r"cannot bind '[^']*:(\d+)'")


def makers(mesh: Mesh, kind: Xds, message: str) -> list[Suspect]:
    """The objects that Envoy's text repeats, by the surest sign that any of them shows."""
    items = [item for resource in SHAPERS.get(kind, ()) for item in mesh.kube.list(resource)]
    for sign in (_regex, _field, _name, _secret, _port, _host):
        found = [Suspect(item, proof) for item in items if (proof := sign(item, message))]
        if found:
            return found
    return []


def changed_between(mesh: Mesh, kind: Xds, good: datetime | None, pushed: datetime | None) -> list[Suspect]:
    """The objects that were changed after the last push that Envoy took and before the one that it rejected."""
    if good is None or pushed is None:
        return []
    items = [item for resource in SHAPERS.get(kind, ()) for item in mesh.kube.list(resource)]
    return [Suspect(one, "") for one in items if (time := changed(one)) and good - CLOCK <= time <= pushed + CLOCK]


def _regex(item: KubeObject, message: str) -> str:
    match = _REGEX.search(message)
    piece = match[1].strip() if match else ""
    return next((text for text in _regexes(item.spec) if piece and piece in text and not _sound(text)), "")[:80]


def _regexes(value: Any) -> Iterator[str]:
    """`regex: …` of Istio's API, `type: RegularExpression, value: …` of the Gateway API."""
    if isinstance(value, list):
        for one in value:
            yield from _regexes(one)
    elif isinstance(value, dict):
        if isinstance(value.get("regex"), str):
            yield value["regex"]
        if value.get("type") == "RegularExpression":
            yield as_text(value.get("value"))
        for one in value.values():
            yield from _regexes(one)


def _sound(text: str) -> bool:
    """Whether RE2 would take it, as far as Python's engine can tell: RE2 has no look-around and no back-references."""
    if re.search(r"\(\?(?:[=!>#(]|<[=!])|\\[1-9]|[*+?}]\+", text):
        return False
    try:
        re.compile(text)
    except re.error:
        return False
    return True


def _field(item: KubeObject, message: str) -> str:
    """A field that Envoy's API refuses, in an object for the cluster that the text names."""
    wrong = invalid_fields(message)
    if not wrong or (_CLUSTER.search(message) and not _host(item, message)):
        return ""
    return next((key for key in _keys(item.spec) if pascal(key) in wrong), "")


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _keys(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from _keys(one)


def _name(item: KubeObject, message: str) -> str:
    """`namespace.name`, as istiod calls what it makes of a WasmPlugin."""
    name = f"{item.namespace}.{item.name}"
    return name if re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", message) else ""


def _secret(item: KubeObject, message: str) -> str:
    """The Secret that a Gateway (or DestinationRule) names and Envoy cannot use."""
    named = set(re.findall(r"kubernetes(?:-gateway)?://(?:[\w.-]+/)?([\w.-]+?)(?:-cacert)?(?=[:,\s]|$)", message))
    return next((name for name in credentials(item.spec) if name in named), "")


def credentials(value: Any) -> Iterator[str]:
    """The names of Secrets in `credentialName` and `certificateRefs`."""
    if isinstance(value, list):
        for one in value:
            yield from credentials(one)
    elif isinstance(value, dict):
        if name := as_text(value.get("credentialName")):
            yield name
        yield from (as_text(one.get("name")) for one in dicts(value.get("certificateRefs")))
        for one in value.values():
            yield from credentials(one)


def _port(item: KubeObject, message: str) -> str:
    match = _BIND.search(message)
    if not match:
        return ""
    ports = [as_dict(server.get("port")).get("number") for server in dicts(item.spec.get("servers"))]
    ports += [listener.get("port") for listener in dicts(item.spec.get("listeners"))]
    return f"port {match[1]}" if int(match[1]) in ports else ""


def _host(item: KubeObject, message: str) -> str:
    """A host of the object that the text names; a DestinationRule's by the cluster."""
    if item.kind == "DestinationRule":
        host = full_name(as_text(item.spec.get("host")), item.namespace)
        return host if any(ClusterName(name).host == host for name in _CLUSTER.findall(message)) else ""
    words = message.lower()
    for host in _hosts(item):
        plain = host.rpartition("/")[2].lower()
        if "." in plain.strip("*.") and re.search(rf"(?<![\w.-]){re.escape(plain)}(?![\w-])", words):
            return host
    return ""


def _hosts(item: KubeObject) -> Iterator[str]:
    yield from texts_of(item.spec.get("hosts"))
    yield from texts_of(item.spec.get("hostnames"))
    for server in dicts(item.spec.get("servers")):
        yield from texts_of(server.get("hosts"))
    for listener in dicts(item.spec.get("listeners")):
        yield as_text(listener.get("hostname"))
