"""Envoy's config dump, cut by the parameters of `/config_dump` without parsing what is kept.

After Envoy's `source/server/admin/config_dump_handler.cc` and its admin documentation: `include_eds` adds the
endpoints, `mask` keeps fields of every section, `resource` gives the items of one repeated field, each an
`Any` of its own, and `name_regex` the resources whose whole name matches.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bugbundle.codec import JSONError, Raw, decode, reindent, split_array, split_object
from bugbundle.replay.pages.page import JSON, Page, sentence

EDS = "type.googleapis.com/envoy.admin.v3.EndpointsConfigDump"
MAX_PATTERN = 256

_ADMIN = "type.googleapis.com/envoy.admin.v3."
_ITEMS = {
    "static_clusters": "ClustersConfigDump.StaticCluster",
    "dynamic_active_clusters": "ClustersConfigDump.DynamicCluster",
    "dynamic_warming_clusters": "ClustersConfigDump.DynamicCluster",
    "static_listeners": "ListenersConfigDump.StaticListener",
    "dynamic_listeners": "ListenersConfigDump.DynamicListener",
    "static_route_configs": "RoutesConfigDump.StaticRouteConfig",
    "dynamic_route_configs": "RoutesConfigDump.DynamicRouteConfig",
    "inline_scoped_route_configs": "ScopedRoutesConfigDump.InlineScopedRouteConfigs",
    "dynamic_scoped_route_configs": "ScopedRoutesConfigDump.DynamicScopedRouteConfigs",
    "static_secrets": "SecretsConfigDump.StaticSecret",
    "dynamic_active_secrets": "SecretsConfigDump.DynamicSecret",
    "dynamic_warming_secrets": "SecretsConfigDump.DynamicSecret",
    "static_endpoint_configs": "EndpointsConfigDump.StaticEndpointConfig",
    "dynamic_endpoint_configs": "EndpointsConfigDump.DynamicEndpointConfig",
    "ecds_filters": "EcdsConfigDump.EcdsFilterConfig",
}
"""The repeated fields of the sections, and what their items are (envoy/admin/v3/config_dump_shared.proto)."""

_GREEDY = re.compile(r"\)[*+{]|[*+}][*+{]")

Mask = dict[str, Any]
"""Wanted fields, each with the mask below it; empty: all of it."""


def narrow(body: bytes, query: dict[str, str]) -> Page:
    """The recorded dump (with its endpoints) as Envoy gives it for these parameters."""
    names = pattern(query.get("name_regex", ""))
    if names is None:
        return sentence(400, "Error: this name_regex is not one that a recording can answer.")
    with_eds = query.get("include_eds", "false").lower() not in ("false", "0")
    if not query.get("mask") and not query.get("resource") and not names.pattern and with_eds:
        return Page(200, {"content-type": JSON}, body)
    try:
        sections = [split_object(raw) for raw in split_array(split_object(body)["configs"])]
        kept = [part for part in sections if with_eds or _text(part.get("@type")) != EDS]
        mask = _mask(query.get("mask", ""))
        if query.get("resource"):
            return _resource(kept, query["resource"], mask, names)
        parts = [_section(part, mask, names) for part in kept]
    except (JSONError, KeyError):
        return sentence(500, "The recorded config dump is not one that can be cut.")
    return _page(parts)


def _resource(sections: list[dict[str, Raw]], name: str, mask: Mask, names: re.Pattern[str]) -> Page:
    if name not in _ITEMS:
        if any(name in part for part in sections):
            text = f"{name} is not a repeated field. Use ?mask={name} to get only this field\n"
            return Page(400, {"content-type": "text/plain"}, text.encode())
        return sentence(404, f"{ascii(name)[1:-1]} not found in config dump")
    kind = Raw(f'"{_ADMIN}{_ITEMS[name]}"'.encode())
    items = [{"@type": kind, **item} for part in sections for item in _items(part, name, names)]
    page = _page([_trim(item, mask) for item in items])
    return Page(200, page.headers, reindent(page.body, 1) + b"\n")


def _items(part: dict[str, Raw], name: str, names: re.Pattern[str]) -> Iterator[dict[str, Raw]]:
    for raw in split_array(part[name]) if name in part else ():
        if _named(raw, names):
            yield split_object(raw)


def _section(part: dict[str, Raw], mask: Mask, names: re.Pattern[str]) -> dict[str, Any]:
    """One section with its wanted fields; a field of resources keeps those that are named so."""
    kept: dict[str, Any] = _trim(part, mask)
    if names.pattern:
        for name, value in list(kept.items()):
            if name in _ITEMS and isinstance(value, Raw):
                kept[name] = [raw for raw in split_array(value) if _named(raw, names)]
                if not kept[name]:
                    del kept[name]
    return kept


def _trim(part: dict[str, Raw], mask: Mask) -> dict[str, Any]:
    """The members that a mask names, and what an `Any` says it is."""
    if not mask:
        return dict(part)
    kept: dict[str, Any] = {}
    for name, raw in part.items():
        if name == "@type":
            kept[name] = raw
        elif name in mask:
            below = mask[name]
            kept[name] = _trim(split_object(raw), below) if below and bytes(memoryview(raw)[:1]) == b"{" else raw
    return kept


def _mask(text: str) -> Mask:
    """A field mask (`a,b.c`) as a tree; camelCase names are taken as their snake_case ones."""
    tree: Mask = {}
    for path in text.split(",")[:200] if text else ():
        spot = tree
        steps = [re.sub(r"[A-Z]", lambda found: "_" + found[0].lower(), step) for step in path.split(".")[:20]]
        for step in steps:
            spot = spot.setdefault(step, {})
    return tree


def pattern(text: str) -> re.Pattern[str] | None:
    """A regular expression, or None where it is none, or one that could take for ever."""
    if len(text) > MAX_PATTERN or _GREEDY.search(text):
        return None
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError):
        return None


def _named(raw: Raw, names: re.Pattern[str]) -> bool:
    return not names.pattern or names.fullmatch(_name(decode(raw))) is not None


def _name(item: Any) -> str:
    """The name of one resource in a dump: its own, or that of what it wraps."""
    if not isinstance(item, dict):
        return ""
    for spot in (item, *(value for value in item.values() if isinstance(value, dict))):
        name = spot.get("name") or spot.get("cluster_name")
        if isinstance(name, str):
            return name
    return ""


def _text(raw: Raw | None) -> str:
    value = decode(raw) if raw is not None else ""
    return value if isinstance(value, str) else ""


def _page(parts: list[dict[str, Any]]) -> Page:
    body = _render({"configs": parts} if parts else {}, 0) + b"\n"
    return Page(200, {"content-type": JSON}, body)


def _render(value: Any, depth: int) -> bytes:
    """As Envoy prints it, one space a level. What was not taken apart already stands at its place."""
    if isinstance(value, Raw):
        return bytes(value)
    if not value:
        return b"{}" if isinstance(value, dict) else b"[]"
    pad = b"\n" + b" " * (depth + 1)
    end = b"\n" + b" " * depth
    if isinstance(value, list):
        return b"[" + b",".join(pad + _render(item, depth + 1) for item in value) + end + b"]"
    members = (pad + b'"' + name.encode() + b'": ' + _render(item, depth + 1) for name, item in value.items())
    return b"{" + b",".join(members) + end + b"}"
