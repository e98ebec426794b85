"""A connection, and the request on it, through one Envoy: the listener, the filter chain, TLS, and what stands behind.

This is the evaluator's front; it knows one proxy and no other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.trace.chains import Chain, chain_of, hand_over
from bugbundle.trace.clusters import san_matchers
from bugbundle.trace.config import Body, Envoy, made_by
from bugbundle.trace.connection import Connection
from bugbundle.trace.matchers import SHAPES, Unmodelled, describe_string, string_matches
from bugbundle.trace.model import Ending, Request
from bugbundle.trace.network import fails_at_once, run_chain
from bugbundle.trace.passage import Passage, inside
from bugbundle.xds.kinds import short_url

DOWNSTREAM = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"


def through(envoy: Envoy, first: Body, connection: Connection, request: Request, now: float = 0.0) -> Passage:
    """A connection that arrives at a listener, to the cluster that it leaves by, or to its end."""
    passage = Passage(envoy, connection, request)
    try:
        _listener(passage, first, now)
    except Unmodelled as odd:
        passage.end(Ending.NOT_MODELLED, f"{odd} is not modelled")
        passage.say("not modelled", str(odd))
    except SHAPES:
        said = f"the recorded configuration of {envoy.id} has a value of a shape that Envoy's API does not have"
        passage.end(Ending.NOT_MODELLED, said)
        passage.say("not modelled", said)
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
    if not fails_at_once(passage, taken, chain) and _transport(passage, chain):
        run_chain(passage, taken, chain, now)


def _would_fit(listener: dict[str, Any], connection: Connection) -> bool:
    """Whether the same connection in the other transport would have a chain: then TLS is what they differ in."""
    other = replace(connection, tls=not connection.tls, sni="", alpn=("istio",))
    try:
        return chain_of(listener, other) is not None
    except (Unmodelled, *SHAPES):
        return False


def _seen(connection: Connection) -> str:
    if not connection.tls:
        return f"plain {connection.protocol} to {_goal(connection)}"
    names = f", server name {connection.sni}" if connection.sni else ", no server name"
    return f"TLS{names} to {_goal(connection)}"


def _goal(connection: Connection) -> str:
    address = connection.destination_ip
    if not address:
        return f"port {connection.destination_port} of an address that is not known"
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
    passage.say("filter chain", f"{what}; it sees {_words(chain)}", inside(taken.resource, chain.place))


def _words(chain: Chain) -> str:
    seen = chain.seen
    parts = ["TLS" if seen.transport == "tls" else "plain text"]
    parts += [f"server name {seen.sni}"] if seen.sni else []
    parts += [f"protocols {', '.join(seen.protocols)}"] if seen.protocols else []
    return ", ".join(parts)


def _transport(passage: Passage, chain: Chain) -> bool:
    """The chain's transport socket: TLS where it wants TLS. False where the handshake fails."""
    context = as_dict(as_dict(chain.body.get("transport_socket")).get("typed_config"))
    if short_url(as_text(context.get("@type"))) != DOWNSTREAM:
        return True
    if passage.connection.lenient:
        return True
    passage.tls = context
    connection = passage.connection
    if not connection.tls:
        reason = f"filter chain {passage.chain} wants TLS, and plain text comes"
        passage.say("TLS", "a handshake is expected; plain text comes: Envoy closes the connection")
        passage.end(Ending.TLS_MISMATCH, reason)
        return False
    checks = _name_checks(context)
    if (context.get("require_client_certificate") or checks) and not connection.principals:
        passage.say("TLS", "a client certificate is required; the client shows none: the handshake fails")
        passage.end(Ending.TLS_MISMATCH, f"filter chain {passage.chain} requires a client certificate")
        return False
    wrong = _unwelcome(checks, connection)
    if wrong:
        passage.say("TLS", f"the client's certificate is refused: {wrong}: the handshake fails")
        passage.end(Ending.TLS_MISMATCH, f"filter chain {passage.chain} refuses the client's certificate: {wrong}")
        return False
    who = f", the client is {connection.identity}" if connection.identity else ""
    passage.say("TLS", f"ends here{who}")
    passage.connection = replace(connection, hidden=False)
    return True


def _name_checks(context: dict[str, Any]) -> list[dict[str, Any]]:
    """The matchers for the names in a client's certificate; where there are any, a certificate is required."""
    common = as_dict(context.get("common_tls_context"))
    combined = as_dict(as_dict(common.get("combined_validation_context")).get("default_validation_context"))
    return [one for holder in (combined, as_dict(common.get("validation_context"))) for one in san_matchers(holder)]


def _unwelcome(checks: list[dict[str, Any]], connection: Connection) -> str:
    """Why no name of the client's certificate fits (DefaultCertValidator::matchSubjectAltName); empty if one does."""
    if not checks or any(string_matches(one, name) for one in checks for name in connection.principals):
        return ""
    wanted = " or ".join(describe_string(one) for one in checks)
    return f"{', '.join(connection.principals)} is not {wanted}"
