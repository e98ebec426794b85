"""Envoy's admin pages from a recording."""

from __future__ import annotations

import json
import re
from typing import Any

import captures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_mesh import DUMP, ENTRIES, envoy_print, pages

from bugbundle.bundle import Bundle, open_bundle
from bugbundle.replay.pages import Page, Pages


def get(target: str, port: int = 15000, method: str = "GET") -> Page:
    return pages().answer("shop", "web", port, method, target)


def dump_of(*keep: dict[str, Any]) -> bytes:
    return envoy_print({"configs": list(keep)}).encode()


def test_recorded_pages_are_given_byte_for_byte() -> None:
    assert get("/ready") == Page(200, {"content-type": "text/plain; charset=UTF-8"}, b"LIVE\n")
    assert get("/memory").body == ENTRIES["proxies/shop/web/memory.json"].encode()
    for target in ("/config_dump?include_eds", "/config_dump?include_eds=true", "config_dump?include_eds"):
        assert get(target).body == ENTRIES["proxies/shop/web/config_dump.json"].encode()
    assert get("/ready", method="HEAD") == get("/ready")


def test_without_include_eds_the_endpoints_are_left_out() -> None:
    bootstrap, clusters, _, listeners = DUMP["configs"]
    assert get("/config_dump").body == dump_of(bootstrap, clusters, listeners)
    assert get("/config_dump?include_eds=false").body == dump_of(bootstrap, clusters, listeners)


def test_a_mask_keeps_its_fields_of_every_section() -> None:
    bootstrap, clusters, _, listeners = DUMP["configs"]
    kept = {key: clusters[key] for key in ("@type", "dynamic_active_clusters")}
    assert get("/config_dump?mask=dynamic_active_clusters,nosuch").body == dump_of(
        {"@type": bootstrap["@type"]}, kept, {"@type": listeners["@type"]}
    )
    node = {"@type": bootstrap["@type"], "bootstrap": {"node": {"id": "sidecar~web"}}}
    assert json.loads(get("/config_dump?mask=bootstrap.node.id").body)["configs"][0] == node


def test_a_resource_gives_its_items() -> None:
    kind = "type.googleapis.com/envoy.admin.v3.ClustersConfigDump.StaticCluster"
    item = {"@type": kind, "cluster": {"@type": "C", "name": "agent"}}
    assert get("/config_dump?resource=static_clusters").body == dump_of(item)
    masked = json.loads(get("/config_dump?resource=dynamic_active_clusters&mask=cluster.name").body)
    assert [one["cluster"]["name"] for one in masked["configs"]] == ["outbound|80||a", "outbound|80||b"]
    assert all("last_updated" not in one for one in masked["configs"])
    assert get("/config_dump?resource=dynamic_endpoint_configs").body == b"{}\n"
    assert get("/config_dump?resource=bootstrap").status == 400
    assert get("/config_dump?resource=nosuch").status == 404


def test_name_regex_keeps_resources_of_that_whole_name() -> None:
    sections = json.loads(get("/config_dump?name_regex=outbound.*a").body)["configs"]
    assert sections[1]["dynamic_active_clusters"] == DUMP["configs"][1]["dynamic_active_clusters"][:1]
    assert "static_clusters" not in sections[1]
    assert get("/config_dump?name_regex=(").status == 400
    assert get("/config_dump?name_regex=(a%2B)%2Bx").status == 400


def test_statistics_in_their_other_forms() -> None:
    assert get("/stats?filter=%5Eb").body == b"b.count: 3\nb.zero: 0\n"
    assert get("/stats?usedonly").body == b'a.text: "hello"\nb.count: 3\nc.time: P0(nan,1) P50(nan,2.5)\n'
    assert json.loads(get("/stats?format=json").body) == {
        "stats": [
            {"name": "a.text", "value": "hello"},
            {"name": "b.count", "value": 3},
            {"name": "b.zero", "value": 0},
            {
                "histograms": {
                    "supported_quantiles": [0.0, 50.0],
                    "computed_quantiles": [
                        {
                            "name": "c.time",
                            "values": [
                                {"interval": None, "cumulative": 1.0},
                                {"interval": None, "cumulative": 2.5},
                            ],
                        },
                        {"name": "c.none", "values": []},
                    ],
                }
            },
        ]
    }
    own = b'# TYPE envoy_y counter\nenvoy_y{a="b"} 2\n'
    assert get("/stats/prometheus").body == get("/stats?format=prometheus").body == own
    assert get("/stats/prometheus", 15090).body == own
    assert get("/stats/prometheus", 15020).body == ENTRIES["proxies/shop/web/metrics.txt"].encode()


