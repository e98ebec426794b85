"""Requests for one Envoy, drawn from its own configuration: what matches, what almost does, what does not."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from typing import Any

from oracle import keys
from oracle.client import Question

METHODS = ("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD")
PATHS = (
    "/",
    "/api",
    "/api/v1",
    "/apix",
    "/API",
    "/a/b?x=1&y=2",
    "/healthz",
    "/productpage",
    "/a/../api",
    "/a//b",
    "/%61pi",
)
STRANGE = ("8.8.8.8", "10.1.2.3", "240.240.0.1")
METHOD, AUTHORITY = ":method", ":authority"
ALPN = (
    (),
    ("istio",),
    ("istio-http/1.1", "istio", "http/1.1"),
    ("http/1.1",),
    ("istio-peer-exchange", "istio"),
    ("h2", "http/1.1"),
)


class Words:
    """What a configuration speaks of: headers with values, paths, principals, server names, domains, queries."""

    def __init__(self) -> None:
        self.headers: dict[str, list[str]] = {}
        self.paths: list[str] = []
        self.principals: list[str] = []
        self.sni: list[str] = []
        self.issuers: list[str] = []
        self.queries: list[tuple[str, str]] = []

    def read(self, value: Any) -> None:
        """Everything in a body."""
        if isinstance(value, list):
            for one in value:
                self.read(one)
            return
        if not isinstance(value, dict):
            return
        for key, one in value.items():
            self._key(key, one)
            self.read(one)

    def _key(self, key: str, one: Any) -> None:
        if key in ("headers", "query_parameters") and isinstance(one, list):
            for item in one:
                if isinstance(item, dict) and "name" in item:
                    self._named(key, item)
        elif key == "header" and isinstance(one, dict) and "name" in one and "key" not in one:
            self._named("headers", one)
        elif key in ("prefix", "path", "path_separated_prefix") and isinstance(one, str) and one.startswith("/"):
            self.paths += [one, one + "/x", one.rstrip("/"), one + "x"]
        elif key == "url_path":
            self.paths += list(samples(one.get("path", {})))
        elif key in ("principal_name",) or (key == "string_match" and "spiffe" in json.dumps(one)):
            self.principals += list(samples(one))
        elif key == "server_names":
            self.sni += [name.replace("*", "x") for name in one]
        elif key == "issuer" and isinstance(one, str):
            self.issuers.append(one)

    def _named(self, kind: str, item: dict[str, Any]) -> None:
        matcher = (
            item.get("string_match") or {"exact": item["exact_match"]}
            if "exact_match" in item
            else item.get("string_match", {})
        )
        values = list(samples(matcher)) or ["1"]
        if kind == "headers":
            self.headers.setdefault(item["name"], []).extend(values)
        else:
            self.queries += [(item["name"], one) for one in values]


def samples(matcher: dict[str, Any]) -> Iterator[str]:
    """Values that a StringMatcher takes, and some that it almost takes."""
    if "exact" in matcher:
        yield from (matcher["exact"], matcher["exact"] + "x", matcher["exact"].upper())
    elif "prefix" in matcher:
        yield from (matcher["prefix"], matcher["prefix"] + "x")
    elif "suffix" in matcher:
        yield from (matcher["suffix"], "x" + matcher["suffix"])
    elif "contains" in matcher:
        yield from (matcher["contains"], f"x{matcher['contains']}y")
    elif "safe_regex" in matcher:
        text = matcher["safe_regex"].get("regex", "")
        yield re.sub(r"\\(.)", r"\1", re.sub(r"[.](?:\*|\+|\?)|\[[^\]]*\][*+?]?", "x", text)).strip("^$")


class Maker:
    """Requests for one proxy."""

    def __init__(self, bodies: dict[str, dict[str, Any]], doors: dict[str, int], address: str, seed: str) -> None:
        self.bodies = bodies
        self.doors = doors
        self.address = address
        self.dice = random.Random(seed)
        self.words = Words()
        for kind in ("LDS", "RDS"):
            self.words.read(self.bodies[kind])
        self.number = 0

    def make(self, count: int) -> Iterator[Question]:
        """So many, over all doors."""
        doors = sorted(self.doors)
        for number in range(count):
            door = doors[number % len(doors)]
            body = self.bodies["LDS"][door]
            if door == "virtualOutbound":
                yield self._outbound(door)
            elif door in ("virtualInbound", "main_internal"):
                yield self._inbound(door, body)
            else:
                yield self._gateway(door, body)

    def _pick(self, values: Any) -> Any:
        return self.dice.choice(list(values))

    def _question(self, listener: str, goal: tuple[str, int], **more: Any) -> Question:
        self.number += 1
        source = self._pick(
            [f"10.244.{self.dice.randint(0, 9)}.{self.dice.randint(1, 250)}", "192.0.2.7", self.address]
        )
        source = "10.0.0.9" if ":" not in goal[0] and ":" in source else source
        return Question(self.number, listener, (source, 10000 + self.number), goal, **more)

    def _outbound(self, door: str) -> Question:
        listeners = [one for one in self.bodies["LDS"].values() if one.get("bind_to_port") is False]
        body = self._pick(listeners) if listeners and self.dice.random() < 0.93 else self.bodies["LDS"][door]
        socket = body["address"]["socket_address"]
        addresses = [one["address"]["socket_address"]["address"] for one in listeners]
        real = [one for one in addresses if one != "0.0.0.0"] or list(STRANGE)
        address = socket["address"] if socket["address"] != "0.0.0.0" else self._pick([*real, *STRANGE])
        port = socket["port_value"] if body.get("bind_to_port") is False else self.dice.randint(1000, 60000)
        return self._speak(door, body, (address, port), 0.75)

    def _gateway(self, door: str, body: dict[str, Any]) -> Question:
        port = body["address"]["socket_address"]["port_value"]
        if door.startswith("made"):
            goal = (
                self._pick(["10.0.0.7", "10.0.3.7", "10.3.3.3", "172.16.0.1", *STRANGE]),
                self._pick([8080, 9090, 443]),
            )
            return self._speak(door, body, goal, 0.6, True)
        chains = body.get("filter_chains", [])
        secure = any("transport_socket" in one for one in chains)
        return self._speak(door, body, (self.address, port), 0.15 if secure else 0.9, secure)

    def _inbound(self, door: str, body: dict[str, Any]) -> Question:
        if "filter_chain_matcher" in body:
            text = json.dumps(body["filter_chain_matcher"])
            addresses = re.findall(r'"address_prefix": "([^"]+)"', text) or [self.address]
            ports = [int(one) for one in re.findall(r'"(\d+)": \{', text)] or [80]
            goal = (self._pick([*addresses, *addresses, "10.9.9.9"]), self._pick([*ports, *ports, 9999]))
            peer = self._principal()
            return self._speak(door, body, goal, 0.95, False, peer)
        chain = self._pick(body.get("filter_chains", []))
        match = chain.get("filter_chain_match", {})
        ranges = [one["address_prefix"] for one in match.get("prefix_ranges", [])]
        port = match.get("destination_port") or self.dice.randint(1000, 60000)
        goal = (self._pick(ranges or [self.address]), port)
        secure = "transport_socket" in chain if self.dice.random() < 0.8 else self.dice.random() < 0.5
        if not secure:
            return self._speak(door, body, goal, 0.9)
        principal = self._principal() if self.dice.random() < 0.9 else ""
        alpn = match.get("application_protocols")
        offered = tuple(alpn[:1]) if alpn and self.dice.random() < 0.7 else self._pick(ALPN)
        if set(offered) & {"istio-h2", "h2"}:
            offered = ("istio-http/1.1",)
        sni = self._pick(["", f"outbound_.{port}_._.x.y.svc.cluster.local", *self.words.sni])
        http = self._http(body)
        if "h2" in offered:
            offered = ("http/1.1",)
        return self._question(door, goal, tls=True, sni=sni, alpn=offered, principal=principal, **http)

    def _principal(self) -> str:
        known = [one for one in self.words.principals if one.startswith("spiffe://")]
        some = [
            "spiffe://cluster.local/ns/shop/sa/default",
            "spiffe://cluster.local/ns/x/sa/y",
            "spiffe://other/ns/x/sa/y",
        ]
        return self._pick(known if known and self.dice.random() < 0.6 else some)

    def _speak(self, door: str, body: dict[str, Any], goal: tuple[str, int], plain: float, secure: bool = False,
               peer: str = "") -> Question:  # fmt: skip
        if self.dice.random() < plain:
            http = self._http(body) if self.dice.random() < 0.92 else {"protocol": "tcp"}
            return self._question(door, goal, peer=peer, **http)
        sni = self._pick([*self.words.sni, *self.words.sni, "unknown.example.org", ""])
        alpn = self._pick([(), ("http/1.1",)] if secure else ALPN)
        alpn = ("http/1.1",) if "h2" in alpn else alpn
        if door.startswith("made"):
            alpn = self._pick([(), ("http/1.1",), ("istio",), ("istio", "http/1.1")])
            principal = self._principal() if self.dice.random() < 0.6 else ""
            return self._question(door, goal, tls=True, sni=sni, alpn=alpn, principal=principal, **self._http(body))
        return self._question(door, goal, tls=True, sni=sni, alpn=alpn, peer=peer, **self._http(body))

    def _http(self, body: dict[str, Any]) -> dict[str, Any]:
        """A request for one of the routes behind a listener, or beside it."""
        tables = list(self._tables(body))
        hosts = [host for table in tables for host in table.get("virtual_hosts", [])]
        host = self._pick(hosts) if hosts else {"domains": ["nobody"], "routes": []}
        domain = self._pick(host["domains"])
        authority = re.sub(r"^\*$", "any.example.org", domain).replace("*", self._pick(["x", "a.b"]))
        if self.dice.random() < 0.1:
            authority = self._pick(["nobody.example.org", authority.upper(), f"{authority}:1234", f"x{authority}"])
        routes = host.get("routes", [])
        match = self._pick(routes).get("match", {}) if routes else {}
        method, path, headers = self._fit(match)
        version = "http/1.0" if self.dice.random() < 0.02 else "http/1.1"
        return {"method": method, "authority": authority, "path": path, "headers": headers, "protocol": version}

    def _tables(self, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for chain in [*body.get("filter_chains", []), body.get("default_filter_chain") or {}]:
            for item in chain.get("filters", []):
                config = item.get("typed_config", {})
                if "rds" in config:
                    yield self.bodies["RDS"].get(config["rds"]["route_config_name"], {})
                elif "route_config" in config:
                    yield config["route_config"]

    def _fit(self, match: dict[str, Any]) -> tuple[str, str, tuple[tuple[str, str], ...]]:
        dice = self.dice
        method = "GET" if dice.random() < 0.7 else self._pick(METHODS)
        path = match.get("path") or match.get("prefix") or match.get("path_separated_prefix") or ""
        if "safe_regex" in match:
            path = next(samples(match), "/")
        roll = dice.random()
        if roll < 0.25 or not path.startswith("/"):
            path = self._pick([*PATHS, *self.words.paths])
        elif roll < 0.5:
            path = self._pick([path + "x", path + "/y", path.upper(), path + "?q=1", path[:-1] or "/"])
        headers: dict[str, str] = {}
        for one in match.get("headers", []):
            if dice.random() < 0.75:
                values = self.words.headers.get(one["name"], ["1"])
                headers[one["name"]] = self._pick(values)
        for name, values in self.words.headers.items():
            if dice.random() < 0.15:
                headers[name] = self._pick(values)
        wanted = headers.pop(METHOD, "")
        method = wanted if wanted in METHODS and dice.random() < 0.7 else method
        path = headers.pop(":path", path) if dice.random() < 0.5 else path
        query = [self._pick(self.words.queries)] if self.words.queries and dice.random() < 0.5 else []
        if query:
            path = path.partition("?")[0] + f"?{query[0][0]}={query[0][1]}"
        self._extras(headers)
        clean = [(n, v) for n, v in headers.items() if not n.startswith(":") and n not in ("host", "content-length")]
        return method, path if path.startswith("/") else "/" + path, tuple(clean)

    def _extras(self, headers: dict[str, str]) -> None:
        """Tokens, forwarded addresses, preflights."""
        dice = self.dice
        if dice.random() < 0.12:
            headers["authorization"] = self._pick(
                ["Bearer abc", "Bearer a.b.c", "Basic eA==", f"Bearer {self._token()}"]
            )
        if dice.random() < 0.08:
            headers["x-forwarded-proto"] = self._pick(["http", "https"])
        if dice.random() < 0.06:
            headers["x-forwarded-for"] = self._pick(["10.9.9.9", "1.2.3.4, 10.9.9.9"])
        if dice.random() < 0.04:
            headers["origin"] = "https://example.org"
            headers["access-control-request-method"] = "GET"

    def _token(self) -> str:
        known = self.words.issuers * 2
        claims = {"iss": self._pick([*known, "someone"]), "sub": "x", "exp": self._pick([1, 9999999999, 9999999999])}
        return keys.token(claims, forged=self.dice.random() < 0.2)
