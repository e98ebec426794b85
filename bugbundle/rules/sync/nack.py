"""A rejected push: what Envoy said about it, and which EnvoyFilter made it (other objects: `makers`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from bugbundle.bundle.manifest import parse_time
from bugbundle.mesh import KubeObject, Mesh, Proxy
from bugbundle.mesh.config.meshconfig import root_namespace
from bugbundle.mesh.kinds import ENVOY_FILTER
from bugbundle.mesh.kube import as_dict, as_text, dicts, texts
from bugbundle.mesh.selectors import contains
from bugbundle.xds import Xds

SHORTEST = 8
"""Characters that a piece of text needs to point at one patch."""

CAUSES = (
    (
        r"multiple filter chains with (?:the same|overlapping) matching rules",
        "two filter chains match the same traffic (two Services, Gateways or patches claim it)",
    ),
    (
        r"terminal filter.*must be the last filter|non-terminal filter",
        "a filter stands behind the terminal filter, or none is terminal (the order of a patch)",
    ),
    (r"duplicate listener", "two listeners have the same name or address"),
    (r"cannot bind.*[Pp]ermission denied", "the proxy may not bind a port below 1024"),
    (
        r"cannot bind.*[Aa]ddress already in use|address already in use",
        "the port is taken by another process of the pod or node",
    ),
    (r"no filter chains specified", "a listener has no filter chain"),
    (r"script load error|lua", "a Lua script does not compile"),
    (
        r"invalid perl op|(?:missing|unexpected) [])]|repetition op|invalid (?:escape|character|named capture)",
        "a regular expression that Envoy's engine (RE2) does not take",
    ),
    (r"KEY_VALUES_MISMATCH|private key.*does not match", "the private key does not belong to the certificate"),
    (r"Failed to load (?:certificate|private key|trusted CA)", "a certificate or key cannot be read"),
    (r"[Dd]idn't find a registered implementation", "Envoy has no extension of that name in this build"),
    (
        r"no such field|unknown field|could not find @?type|has unknown fields",
        "a field or type that this Envoy does not know",
    ),
    (r"ProtoValidation|validation error|constraint validation", "a value that Envoy's API does not allow"),
    (
        r"duplicate (?:cluster|route|virtual host|domain)|Only unique values for domains",
        "the same name or domain stands twice",
    ),
    (r"not found in any of the (?:known )?clusters|unknown cluster", "it names a cluster that the proxy does not have"),
    (r"wasm|Wasm|WASM", "a Wasm module could not be loaded"),
)
"""What Envoy's text means, by its fixed parts (source/common, source/server of Envoy)."""

SHORTLY = timedelta(seconds=60)
"""Between a change of an object and the push that it makes."""

CLOCK = timedelta(seconds=5)
"""By which the API server's clock may differ from istiod's."""

TARGETS = {
    Xds.LDS: {"LISTENER", "FILTER_CHAIN", "NETWORK_FILTER", "HTTP_FILTER", "LISTENER_FILTER"},
    Xds.RDS: {"ROUTE_CONFIGURATION", "VIRTUAL_HOST", "HTTP_ROUTE"},
    Xds.CDS: {"CLUSTER"},
    Xds.ECDS: {"EXTENSION_CONFIG", "HTTP_FILTER"},
}
"""Which `applyTo` shapes which type."""

_QUOTED = re.compile(r'"([^"]{6,})"|\'([^\']{6,})\'')


def meaning(message: str) -> str:
    """Envoy's text in plain words; empty where it is not known."""
    return next((words for pattern, words in CAUSES if re.search(pattern, message, re.S)), "")


class Suspect(NamedTuple):
    """An object that may have made what Envoy rejects; `proof` is what of it Envoy's message repeats."""

    thing: KubeObject
    proof: str


def suspects(mesh: Mesh, proxy: Proxy, kind: Xds, message: str) -> list[Suspect]:
    """The EnvoyFilters that shape a type of a proxy; only those that the message repeats, where there are any."""
    found = [
        Suspect(item, _repeated(item, kind, message))
        for item in mesh.kube.list(ENVOY_FILTER)
        if applies(mesh, proxy, item) and _shapes(item, kind)
    ]
    return [one for one in found if one.proof] or found


def applies(mesh: Mesh, proxy: Proxy, item: KubeObject) -> bool:
    """Whether an EnvoyFilter is for a proxy: by namespace (or root namespace), workloadSelector, targetRefs."""
    if item.namespace not in (proxy.namespace, root_namespace(mesh)):
        return False
    refs = dicts(item.spec.get("targetRefs"))
    if refs:
        name = proxy.pod.labels.get("gateway.networking.k8s.io/gateway-name", "") if proxy.pod else ""
        return any(as_text(one.get("name")) == name for one in refs)
    wanted = texts(as_dict(item.spec.get("workloadSelector")).get("labels"))
    return not wanted or (proxy.pod is not None and contains(proxy.pod.labels, wanted))


def _shapes(item: KubeObject, kind: Xds) -> bool:
    wanted = TARGETS.get(kind, set())
    return any(as_text(patch.get("applyTo")) in wanted for patch in dicts(item.spec.get("configPatches")))


def changed(item: KubeObject) -> datetime | None:
    """When an object was last changed by anyone but a status writer: by its managed fields, else its creation."""
    times = [
        parse_time(one.get("time"))
        for one in dicts(item.metadata.get("managedFields"))
        if as_text(one.get("subresource")) != "status"
    ]
    return max((time for time in times if time), default=item.created)


def newest(found: list[Suspect], pushed: datetime | None) -> Suspect | None:
    """The one suspect that was changed shortly before the rejected push; None where there is not just one."""
    fresh = [one for one in found if pushed and (time := changed(one.thing)) and -CLOCK <= pushed - time <= SHORTLY]
    return fresh[0] if len(fresh) == 1 else None


def _repeated(item: KubeObject, kind: Xds, message: str) -> str:
    """The first piece of a patch that the message repeats, or of the message that the patch holds."""
    quoted = [part.rstrip(".") for pair in _QUOTED.findall(message) for part in pair if len(part) >= SHORTEST]
    for patch in dicts(item.spec.get("configPatches")):
        if as_text(patch.get("applyTo")) not in TARGETS.get(kind, set()):
            continue
        for key, text in _leaves(as_dict(patch.get("patch")).get("value")):
            if text and (_named(key, text, message) or (len(text) >= SHORTEST and text in message)):
                return text[:80]
            hit = next((part for part in quoted if part in text), "")
            if hit:
                return hit[:80]
            if key and re.search(rf"(?:field\S*:?\s+|[\"'`]){re.escape(key)}\b", message):
                return key[:80]
            if key and pascal(key) in invalid_fields(message):
                return key[:80]
    return ""


def invalid_fields(message: str) -> set[str]:
    """The fields that Envoy's API refuses, as it spells them: `…ValidationError.ConnectTimeout: value must be …`."""
    return set(re.findall(r"ValidationError\.(\w+)(?:\[\d*\])?:", message))


def pascal(key: str) -> str:
    """`connect_timeout` and `connectTimeout` → `ConnectTimeout`."""
    return "".join(part[:1].upper() + part[1:] for part in key.split("_"))


def _named(key: str, text: str, message: str) -> bool:
    """Whether it is the name of something, and the message has it as a word of its own."""
    if key != "name" or len(text) < 3:
        return False
    return re.search(rf"(?<![\w.-]){re.escape(text)}(?![\w-])", message) is not None


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """(key, text) of every value; numbers and the like with an empty text."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, key)
    else:
        yield key, as_text(value)
