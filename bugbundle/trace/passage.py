"""A connection, and the request on it, through one Envoy: what each part of its configuration decides.

This is the evaluator; it knows one proxy and no other. Sources are named in the files of the parts.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.ref import Ref
from bugbundle.trace.chains import Chain, chain_of, hand_over
from bugbundle.trace.clusters import Target, san_matchers, target
from bugbundle.trace.conditions import Subject
from bugbundle.trace.config import Body, Envoy, made_by
from bugbundle.trace.connection import Connection
from bugbundle.trace.filters import authorizer as authorizer_of
from bugbundle.trace.filters import rbac_outcome, refused_by_authorizer
from bugbundle.trace.matchers import Headers, Unmodelled, describe_string, string_matches
from bugbundle.trace.model import Ending, Request, Resource, Step
from bugbundle.trace.outcome import Outcome
from bugbundle.xds.kinds import short_url

HCM = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
TCP = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
RBAC = "envoy.extensions.filters.network.rbac.v3.RBAC"
EXT_AUTHZ = "envoy.extensions.filters.network.ext_authz.v3.ExtAuthz"
STATE = "envoy.extensions.filters.network.set_filter_state.v3.Config"
DOWNSTREAM = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"

QUIET = ("io.istio.", "istio.envoy.", "envoy.config.filter.network.metadata_exchange.", "stats.")
"""Network filters of Istio's own that leave the way alone (peer metadata, telemetry)."""


@dataclass(slots=True)
class Passage:
    """What one Envoy did. `ending` is None where it sent the request on to `target`.

    `made` is the object behind the ending; `listener`, `chain`, `route`, `virtual_host` are names.
    """

    envoy: Envoy
    connection: Connection
    request: Request
    steps: list[Step] = field(default_factory=list)
    ending: Ending | None = None
    code: int | None = None
    flag: str = ""
    details: str = ""
    made: Ref | None = None
    reason: str = ""
    listener: str = ""
    chain: str = ""
    route: str = ""
    virtual_host: str = ""
    cluster: str = ""
    clusters: list[str] = field(default_factory=list)
    target: Target | None = None
    http: bool = False
    protocol: str = ""
    headers: Headers = field(default_factory=Headers)
    unmodelled: str = ""
    tls: dict[str, Any] = field(default_factory=dict)
    alpn: bool = False
    """Whether Istio's ALPN filter sets what mTLS to the next proxy offers."""

    def say(self, stage: str, decision: str, resource: Resource | None = None, made: Ref | None = None) -> None:
        """One more step."""
        self.steps.append(Step(f"{self.envoy.title}: {stage}", decision, resource, made))

    def end(self, ending: Ending, reason: str, *, code: int | None = None, flag: str = "", details: str = "") -> None:
        """Here it ends."""
        self.ending, self.reason, self.code, self.flag, self.details = ending, reason, code, flag, details


def through(envoy: Envoy, first: Body, connection: Connection, request: Request, now: float = 0.0) -> Passage:
    """A connection that arrives at a listener, to the cluster that it leaves by, or to its end."""
    passage = Passage(envoy, connection, request)
    try:
        _listener(passage, first, now)
    except Unmodelled as odd:
        passage.end(Ending.NOT_MODELLED, f"{odd} is not modelled")
        passage.say("not modelled", str(odd))
    return passage


def _listener(passage: Passage, first: Body, now: float) -> None:
    connection = passage.connection
    taken = hand_over(passage.envoy, first, connection)
    passage.listener = as_text(taken.body.get("name"))
    _say_listener(passage, first, taken)
    chain = chain_of(taken.body, connection)
    if chain is None:
        seen = _seen(connection)
        passage.say("filter chain", f"none fits {seen}: Envoy closes the connection", taken.resource)
        ending = Ending.TLS_MISMATCH if _would_fit(taken.body, connection) else Ending.NO_ROUTE
        reason = f"no filter chain of listener {passage.listener} takes {seen}"
        passage.end(ending, reason, flag="NR", details="filter_chain_not_found")
        return
    passage.chain = chain.name
    _say_chain(passage, taken, chain)
    if _transport(passage, chain):
        _network(passage, taken, chain, now)


def _would_fit(listener: dict[str, Any], connection: Connection) -> bool:
    """Whether the same connection in the other transport would have a chain: then TLS is what they differ in."""
    other = replace(connection, tls=not connection.tls, sni="", alpn=("istio",))
    try:
        return chain_of(listener, other) is not None
    except Unmodelled:
        return False


