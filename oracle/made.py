"""Configurations that no recording has: matches, routes, filters and endpoints of every kind, at random."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from bugbundle.bundle import Bundle
from bugbundle.mesh import Mesh
from oracle import keys

TYPE = "type.googleapis.com/envoy."
FILTER = TYPE + "extensions.filters."
WORDS = ("red", "green", "blue", "x", "v1", "v2", "admin", "1", "42", "-7", "api")
DOMAINS = (
    "a.example.com",
    "*.example.com",
    "*example.com",
    "*.com",
    "a.*",
    "api.*",
    "*",
    "b.example.com:8080",
    "UPPER.example.com",
    "10.0.0.1",
)
PATHS = ("/", "/api", "/api/", "/api/v1", "/admin", "/a.b", "/API", "/x/y/z", "/files/1.txt")
REGEXES = (r"/api/v\d+", r"/(admin|files)/.*", r"/[a-z]+", r"(?i)/API.*", r"/x/.*/z", r".*\.txt", r"/\w+/\d{1,3}\.txt")
STATUS = (200, 401, 403, 404, 429, 503)


class Dice:
    """Random parts of a configuration."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        self.number = 0

    def pick(self, values: Any) -> Any:
        """One of them."""
        return self.random.choice(list(values))

    def some(self, values: Any, least: int, most: int) -> list[Any]:
        """Between `least` and `most` of them."""
        listed = list(values)
        return self.random.sample(listed, min(self.random.randint(least, most), len(listed)))

    def chance(self, share: float) -> bool:
        """True that often."""
        return self.random.random() < share

    def name(self, kind: str) -> str:
        """A fresh name."""
        self.number += 1
        return f"{kind}{self.number}"

    def string(self) -> dict[str, Any]:
        """A StringMatcher."""
        kind = self.pick(("exact", "prefix", "suffix", "contains", "safe_regex"))
        word = self.pick(WORDS)
        if kind == "safe_regex":
            return {
                "safe_regex": {"regex": self.pick((f"{word}.*", r"\d+", "[a-z]+", f"({word}|blue)", "gr[ae]y|green"))}
            }
        return {kind: word, **({"ignore_case": True} if self.chance(0.3) else {})}

    def header(self) -> dict[str, Any]:
        """A HeaderMatcher."""
        made: dict[str, Any] = {"name": self.pick(("x-color", "x-user", "x-n", "user-agent", ":method", "x-list"))}
        kind = self.random.randint(0, 9)
        if made["name"] == ":method":
            made["string_match"] = {"exact": self.pick(("GET", "POST", "PUT"))}
        elif kind < 5:
            made["string_match"] = self.string()
        elif kind < 7:
            made["present_match"] = self.chance(0.6)
        elif kind < 9:
            made["range_match"] = {"start": "-10", "end": "42"}
        if self.chance(0.25):
            made["invert_match"] = True
        if self.chance(0.15):
            made["treat_missing_header_as_empty"] = True
        return made

    def query(self) -> dict[str, Any]:
        """A QueryParameterMatcher."""
        made: dict[str, Any] = {"name": self.pick(("q", "v", "debug"))}
        kind = self.random.randint(0, 2)
        return made | ({"string_match": self.string()} if kind else {"present_match": True})

    def match(self) -> dict[str, Any]:
        """A RouteMatch."""
        kind = self.pick(("prefix", "path", "safe_regex", "path_separated_prefix"))
        value: Any = {"regex": self.pick(REGEXES)} if kind == "safe_regex" else self.pick(PATHS)
        if kind == "path_separated_prefix":
            value = value.rstrip("/") or "/api"
        made: dict[str, Any] = {kind: value}
        if kind != "safe_regex" and self.chance(0.25):
            made["case_sensitive"] = False
        if self.chance(0.4):
            made["headers"] = [self.header() for _ in range(self.random.randint(1, 2))]
        if self.chance(0.25):
            made["query_parameters"] = [self.query()]
        if self.chance(0.1):
            share = self.pick((0, 100))
            made["runtime_fraction"] = {"default_value": {"numerator": share, "denominator": "HUNDRED"}}
        if self.chance(0.05):
            made["grpc"] = {}
        return made

    def action(self, clusters: list[str]) -> dict[str, Any]:
        """What a route does."""
        kind = self.random.randint(0, 19)
        if kind < 3:
            return {"direct_response": {"status": self.pick(STATUS)}}
        if kind < 5:
            target = self.pick(
                ({"https_redirect": True}, {"host_redirect": "other.example.com"}, {"path_redirect": "/new"})
            )
            return {
                "redirect": {**target, "response_code": self.pick(("MOVED_PERMANENTLY", "FOUND", "TEMPORARY_REDIRECT"))}
            }
        if kind < 8:
            chosen = self.some(clusters, 2, 3)
            weights = [{"name": one, "weight": self.pick((0, 1, 50))} for one in chosen]
            weights[0]["weight"] = 10
            return {"route": {"weighted_clusters": {"clusters": weights}}}
        if kind < 9:
            return {"route": {"cluster_header": "x-cluster"}}
        action: dict[str, Any] = {"cluster": self.pick([*clusters, "missing"])}
        if self.chance(0.3):
            action["cluster_not_found_response_code"] = self.pick(
                ("NOT_FOUND", "INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE")
            )
        if self.chance(0.2):
            action["prefix_rewrite"] = "/new"
        return {"route": action}

    def route(self, clusters: list[str]) -> dict[str, Any]:
        """A Route, some with filters of their own."""
        made = {"name": self.name("route"), "match": self.match(), **self.action(clusters)}
        own: dict[str, Any] = {}
        if self.chance(0.15):
            own["fault"] = self.fault()
        if self.chance(0.1):
            own["rbac"] = {
                "@type": f"{FILTER}http.rbac.v3.RBACPerRoute",
                "rbac": self.rbac(True) if self.chance(0.7) else {},
            }
        if self.chance(0.1):
            own["cors"] = {"@type": f"{FILTER}http.cors.v3.CorsPolicy", **self.cors()}
        if self.chance(0.05):
            own["jwt"] = {"@type": f"{FILTER}http.jwt_authn.v3.PerRouteConfig", "disabled": True}
        for name in own if self.chance(0.1) else ():
            own[name] = {"@type": f"{TYPE}config.route.v3.FilterConfig", "disabled": True}
        return made | ({"typed_per_filter_config": own} if own else {})

    def cors(self) -> dict[str, Any]:
        """A CorsPolicy."""
        made: dict[str, Any] = {
            "allow_origin_string_match": [{"exact": "https://example.org"}] if self.chance(0.6) else []
        }
        made["allow_origin_string_match"] += [{"suffix": ".example.com"}]
        if self.chance(0.3):
            made["forward_not_matching_preflights"] = self.chance(0.5)
        return made

    def fault(self) -> dict[str, Any]:
        """An HTTPFault that aborts all or nothing."""
        abort = {"http_status": self.pick((418, 503)), "percentage": {"numerator": self.pick((0, 100, 100))}}
        made: dict[str, Any] = {"@type": f"{FILTER}http.fault.v3.HTTPFault", "abort": abort}
        if self.chance(0.5):
            made["headers"] = [self.header()]
        return made

    def permission(self, http: bool, deep: int = 0) -> dict[str, Any]:
        """A Permission."""
        kinds: list[Callable[[], dict[str, Any]]] = [
            lambda: {"any": True},
            lambda: {"destination_port": self.pick((8080, 9090, 80))},
            lambda: {"destination_port_range": {"start": 8000, "end": 9090}},
            lambda: {"destination_ip": {"address_prefix": "10.0.0.0", "prefix_len": self.pick((8, 24, 32))}},
            lambda: {"requested_server_name": {"suffix": "example.com"}},
        ]
        if http:
            kinds += [lambda: {"header": self.header()}] * 2
            kinds += [
                lambda: {"url_path": {"path": self.pick(({"prefix": "/api"}, {"exact": "/admin"}, {"suffix": ".txt"}))}}
            ] * 2
        if deep < 2:
            kinds += [
                lambda: {"and_rules": {"rules": [self.permission(http, deep + 1) for _ in range(2)]}},
                lambda: {"or_rules": {"rules": [self.permission(http, deep + 1) for _ in range(2)]}},
                lambda: {"not_rule": self.permission(http, deep + 1)},
            ]
        return self.pick(kinds)()

    def principal(self, http: bool, deep: int = 0) -> dict[str, Any]:
        """A Principal."""
        block = {
            "address_prefix": self.pick(("10.244.0.0", "192.0.2.7", "10.0.0.0")),
            "prefix_len": self.pick((8, 16, 32)),
        }
        names = ({"exact": "spiffe://cluster.local/ns/shop/sa/default"}, {"prefix": "spiffe://cluster.local/ns/shop/"},
                 {"safe_regex": {"regex": ".*/ns/x/.*"}})  # fmt: skip
        kinds: list[Callable[[], dict[str, Any]]] = [
            lambda: {"any": True},
            lambda: {"authenticated": {"principal_name": self.pick(names)}},
            lambda: {"authenticated": {}},
            lambda: {"source_ip": block},
            lambda: {"remote_ip": block},
        ]
        if http:
            claim = {"filter": "envoy.filters.http.jwt_authn", "path": [{"key": "payload"}, {"key": "iss"}]}
            kinds += [
                lambda: {"header": self.header()},
                lambda: {"metadata": {**claim, "value": {"string_match": {"prefix": "https://"}}}},
            ]
        if deep < 2:
            kinds += [
                lambda: {"and_ids": {"ids": [self.principal(http, deep + 1) for _ in range(2)]}},
                lambda: {"or_ids": {"ids": [self.principal(http, deep + 1) for _ in range(2)]}},
                lambda: {"not_id": self.principal(http, deep + 1)},
            ]
        return self.pick(kinds)()

    def rbac(self, http: bool) -> dict[str, Any]:
        """RBAC rules."""
        policies = {
            f"ns[shop]-policy[p{number}]-rule[0]": {
                "permissions": [self.permission(http) for _ in range(self.random.randint(1, 2))],
                "principals": [self.principal(http) for _ in range(self.random.randint(1, 2))],
            }
            for number in range(self.random.randint(0, 3))
        }
        return {"rules": {"action": self.pick(("ALLOW", "DENY", "DENY", "LOG")), "policies": policies}}

    def jwt(self) -> dict[str, Any]:
        """A JwtAuthentication with our own key."""
        provider = {"issuer": "https://issuer.example.com", "payload_in_metadata": "payload",
                    "local_jwks": {"inline_string": keys.jwks()}}  # fmt: skip
        if self.chance(0.3):
            provider["from_headers"] = [{"name": "x-jwt"}]
        needs = self.pick((
            {"provider_name": "one"},
            {"requires_any": {"requirements": [{"provider_name": "one"}, {"allow_missing": {}}]}},
            {"allow_missing_or_failed": {}},
            {"allow_missing": {}},
        ))  # fmt: skip
        rule = {"match": {"prefix": self.pick(("/", "/api"))}, "requires": needs}
        return {
            "@type": f"{FILTER}http.jwt_authn.v3.JwtAuthentication",
            "providers": {"one": provider},
            "rules": [rule],
        }

    def manager(self, clusters: list[str]) -> dict[str, Any]:
        """An HTTP connection manager."""
        hosts, left = [], list(DOMAINS)
        self.random.shuffle(left)
        for _ in range(self.random.randint(1, 4)):
            domains = [left.pop() for _ in range(min(self.random.randint(1, 3), len(left)))]
            if domains:
                host = {"name": self.name("host"), "domains": domains}
                host["routes"] = [self.route(clusters) for _ in range(self.random.randint(0, 5))]
                if self.chance(0.1):
                    host["require_tls"] = "ALL"
                hosts.append(host)
        table: dict[str, Any] = {"name": self.name("table"), "virtual_hosts": hosts, "validate_clusters": False}
        if self.chance(0.4):
            table["ignore_port_in_host_matching"] = True
        made: dict[str, Any] = {"@type": f"{FILTER}network.http_connection_manager.v3.HttpConnectionManager",
                                "stat_prefix": "made", "route_config": table,
                                "http_filters": self.filters()}  # fmt: skip
        for option in ("normalize_path", "merge_slashes", "strip_any_host_port", "use_remote_address"):
            if self.chance(0.4):
                made[option] = True
        if self.chance(0.4):
            slashes = ("KEEP_UNCHANGED", "REJECT_REQUEST", "UNESCAPE_AND_REDIRECT", "UNESCAPE_AND_FORWARD")
            made["path_with_escaped_slashes_action"] = self.pick(slashes)
        if self.chance(0.2):
            made["http_protocol_options"] = {"accept_http_10": True, "default_host_for_http_10": "a.example.com"}
        return made

    def filters(self) -> list[dict[str, Any]]:
        """HTTP filters with the router behind them."""
        made = [
            {"name": "jwt", "typed_config": self.jwt()},
            {"name": "fault", "typed_config": self.fault()},
            {"name": "cors", "typed_config": {"@type": f"{FILTER}http.cors.v3.Cors"}},
            {"name": "rbac", "typed_config": {"@type": f"{FILTER}http.rbac.v3.RBAC", **self.rbac(True)}},
        ]
        kept = [one for one in made if self.chance(0.55)]
        return [*kept, {"name": "router", "typed_config": {"@type": f"{FILTER}http.router.v3.Router"}}]

    def chain(self, clusters: list[str], match: dict[str, Any]) -> dict[str, Any]:
        """A filter chain."""
        filters = []
        if self.chance(0.2):
            rules = {"@type": f"{FILTER}network.rbac.v3.RBAC", "stat_prefix": "made", **self.rbac(False)}
            filters.append({"name": "network.rbac", "typed_config": rules})
        if self.chance(0.75):
            filters.append({"name": "http", "typed_config": self.manager(clusters)})
        else:
            tcp = {
                "@type": f"{FILTER}network.tcp_proxy.v3.TcpProxy",
                "stat_prefix": "made",
                "cluster": self.pick([*clusters, "missing"]),
            }
            filters.append({"name": "tcp", "typed_config": tcp})
        made = {"name": self.name("chain"), "filter_chain_match": match, "filters": filters}
        if match.get("transport_protocol") == "tls" and self.chance(0.6):
            made["transport_socket"] = _tls(self.chance(0.5))
        return made

    def chain_match(self) -> dict[str, Any]:
        """A FilterChainMatch."""
        made: dict[str, Any] = {}
        if self.chance(0.4):
            made["destination_port"] = self.pick((8080, 9090))
        if self.chance(0.4):
            made["prefix_ranges"] = [{"address_prefix": "10.0.0.0", "prefix_len": self.pick((8, 16, 24))}]
        if self.chance(0.5):
            made["transport_protocol"] = self.pick(("tls", "tls", "raw_buffer"))
        if made.get("transport_protocol") == "tls" and self.chance(0.5):
            made["server_names"] = self.some(("a.example.com", "*.example.com", "*.com"), 1, 2)
        if self.chance(0.3):
            secure = made.get("transport_protocol") == "tls"
            made["application_protocols"] = self.some(
                ("istio", "http/1.1") if secure else ("http/1.1", "http/1.0"), 1, 2
            )
        if self.chance(0.2):
            made["source_prefix_ranges"] = [{"address_prefix": "10.244.0.0", "prefix_len": self.pick((16, 8))}]
        if self.chance(0.15):
            made["source_type"] = self.pick(("SAME_IP_OR_LOOPBACK", "EXTERNAL"))
        return made

    def listener(self, clusters: list[str], port: int) -> dict[str, Any]:
        """A listener with distinct chains."""
        matches: dict[str, dict[str, Any]] = {}
        for _ in range(self.random.randint(1, 6)):
            match = self.chain_match()
            matches[json.dumps(match, sort_keys=True)] = match
        made: dict[str, Any] = {
            "@type": f"{TYPE}config.listener.v3.Listener",
            "name": f"made{port}",
            "address": {"socket_address": {"address": "0.0.0.0", "port_value": port}},
            "filter_chains": _apart([self.chain(clusters, match) for match in matches.values()]),
            "listener_filters": [_inspector("tls"), _inspector("http")],
        }
        if self.chance(0.4):
            made["default_filter_chain"] = self.chain(clusters, {})
        return made

    def cluster(self, number: int) -> dict[str, Any]:
        """A cluster with endpoints of all kinds of health."""
        health = ("HEALTHY", "HEALTHY", "UNHEALTHY", "DEGRADED", "DRAINING", "UNKNOWN")
        groups = []
        for priority in range(self.pick((1, 1, 2))):
            hosts = [_host(number, priority, place, self.pick(health)) for place in range(self.random.randint(0, 3))]
            groups.append({"lb_endpoints": hosts, "priority": priority, "locality": {"zone": f"z{priority}"}})
        made: dict[str, Any] = {
            "@type": f"{TYPE}config.cluster.v3.Cluster",
            "name": f"cluster{number}",
            "type": "STATIC",
        }
        made["load_assignment"] = {"cluster_name": made["name"], "endpoints": groups}
        if self.chance(0.6):
            made["common_lb_config"] = {"healthy_panic_threshold": {"value": self.pick((0, 0, 50))}}
        return made


