"""Istio's own filters, which every proxyv2 image has: one meaning in camelCase and snake_case, and over xDS."""

from __future__ import annotations

import json

from google.protobuf import json_format

from bugbundle.replay.stream import xds
from bugbundle.xds.canonical import canonical

TYPE = "type.googleapis.com/"
ALPN = f"{TYPE}istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig"
CAMEL = {
    "@type": f"{TYPE}envoy.config.listener.v3.Listener",
    "name": "x",
    "filterChains": [
        {
            "filters": [
                {
                    "name": "istio.alpn",
                    "typedConfig": {
                        "@type": ALPN,
                        "alpnOverride": [
                            {"alpnOverride": ["istio-http/1.0", "istio"]},
                            {"upstreamProtocol": "HTTP11", "alpnOverride": ["istio-http/1.1"]},
                        ],
                    },
                },
                {
                    "name": "istio.stats",
                    "typedConfig": {
                        "@type": f"{TYPE}stats.PluginConfig",
                        "tcpReportingDuration": "5s",
                        "metrics": [{"tagsToRemove": ["a"], "dimensions": {"b": "c"}}],
                    },
                },
                {
                    "name": "istio.metadata_exchange",
                    "typedConfig": {
                        "@type": f"{TYPE}envoy.tcp.metadataexchange.config.MetadataExchange",
                        "enableDiscovery": True,
                        "protocol": "istio-peer-exchange",
                    },
                },
            ]
        }
    ],
}
NAMES = {
    "filterChains": "filter_chains", "typedConfig": "typed_config", "alpnOverride": "alpn_override",
    "upstreamProtocol": "upstream_protocol", "tcpReportingDuration": "tcp_reporting_duration",
    "tagsToRemove": "tags_to_remove", "enableDiscovery": "enable_discovery",
}  # fmt: skip


def snake(text: str) -> str:
    for camel, name in NAMES.items():
        text = text.replace(f'"{camel}"', f'"{name}"')
    return text


def test_one_meaning_in_both_spellings() -> None:
    envoy = snake(json.dumps(CAMEL)).replace(
        '{"alpn_override": ["istio-http/1.0"', '{"upstream_protocol": "HTTP10", "alpn_override": ["istio-http/1.0"'
    )
    assert canonical(CAMEL) == canonical(json.loads(envoy))


def test_xds_of_a_replay_keeps_their_fields() -> None:
    section = {
        "@type": f"{TYPE}envoy.admin.v3.ListenersConfigDump",
        "dynamicListeners": [{"activeState": {"listener": CAMEL}}],
    }
    (packed,) = xds.sections(json.dumps({"configs": [section]}).encode())
    assert json.loads(json_format.MessageToJson(packed)) == section
