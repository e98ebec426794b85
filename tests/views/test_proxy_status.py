"""proxy-status: states, ages, layouts; istiod against Envoy."""

import json

import pytest

from bugbundle.bundle import Bundle
from bugbundle.cli import main
from bugbundle.mesh import Mesh

TYPE = "type.googleapis.com/"
CDS, LDS = f"{TYPE}envoy.config.cluster.v3.Cluster", f"{TYPE}envoy.config.listener.v3.Listener"
RDS, EDS = f"{TYPE}envoy.config.route.v3.RouteConfiguration", f"{TYPE}envoy.config.endpoint.v3.ClusterLoadAssignment"
ADDRESS = f"{TYPE}istio.workload.Address"
ADMIN = f"{TYPE}envoy.admin.v3."


def state(sent: str, acked: str = "", at: str = "", error: str = "") -> dict[str, str]:
    return {"sent": sent, "acked": acked, **({"sentTime": at} if at else {}), **({"lastError": error} if error else {})}


WEB = {
    "cluster_id": "c1",
    "proxy": "web-1.shop",
    "proxy_type": "router",
    "istio_version": "1.29.6",
    "resources": {
        CDS: state("a", "a", "2026-11-21T11:59:09Z"),
        LDS: state("b", "a", "2026-11-21T11:50:00Z"),
        RDS: state("", ""),
        EDS: state("d", "", "2026-11-20T09:00:00Z", "bad endpoint"),
        f"{TYPE}my.Own": state("e", "e"),
    },
}
ZTUNNEL = {"cluster_id": "c1", "proxy": "ztunnel-1.istio-system", "resources": {ADDRESS: state("n", "n")}}


def pod(name: str, namespace: str = "istio-system", phase: str = "Running", **labels: str) -> dict[str, object]:
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {k.replace("_", ".").replace("9", "/"): v for k, v in labels.items()},
        },
        "spec": {"containers": [{"name": "app"}, {"name": "istio-proxy"}]},
        "status": {"phase": phase},
    }


PODS = [
    pod("istiod-1", app="istiod"),
    pod("ztunnel-1", app="ztunnel"),
    pod("web-1", "shop"),
    pod("slow-1", "shop", "Pending"),
]


def cluster(name: str, **more: object) -> dict[str, object]:
    return {"cluster": {"@type": CDS, "name": name, **more}}


def dump(clusters: list[dict[str, object]], **more: object) -> str:
    hosts = [{"name": "b", "domains": ["b"]}, {"name": "a", "domains": ["a"]}]
    routes = [{"routeConfig": {"@type": RDS, "name": "80", "virtualHosts": hosts}, **more}]
    sections = {
        "ClustersConfigDump": {"dynamicActiveClusters": clusters},
        "ListenersConfigDump": {"dynamicListeners": []},
        "RoutesConfigDump": {"dynamicRouteConfigs": routes},
    }
    return json.dumps({"configs": [{"@type": ADMIN + name, **section} for name, section in sections.items()]})


def mesh(**entries: str) -> dict[str, Mesh]:
    base = {
        "bundle.json": json.dumps({"format": 1, "tool": "test", "started": "2026-11-21T12:00:00Z"}),
        "k8s/api/v1/pods.json": json.dumps({"kind": "PodList", "apiVersion": "v1", "items": PODS}),
        "istiod/istio-system/istiod-1/debug/syncz.json": json.dumps([ZTUNNEL, WEB]),
    }
    paths = {
        "envoy": "proxies/shop/web-1/config_dump.json",
        "istiod": "istiod/istio-system/istiod-1/debug/config_dump/web-1.shop.json",
        "slow": "proxies/shop/slow-1/config_dump.json",
        "slow_istiod": "istiod/istio-system/istiod-1/debug/config_dump/slow-1.shop.json",
    }
    return {"B": Mesh(Bundle.from_entries({**base, **{paths[name]: text for name, text in entries.items()}}))}


def answer(capsys: pytest.CaptureFixture[str], *words: str, **entries: str) -> tuple[int, str, str]:
    code = main(["proxy-status", "B", *words], mesh(**entries))
    told = capsys.readouterr()
    return code, told.out, told.err


def test_the_table_counts_the_types_that_a_proxy_watches(capsys: pytest.CaptureFixture[str]):
    assert answer(capsys) == (
        0,
        "NAME                       CLUSTER     ISTIOD       VERSION     SUBSCRIBED TYPES\n"
        "web-1.shop                 c1          istiod-1     1.29.6      "
        "5 (CDS,LDS,EDS,RDS,type.googleapis.com/my.Own)\n"
        "ztunnel-1.istio-system     c1          istiod-1                 1 (WDS)\n",
        "",
    )


def test_wide_is_the_layout_of_older_istioctls_with_ages(capsys: pytest.CaptureFixture[str]):
    code, out, _ = answer(capsys, "--format", "wide", "-n", "shop")
    assert (code, out.split()[:8]) == (0, ["NAME", "CLUSTER", "CDS", "LDS", "EDS", "RDS", "ECDS", "ISTIOD"])
    cells = [" ".join(cell.split()) for cell in out.splitlines()[1].split("     ") if cell.strip()]
    assert cells == [
        "web-1.shop", "c1", "SYNCED (51s)", "STALE (10m)", "ERROR (27h)", "NOT SENT", "IGNORED", "istiod-1", "1.29.6",
    ]  # fmt: skip


def test_verbosity_shows_every_type_by_its_url(capsys: pytest.CaptureFixture[str]):
    _, out, _ = answer(capsys, "-v", "1")
    assert out.splitlines()[0].split() == [
        "NAME", "CLUSTER", "CDS", "ECDS", "EDS", "LDS", "RDS", "WDS", "type.googleapis.com/my.Own", "ISTIOD", "VERSION",
    ]  # fmt: skip


