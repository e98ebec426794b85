"""istiod against Envoy: what differs, what it means, and live istioctl's verdict on every recorded proxy."""

from __future__ import annotations

import json
from typing import Any

import captures
import pytest

from bugbundle.bundle import Bundle, open_bundle
from bugbundle.diff import ABSENT
from bugbundle.mesh import Mesh
from bugbundle.sync import Drift, FieldDrift, Meaning, ProxySync, Verdict, compare, compare_all
from bugbundle.xds import Xds

TYPE = "type.googleapis.com/"
CLUSTER = TYPE + "envoy.config.cluster.v3.Cluster"
ROUTE = TYPE + "envoy.config.route.v3.RouteConfiguration"
ASSIGNMENT = TYPE + "envoy.config.endpoint.v3.ClusterLoadAssignment"


def envoy_dump(
    clusters: list[dict[str, Any]], routes: list[dict[str, Any]] = (), errors: dict[str, str] | None = None
) -> str:
    rows = []
    for cluster in clusters:
        row: dict[str, Any] = {
            "version_info": "v1",
            "cluster": {"@type": CLUSTER, **cluster},
            "last_updated": "2026-01-01T00:00:00Z",
        }
        if errors and cluster["name"] in errors:
            row["error_state"] = {"details": errors[cluster["name"]]}
        rows.append(row)
    configs = [
        {"@type": TYPE + "envoy.admin.v3.ClustersConfigDump", "version_info": "v1", "dynamic_active_clusters": rows},
        {
            "@type": TYPE + "envoy.admin.v3.RoutesConfigDump",
            "dynamic_route_configs": [{"route_config": {"@type": ROUTE, **route}} for route in routes],
        },
    ]
    return json.dumps({"configs": configs}, indent=1)


def istiod_dump(clusters: list[dict[str, Any]], routes: list[dict[str, Any]] = ()) -> str:
    configs = [
        {
            "@type": TYPE + "envoy.admin.v3.ClustersConfigDump",
            "dynamicActiveClusters": [{"cluster": {"@type": CLUSTER, **cluster}} for cluster in clusters],
        },
        {
            "@type": TYPE + "envoy.admin.v3.RoutesConfigDump",
            "dynamicRouteConfigs": [{"routeConfig": {"@type": ROUTE, **route}} for route in routes],
        },
    ]
    return json.dumps({"configs": configs}, separators=(",", ":"))


def syncz(sent: str = "n1", acked: str = "n1", error: str = "", at: str = "2026-01-01T00:00:00Z") -> str:
    state = {"sent": sent, "acked": acked, "sentTime": at, "lastError": error}
    return json.dumps([{"proxy": "web.shop", "cluster_id": "c", "resources": {CLUSTER: state, ROUTE: state}}])


def mesh(envoy: str | None, istiod: str | None, sync: str | None = None) -> Mesh:
    entries = {
        "bundle.json": '{"format":1,"started":"2026-01-01T01:00:00Z"}',
        "k8s/api/v1/pods.json": json.dumps(
            {
                "kind": "PodList",
                "items": [{"metadata": {"name": "istiod-0", "namespace": "is", "labels": {"app": "istiod"}}}],
            }
        ),
    }
    if envoy is not None:
        entries["proxies/shop/web/config_dump.json"] = envoy
    if istiod is not None:
        entries["istiod/is/istiod-0/debug/config_dump/web.shop.json"] = istiod
    if sync is not None:
        entries["istiod/is/istiod-0/debug/syncz.json"] = sync
    return Mesh(Bundle.from_entries(entries))


def one(made: Mesh) -> ProxySync:
    return compare(made.proxies[0])


def test_spelling_order_defaults_and_durations_are_no_difference() -> None:
    snake = {
        "name": "a",
        "connect_timeout": "0.100s",
        "max_requests_per_connection": 5,
        "outlier_detection": {"consecutive_5xx": 7, "interval": "10s"},
        "metadata": {"filter_metadata": {"istio": {"some_key": 1, "other": "x"}, "b": {}}},
    }
    camel = {
        "metadata": {"filterMetadata": {"b": {}, "istio": {"other": "x", "some_key": 1.0}}},
        "outlierDetection": {"interval": "10.0s", "consecutive5xx": 7},
        "maxRequestsPerConnection": 5,
        "connectTimeout": "0.1s",
        "altStatName": "",
        "name": "a",
    }
    found = one(mesh(envoy_dump([snake]), istiod_dump([camel]), syncz()))
    assert found.types[Xds.CDS].verdict is Verdict.SYNCED
    assert found.types[Xds.CDS].equal == 1
    assert found.types[Xds.CDS].age == 3600.0


