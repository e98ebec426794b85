import json

import pytest

from bugbundle.bundle import Bundle
from bugbundle.errors import NotInBundle
from bugbundle.mesh import Mesh
from bugbundle.views.names import find_pod, find_proxy, nearest, split_name


def pod(namespace: str, name: str, *, labels=None, owner=None, since="", envoy=True, phase="Running", node="n"):
    meta = {"namespace": namespace, "name": name, "labels": labels or {}}
    if owner:
        meta["ownerReferences"] = [{"kind": owner[0], "name": owner[1]}]
    conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": since}] if since else []
    names = ["app", "istio-proxy"] if envoy else ["app"]
    return {
        "metadata": meta,
        "spec": {"nodeName": node, "containers": [{"name": one} for one in names]},
        "status": {"phase": phase, "conditions": conditions},
    }


PODS = [
    pod("shop", "web-5b-1", labels={"app": "web"}, since="2026-11-21T02:00:00Z"),
    pod("shop", "web-5b-2", labels={"app": "web"}, since="2026-11-21T01:00:00Z"),
    pod("shop", "web-5b-3", labels={"app": "web"}, phase="Pending"),
    pod("shop", "db.main-0", owner=("StatefulSet", "db.main")),
    pod("shop", "plain", envoy=False),
    pod("default", "same"),
    pod("shop", "same"),
    pod("shop", "twin"),
    pod("other", "twin"),
    pod("other", "gone-77-x", labels={"pod-template-hash": "77"}, owner=("ReplicaSet", "gone-77")),
    pod("other", "edge-istio-1", labels={"gateway.networking.k8s.io/gateway-name": "edge"}),
]
SELECTOR = {"matchLabels": {"app": "web"}}
LISTS = {
    "k8s/api/v1/pods.json": PODS,
    "k8s/apis/apps/v1/deployments.json": [
        {"metadata": {"namespace": "shop", "name": "web"}, "spec": {"selector": SELECTOR}},
        {"metadata": {"namespace": "shop", "name": "idle"}, "spec": {"selector": {"matchLabels": {"app": "i"}}}},
    ],
    "k8s/api/v1/services.json": [
        {"metadata": {"namespace": "shop", "name": "web"}, "spec": {"selector": {"app": "web"}}},
        {"metadata": {"namespace": "shop", "name": "bare"}, "spec": {}},
    ],
    "k8s/apis/gateway.networking.k8s.io/v1/gateways.json": [{"metadata": {"namespace": "other", "name": "edge"}}],
}
MESH = Mesh(Bundle.from_entries({path: json.dumps({"kind": "List", "items": rows}) for path, rows in LISTS.items()}))


@pytest.mark.parametrize(
    ("text", "namespace", "expected"),
    [
        ("pod", "", ("pod", "")),
        ("pod", "ns", ("pod", "ns")),
        ("pod.ns", "other", ("pod", "ns")),
        ("po.d.ns", "", ("po.d", "ns")),
        ("deployment/web.ns", "", ("deployment/web", "ns")),
        ("deploy/web", "ns", ("deploy/web", "ns")),
        ("deploy.x/web", "", ("deploy.x/web", "")),
    ],
)
def test_the_namespace_stands_behind_the_last_dot(text: str, namespace: str, expected: tuple[str, str]):
    assert split_name(text, namespace) == expected


@pytest.mark.parametrize(
    ("text", "namespace", "expected"),
    [
        ("web-5b-1.shop", "", ("web-5b-1", "shop")),
        ("web-5b-1", "shop", ("web-5b-1", "shop")),
        ("web-5b-1", "", ("web-5b-1", "shop")),
        ("pod/web-5b-1.shop", "", ("web-5b-1", "shop")),
        ("same", "", ("same", "default")),
        ("db.main-0", "", ("db.main-0", "shop")),
        ("db.main-0.shop", "", ("db.main-0", "shop")),
        ("nobody", "", ("nobody", "default")),
        ("deployment/web.shop", "", ("web-5b-2", "shop")),
        ("deploy/web", "shop", ("web-5b-2", "shop")),
        ("deploy/web", "", ("web-5b-2", "shop")),
        ("svc/web.shop", "", ("web-5b-2", "shop")),
        ("statefulset/db.main.shop", "", ("db.main-0", "shop")),
        ("deployment/gone.other", "", ("gone-77-x", "other")),
        ("gateway/edge.other", "", ("edge-istio-1", "other")),
    ],
)
def test_names(text: str, namespace: str, expected: tuple[str, str]):
    assert find_pod(MESH, text, namespace) == expected


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("twin", "2 pods are named twin. Say which: twin.other, twin.shop"),
        (
            "web-5b-9.shop",
            "proxy web-5b-9.shop is not in the bundle. Nearest: web-5b-3.shop, web-5b-2.shop, web-5b-1.shop",
        ),
        ("plain.shop", "pod plain.shop has no Envoy"),
        ("deploy/idle.shop", "deployment idle.shop has no pod"),
        ("svc/bare.shop", "service bare.shop has no pod"),
        ("deploy/nosuch.shop", "deployment nosuch.shop is not in the bundle"),
        ("crd/x", "crd is no kind that has pods"),
    ],
)
def test_what_is_not_there(text: str, what: str):
    with pytest.raises(NotInBundle) as raised:
        find_proxy(MESH, text)
    assert raised.value.text.startswith(what)


def test_nearest_names():
    assert nearest(MESH, "web")[:3] == ["web-5b-1.shop", "web-5b-2.shop", "web-5b-3.shop"]
    assert nearest(MESH, "sme.shop")[0] == "same.shop"
    assert nearest(MESH, "zzzzzzzzzzzz.default") == ["same.default"]
    assert nearest(MESH, "") == nearest(MESH, "zzzzzzzzzzzz.nowhere") == []


def test_a_proxy():
    assert find_proxy(MESH, "deploy/web.shop").id == "web-5b-2.shop"