def test_json_tells_nonces_and_the_reason_of_a_rejection(capsys: pytest.CaptureFixture[str]):
    _, out, _ = answer(capsys, "--format", "json")
    web = json.loads(out)[0]
    assert (web["name"], web["type"], web["xds"][1]) == (
        "web-1.shop",
        "gateway",
        {
            "type": "EDS", "typeUrl": EDS, "status": "ERROR", "age": "27h",
            "sent": "d", "acked": "", "lastError": "bad endpoint",
        },
    )  # fmt: skip


def test_o_changes_nothing_as_in_istioctl(capsys: pytest.CaptureFixture[str]):
    assert answer(capsys, "-o", "json") == answer(capsys)


def test_an_istiod_that_was_not_heard_is_told(capsys: pytest.CaptureFixture[str]):
    known = mesh()
    entries = {path: known["B"].bundle[path] for path in known["B"].bundle if "syncz" not in path}
    assert main(["ps", "B"], {"B": Mesh(Bundle.from_entries(entries))}) == 0
    out, err = capsys.readouterr()
    assert (out.splitlines(), "istiod-1.istio-system" in err) == (
        ["NAME     CLUSTER     ISTIOD     VERSION     SUBSCRIBED TYPES"],
        True,
    )


LOADED = {"lastUpdated": "2026-11-21T09:08:07.123Z"}
SAME = "Clusters Match\nListeners Match\nRoutes Match (RDS last loaded at Sat, 21 Nov 2026 09:08:07 UTC)\n"


def test_order_spelling_and_versions_make_no_difference(capsys: pytest.CaptureFixture[str]):
    istiod = dump([cluster("a", connectTimeout="1s"), cluster("b")])
    envoy = dump([cluster("b"), cluster("a", connect_timeout="1.0s")], versionInfo="9", **LOADED)
    assert answer(capsys, "web-1.shop", envoy=envoy, istiod=istiod) == (0, SAME, "")


def test_a_difference_is_a_unified_diff(capsys: pytest.CaptureFixture[str]):
    istiod, envoy = dump([cluster("a", connectTimeout="1s")]), dump([cluster("a", connect_timeout="2s")], **LOADED)
    code, out, _ = answer(capsys, "web-1", "-n", "shop", envoy=envoy, istiod=istiod)
    assert (code, out) == (
        0,
        "Clusters Don't Match\n--- Istiod Clusters\n+++ Envoy Clusters\n@@ -1,11 +1,11 @@\n {\n"
        '     "dynamicActiveClusters": [\n         {\n             "cluster": {\n'
        f'                 "@type": "{CDS}",\n                 "name": "a",\n'
        '-                "connectTimeout": "1s"\n+                "connectTimeout": "2s"\n'
        "             }\n         }\n     ]\n }\n\n" + SAME.partition("\n")[2],
    )


def test_endpoints_in_another_order_are_a_difference_of_text(capsys: pytest.CaptureFixture[str]):
    def hosts(*names: str) -> dict[str, object]:
        ends = [{"endpoint": {"address": {"pipe": {"path": name}}}} for name in names]
        return {"loadAssignment": {"clusterName": "a", "endpoints": [{"lbEndpoints": ends}]}}

    istiod, envoy = dump([cluster("a", **hosts("x", "y"))]), dump([cluster("a", **hosts("y", "x"))], **LOADED)
    _, out, _ = answer(capsys, "web-1.shop", envoy=envoy, istiod=istiod)
    assert out.startswith("Clusters Don't Match\n")


def test_an_error_in_envoy_is_a_difference(capsys: pytest.CaptureFixture[str]):
    failed = {**cluster("a"), "errorState": {"details": "no"}}
    _, out, _ = answer(capsys, "web-1.shop", envoy=dump([failed], **LOADED), istiod=dump([cluster("a")]))
    assert '+            "errorState": {\n+                "details": "no"\n' in out


def test_a_missing_section_is_compared_by_the_error_that_stands_for_it(capsys: pytest.CaptureFixture[str]):
    empty = json.dumps({"configs": []})
    assert (
        answer(capsys, "web-1.shop", envoy=empty, istiod=empty)[1] == "Clusters Match\nListeners Match\nRoutes Match\n"
    )
    _, out, _ = answer(capsys, "web-1.shop", envoy=empty, istiod=dump([]))
    assert f"+config dump has no configuration type {ADMIN}ClustersConfigDump\n" in out


def test_refusals(capsys: pytest.CaptureFixture[str]):
    both = {"slow": dump([], **LOADED), "slow_istiod": dump([])}
    assert answer(capsys, "ztunnel-1.istio-system")[:2] == (
        0,
        "Sync diff is not available for ztunnel pod ztunnel-1.istio-system\n",
    )
    code, out, err = answer(capsys, "slow-1.shop", **both)
    assert (code, out) == (0, SAME)
    assert err.startswith("Note: pod slow-1.shop is not running (Pending): istioctl would refuse.")
    code, out, err = answer(capsys, "slow-1.shop", slow_istiod=dump([]))
    assert (code, out, "pod is not running. Status=Pending" in err) == (1, "", True)
    code, out, err = answer(capsys, "web-1.shop", envoy=dump([]))
    assert (code, out, "unable to find config dump in Istiod responses" in err) == (1, "", True)
    code, out, err = answer(capsys, "web-1.shop", istiod=dump([]))
    assert (code, out, "proxies/shop/web-1/config_dump.json" in err) == (1, "", True)


def test_a_file_stands_for_envoy(tmp_path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "envoy.json"
    file.write_text(dump([cluster("a")], **LOADED))
    assert answer(capsys, "web-1.shop", "--file", str(file), istiod=dump([cluster("a")])) == (0, SAME, "")
