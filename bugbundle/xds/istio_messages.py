"""The messages of Istio's own filters, which Envoy's published descriptors lack: every proxyv2 image sends them.

Source: istio.io/api `envoy/config/filter/**` and `envoy/extensions/stats/config.proto`. A row is a field: name, number,
kind (a letter of `schema`), type, label.
"""

from __future__ import annotations

Row = tuple[str, int, str, str, str]

_ALPN = "istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig"
_JWT = "istio.envoy.config.filter.http.jwt_auth.v2alpha1"

ENUMS: dict[str, dict[int, str]] = {
    f"{_ALPN}.Protocol": {0: "HTTP10", 1: "HTTP11", 2: "HTTP2"},
    "stats.MetricType": {0: "COUNTER", 1: "GAUGE", 2: "HISTOGRAM"},
    "stats.Reporter": {0: "UNSPECIFIED", 1: "SERVER_GATEWAY"},
}

MESSAGES: dict[str, tuple[Row, ...]] = {
    _ALPN: (("alpn_override", 1, "m", f"{_ALPN}.AlpnOverride", "r"),),
    f"{_ALPN}.AlpnOverride": (
        ("upstream_protocol", 1, "e", f"{_ALPN}.Protocol", ""),
        ("alpn_override", 2, "s", "", "r"),
    ),
    "envoy.tcp.metadataexchange.config.MetadataExchange": (
        ("protocol", 1, "s", "", ""),
        ("enable_discovery", 2, "b", "", ""),
    ),
    "istio.envoy.config.filter.network.tcp_cluster_rewrite.v2alpha1.TcpClusterRewrite": (
        ("cluster_pattern", 1, "s", "", ""),
        ("cluster_replacement", 2, "s", "", ""),
    ),
    f"{_JWT}.HttpUri": (("uri", 1, "s", "", ""), ("cluster", 2, "s", "", "p"), ("timeout", 3, "d", "", "p")),
    f"{_JWT}.DataSource": (
        ("filename", 1, "s", "", "p"),
        ("inline_bytes", 2, "y", "", "p"),
        ("inline_string", 3, "s", "", "p"),
    ),
    f"{_JWT}.RemoteJwks": (("http_uri", 1, "m", f"{_JWT}.HttpUri", "p"), ("cache_duration", 2, "d", "", "p")),
    f"{_JWT}.JwtHeader": (("name", 1, "s", "", ""), ("value_prefix", 2, "s", "", "")),
    f"{_JWT}.JwtRule": (
        ("issuer", 1, "s", "", ""),
        ("audiences", 2, "s", "", "r"),
        ("remote_jwks", 3, "m", f"{_JWT}.RemoteJwks", "p"),
        ("local_jwks", 4, "m", f"{_JWT}.DataSource", "p"),
        ("forward", 5, "b", "", ""),
        ("from_headers", 6, "m", f"{_JWT}.JwtHeader", "r"),
        ("from_params", 7, "s", "", "r"),
        ("forward_payload_header", 8, "s", "", ""),
    ),
    f"{_JWT}.JwtAuthentication": (
        ("rules", 1, "m", f"{_JWT}.JwtRule", "r"),
        ("allow_missing_or_failed", 2, "b", "", ""),
    ),
    "stats.MetricConfig": (
        ("dimensions", 1, "s", "", "m"),
        ("name", 2, "s", "", ""),
        ("tags_to_remove", 3, "s", "", "r"),
        ("match", 4, "s", "", ""),
        ("drop", 5, "b", "", ""),
    ),
    "stats.MetricDefinition": (
        ("name", 1, "s", "", ""),
        ("value", 2, "s", "", ""),
        ("type", 3, "e", "stats.MetricType", ""),
    ),
    "stats.PluginConfig": (
        ("debug", 1, "b", "", ""),
        ("max_peer_cache_size", 2, "i", "", ""),
        ("stat_prefix", 3, "s", "", ""),
        ("field_separator", 4, "s", "", ""),
        ("value_separator", 5, "s", "", ""),
        ("disable_host_header_fallback", 6, "b", "", ""),
        ("tcp_reporting_duration", 7, "d", "", "p"),
        ("metrics", 8, "m", "stats.MetricConfig", "r"),
        ("definitions", 9, "m", "stats.MetricDefinition", "r"),
        ("reporter", 10, "e", "stats.Reporter", ""),
        ("rotation_interval", 11, "d", "", "p"),
        ("graceful_deletion_interval", 12, "d", "", "p"),
    ),
}
