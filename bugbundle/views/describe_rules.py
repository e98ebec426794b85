"""The DestinationRule and VirtualService blocks of `describe`. Source: istioctl/pkg/describe/describe.go of 1.29."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bugbundle.mesh.kube import KubeObject, as_dict, as_text, dicts, texts
from bugbundle.mesh.selectors import contains
from bugbundle.views import prototext
from bugbundle.views.describe_envoy import SUFFIX

Labels = Sequence[dict[str, str]]
Name = Callable[[KubeObject], str]


@dataclass(frozen=True, slots=True)
class Subsets:
    """The subsets of a DestinationRule that some pod matches, and the others; `rule` is its printed name."""

    matching: tuple[str, ...] = ()
    other: tuple[str, ...] = ()
    rule: str = ""


def subsets_of(rule: KubeObject, pods: Labels, name: Name) -> Subsets:
    """Which subsets the pods' labels match."""
    matching: list[str] = []
    other: list[str] = []
    for subset in dicts(rule.spec.get("subsets")):
        wanted = texts(subset.get("labels"))
        into = matching if any(contains(labels, wanted) for labels in pods) else other
        into.append(as_text(subset.get("name")))
    return Subsets(tuple(matching), tuple(other), name(rule))


def destination_rule(rule: KubeObject, found: Subsets, indent: int) -> list[str]:
    """The block of one DestinationRule."""
    pad, pad1, pad2 = (" " * (indent + more) for more in (0, 3, 6))
    out = [f'{pad}DestinationRule: {found.rule} for "{_quote(as_text(rule.spec.get("host")))}"']
    if found.matching or found.other:
        other = ",".join(found.other)
        if not found.matching:
            out.append(f"{pad1}WARNING POD DOES NOT MATCH ANY SUBSETS.  (Non matching subsets {other})")
        out.append(f"{pad1}Matching subsets: {','.join(found.matching)}")
        if found.other:
            out.append(f"{pad2}(Non-matching subsets {other})")
    policy = rule.spec.get("trafficPolicy")
    if not isinstance(policy, dict):
        return [*out, f"{pad1}No Traffic Policy"]
    if isinstance(policy.get("tls"), dict):
        out.append(f"{pad1}Traffic Policy TLS Mode: {_mode(policy['tls'])}")
    out.extend(f"{pad1}{line}" for line in _policies(policy))
    if isinstance(policy.get("portLevelSettings"), list):
        out.append(f"{pad1}Port Level Settings:")
        for settings in dicts(policy["portLevelSettings"]):
            out.append(f"    {as_dict(settings.get('port')).get('number', 0)}:")
            if isinstance(settings.get("tls"), dict):
                out.append(f"{pad2}TLS Mode: {_mode(settings['tls'])}")
            out.extend(f"{pad2}{line}" for line in _policies(settings))
    return out