def _apart(chains: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without chains whose matches overlap another's: Envoy refuses those."""
    seen: set[tuple[Any, ...]] = set()
    kept = []
    for chain in chains:
        match = chain["filter_chain_match"]
        ranges = [json.dumps(one) for one in match.get("prefix_ranges", [])] or [""]
        keys = {
            (match.get("destination_port"), block, name, match.get("transport_protocol"), alpn,
             json.dumps(match.get("source_prefix_ranges")), match.get("source_type"))
            for block in ranges for name in match.get("server_names", [""])
            for alpn in match.get("application_protocols", [""])
        }  # fmt: skip
        if not keys & seen:
            seen |= keys
            kept.append(chain)
    return kept


def _inspector(kind: str) -> dict[str, Any]:
    upper = {"tls": "TlsInspector", "http": "HttpInspector"}[kind]
    config = {"@type": f"{FILTER}listener.{kind}_inspector.v3.{upper}"}
    return {"name": f"envoy.filters.listener.{kind}_inspector", "typed_config": config}


def _tls(strict: bool) -> dict[str, Any]:
    names = {"match_subject_alt_names": [{"prefix": "spiffe://cluster.local/"}]}
    common = {"tls_certificate_sds_secret_configs": [{"name": "default"}], "alpn_protocols": ["http/1.1"],
              "combined_validation_context": {"default_validation_context": names}}  # fmt: skip
    config = {"@type": f"{TYPE}extensions.transport_sockets.tls.v3.DownstreamTlsContext", "common_tls_context": common,
              "require_client_certificate": strict}  # fmt: skip
    return {"name": "tls", "typed_config": config}


def _host(cluster: int, priority: int, place: int, health: str) -> dict[str, Any]:
    address = {"socket_address": {"address": f"10.{cluster}.{priority}.{place + 1}", "port_value": 80}}
    return {"endpoint": {"address": address}, "health_status": health}


def mesh(seed: str) -> Mesh:
    """A mesh of one gateway with a configuration made of a seed."""
    dice = Dice(seed)
    clusters = [dice.cluster(number) for number in range(5)]
    names = [one["name"] for one in clusters]
    listeners = [dice.listener(names, port) for port in (8080, 9090, 443)]
    configs = [
        {
            "@type": f"{TYPE}admin.v3.ClustersConfigDump",
            "dynamic_active_clusters": [{"cluster": one, "version_info": "1"} for one in clusters],
        },
        {
            "@type": f"{TYPE}admin.v3.ListenersConfigDump",
            "dynamic_listeners": [{"name": one["name"], "active_state": {"listener": one}} for one in listeners],
        },
    ]
    entry = "proxies/made/gateway/config_dump.json"
    return Mesh(Bundle.from_entries({entry: json.dumps({"configs": configs}).encode()}))