def test_health_is_the_same_page_on_both_ports() -> None:
    assert get("/healthz/ready", 15021) == get("/healthz/ready", 15020)
    assert get("/healthz/ready", 15021).status == 200


def test_what_is_missing_says_why() -> None:
    assert get("/certs") == Page(
        503,
        {"content-type": "text/plain; charset=UTF-8"},
        b"GET /certs of web.shop:15000 is not in this recording: connection refused.\n",
        answered=False,
    )
    assert get("/server_info").status == 404
    assert b"nobody asked" in get("/server_info").body
    assert get("/").body.startswith(b"This is a recording.")
    assert get("/ready", 8080).status == 503
    assert pages().answer("shop", "nosuch", 15000, "GET", "/ready").status == 503


def test_nothing_can_be_changed() -> None:
    for method, target in (("POST", "/quitquitquit"), ("POST", "/logging?level=debug"), ("PUT", "/memory")):
        page = get(target, method=method)
        assert (page.status, page.headers["allow"]) == (405, "GET, HEAD")
    assert get("/logging").status == 405
    assert get("/logging", method="POST").status == 404
    zt = pages().answer("istio-system", "ztunnel-1", 15000, "POST", "/logging?level=")
    assert (zt.status, zt.body) == (200, b"current log level is info\n")


def test_a_ztunnels_pages() -> None:
    def zt(port: int, target: str) -> bytes:
        return pages().answer("istio-system", "ztunnel-1", port, "GET", target).body

    assert zt(15000, "/config_dump") == b'{"workloads":[]}'
    assert zt(15020, "/metrics") == b"zt 1\n"
    assert b"not in this recording" in zt(15021, "/healthz/ready")


def test_clusters_and_listeners_as_text() -> None:
    cluster = {
        "name": "c",
        "added_via_api": True,
        "observability_name": "c;",
        "eds_service_name": "e",
        "circuit_breakers": {"thresholds": [{"max_retries": 3}, {"priority": "HIGH", "max_requests": 9}]},
        "host_statuses": [
            {
                "address": {"socket_address": {"address": "fd00::1", "port_value": 80}},
                "stats": [{"name": "rq", "value": "4"}, {"name": "cx"}],
                "health_status": {"eds_health_status": "HEALTHY", "failed_outlier_check": True},
                "weight": 2,
                "locality": {"region": "r", "zone": "z"},
            }
        ],
    }
    listener = {"name": "l", "local_address": {"socket_address": {"address": "0.0.0.0", "port_value": 15001}}}
    some = Pages(
        Bundle.from_entries(
            {
                "proxies/a/b/clusters.json": json.dumps({"cluster_statuses": [cluster]}),
                "proxies/a/b/listeners.json": json.dumps({"listener_statuses": [listener]}),
            }
        )
    )
    assert some.answer("a", "b", 15000, "GET", "/listeners").body == b"l::0.0.0.0:15001\n"
    assert some.answer("a", "b", 15000, "GET", "/clusters").body.decode().splitlines() == [
        "c::observability_name::c;",
        "c::default_priority::max_connections::0",
        "c::default_priority::max_pending_requests::0",
        "c::default_priority::max_requests::0",
        "c::default_priority::max_retries::3",
        "c::high_priority::max_connections::0",
        "c::high_priority::max_pending_requests::0",
        "c::high_priority::max_requests::9",
        "c::high_priority::max_retries::0",
        "c::added_via_api::true",
        "c::eds_service_name::e",
        "c::[fd00::1]:80::cx::0",
        "c::[fd00::1]:80::rq::4",
        "c::[fd00::1]:80::hostname::",
        "c::[fd00::1]:80::health_flags::/failed_outlier_check",
        "c::[fd00::1]:80::weight::2",
        "c::[fd00::1]:80::region::r",
        "c::[fd00::1]:80::zone::z",
        "c::[fd00::1]:80::sub_zone::",
        "c::[fd00::1]:80::canary::false",
        "c::[fd00::1]:80::priority::0",
        "c::[fd00::1]:80::success_rate::-1",
        "c::[fd00::1]:80::local_origin_success_rate::-1",
    ]