def _quote(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _mode(tls: dict[str, Any]) -> str:
    return as_text(tls.get("mode")) or "DISABLE"


def _policies(policy: dict[str, Any]) -> list[str]:
    words = {
        "loadBalancer": "load balancer",
        "connectionPool": "connection pool",
        "outlierDetection": "outlier detection",
    }
    found = [word for key, word in words.items() if isinstance(policy.get(key), dict)]
    return [f"Policies: {'/'.join(found)}"] if found else []


def virtual_service(rule: KubeObject, service: KubeObject, found: Subsets, indent: int, name: Name) -> list[str]:
    """The block of one VirtualService, as far as it leads to the service."""
    pad, pad1, pad2 = (" " * (indent + more) for more in (0, 3, 6))
    out = [f"{pad}VirtualService: {name(rule)}"]
    http, tls, tcp = (dicts(rule.spec.get(kind)) for kind in ("http", "tls", "tcp"))
    answers = [_http_route(rule, route, service, found) for route in http]
    answers += [_tcp_route(rule, route, service) for route in tcp]
    matches = sum(1 for matched, _ in answers if matched)
    facts = [fact for matched, told in answers if matched for fact in told]
    notes = [note for matched, told in answers if not matched for note in told]
    out.extend(f"{pad1}{fact}" for fact in facts)
    if not matches:
        for kind, routes in (("HTTP", http), ("TCP", tcp)):
            if routes:
                checked = f"(checked {len(routes)} {kind} routes)"
                out.append(f"{pad1}WARNING: No destinations match pod subsets {checked}")
        return [*out, *(f"{pad2}{note}" for note in notes)]
    possible = len(http) + len(tls) + len(tcp)
    if matches < possible:
        out.append(f"{pad1}{possible - matches} additional destination(s) that will not reach this pod")
        return out if facts else [*out, *(f"{pad2}{note}" for note in notes)]
    if not facts:
        out.extend(f"{pad1}{len(routes)} {kind} route(s)" for kind, routes in (("HTTP", http), ("TCP", tcp)) if routes)
    return out


def _http_route(rule: KubeObject, route: dict[str, Any], service: KubeObject, found: Subsets) -> tuple[bool, list[str]]:
    """(whether it leads to the service, what is to be said about it)."""
    facts: list[str] = []
    notes: list[str] = []
    match = False
    for target in dicts(route.get("route")):
        destination = as_dict(target.get("destination"))
        host, subset = as_text(destination.get("host")), as_text(destination.get("subset"))
        weight = target.get("weight") or 0
        if not _same_host(host, rule, service):
            facts.append(f"Route to {host} with invalid config" if subset else _weighted(host, "", weight))
            continue
        if subset in found.other:
            notes.append(f"Route to non-matching subset {subset} for ({_matches(route)})")
            continue
        if subset and subset not in found.matching:
            notes.append(
                f"Warning: Route to UNKNOWN subset {subset}; check DestinationRule {found.rule}"
                if found.rule
                else f"Warning: Route to subset {subset} but NO DESTINATION RULE defining subsets!"
            )
            continue
        match = True
        if isinstance(weight, int) and weight > 0:
            facts.append(_weighted(host, subset, weight))
    if not match:
        return False, facts + notes
    conditions = [_match(item) for item in dicts(route.get("match"))]
    if isinstance(route.get("fault"), dict):
        conditions.insert(0, f"Fault injection {prototext.fault(route['fault'])}")
    return True, [*facts, ", ".join(conditions)] if conditions else facts


def _weighted(host: str, subset: str, weight: Any) -> str:
    of_subset = f' subset "{subset}"' if subset else ""
    return f'Route to host "{host}"{of_subset} with weight {weight}%'


def _tcp_route(rule: KubeObject, route: dict[str, Any], service: KubeObject) -> tuple[bool, list[str]]:
    hosts = [as_text(as_dict(target.get("destination")).get("host")) for target in dicts(route.get("route"))]
    match = any(_same_host(host, rule, service) for host in hosts)
    return match, [prototext.tcp_match(item) for item in dicts(route.get("match"))] if match else []


def _same_host(host: str, rule: KubeObject, service: KubeObject) -> bool:
    """Whether a destination's host, short names completed in the rule's namespace, is the service."""
    if host and host != "*" and "." not in host:
        host = f"{host}.{rule.namespace}{SUFFIX}"
    if host and not host.startswith("*") and not host.endswith(SUFFIX):
        host += SUFFIX
    return host == f"{service.name}.{service.namespace}{SUFFIX}"


def _matches(route: dict[str, Any]) -> str:
    return ", ".join(_match(item) for item in dicts(route.get("match"))) or "everything"


def _match(item: dict[str, Any]) -> str:
    text = "Match: "
    if isinstance(item.get("uri"), dict):
        text += _string(item["uri"]) + (" uncased" if item.get("ignoreUriCase") is True else "")
    headers = as_dict(item.get("headers"))
    if headers:
        told = (f"{key}={_string(as_dict(value))}" for key, value in sorted(headers.items()))
        text += " when headers are " + "; ".join(told)
    return text.strip()


def _string(value: dict[str, Any]) -> str:
    if isinstance(value.get("exact"), str):
        return str(value["exact"])
    if isinstance(value.get("prefix"), str):
        return f"{value['prefix']}*"
    return prototext.string_match(value)