@pytest.mark.parametrize(
    ("envoy", "istiod"),
    [
        ({"filter_metadata": {"istio": {"some_key": 1}}}, {"filterMetadata": {"istio": {"someKey": 1}}}),
        ({"filter_metadata": {"a": {"x": "1"}}}, {"filterMetadata": {"a": {"x": 1}}}),
    ],
)
def test_keys_and_values_of_maps_are_data(envoy: dict[str, Any], istiod: dict[str, Any]) -> None:
    found = one(
        mesh(envoy_dump([{"name": "a", "metadata": envoy}]), istiod_dump([{"name": "a", "metadata": istiod}]), syncz())
    )
    assert found.types[Xds.CDS].matches is False


def test_presence_of_a_wrapper_counts() -> None:
    with_zero = {"name": "a", "outlier_detection": {"max_ejection_percent": 0}}
    without = {"name": "a", "outlierDetection": {}}
    assert one(mesh(envoy_dump([with_zero]), istiod_dump([without]), syncz())).types[Xds.CDS].matches is False


def test_order_of_routes_counts_order_of_virtual_hosts_does_not() -> None:
    hosts = [{"name": "x", "domains": ["x"]}, {"name": "y", "domains": ["y"]}]
    same = mesh(
        envoy_dump([], [{"name": "80", "virtual_hosts": hosts}]),
        istiod_dump([], [{"name": "80", "virtualHosts": hosts[::-1]}]),
        syncz(),
    )
    assert one(same).types[Xds.RDS].matches is True
    routes = [{"match": {"prefix": "/a"}}, {"match": {"prefix": "/b"}}]
    ours = {"name": "80", "virtual_hosts": [{"name": "x", "routes": routes}]}
    theirs = {"name": "80", "virtualHosts": [{"name": "x", "routes": routes[::-1]}]}
    assert one(mesh(envoy_dump([], [ours]), istiod_dump([], [theirs]), syncz())).types[Xds.RDS].matches is False


def test_a_drift_names_resource_field_and_values() -> None:
    config = {
        "filter_metadata": {"istio": {"config": "/apis/networking.istio.io/v1/namespaces/shop/destination-rule/a"}}
    }
    made = mesh(
        envoy_dump([{"name": "a", "type": "EDS", "metadata": config}, {"name": "old"}]),
        istiod_dump(
            [
                {"name": "a", "type": "STRICT_DNS", "metadata": {"filterMetadata": config["filter_metadata"]}},
                {"name": "new"},
            ]
        ),
        syncz("n2", "n1"),
    )
    found = one(made)
    assert found.types[Xds.CDS].verdict is Verdict.STALE
    first, *rest = found.types[Xds.CDS].drifts
    assert first == Drift(
        Xds.CDS,
        "a",
        "differs",
        Meaning.STALE,
        "/apis/networking.istio.io/v1/namespaces/shop/destination-rule/a",
        first.istiod,
        first.envoy,
        (FieldDrift("/type", "STRICT_DNS", "EDS"),),
    )
    assert str(first.envoy) == "proxies/shop/web/config_dump.json#/configs/0/dynamic_active_clusters/0/cluster"
    assert (
        str(first.istiod)
        == "istiod/is/istiod-0/debug/config_dump/web.shop.json#/configs/0/dynamicActiveClusters/0/cluster"
    )
    assert [(drift.name, drift.change) for drift in rest] == [("new", "missing in Envoy"), ("old", "only in Envoy")]


def test_absent_is_not_empty() -> None:
    made = mesh(envoy_dump([{"name": "a"}]), istiod_dump([{"name": "a", "lbPolicy": "RANDOM"}]), syncz())
    assert one(made).drifts[0].fields == (FieldDrift("/lb_policy", "RANDOM", ABSENT),)


@pytest.mark.parametrize(
    ("sync", "errors", "meaning", "verdict"),
    [
        (syncz(), None, Meaning.UNEXPLAINED, Verdict.DIFFERS),
        (syncz("n2", "n1"), None, Meaning.STALE, Verdict.STALE),
        (syncz("", ""), None, Meaning.NEVER_SENT, Verdict.NOT_SENT),
        (syncz("n2", "n1", at="2026-01-01T00:59:55Z"), None, Meaning.IN_FLIGHT, Verdict.STALE),
        (syncz("n2", "n1", at="2026-01-01T00:59:46Z"), None, Meaning.IN_FLIGHT, Verdict.STALE),
        (syncz("n2", "n1", at="2026-01-01T00:59:45Z"), None, Meaning.STALE, Verdict.STALE),
        (syncz(error="bad lua"), None, Meaning.REJECTED, Verdict.ERROR),
        (syncz(), {"a": "bad lua"}, Meaning.REJECTED, Verdict.ERROR),
        ("[]", None, Meaning.DISCONNECTED, Verdict.DIFFERS),
    ],
)
def test_what_a_drift_means(sync: str, errors: dict[str, str] | None, meaning: Meaning, verdict: Verdict) -> None:
    found = one(
        mesh(envoy_dump([{"name": "a"}], errors=errors), istiod_dump([{"name": "a", "lbPolicy": "RANDOM"}]), sync)
    )
    assert [drift.meaning for drift in found.drifts] == [meaning]
    assert found.types[Xds.CDS].verdict is verdict


