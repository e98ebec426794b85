"""ztunnel's authorization: is a connection allowed to a workload, and by which policy?

Sources: istio/ztunnel src/rbac.rs (`Authorization::matches`), src/state.rs (`assert_rbac`): DENY first; then, where
there are ALLOW policies, one of them must match. Policies of scope Global and Namespace count besides those that the
workload names; dry runs do not. istiod turns PeerAuthentications into policies named `istio_converted_static_strict`
and `converted_peer_authentication_NAME`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from bugbundle.mesh.kube import as_dict, as_list, as_text, dicts
from bugbundle.mesh.ref import Ref
from bugbundle.trace.matchers import holds

STATIC_STRICT = "istio_converted_static_strict"
CONVERTED = "converted_peer_authentication_"


@dataclass(frozen=True, slots=True)
class Peer:
    """The connection that is judged; `identity` without `spiffe://`, empty where none was shown."""

    source_ip: str
    identity: str
    destination_ip: str
    destination_port: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """`policy` decided; `place` is its number in the dump; `why` in words."""

    allowed: bool
    why: str
    policy: dict[str, Any] | None = None
    place: int = -1


def judge(config: dict[str, Any], workload: dict[str, Any], peer: Peer) -> Verdict:
    """What a ztunnel says to a connection to one of its workloads."""
    found = list(_policies(config, workload))
    denies = [(n, one) for n, one in found if as_text(one.get("action")) == "Deny"]
    allows = [(n, one) for n, one in found if as_text(one.get("action")) != "Deny"]
    for number, policy in denies:
        if matches(policy, peer):
            return Verdict(False, f"{_title(policy)} denies it: {_why_denied(policy, peer)}", policy, number)
    if not allows:
        return Verdict(True, "no ALLOW policy for this workload: allowed" if not denies else "no DENY policy matches")
    for number, policy in allows:
        if matches(policy, peer):
            return Verdict(True, f"{_title(policy)} allows it", policy, number)
    number, nearest = min(allows, key=lambda row: len(_missing(row[1], peer)))
    missing = _missing(nearest, peer)
    lacks = "which asks for " + "; and for ".join(missing) if missing else "which has no rule and allows nothing"
    return Verdict(False, f"no ALLOW policy matches; nearest is {_title(nearest)}, {lacks}", nearest, number)


def _policies(config: dict[str, Any], workload: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    named = {as_text(one) for one in as_list(workload.get("authorizationPolicies"))}
    for number, policy in enumerate(dicts(config.get("policies"))):
        scope, namespace = as_text(policy.get("scope")), as_text(policy.get("namespace"))
        key = f"{namespace}/{policy.get('name')}"
        here = scope == "Namespace" and namespace == workload.get("namespace")
        if (scope == "Global" or here or key in named) and not policy.get("dryRun"):
            yield number, policy


def matches(policy: dict[str, Any], peer: Peer) -> bool:
    """Any rule, of which every clause holds; a clause holds by any of its matches."""
    return any(all(_clause(clause, peer) for clause in as_list(rule)) for rule in as_list(policy.get("rules")))


def _clause(clause: Any, peer: Peer) -> bool:
    return not as_list(clause) or any(not _failing(as_dict(one), peer) for one in as_list(clause) if one)


def _failing(match: dict[str, Any], peer: Peer) -> list[str]:
    """The fields of a match that do not hold, in words."""
    found = []
    for name, value, test in _fields(peer):
        positive, negative = as_list(match.get(name)), as_list(match.get(f"not{name[0].upper()}{name[1:]}"))
        word = _WORDS[name]
        if positive and not any(test(one) for one in positive):
            found.append(f"{word} {' or '.join(map(_shown, positive))}; this connection has {value or 'none'}")
        if any(test(one) for one in negative):
            found.append(f"{word} not {' or '.join(map(_shown, negative))}; this connection has {value or 'none'}")
    return found


_WORDS = {
    "namespaces": "namespace", "principals": "principal", "serviceAccounts": "service account",
    "sourceIps": "source address",
    "destinationIps": "destination address", "destinationPorts": "port",
}  # fmt: skip


def _fields(peer: Peer) -> Iterator[tuple[str, str, Callable[[Any], bool]]]:
    parts = peer.identity.split("/")
    namespace = parts[2] if len(parts) == 5 else ""
    account = (namespace, parts[4]) if len(parts) == 5 else None
    yield "namespaces", namespace, lambda one: _string(one, namespace)
    yield "principals", peer.identity, lambda one: bool(peer.identity) and _string(one, peer.identity)
    yield "serviceAccounts", "/".join(account or ()), lambda one: account == (
        as_text(as_dict(one).get("namespace")), as_text(as_dict(one).get("serviceAccount")))  # fmt: skip
    yield "sourceIps", peer.source_ip, lambda one: _block(one, peer.source_ip)
    yield "destinationIps", peer.destination_ip, lambda one: _block(one, peer.destination_ip)
    yield "destinationPorts", str(peer.destination_port), lambda one: one == peer.destination_port


def _string(matcher: Any, value: str) -> bool:
    if matcher == "Presence" or "Presence" in as_dict(matcher):
        return bool(value)
    return any(test(value, as_text(matcher[kind])) for kind, test in _TESTS.items() if kind in as_dict(matcher))


_TESTS: dict[str, Callable[[str, str], bool]] = {
    "Exact": str.__eq__,
    "Prefix": str.startswith,
    "Suffix": str.endswith,
}


def _block(text: Any, address: str) -> bool:
    try:
        return holds(ip_network(str(text), strict=False), address)
    except ValueError:
        return False


def _shown(matcher: Any) -> str:
    known = as_dict(matcher)
    forms = {"Exact": "{}", "Prefix": "{}*", "Suffix": "*{}"}
    for kind, form in forms.items():
        if kind in known:
            return form.format(known[kind])
    if "serviceAccount" in known:
        return f"{known.get('namespace')}/{known['serviceAccount']}"
    return "any" if matcher == "Presence" or "Presence" in known else str(matcher)


def _missing(policy: dict[str, Any], peer: Peer) -> list[str]:
    """What the nearest rule of a policy would have needed."""
    rules = []
    for rule in as_list(policy.get("rules")):
        lines: list[str] = []
        for clause in as_list(rule):
            if not _clause(clause, peer):
                lines += sorted((_failing(as_dict(one), peer) for one in as_list(clause)), key=len)[0]
        rules.append(lines)
    return sorted(rules, key=len)[0] if rules else []


def _why_denied(policy: dict[str, Any], peer: Peer) -> str:
    if policy.get("name") == STATIC_STRICT or as_text(policy.get("name")).startswith(CONVERTED):
        return (
            "mTLS is required (STRICT), and the connection is plain text"
            if not peer.identity
            else "mTLS is required (STRICT)"
        )
    who = peer.identity or "a client without identity"
    return f"it comes from {who} ({peer.source_ip}) to port {peer.destination_port}"


def made_by(policy: dict[str, Any] | None) -> Ref | None:
    """The object behind a policy of ztunnel."""
    if policy is None:
        return None
    name, namespace = as_text(policy.get("name")), as_text(policy.get("namespace"))
    if name == STATIC_STRICT:
        return Ref("PeerAuthentication", "", "")
    if name.startswith(CONVERTED):
        return Ref("PeerAuthentication", namespace, name.removeprefix(CONVERTED))
    return Ref("AuthorizationPolicy", namespace, name)


def _title(policy: dict[str, Any]) -> str:
    made = made_by(policy)
    if made is None or not made.name:
        return "PeerAuthentication (STRICT)"
    return str(made)