def _seen(connection: Connection) -> str:
    if not connection.tls:
        return f"plain {connection.protocol} to {_goal(connection)}"
    names = f", server name {connection.sni}" if connection.sni else ", no server name"
    return f"TLS{names} to {_goal(connection)}"


def _goal(connection: Connection) -> str:
    address = connection.destination_ip
    return (
        f"[{address}]:{connection.destination_port}" if ":" in address else f"{address}:{connection.destination_port}"
    )


def _say_listener(passage: Passage, first: Body, taken: Body) -> None:
    goal = _goal(passage.connection)
    name = taken.resource.name
    if taken is first and first.body.get("use_original_dst"):
        passage.say("listener", f"{name} keeps {goal}: no listener has this address or port", taken.resource)
    elif taken is first:
        passage.say("listener", f"{name} takes {goal}", taken.resource, made_by(taken.body))
    else:
        passage.say("listener", f"{name} takes {goal}", taken.resource, made_by(taken.body))


def _say_chain(passage: Passage, taken: Body, chain: Chain) -> None:
    total = len(dicts(taken.body.get("filter_chains"))) + ("default_filter_chain" in taken.body)
    name = chain.name or f"number {chain.place.rpartition('/')[2]}"
    what = f"{name}, one of {total}" if total > 1 else name
    if chain.default:
        what = f"{name}: no other fits, this is the default"
    passage.say("filter chain", f"{what}; it sees {_words(chain)}", _inside(taken.resource, chain.place))


def _words(chain: Chain) -> str:
    seen = chain.seen
    parts = ["TLS" if seen.transport == "tls" else "plain text"]
    parts += [f"server name {seen.sni}"] if seen.sni else []
    parts += [f"protocols {', '.join(seen.protocols)}"] if seen.protocols else []
    return ", ".join(parts)


def _inside(resource: Resource, place: str) -> Resource:
    return resource._replace(pointer=resource.pointer + place)


def _transport(passage: Passage, chain: Chain) -> bool:
    """The chain's transport socket: TLS where it wants TLS. False where the handshake fails."""
    context = as_dict(as_dict(chain.body.get("transport_socket")).get("typed_config"))
    if short_url(as_text(context.get("@type"))) != DOWNSTREAM:
        return True
    passage.tls = context
    connection = passage.connection
    if not connection.tls:
        reason = f"filter chain {passage.chain} wants TLS, and plain text comes"
        passage.say("TLS", "a handshake is expected; plain text comes: Envoy closes the connection")
        passage.end(Ending.TLS_MISMATCH, reason)
        return False
    if context.get("require_client_certificate") and not connection.principals:
        passage.say("TLS", "a client certificate is required; the client shows none: the handshake fails")
        passage.end(Ending.TLS_MISMATCH, f"filter chain {passage.chain} requires a client certificate")
        return False
    wrong = _unwelcome(context, connection)
    if wrong:
        passage.say("TLS", f"the client's certificate is refused: {wrong}: the handshake fails")
        passage.end(Ending.TLS_MISMATCH, f"filter chain {passage.chain} refuses the client's certificate: {wrong}")
        return False
    who = f", the client is {connection.identity}" if connection.identity else ""
    passage.say("TLS", f"ends here{who}")
    passage.connection = replace(connection, hidden=False)
    return True


def _unwelcome(context: dict[str, Any], connection: Connection) -> str:
    """Why the names in the client's certificate do not fit (DefaultCertValidator::matchSubjectAltName); empty if one
    does.
    """
    common = as_dict(context.get("common_tls_context"))
    combined = as_dict(as_dict(common.get("combined_validation_context")).get("default_validation_context"))
    checks = [one for holder in (combined, as_dict(common.get("validation_context"))) for one in san_matchers(holder)]
    if not checks or not connection.principals:
        return ""
    if any(string_matches(one, name) for one in checks for name in connection.principals):
        return ""
    wanted = " or ".join(describe_string(one) for one in checks)
    return f"{', '.join(connection.principals)} is not {wanted}"


def _network(passage: Passage, taken: Body, chain: Chain, now: float) -> None:
    from bugbundle.trace.http import manage

    subject = Subject(passage.connection)
    for number, item in enumerate(dicts(chain.body.get("filters"))):
        config = as_dict(item.get("typed_config"))
        kind = short_url(as_text(config.get("@type")))
        where = _inside(taken.resource, f"{chain.place}/filters/{number}")
        if kind == HCM:
            manage(passage, config, where, subject, now)
            return
        if kind == TCP:
            _tcp(passage, config, where)
            return
        if kind == RBAC:
            outcome = rbac_outcome(as_text(item.get("name")), config, subject, 0)
        elif kind == EXT_AUTHZ:
            outcome = _ask(passage, config)
        elif kind == STATE or kind.startswith(QUIET):
            continue
        else:
            raise Unmodelled(f"the network filter {item.get('name')} ({kind.rpartition('.')[2] or 'of unknown type'})")
        if outcome.said:
            passage.say("RBAC" if kind == RBAC else "external authorization", outcome.said, where, outcome.made)
        if outcome.ending is not None:
            passage.made = outcome.made
            passage.end(outcome.ending, outcome.said, code=None, flag=outcome.flag, details=outcome.details)
            return
    passage.end(Ending.INSUFFICIENT_INFO, f"filter chain {passage.chain} has no filter that sends anything on")


