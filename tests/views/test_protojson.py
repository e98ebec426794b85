import json

import pytest

from bugbundle.errors import DumpError
from bugbundle.views import gotext
from bugbundle.views.protojson import shape

CLUSTER = "envoy.config.cluster.v3.Cluster"
TYPE = "type.googleapis.com/"


def test_names_order_and_defaults():
    cluster = {
        "name": "c",
        "respect_dns_ttl": False,
        "type": 3,
        "lb_policy": "ROUND_ROBIN",
        "connect_timeout": "0.25s",
        "load_assignment": {"cluster_name": "", "endpoints": []},
        "common_lb_config": {},
        "ring_hash_lb_config": {"minimum_ring_size": 1024},
        "per_connection_buffer_limit_bytes": 32768,
        "transport_socket_matches": [{"name": "m", "match": {"b": 1.0, "a": {"z": 0, "y": []}}}],
    }
    assert list(shape(cluster, CLUSTER).items()) == [
        ("transportSocketMatches", [{"name": "m", "match": {"a": {"y": [], "z": 0}, "b": 1}}]),
        ("name", "c"),
        ("type", "EDS"),
        ("connectTimeout", "0.250s"),
        ("perConnectionBufferLimitBytes", 32768),
        ("loadAssignment", {}),
        ("ringHashLbConfig", {"minimumRingSize": "1024"}),
        ("commonLbConfig", {}),
    ]


def test_camel_case_reads_the_same():
    snake = {"connect_timeout": "1s", "upstream_connection_options": {"tcp_keepalive": {"keepalive_time": 5}}}
    camel = {"connectTimeout": "1s", "upstreamConnectionOptions": {"tcpKeepalive": {"keepaliveTime": 5}}}
    assert shape(snake, CLUSTER) == shape(camel, CLUSTER) == camel


def test_what_the_schema_does_not_know_keeps_place_and_value():
    cluster = {"name": "c", "new_field": {"a_b": 0}, "connect_timeout": "1s", "gone": None}
    assert list(shape(cluster, CLUSTER).items()) == [
        ("name", "c"),
        ("new_field", {"a_b": 0}),
        ("connectTimeout", "1s"),
    ]
    options = {
        "own": {"@type": f"{TYPE}example.Own", "some_field": "", "at": {"@type": f"{TYPE}{CLUSTER}", "name": ""}}
    }
    assert shape({"typed_extension_protocol_options": options}, CLUSTER) == {
        "typedExtensionProtocolOptions": {
            "own": {"@type": f"{TYPE}example.Own", "some_field": "", "at": {"@type": f"{TYPE}{CLUSTER}"}}
        }
    }


def test_times_and_durations_have_0_3_6_or_9_digits():
    row = {"last_updated": "2026-01-01T00:00:00.1200Z", "secret": {"@type": f"{TYPE}google.protobuf.Duration"}}
    assert shape(row, "envoy.admin.v3.SecretsConfigDump.DynamicSecret")["lastUpdated"] == ("2026-01-01T00:00:00.120Z")
    timeouts = [shape({"connect_timeout": text}, CLUSTER) for text in ("1.000s", "0.5s", "0.000100s", "0s", "x")]
    assert [found["connectTimeout"] for found in timeouts] == ["1s", "0.500s", "0.000100s", "0s", "x"]


def test_well_known_types_inside_any():
    value = {"@type": f"{TYPE}google.protobuf.Struct", "value": {"b": 1.0, "a": None}}
    options = {"typed_extension_protocol_options": {"x": value}}
    shaped = shape(options, CLUSTER)["typedExtensionProtocolOptions"]["x"]
    assert json.dumps(shaped) == json.dumps({**value, "value": {"a": None, "b": 1}})


def test_too_deep_is_an_error():
    deep: dict[str, object] = {}
    for _ in range(300):
        deep = {"a": deep}
    with pytest.raises(DumpError, match="nested too deep"):
        shape({"metadata": {"filter_metadata": {"x": deep}}}, CLUSTER)


def test_json_is_escaped_as_go_escapes_it():
    tree = shape({"name": "<&>\u2028\u2029\té\x7f", "alt_stat_name": '"\\\b'}, CLUSTER)
    assert gotext.listed([tree]) == (
        "[\n    {\n"
        '        "name": "\\u003c\\u0026\\u003e\\u2028\\u2029\\té\x7f",\n'
        '        "altStatName": "\\"\\\\\\b"\n'
        "    }\n]"
    )


def test_protojson_puts_two_blanks_behind_names():
    tree = shape({"name": "<", "metadata": {"filter_metadata": {"a": {"k": ['"x": ', 1e22]}}}}, CLUSTER)
    assert gotext.extended(tree) == (
        '{\n    "name":  "<",\n    "metadata":  {\n        "filterMetadata":  {\n            "a":  {\n'
        '                "k":  [\n                    "\\"x\\": ",\n                    1e+22\n'
        "                ]\n            }\n        }\n    }\n}"
    )


def test_jsonpb_moves_structs_to_the_right():
    tree = shape(
        {"bootstrap": {"node": {"id": "n", "metadata": {"L": ["a", {}], "E": {}}}}},
        "envoy.admin.v3.BootstrapConfigDump",
    )
    assert gotext.message(tree).splitlines() == [
        "{",
        '    "bootstrap": {',
        '        "node": {',
        '            "id": "n",',
        '            "metadata": {',
        '                    "E": {',
        "                            },",
        '                    "L": [',
        '                                "a",',
        "                                {",
        "                                        }",
        "                            ]",
        "                }",
        "        }",
        "    }",
        "}",
    ]
