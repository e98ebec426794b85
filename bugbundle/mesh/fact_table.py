"""Facts by content, each worked out once; the bodies are read in the order in which they lie in the bundle."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from bugbundle.codec import (
    JSONError,
    Raw,
    Reader,
    Struct,
    decode,
    encode_packed,
    field,
    hash128,
    split_array,
    split_object,
)
from bugbundle.errors import BugbundleError
from bugbundle.mesh.facts import FACTS, BootstrapFacts, ChainFacts, Facts, chain_facts, listener_facts
from bugbundle.mesh.kube import as_dict
from bugbundle.xds import Xds, canonical
from bugbundle.xds.index import NO_BODY, XdsIndex
from bugbundle.xds.kinds import MESSAGES

_CHAIN = "envoy.config.listener.v3.FilterChain"
_CHAINS = ("filter_chains", "filterChains")
_NONE = Raw(b"[]")
_DEFAULT = ("default_filter_chain", "defaultFilterChain")


class _Bootstrap(Struct):
    """A bootstrap, of which only the node is split."""

    node: dict[str, Raw] = field(default_factory=dict)


_read_bootstrap = Reader(_Bootstrap)


class FactTable:
    """Facts by content, remembered."""

    def __init__(self, index: XdsIndex) -> None:
        self._index = index
        self._known: dict[bytes, Facts] = {}
        self.kept: dict[Hashable, Any] = {}
        """What `once` keeps."""
        self._chains: dict[bytes, ChainFacts | None] = {}

    def of(self, number: int) -> Facts:
        """The facts of one distinct body; None for kinds without any, and for a body that cannot be read."""
        if number == NO_BODY:
            return None
        body = self._index.bodies[number]
        if body.meaning not in self._known:
            try:
                self._known[body.meaning] = self._make(Xds(body.kind), number)
            except BugbundleError:
                self._known[body.meaning] = None
        return self._known[body.meaning]

    def prefetch(self) -> None:
        """The facts of everything in the index, in the order in which it lies in the bundle.

        So each frame of an archive is decoded at most once, in whatever order the facts are asked for later, and
        one that holds nothing for the first time is not decoded at all.
        """
        for number in range(len(self._index.bodies)):
            self.of(number)
        if not self._index.finish():
            self._known.clear()
            self._chains.clear()
            for number in range(len(self._index.bodies)):
                self.of(number)

    def _make(self, kind: Xds, number: int) -> Facts:
        make = FACTS.get(kind)
        if make is None:
            return None
        text = self._index.text(number)
        if kind is Xds.BOOTSTRAP:
            return _bootstrap(text)
        if kind is Xds.LDS:
            return self._listener(text)
        return make(as_dict(canonical(decode(text), MESSAGES.get(kind, ""))))

    def _listener(self, text: bytes) -> Facts:
        """Chain by chain: the listeners of a thousand proxies are many, their chains few."""
        members = split_object(text)
        chains: list[Raw] = []
        try:
            for name in _CHAINS:
                chains += split_array(members.pop(name, _NONE))
        except JSONError:
            return listener_facts(as_dict(canonical(decode(text), MESSAGES.get(Xds.LDS, ""))))
        chains += [members.pop(name) for name in _DEFAULT if name in members]
        rest = {name: decode(raw) for name, raw in members.items()}
        found = as_dict(canonical(rest, MESSAGES.get(Xds.LDS, "")))
        return listener_facts(found, tuple(chain for raw in chains if (chain := self._chain(raw))))

    def _chain(self, raw: Raw) -> ChainFacts | None:
        """One filter chain, known by its bytes, else by its members in any order; None where it is no object."""
        key = hash128(raw)
        if key not in self._chains:
            value = decode(raw)
            ordered = hash128(encode_packed(value, ordered=True))
            if ordered not in self._chains:
                made = chain_facts(as_dict(canonical(value, _CHAIN))) if isinstance(value, dict) else None
                self._chains[ordered] = made
            self._chains[key] = self._chains[ordered]
        return self._chains[key]


def _bootstrap(text: bytes) -> Facts:
    try:
        node = _read_bootstrap(text).node
    except BugbundleError:
        return BootstrapFacts(as_dict(as_dict(decode(text)).get("node")))
    return BootstrapFacts({name: decode(raw) for name, raw in node.items() if name != "extensions"})
