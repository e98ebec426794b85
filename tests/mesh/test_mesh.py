"""What a bundle says about a mesh, through odd and missing entries."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import captures
import pytest

from bugbundle.bundle import Bundle, open_bundle
from bugbundle.mesh import Mesh
from bugbundle.mesh.facts import ClusterFacts, ListenerFacts
from bugbundle.xds import Xds


def pods(*items: dict[str, object]) -> str:
    return json.dumps({"kind": "PodList", "apiVersion": "v1", "items": list(items)})


def pod(
    name: str,
    labels: dict[str, str] | None = None,
    containers: tuple[str, ...] = ("app",),
    native: tuple[str, ...] = (),
) -> dict[str, object]:
    spec = {
        "containers": [{"name": container} for container in containers],
        "initContainers": [{"name": container, "restartPolicy": "Always"} for container in native],
    }
    return {"metadata": {"name": name, "namespace": "shop", "labels": labels or {}}, "spec": spec}


def test_who_is_in_the_mesh() -> None:
    made = Mesh(
        Bundle.from_entries(
            {
                "k8s/api/v1/pods.json": pods(
                    pod("classic", containers=("app", "istio-proxy")),
                    pod("native", native=("istio-proxy",)),
                    pod("plain"),
                    pod("gateway", containers=("istio-proxy",)),
                    pod("waypoint", {"gateway.istio.io/managed": "istio.io-mesh-controller"}, ("istio-proxy",)),
                    pod("ztunnel-x", {"app": "ztunnel"}, ("istio-proxy",)),
                    pod("istiod-x", {"app": "istiod", "istio.io/rev": "r1"}, ("discovery",)),
                ),
                "proxies/other/gone/config_dump.json": "{}",
            }
        )
    )
    assert [(proxy.id, proxy.kind) for proxy in made.proxies] == [
        ("classic.shop", "sidecar"),
        ("gateway.shop", "gateway"),
        ("gone.other", "sidecar"),
        ("native.shop", "sidecar"),
        ("waypoint.shop", "waypoint"),
    ]
    assert [(istiod.id, istiod.revision) for istiod in made.istiods] == [("istiod-x.shop", "r1")]
    assert [ztunnel.id for ztunnel in made.ztunnels] == ["ztunnel-x.shop"]


@pytest.mark.parametrize("word", ["istiod", "istio\\u0064"])
def test_one_of_a_long_list_is_found_without_the_list(word: str) -> None:
    text = pods(
        pod("web", {"app": "web"}, ("app", "istio-proxy")),
        pod("istiod", {"app": "web", "of": "istiod"}, ("istio-proxy",)),
        pod("istiod-x", {"app": "istiod"}),
        pod("ztunnel-x", {"app": "ztunnel"}),
    ).replace('"istiod"', f'"{word}"')
    made = Mesh(Bundle.from_entries({"k8s/api/v1/pods.json": text, "proxies/other/gone/stats.txt": ""}))
    assert [istiod.id for istiod in made.istiods] == ["istiod-x.shop"]
    assert [ztunnel.id for ztunnel in made.ztunnels] == ["ztunnel-x.shop"]
    for name, expected in (("web", True), ("istiod", True), ("istiod-x", True), ("app", False), ("", False)):
        found = made.pod("shop", name)
        assert (found is not None and found.name == name and found.namespace == "shop") == expected
    assert made.pod("other", "web") is None
    ids = ("web.shop", "istiod.shop", "istiod-x.shop", "gone.other", "web.other", "web", "")
    alone = {proxy_id: made.proxy(proxy_id) is not None for proxy_id in ids}
    assert alone == {proxy_id: proxy_id in ("web.shop", "istiod.shop", "gone.other") for proxy_id in ids}
    assert [proxy.id for proxy in made.proxies] == ["gone.other", "istiod.shop", "web.shop"]
    assert {proxy_id: made.proxy(proxy_id) is not None for proxy_id in ids} == alone


def test_the_newest_stable_version_is_read() -> None:
    def listed(name: str) -> str:
        return json.dumps({"kind": "FooList", "items": [{"metadata": {"name": name}}]})

    kube = Mesh(
        Bundle.from_entries(
            {
                "k8s/apis/g.io/v1beta1/foos.json": listed("beta"),
                "k8s/apis/g.io/v1/foos.json": listed("stable"),
                "k8s/apis/g.io/v2alpha1/foos.json": listed("alpha"),
                "k8s/apis/g.io/v1/namespaces/a/bars.json": listed("a"),
                "k8s/apis/g.io/v1/namespaces/b/bars.json": listed("b"),
            }
        )
    ).kube
    assert [str(item) for item in kube.list("foos.g.io")] == ["Foo stable"]
    assert [item.name for item in kube.list("bars.g.io")] == ["a", "b"]
    assert kube.get("bars.g.io", "", "b").pointer == ("k8s/apis/g.io/v1/namespaces/b/bars.json", "/items/0")


@pytest.mark.parametrize("text", ["", "nope", "[]", '{"items":{}}', '{"items":[1,null,[]]}'])
def test_odd_lists_are_empty(text: str) -> None:
    made = Mesh(Bundle.from_entries({"k8s/api/v1/pods.json": text, "istiod/a/b/debug/syncz.json": text}))
    assert (made.proxies, made.kube.list("pods"), made.istiods[0].syncz) == ([], [], {})


def test_now_is_the_captures_time() -> None:
    made = Mesh(Bundle.from_entries({"bundle.json": '{"format":1,"started":"2020-02-03T04:05:06Z"}'}))
    assert made.now == datetime(2020, 2, 3, 4, 5, 6, tzinfo=UTC)


def test_facts_of_a_real_sidecar() -> None:
    made = Mesh(open_bundle(captures.sample("mtls-conflict")))
    proxy = next(proxy for proxy in made.proxies if proxy.name.startswith("reviews-v2"))
    clusters = proxy.dump.named(Xds.CDS)
    ratings = clusters["outbound|9080||ratings.bookinfo.svc.cluster.local"].facts()
    details = clusters["outbound|9080||details.bookinfo.svc.cluster.local"].facts()
    assert isinstance(ratings, ClusterFacts)
    assert isinstance(details, ClusterFacts)
    assert (ratings.tls, details.tls) == ("", "auto")
    assert details.sans == ("spiffe://cluster.local/ns/bookinfo/sa/bookinfo-details",)
    inbound = proxy.dump.named(Xds.LDS)["virtualInbound"].facts()
    assert isinstance(inbound, ListenerFacts)
    assert {(chain.transport, chain.requires_cert) for chain in inbound.chains if chain.port == 9080} == {("tls", True)}
