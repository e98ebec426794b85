"""Which listener takes a connection, and which of its filter chains.

Sources: source/common/listener_manager/connection_handler_impl.cc (`getBalancedHandlerByAddress`: the exact address,
then the any-address with the port), active_tcp_socket.cc (`use_original_dst`), filter_chain_manager_impl.cc
(`findFilterChain`: port, address, server name, transport, application protocol, direct source, source type, source
address, source port; at each the most specific entry, without a way back).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any, NamedTuple

from bugbundle.mesh.kube import as_dict, as_list, as_text, dicts
from bugbundle.trace.config import Body, Envoy
from bugbundle.trace.connection import Connection, Seen, inspect
from bugbundle.trace.generic import choose
from bugbundle.trace.matchers import Unmodelled, cidr, holds

INPUTS = "envoy.extensions.matching.common_inputs.network.v3."


class Chain(NamedTuple):
    """A filter chain that was chosen: its body, its name and place in the listener, and what was seen."""

    body: dict[str, Any]
    name: str
    place: str
    seen: Seen
    default: bool


def hand_over(envoy: Envoy, first: Body, connection: Connection) -> Body:
    """The listener that takes what arrived at `first`: with `use_original_dst`, that of the destination."""
    if not first.body.get("use_original_dst"):
        return first
    address, port = connection.destination_ip, connection.destination_port
    own = as_dict(as_dict(first.body.get("address")).get("socket_address"))
    if (address, port) == (own.get("address"), own.get("port_value")):
        return first
    found = envoy.by_address.get((address, port)) or envoy.by_address.get((_any(address), port))
    return found if found is not None and not found.body.get("internal_listener") else first


def _any(address: str) -> str:
    return "::" if ":" in address else "0.0.0.0"


def chain_of(listener: dict[str, Any], connection: Connection) -> Chain | None:
    """The filter chain for a connection; None where none matches, and Envoy closes it. Raises `Unmodelled`."""
    seen = inspect(listener, connection)
    chains = dicts(listener.get("filter_chains"))
    if "filter_chain_matcher" in listener:
        found = _by_matcher(as_dict(listener["filter_chain_matcher"]), chains, connection, seen)
    else:
        found = _by_match(chains, connection, seen)
    if found is not None:
        body = chains[found]
        return Chain(body, as_text(body.get("name")), f"/filter_chains/{found}", seen, False)
    last = listener.get("default_filter_chain")
    if isinstance(last, dict):
        return Chain(last, as_text(last.get("name")), "/default_filter_chain", seen, True)
    return None


def _by_matcher(
    matcher: dict[str, Any], chains: list[dict[str, Any]], connection: Connection, seen: Seen
) -> int | None:
    values = {
        "DestinationIPInput": connection.destination_ip,
        "DestinationPortInput": str(connection.destination_port),
        "SourceIPInput": connection.source_ip,
        "SourcePortInput": str(connection.source_port),
        "DirectSourceIPInput": connection.direct_ip or connection.source_ip,
        "ServerNameInput": seen.sni or None,
        "TransportProtocolInput": seen.transport,
        "ApplicationProtocolInput": ",".join(f"'{one}'" for one in seen.protocols) or None,
    }

    def inputs(message: str, config: dict[str, Any]) -> str | None:
        name = message.removeprefix(INPUTS)
        if name in values:
            return values[name]
        if name == "FilterStateInput":
            return connection.state.get(as_text(config.get("key")))
        raise Unmodelled(f"the matcher's input {message}")

    action = choose(matcher, inputs)
    if action is None:
        return None
    name = as_text(as_dict(action.get("typed_config")).get("value"))
    return next((n for n, chain in enumerate(chains) if as_text(chain.get("name")) == name), None)


Narrow = Callable[[list[int]], list[int]]


def _by_match(chains: list[dict[str, Any]], connection: Connection, seen: Seen) -> int | None:
    """Each criterion keeps the chains of its most specific value that fits; where none fits there is no match."""
    matches = [as_dict(chain.get("filter_chain_match")) for chain in chains]
    left = list(range(len(chains)))
    direct = connection.direct_ip or connection.source_ip
    criteria: tuple[Narrow, ...] = (
        lambda here: _exact(here, matches, "destination_port", [connection.destination_port, 0]),
        lambda here: _in_range(here, matches, "prefix_ranges", connection.destination_ip),
        lambda here: _listed(here, matches, "server_names", _server_names(seen.sni)),
        lambda here: _exact(here, matches, "transport_protocol", [seen.transport, ""]),
        lambda here: _listed(here, matches, "application_protocols", [*seen.protocols, ""]),
        lambda here: _in_range(here, matches, "direct_source_prefix_ranges", direct),
        lambda here: _exact(here, matches, "source_type", [_source_type(connection), "ANY"]),
        lambda here: _in_range(here, matches, "source_prefix_ranges", connection.source_ip),
        lambda here: _listed(here, matches, "source_ports", [connection.source_port, 0]),
    )
    for narrow in criteria:
        left = narrow(left)
        if not left:
            return None
    return left[0]


def _exact(here: list[int], matches: list[dict[str, Any]], field: str, values: Iterable[Any]) -> list[int]:
    """The chains with the first of these values that any has; the last value stands for «not said»."""
    wanted = list(values)
    for value in wanted:
        found = [n for n in here if matches[n].get(field, wanted[-1]) == value]
        if found:
            return found
    return []


def _listed(here: list[int], matches: list[dict[str, Any]], field: str, values: Iterable[Any]) -> list[int]:
    wanted = list(values)
    for value in wanted:
        found = [n for n in here if value in (_wildcards(as_list(matches[n].get(field))) or [wanted[-1]])]
        if found:
            return found
    return []


def _wildcards(values: list[Any]) -> list[Any]:
    """`*.example.com` as `.example.com`, which is how Envoy looks it up."""
    return [one.removeprefix("*") if isinstance(one, str) and one.startswith("*.") else one for one in values]


def _in_range(here: list[int], matches: list[dict[str, Any]], field: str, address: str) -> list[int]:
    """The chains of the narrowest range that holds the address; no range is the widest."""
    best: dict[int, list[int]] = {}
    for number in here:
        ranges = dicts(matches[number].get(field))
        lengths = [block.prefixlen for one in ranges if (block := cidr(one)) and holds(block, address)]
        if lengths or not ranges:
            best.setdefault(max(lengths, default=0), []).append(number)
    return best[max(best)] if best else []


@functools.lru_cache(maxsize=1024)
def _server_names(sni: str) -> tuple[str, ...]:
    """`www.example.com`, `.example.com`, `.com`, and «any»."""
    found = [sni]
    place = sni.find(".", 1)
    while 0 <= place < len(sni) - 1:
        found.append(sni[place:])
        place = sni.find(".", place + 1)
    return (*found, "")


def _source_type(connection: Connection) -> str:
    """SAME_IP_OR_LOOPBACK or EXTERNAL (Network::Utility::isSameIpOrLoopback)."""
    try:
        loop = ip_address(connection.source_ip).is_loopback
    except ValueError:
        return "EXTERNAL"
    return "SAME_IP_OR_LOOPBACK" if loop or connection.source_ip == connection.destination_ip else "EXTERNAL"