def _ask(passage: Passage, config: dict[str, Any]) -> Outcome:
    name = authorizer_of(config)
    found = target(passage.envoy, name)
    if found is None:
        return refused_by_authorizer(config, f"the external authorizer's cluster {name} does not exist")
    return Outcome(f"asks the external authorizer {name}; its answer is not recorded, taken as allowed")


def _tcp(passage: Passage, config: dict[str, Any], where: Resource) -> None:
    """TcpProxy: one cluster, or weighted ones; what is inside is not looked at."""
    weighted = dicts(as_dict(config.get("weighted_clusters")).get("clusters"))
    names = [as_text(one.get("name")) for one in weighted if one.get("weight", 0)] or [as_text(config.get("cluster"))]
    passage.protocol = "tcp"
    said = f"forwards bytes to {_one_of(weighted) if weighted else names[0]}"
    passage.say("TCP proxy", said, where, made_by(config))
    leave(passage, names, None)


def _one_of(weighted: list[dict[str, Any]]) -> str:
    total = sum(one.get("weight", 0) for one in weighted) or 1
    return " or ".join(f"{one.get('name')} ({100 * one.get('weight', 0) / total:.0f} in 100)" for one in weighted)


_NOT_FOUND = {"": 503, "SERVICE_UNAVAILABLE": 503, "NOT_FOUND": 404, "INTERNAL_SERVER_ERROR": 500}


def leave(passage: Passage, names: list[str], missing: str | None) -> None:
    """The cluster that takes the request: the first of `names` that exists, `clusters` all of them.

    `missing` is `cluster_not_found_response_code` for HTTP, None for TCP.
    """
    passage.clusters = names
    found = [(name, target(passage.envoy, name)) for name in names]
    gone = [name for name, one in found if one is None]
    if gone and len(gone) == len(found):
        passage.cluster = names[0]
        code = None if missing is None else _NOT_FOUND.get(missing, 503)
        passage.say("cluster", f"{' and '.join(gone)} {'does' if len(gone) == 1 else 'do'} not exist")
        passage.end(
            Ending.NO_CLUSTER, f"Envoy has no cluster {gone[0]}", code=code, flag="NC", details="cluster_not_found"
        )
        return
    if gone:
        passage.say("cluster", f"{', '.join(gone)} does not exist: these requests fail (NC)")
    usable = [one for _, one in found if one is not None]
    best = next((one for one in usable if one.hosts or one.kind == "ORIGINAL_DST" or not one.known), usable[0])
    passage.cluster, passage.target = best.name, best
    _endpoint(passage, best)


def _endpoint(passage: Passage, found: Target) -> None:
    """Whether the cluster has anything to send to."""
    code = 503 if passage.http else None
    if found.kind == "ORIGINAL_DST":
        passage.say("cluster", f"{found.name}: to the original destination", found.resource, found.made)
        return
    if not found.known:
        passage.say("cluster", f"{found.name}, {found.kind}", found.resource, found.made)
        passage.end(Ending.INSUFFICIENT_INFO, f"the endpoints of cluster {found.name} were not recorded")
        return
    total = len(found.all_hosts)
    shown = ", ".join(str(one.endpoint) for one in found.hosts[:3]) + (", …" if len(found.hosts) > 3 else "")
    if found.hosts:
        more = f" of {total}" if total != len(found.hosts) else ""
        said = f"{found.name}, {found.kind}; {len(found.hosts)}{more} endpoint{'s' if total > 1 else ''}: {shown}"
        passage.say("cluster", said, found.endpoints_resource or found.resource, found.made)
        return
    why = "has no endpoints" if not total else f"has {total} endpoints, none of them healthy"
    passage.say("cluster", f"{found.name} {why}", found.endpoints_resource or found.resource, found.made)
    passage.made = passage.made or found.made
    ending = Ending.NO_HEALTHY_ENDPOINT
    passage.end(
        ending, f"cluster {found.name} {why}", code=code, flag="UH", details="no_healthy_upstream" if code else ""
    )
