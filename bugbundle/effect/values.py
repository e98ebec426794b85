"""Values of policies that no request can match: of another form, or of the wrong side.

Source: pilot/pkg/security/authz/model and matcher: principals get `spiffe://` in front, and * stands at one end
only; ports are the workload's; methods and paths are compared as they stand, the path without its query.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from bugbundle.effect.scope import Selection, ports_of_pods
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh.config.hosts import texts_of
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.workloads.index import index

_PRINCIPAL = re.compile(r"[^/*]+/ns/[^/*]+/sa/[^/*]+")
_PATTERN = re.compile(r"\.\*|\.\+|\\|\^|\$$|\[[^\]]*\]|\|")

Told = tuple[str, str]
"""(why a value never matches, what to write instead)."""

Check = Callable[[str], Told | None]


def fields(mesh: Mesh, rule: dict[str, Any], chosen: Selection) -> Iterator[tuple[str, list[str], Check]]:
    """(pointer inside a rule, its values, the check that says why a value never matches)."""
    for number, entry in enumerate(dicts(rule.get("from"))):
        source = as_dict(entry.get("source"))
        for field in ("principals", "notPrincipals"):
            yield f"from/{number}/source/{field}", texts_of(source.get(field)), _principal
    for number, entry in enumerate(dicts(rule.get("to"))):
        operation = as_dict(entry.get("operation"))
        yield f"to/{number}/operation/methods", texts_of(operation.get("methods")), _method
        yield f"to/{number}/operation/paths", texts_of(operation.get("paths")), _path
        yield f"to/{number}/operation/hosts", texts_of(operation.get("hosts")), _host
        yield f"to/{number}/operation/ports", texts_of(operation.get("ports")), lambda v: _port(mesh, chosen, v)


def _principal(value: str) -> Told | None:
    if value.startswith("spiffe://"):
        return "Istio puts spiffe:// in front itself", value.removeprefix("spiffe://")
    if "*" in value or _PRINCIPAL.fullmatch(value):
        return None
    meant = "cluster.local/ns/NAMESPACE/sa/ACCOUNT"
    parts = value.replace(":", "/").split("/")
    if value.startswith("system:serviceaccount:") and len(value.split(":")) == 4:
        _, _, space, account = value.split(":")
        meant = f"cluster.local/ns/{space}/sa/{account}"
    elif value.startswith("ns/") and len(parts) == 4:
        meant = f"cluster.local/{value}"
    elif len(parts) == 2:
        meant = f"cluster.local/ns/{parts[0]}/sa/{parts[1]}"
    return "a principal has the form TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT", meant


def _method(value: str) -> Told | None:
    return (
        ("methods are compared as they stand, and clients send upper case", value.upper())
        if value != value.upper()
        else None
    )


def _path(value: str) -> Told | None:
    if "?" in value:
        return "a path is compared without its query", value.partition("?")[0]
    if value.startswith(("http://", "https://")):
        return "a path begins with /", "/" + value.partition("://")[2].partition("/")[2]
    if not value.startswith(("/", "*", "{")):
        return "a path begins with /", "/" + value
    if _PATTERN.search(value.replace("{*}", "").replace("{**}", "")):
        return "paths are no regular expressions; * stands at one end only", _PATTERN.split(value)[0] + "*"
    inner = value.strip("*")
    if "*" in inner and "{" not in value:
        return "* stands at one end of a path only", value.partition("*")[0] + "*"
    return None


def _host(value: str) -> Told | None:
    if "/" in value:
        return "a host has no scheme and no path", value.partition("://")[2].partition("/")[0] or value.partition("/")[
            0
        ]
    return None


def _port(mesh: Mesh, chosen: Selection, value: str) -> Told | None:
    """A Service's port in place of the workload's."""
    if not value.isdigit():
        return None
    return service_port(mesh, (*chosen.envoys, *chosen.ambient), int(value))


def service_port(mesh: Mesh, pods: tuple[KubeObject, ...], port: int) -> Told | None:
    """Why a number can be no port of these workloads, though it is one of their Services; None where it may be one."""
    if port in ports_of_pods(pods):
        return None
    meant: dict[str, None] = {}
    for pod in pods[:20]:
        for service in index(mesh).services_of(pod):
            for entry in dicts(service.spec.get("ports")):
                target = entry.get("targetPort") or entry.get("port")
                if target == port:
                    return None
                if entry.get("port") == port:
                    number = target if isinstance(target, int) else _named_port(pod, as_text(target))
                    if number == port:
                        return None
                    meant[f"{number or target}"] = None
    if not meant:
        return None
    first = next(iter(meant))
    return f"{port} is the Service's port; the workload listens on {first}", first


def _named_port(pod: KubeObject, name: str) -> int:
    for container in dicts(pod.spec.get("containers")):
        for port in dicts(container.get("ports")):
            if port.get("name") == name and isinstance(port.get("containerPort"), int):
                return int(port["containerPort"])
    return 0