def test_what_istiod_no_longer_has_is_removed() -> None:
    found = one(mesh(envoy_dump([{"name": "a"}, {"name": "b"}]), istiod_dump([{"name": "a"}]), syncz()))
    assert [(drift.name, drift.change, drift.meaning) for drift in found.drifts] == [
        ("b", "only in Envoy", Meaning.REMOVED)
    ]


def test_an_istiod_that_was_not_heard_leaves_the_connection_open() -> None:
    found = one(mesh(envoy_dump([{"name": "a"}]), istiod_dump([{"name": "a"}])))
    assert (found.connected, len(found.blind)) == (None, 1)
    assert one(mesh(envoy_dump([{"name": "a"}]), istiod_dump([{"name": "a"}]), "[]")).connected is False


@pytest.mark.parametrize(
    ("envoy", "istiod", "reason"),
    [
        (None, "{}", "entry proxies/shop/web/config_dump.json: not in this bundle, which has no manifest to tell why"),
        ("not json", "{}", "entry proxies/shop/web/config_dump.json: no config dump: not the JSON that belongs here"),
        (
            '{"kind":"PodList"}',
            "{}",
            "entry proxies/shop/web/config_dump.json: no config dump of Envoy or istiod: it has no «configs»",
        ),
        ('{"configs":[]}', None, "no istiod of this bundle gave an account of this proxy"),
    ],
)
def test_what_cannot_be_compared_says_why(envoy: str | None, istiod: str | None, reason: str) -> None:
    made = mesh(envoy, istiod)
    if envoy is None:
        entries = {path: made.bundle[path] for path in made.bundle} | {"proxies/shop/web/ready.txt": b"LIVE"}
        made = Mesh(Bundle.from_entries(entries))
    found = one(made).types[Xds.CDS]
    assert (found.matches, found.reason[: len(reason)]) == (None, reason)


def live_verdicts(name: str) -> dict[str, dict[str, bool]]:
    """proxy → what live `istioctl proxy-status POD` said of CDS, LDS, RDS."""
    words = {"Clusters": "CDS", "Listeners": "LDS", "Routes": "RDS"}
    found: dict[str, dict[str, bool]] = {}
    folder = captures.folder(name) / "istioctl"
    for file, row in json.loads((folder / "index.json").read_text()).items():
        argv = row["argv"]
        if len(argv) == 3 and argv[1] == "proxy-status" and "." in argv[2]:
            text = (folder / file).read_text()
            said = {
                kind: f"{word} Match" in text
                for word, kind in words.items()
                if f"{word} Match" in text or f"{word} Don" in text
            }
            if said:
                found[argv[2]] = said
    return found


@pytest.mark.parametrize("name", [name for name in captures.NAMES if name != "scale-400"])
def test_live_istioctl_says_the_same(name: str) -> None:
    live = live_verdicts(name)
    if not live:
        pytest.skip("the recording holds no answer of `istioctl proxy-status POD`")
    ours = {}
    for found in compare_all(Mesh(open_bundle(captures.bundle_folder(name)))):
        if found.proxy in live:
            ours[found.proxy] = {kind: found.types[Xds(kind)].matches for kind in live[found.proxy]}
    assert ours == live


@pytest.mark.parametrize("name", ["healthy", "healthy-after-change"])
def test_a_healthy_mesh_is_in_sync(name: str) -> None:
    verdicts = {
        found.types[kind].verdict
        for found in compare_all(Mesh(open_bundle(captures.sample(name))))
        for kind in found.types
    }
    assert verdicts == {Verdict.SYNCED, Verdict.IGNORED}


def test_stale_sample() -> None:
    drifts = [
        drift for found in compare_all(Mesh(open_bundle(captures.sample("stale-proxy")))) for drift in found.drifts
    ]
    assert {drift.meaning for drift in drifts} == {Meaning.STALE}
    assert [(drift.kind, drift.name, drift.change) for drift in drifts] == [
        ("CDS", "outbound|8443||late.example.com", "missing in Envoy"),
        ("CDS", "outbound|9080|v2|ratings.bookinfo.svc.cluster.local", "missing in Envoy"),
        ("LDS", "0.0.0.0_8443", "missing in Envoy"),
        ("RDS", "80", "differs"),
        ("RDS", "9080", "differs"),
    ]
