"""What istiod and ztunnel of other releases answer: the same facts in another shape, or «not known», never a guess."""

from __future__ import annotations

import json
from typing import Any

from bugbundle.bundle import Bundle
from bugbundle.mesh import Mesh
from bugbundle.mesh.signals.logs import ISTIOD

XDS = "type.googleapis.com/envoy.config."
VERSIONS = ("1.20", "1.22", "1.24", "1.26", "1.28", "1.30", "master")
ABSENT = {
    "impersonation": ("1.20",),
    "remote_timeout": ("1.20", "1.22", "1.24", "1.26"),
    "remote_config": ("1.20", "1.22", "1.24", "1.26"),
    "ca_incomplete": ("1.20", "1.22", "1.24", "1.26"),
}
"""Texts of istiod's log that a release does not write: the event itself is not told there, or is newer."""

WRITTEN = {
    "watch_error": 'watch error in cluster Kubernetes: failed to list *v1.Pod: Get "https://10.96.0.1:443": refused',
    "jwks": 'Failed to fetch public key from "https://id.example.com/keys": i/o timeout',
    "patch_panic": "listeners patch shop/limits caused panic, so the patches did not take effect",
}
"""Lines as releases before 1.26 write them, where newer ones write others."""


def mesh(syncz: list[dict[str, Any]]) -> Mesh:
    return Mesh(Bundle.from_entries({"istiod/istio-system/istiod-1/debug/syncz.json": json.dumps(syncz)}))


def test_texts_of_older_releases_are_found() -> None:
    assert {name: ISTIOD[name] in line.encode() for name, line in WRITTEN.items()} == dict.fromkeys(WRITTEN, True)
    assert set(ABSENT) <= set(ISTIOD)
    assert all(set(releases) <= set(VERSIONS) for releases in ABSENT.values())


def test_syncz_before_1_23_has_nonces_alone() -> None:
    row = {
        "proxy": "a.shop",
        "cluster_sent": "v2+x",
        "cluster_acked": "v1+x",
        "listener_sent": "v1+y",
        "listener_acked": "v1+y",
    }
    states = mesh([row]).istiods[0].states("a.shop")
    assert {url.removeprefix(XDS): (state.status, state.sent_time) for url, state in states.items()} == {
        "cluster.v3.Cluster": ("STALE", None),
        "listener.v3.Listener": ("SYNCED", None),
        "route.v3.RouteConfiguration": ("NOT SENT", None),
        "endpoint.v3.ClusterLoadAssignment": ("NOT SENT", None),
    }


def test_the_zero_time_of_go_is_no_time() -> None:
    url = f"{XDS}cluster.v3.Cluster"
    row = {"proxy": "a.shop", "resources": {url: {"sent": "b", "acked": "a", "sentTime": "0001-01-01T00:00:00Z"}}}
    state = mesh([row]).istiods[0].states("a.shop")[url]
    assert (state.status, state.sent_time) == ("STALE", None)


def test_edsz_before_1_25_is_a_plain_list() -> None:
    path = "istiod/istio-system/istiod-1/debug/edsz/a.shop.json"
    one = {"clusterName": "outbound|80||web.shop.svc.cluster.local", "endpoints": []}
    old = Mesh(Bundle.from_entries({path: json.dumps([one])})).dump(path)
    new = Mesh(
        Bundle.from_entries(
            {path: json.dumps({"configs": [{"@type": f"{XDS}endpoint.v3.ClusterLoadAssignment", **one}]})}
        )
    ).dump(path)
    assert old is not None and new is not None
    assert [item.name for item in old.resources()] == [item.name for item in new.resources()] == [one["clusterName"]]


def test_ztunnels_before_1_23_write_maps() -> None:
    row = {"uid": "K//Pod/shop/a", "name": "a", "namespace": "shop"}
    for table in ([row], {"/10.0.0.1": row}, {"by_addr": {"/10.0.0.1": row}}):
        path = "ztunnel/istio-system/ztunnel-1/config_dump.json"
        one = Mesh(Bundle.from_entries({path: json.dumps({"workloads": table})})).ztunnels[0]
        assert one.table("workloads") == [row]
        assert one.table("services") is None


def test_the_node_says_what_a_proxy_is() -> None:
    pod = {
        "metadata": {"name": "gw", "namespace": "shop"},
        "spec": {"containers": [{"name": "istio-proxy"}, {"name": "x"}]},
    }
    node = {"bootstrap": {"node": {"id": "router~10.0.0.1~gw.shop~shop.svc.cluster.local"}}}
    dump = {"configs": [{"@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump", **node}]}
    found = Mesh(
        Bundle.from_entries(
            {
                "k8s/api/v1/pods.json": json.dumps({"kind": "PodList", "apiVersion": "v1", "items": [pod]}),
                "proxies/shop/gw/config_dump.json": json.dumps(dump),
            }
        )
    )
    assert [proxy.kind for proxy in found.proxies] == ["gateway"]
