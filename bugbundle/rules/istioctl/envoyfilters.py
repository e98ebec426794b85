"""The patches of EnvoyFilters, judged by operation (istioctl's envoyfilter.EnvoyPatchAnalyzer)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.kube import as_dict, as_text, dicts

ROUTES = ("ROUTE_CONFIGURATION", "HTTP_ROUTE")
FILTERS = ("NETWORK_FILTER", "HTTP_FILTER")


class PatchHit(NamedTuple):
    """One patch that deserves a message of this code."""

    code: str
    origin: KubeObject
    place: str
    text: str


def patches(mesh: Mesh) -> Iterator[PatchHit]:
    """Every patch to speak of, over all EnvoyFilters in order."""
    versioned: set[str] = set()
    for item in analysed(mesh, res.ENVOY_FILTER):
        for number, entry in enumerate(dicts(item.spec.get("configPatches"))):
            patch = entry.get("patch")
            if not isinstance(patch, dict):
                break
            name = _filter_name(entry)
            operation, target = as_text(patch.get("operation")), as_text(entry.get("applyTo"))
            code = _code(operation, target, item.spec.get("priority") or 0, name in versioned)
            if code:
                text = f"{operation} on {target}"
                yield PatchHit(code, item, f"/spec/configPatches/{number}/patch", text)
            if as_dict(as_dict(entry.get("match")).get("proxy")).get("proxyVersion"):
                versioned.add(name)


def _code(operation: str, target: str, priority: Any, versioned: bool) -> str:
    relative = "" if priority else ("IST0155" if versioned else "IST0151")
    match operation:
        case "ADD":
            return "IST0153" if target in ROUTES else ""
        case "REMOVE":
            return "IST0154" if target in ROUTES else relative
        case "REPLACE":
            return relative if target in (*FILTERS, "VIRTUAL_HOST") else "IST0152"
        case "INSERT_BEFORE" | "INSERT_AFTER":
            return relative
    return ""


def _filter_name(entry: dict[str, Any]) -> str:
    value = as_dict(as_dict(entry.get("patch")).get("value"))
    if not value:
        return ""
    chain = as_dict(as_dict(as_dict(entry.get("match")).get("listener")).get("filterChain"))
    return as_text(value.get("name")) or as_text(as_dict(chain.get("filter")).get("name"))