def test_a_recorded_dump_that_is_taken_apart_is_put_together_byte_for_byte() -> None:
    bundle = open_bundle(captures.bundle_folder("healthy"))
    some = Pages(bundle)
    checked = 0
    for path in bundle.paths("proxies/", "/config_dump.json"):
        _, namespace, pod, _ = path.split("/")
        whole = some.answer(namespace, pod, 15000, "GET", "/config_dump?include_eds=1&name_regex=.*")
        assert whole.body == bundle[path]
        checked += 1
    assert checked


def test_clusters_as_text_equal_those_that_istioctl_collected() -> None:
    """The live text beside the recording differs in counters, and in the lines of outlier detection."""
    import tarfile

    archive = captures.folder("healthy") / "istioctl-bug-report.tgz"
    some = Pages(open_bundle(captures.bundle_folder("healthy")))
    with tarfile.open(archive) as tar:
        members = [name for name in tar.getnames() if name.endswith("/clusters")]
        assert members
        for name in members:
            namespace, pod = name.split("/")[-3:-1]
            file = tar.extractfile(name)
            assert file is not None
            want = _shape(file.read().decode())
            assert _shape(some.answer(namespace, pod, 15000, "GET", "/clusters").body.decode()) == want


def _shape(text: str) -> list[str]:
    """Lines without counters, clusters in an order of their own (Envoy's is that of a hash table)."""
    lines = [line for line in text.splitlines() if "::outlier::" not in line]
    return sorted(re.sub(r"::(c[xq]|rq)(_\w+)::\d+$", r"::\1\2::N", line) for line in lines)


names = st.sampled_from(
    [
        "configs",
        "@type",
        "static_clusters",
        "cluster",
        "name",
        "cluster_statuses",
        "host_statuses",
        "listener_statuses",
        "local_address",
        "address",
        "stats",
        "health_status",
        "circuit_breakers",
    ]
)
odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
targets = st.sampled_from(
    [
        "/config_dump",
        "/config_dump?mask=configs,static_clusters.cluster",
        "/config_dump?resource=static_clusters",
        "/config_dump?name_regex=a.*",
        "/clusters",
        "/listeners",
        "/stats?format=json",
        "/stats/prometheus",
    ]
) | st.text(max_size=40).map(lambda tail: "/config_dump?" + tail)


@settings(max_examples=150, deadline=None)
@given(body=odd.map(lambda value: json.dumps(value)) | st.text(max_size=60), target=targets)
def test_odd_recordings_and_requests_give_a_page(body: str, target: str) -> None:
    names = ("config_dump.json", "clusters.json", "listeners.json", "stats.txt", "metrics.txt")
    some = Pages(Bundle.from_entries({f"proxies/a/b/{name}": body.encode("utf-8", "replace") for name in names}))
    assert 200 <= some.answer("a", "b", 15000, "GET", target).status < 600


@pytest.mark.parametrize("status", [0, 99, 101, 204, 304, 1000])
def test_a_status_that_no_page_has_is_not_believed(status: int) -> None:
    entry = {"path": "proxies/a/b/ready.txt", "target": "proxy b.a:15000", "request": "GET /ready", "status": status}
    bundle = Bundle.from_entries(
        {"proxies/a/b/ready.txt": "x", "manifest.json": json.dumps({"format": 1, "entries": [entry], "gaps": []})}
    )
    assert Pages(bundle).answer("a", "b", 15000, "GET", "/ready").status == 200
