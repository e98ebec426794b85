"""The network filters of a filter chain, up to the one that sends on: TCP proxy or HTTP connection manager.

Sources: source/extensions/filters/network/{rbac,ext_authz}, source/common/tcp_proxy/tcp_proxy.cc. A TCP proxy
connects before TLS is done and before RBAC sees data: where its cluster fails, that is the end.
"""

from __future__ import annotations

import functools
from typing import Any

from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.trace.authorizer import ask
from bugbundle.trace.chains import Chain
from bugbundle.trace.clusters import target
from bugbundle.trace.conditions import Subject
from bugbundle.trace.config import Body, made_by
from bugbundle.trace.filters import rbac_outcome
from bugbundle.trace.http import manage
from bugbundle.trace.matchers import Unmodelled
from bugbundle.trace.model import Ending, Resource
from bugbundle.trace.outcome import Outcome
from bugbundle.trace.passage import Passage, inside, leave
from bugbundle.xds.kinds import short_url

HCM = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
TCP = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
RBAC = "envoy.extensions.filters.network.rbac.v3.RBAC"
EXT_AUTHZ = "envoy.extensions.filters.network.ext_authz.v3.ExtAuthz"
STATE = "envoy.extensions.filters.network.set_filter_state.v3.Config"

QUIET = ("io.istio.", "istio.envoy.", "envoy.config.filter.network.metadata_exchange.", "stats.")
"""Network filters of Istio's own that leave the way alone (peer metadata, telemetry)."""


def run_chain(passage: Passage, taken: Body, chain: Chain, now: float) -> None:
    """The filters in order, to the end of what this Envoy does. Raises `Unmodelled`."""
    subject = Subject(passage.connection, bool(passage.tls))
    filters = dicts(chain.body.get("filters"))
    if not any(as_text(as_dict(one.get("typed_config")).get("@type")).endswith(HCM) for one in filters):
        filters = passage.adapted(filters, http=False)
    for number, item in enumerate(filters):
        config = as_dict(item.get("typed_config"))
        kind = short_url(as_text(config.get("@type")))
        where = inside(taken.resource, f"{chain.place}/filters/{number}")
        if kind == TCP:
            _tcp(passage, config, where)
            return
        if kind == HCM:
            manage(passage, config, where, subject, now)
            return
        outcome = _filter(passage, item, config, kind, subject)
        if outcome.said:
            passage.say("RBAC" if kind == RBAC else "external authorization", outcome.said, where, outcome.made)
        if outcome.ending is not None:
            passage.made = outcome.made
            passage.end(outcome.ending, outcome.said, code=None, flag=outcome.flag, details=outcome.details)
            return
    passage.end(Ending.INSUFFICIENT_INFO, f"filter chain {passage.chain} has no filter that sends anything on")


def _filter(passage: Passage, item: dict[str, Any], config: dict[str, Any], kind: str, subject: Subject) -> Outcome:
    """One filter that does not send on."""
    if kind == RBAC:
        return rbac_outcome(as_text(item.get("name")), config, subject, 0)
    if kind == EXT_AUTHZ:
        return ask(config, subject, functools.partial(target, passage.envoy))
    if kind == STATE or kind.startswith(QUIET):
        return Outcome()
    raise Unmodelled(f"the network filter {item.get('name')} ({kind.rpartition('.')[2] or 'of unknown type'})")


def fails_at_once(passage: Passage, taken: Body, chain: Chain) -> bool:
    """Whether the chain is a TCP proxy whose cluster is missing or empty: then here is the end, before TLS."""
    for number, item in enumerate(dicts(chain.body.get("filters"))):
        config = as_dict(item.get("typed_config"))
        if short_url(as_text(config.get("@type"))) == TCP:
            found = [target(passage.envoy, name) for name in _names(config)]
            if any(one is not None and (one.hosts or one.kind == "ORIGINAL_DST" or not one.known) for one in found):
                return False
            _tcp(passage, config, inside(taken.resource, f"{chain.place}/filters/{number}"))
            return True
    return False


def _tcp(passage: Passage, config: dict[str, Any], where: Resource) -> None:
    """TcpProxy: one cluster, or weighted ones; what is inside is not looked at."""
    weighted = dicts(as_dict(config.get("weighted_clusters")).get("clusters"))
    names = _names(config)
    passage.protocol = "tcp"
    said = f"forwards bytes to {_one_of(weighted) if weighted else names[0]}"
    passage.say("TCP proxy", said, where, made_by(config))
    leave(passage, names, None)


def _names(config: dict[str, Any]) -> list[str]:
    weighted = dicts(as_dict(config.get("weighted_clusters")).get("clusters"))
    return [as_text(one.get("name")) for one in weighted if one.get("weight", 0)] or [as_text(config.get("cluster"))]


def _one_of(weighted: list[dict[str, Any]]) -> str:
    total = sum(one.get("weight", 0) for one in weighted) or 1
    return " or ".join(f"{one.get('name')} ({100 * one.get('weight', 0) / total:.0f} in 100)" for one in weighted)
