"""Dumps taken apart: every section, both spellings, unknown types kept, hostile bytes refused in one way."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import captures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bugbundle.bundle import open_bundle
from bugbundle.codec import decode
from bugbundle.errors import BugbundleError, DumpError
from bugbundle.xds import Xds, canonical, canonical_hash, split
from bugbundle.xds.index import XdsIndex

ADMIN = "type.googleapis.com/envoy.admin.v3."
LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"


def listener(name: str) -> dict[str, Any]:
    return {"@type": LISTENER, "name": name}


SNAKE = {
    "configs": [
        {"@type": ADMIN + "BootstrapConfigDump", "bootstrap": {"node": {"id": "n"}}},
        {
            "@type": ADMIN + "ClustersConfigDump",
            "version_info": "v9",
            "static_clusters": [{"cluster": {"name": "s"}, "last_updated": "t"}],
            "dynamic_active_clusters": [{"version_info": "v1", "cluster": {"name": "a"}}],
            "dynamic_warming_clusters": [{"version_info": "v2", "cluster": {"name": "w"}}],
        },
        {
            "@type": ADMIN + "ListenersConfigDump",
            "static_listeners": [{"listener": listener("sl")}],
            "dynamic_listeners": [
                {
                    "name": "l",
                    "active_state": {"version_info": "v1", "listener": listener("l"), "last_updated": "t1"},
                    "draining_state": {"version_info": "v0", "listener": listener("l")},
                    "error_state": {"details": "no"},
                },
                {"name": "never", "error_state": {"details": "bad"}},
            ],
        },
        {
            "@type": ADMIN + "SecretsConfigDump",
            "dynamic_active_secrets": [{"name": "default", "secret": {"name": "default"}}],
        },
        {"@type": ADMIN + "EcdsConfigDump", "ecds_filters": [{"ecds_filter": {"name": "e"}}]},
        {"@type": ADMIN + "FutureConfigDump", "things": [1]},
    ]
}
ROWS = [
    ("BOOTSTRAP", "static", "n", "", "/configs/0/bootstrap", False),
    ("CDS", "static", "s", "", "/configs/1/static_clusters/0/cluster", False),
    ("CDS", "dynamic_active", "a", "v1", "/configs/1/dynamic_active_clusters/0/cluster", False),
    ("CDS", "dynamic_warming", "w", "v2", "/configs/1/dynamic_warming_clusters/0/cluster", False),
    ("LDS", "static", "sl", "", "/configs/2/static_listeners/0/listener", False),
    ("LDS", "dynamic_active", "l", "v1", "/configs/2/dynamic_listeners/0/active_state/listener", True),
    ("LDS", "dynamic_draining", "l", "v0", "/configs/2/dynamic_listeners/0/draining_state/listener", False),
    ("LDS", "dynamic_rejected", "never", "", "/configs/2/dynamic_listeners/1", True),
    ("SDS", "dynamic_active", "default", "", "/configs/3/dynamic_active_secrets/0/secret", False),
    ("ECDS", "dynamic_active", "e", "", "/configs/4/ecds_filters/0/ecds_filter", False),
]


def camel(value: Any) -> Any:
    from bugbundle.xds.schema import camel as name

    if isinstance(value, dict):
        return {key if key[0] == "@" else name(key): camel(item) for key, item in value.items()}
    return [camel(item) for item in value] if isinstance(value, list) else value


def rows(dump: Any) -> list[tuple[Any, ...]]:
    found = []
    for item in split(json.dumps(dump).encode()).items:
        body = decode(item.body) if item.body is not None else {"name": item.name}
        name = body.get("name") or body["node"]["id"]
        found.append((item.kind, item.section, name, item.version, item.pointer, item.error_state is not None))
    return found


def test_every_section_with_pointers() -> None:
    assert rows(SNAKE) == ROWS


def test_both_spellings_are_the_same() -> None:
    from bugbundle.xds.schema import camel as name

    def pointer(text: str) -> str:
        return "/".join(name(part) for part in text.split("/"))

    assert rows(camel(SNAKE)) == [(*row[:4], pointer(row[4]), row[5]) for row in ROWS]


def test_what_is_not_known_is_kept() -> None:
    found = split(json.dumps(SNAKE).encode())
    assert found.unknown == [("envoy.admin.v3.FutureConfigDump", "/configs/5")]
    assert found.versions[Xds.CDS] == "v9"
    assert decode(found.bootstrap) == {"node": {"id": "n"}}


def test_pointers_lead_to_the_bodies() -> None:
    for item in split(json.dumps(SNAKE).encode()).items:
        value: Any = SNAKE
        for part in item.pointer.split("/")[1:]:
            value = value[int(part)] if isinstance(value, list) else value[part]
        if item.body is not None:
            assert decode(item.body) == value


def test_the_index_survives_being_written() -> None:
    path = "proxies/shop/web/config_dump.json"
    data = json.dumps(SNAKE).encode()
    index = XdsIndex(lambda _: data)
    index.add(path, data)
    again = XdsIndex.decode(index.encode(), lambda _: data)
    assert again.rows(path) == index.rows(path)
    assert again.bodies == index.bodies
    assert again.classes == index.classes


@given(st.binary(max_size=400))
@settings(max_examples=300)
def test_an_index_of_any_bytes_is_refused(data: bytes) -> None:
    try:
        index = XdsIndex.decode(data, lambda _: b"")
        for path in index._packed:
            index.rows(path)
    except BugbundleError:
        pass


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["configs", "@type", "name", "cluster", "dynamic_active_clusters", "active_state", "x_y", "value"]
            )
            | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(
    st.binary(max_size=300)
    | JSON.map(lambda value: json.dumps(value).encode())
    | JSON.map(lambda value: json.dumps({"configs": [value]}).encode())
)
@settings(max_examples=400, deadline=None)
def test_any_bytes_are_split_or_refused(data: bytes) -> None:
    with contextlib.suppress(DumpError):
        split(data)


@given(
    JSON,
    st.sampled_from(
        [
            "",
            "envoy.config.cluster.v3.Cluster",
            "envoy.config.route.v3.RouteConfiguration",
            "envoy.config.endpoint.v3.ClusterLoadAssignment",
        ]
    ),
)
@settings(max_examples=400, deadline=None)
def test_the_canonical_form_of_any_json(value: Any, message: str) -> None:
    once = canonical(value, message)
    assert json.dumps(once) is not None


def test_deep_nesting_is_refused() -> None:
    value: Any = {}
    for _ in range(600):
        value = {"a": value}
    with pytest.raises(DumpError, match="nested too deep"):
        canonical(value)
    with pytest.raises(BugbundleError):
        split(b'{"configs":' + b"[" * 100_000)


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        ({"connectTimeout": "1s"}, {"connect_timeout": "1.000s"}, True),
        ({"connectTimeout": "1s"}, {"connect_timeout": "1.001s"}, False),
        ({"type": "STATIC"}, {}, True),
        ({"type": 3}, {"type": "EDS"}, True),
        ({"lbPolicy": "ROUND_ROBIN"}, {}, True),
        ({"perConnectionBufferLimitBytes": 32768}, {"per_connection_buffer_limit_bytes": "32768"}, True),
        ({"perConnectionBufferLimitBytes": 0}, {}, False),
        (
            {"metadata": {"filterMetadata": {"aB": {"cD": True}}}},
            {"metadata": {"filter_metadata": {"aB": {"cD": True}}}},
            True,
        ),
        (
            {"metadata": {"filterMetadata": {"aB": {"cD": True}}}},
            {"metadata": {"filter_metadata": {"a_b": {"c_d": True}}}},
            False,
        ),
        (
            {"typedExtensionProtocolOptions": {"x": {"@type": "t/u.V", "aB": 1}}},
            {"typed_extension_protocol_options": {"x": {"@type": "t/u.V", "a_b": 1}}},
            True,
        ),
    ],
)
def test_protobuf_equality(left: Any, right: Any, equal: bool) -> None:
    message = "envoy.config.cluster.v3.Cluster"
    ours, theirs = (canonical_hash(json.dumps(value).encode(), message) for value in (left, right))
    assert (ours == theirs) is equal


def test_stored_index_equals_a_fresh_one() -> None:
    bundle = open_bundle(captures.sample("healthy"))
    stored = bundle.xds_index()
    fresh = XdsIndex(lambda path: bundle[path])
    for path in stored._packed:
        ours, theirs = stored.rows(path), fresh.add(path, bundle[path])
        named = [
            [(index.bodies[n].name, index.bodies[n].meaning) for n in rows.bodies]
            for index, rows in ((stored, ours), (fresh, theirs))
        ]
        assert named[0] == named[1]
    assert len({body.meaning for body in stored.bodies}) < len(stored.bodies) < 900
