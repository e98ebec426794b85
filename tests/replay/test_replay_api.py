"""The Kubernetes API over small recordings: discovery, lists, gets, watches, gaps, refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from recording import TABLE, Client, items, pod, recording

from bugbundle.bundle import Bundle

Serve = Callable[[Bundle], Client]
PODS = "k8s/api/v1/pods.json"
THREE = items("Pod", pod("a"), pod("b"), pod("c", "other"))


def names(answer: Any) -> list[str]:
    return [item["metadata"]["name"] for item in answer["items"]]


def test_a_whole_list_is_the_recorded_bytes(serve: Serve) -> None:
    odd = '{ "kind":"PodList", "apiVersion":"v1", "items":[ {"metadata":{"name":"a"},"x":1.0e2} ] }'
    answer = serve(recording({PODS: odd})).ask("/api/v1/pods")
    assert (answer.status, answer.body.decode()) == (200, odd)


def test_one_object_gets_the_kind_that_its_list_left_out(serve: Serve) -> None:
    client = serve(recording({PODS: THREE}))
    assert client.ask("/api/v1/namespaces/shop/pods/a").json == {
        "kind": "Pod",
        "apiVersion": "v1",
        **pod("a"),
    }
    assert client.ask("/api/v1/namespaces/shop/pods/a/status").json["kind"] == "Pod"


def test_a_namespace_is_cut_out_of_the_cluster_wide_list(serve: Serve) -> None:
    client = serve(recording({PODS: THREE}))
    found = client.ask("/api/v1/namespaces/shop/pods").json
    assert (found["kind"], found["metadata"]["resourceVersion"], names(found)) == (
        "PodList",
        "77",
        ["a", "b"],
    )
    assert names(client.ask("/api/v1/namespaces/none/pods").json) == []


def test_the_cluster_wide_list_is_put_together_from_namespaces(serve: Serve) -> None:
    entries = {
        "k8s/api/v1/namespaces/shop/pods.json": items("Pod", pod("a")),
        "k8s/api/v1/namespaces/other/pods.json": items("Pod", pod("c", "other")),
    }
    gap = {"path": PODS, "status": 403, "reason": "pods is forbidden"}
    client = serve(recording(entries, [gap]))
    answer = client.ask("/api/v1/pods")
    assert names(answer.json) == ["a", "c"]
    assert answer.headers["Warning"] == '299 - "pods were recorded in these namespaces only: other, shop"'
    assert client.ask("/api/v1/namespaces/other/pods/c").status == 200
    missing = client.ask("/api/v1/namespaces/third/pods")
    assert (missing.status, missing.message) == (403, "pods is forbidden")


@pytest.mark.parametrize(
    ("status", "reason", "code", "message"),
    [
        (403, "secrets is forbidden", 403, "secrets is forbidden"),
        (404, "page not found", 404, "page not found"),
        (0, "timed out after 30 s", 503, "timed out after 30 s"),
        (500, "boom", 503, "boom"),
        (403, json.dumps({"kind": "Status", "message": "as it said"}), 403, "as it said"),
        (403, "{not json", 403, "{not json"),
    ],
)
def test_a_gap_answers_as_recorded(status: int, reason: str, code: int, message: str, serve: Serve) -> None:
    resources = {"resources": [{"name": "secrets", "namespaced": True, "kind": "Secret", "verbs": ["list"]}]}
    gap = {"path": "k8s/api/v1/secrets.json", "status": status, "reason": reason}
    client = serve(recording({"k8s/api/v1.json": resources}, [gap]))
    for path in ("/api/v1/secrets", "/api/v1/namespaces/shop/secrets", "/api/v1/namespaces/shop/secrets/x"):
        answer = client.ask(path)
        assert (answer.status, answer.json["kind"], answer.message) == (code, "Status", message)


def test_what_is_absent_says_so(serve: Serve) -> None:
    resources = {"resources": [{"name": "secrets", "namespaced": True, "kind": "Secret", "verbs": ["list"]}]}
    entries = {PODS: THREE, "k8s/api/v1/nodes.json": items("Node"), "k8s/api/v1.json": resources}
    client = serve(recording(entries))
    found = {
        path: (client.ask(path).status, client.ask(path).message)
        for path in (
            "/api/v1/pods/a",
            "/api/v1/namespaces/shop/nodes",
            "/api/v1/secrets",
            "/api/v1/namespaces/shop/pods/z",
            "/api/v1/unicorns",
            "/apis/x.io/v1/y",
            "/x",
        )
    }
    nothing = (404, "the server could not find the requested resource")
    assert found == {
        "/api/v1/secrets": (404, "secrets of v1: not recorded in this bundle"),
        "/api/v1/namespaces/shop/pods/z": (404, 'pods "z" not found'),
        "/api/v1/unicorns": nothing,
        "/api/v1/pods/a": nothing,
        "/api/v1/namespaces/shop/nodes": nothing,
        "/apis/x.io/v1/y": nothing,
        "/x": nothing,
    }


def test_selectors_limit_and_continue(serve: Serve) -> None:
    client = serve(recording({PODS: THREE}))
    assert names(client.ask("/api/v1/pods?labelSelector=app+in+(a,c)").json) == ["a", "c"]
    assert names(client.ask("/api/v1/pods?fieldSelector=metadata.namespace%3Dother").json) == ["c"]
    first = client.ask("/api/v1/pods?limit=2").json
    assert (names(first), first["metadata"]["remainingItemCount"]) == (["a", "b"], 1)
    second = client.ask(f"/api/v1/pods?limit=2&continue={first['metadata']['continue']}").json
    assert (names(second), second["metadata"].get("continue", "")) == (["c"], "")
    assert client.ask("/api/v1/pods?continue=x").status == 400
    assert names(client.ask("/api/v1/pods?limit=500").json) == ["a", "b", "c"]


def test_metadata_alone(serve: Serve) -> None:
    client = serve(recording({PODS: THREE}))
    ask = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"
    answer = client.ask("/api/v1/pods?limit=1", accept=ask.format("List")).json
    one = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": pod("a")["metadata"]}
    assert (answer["kind"], answer["items"]) == ("PartialObjectMetadataList", [one])
    assert client.ask("/api/v1/namespaces/shop/pods/a", accept=ask.format("")).json == one


def watched(client: Client, query: str, accept: str = "") -> list[tuple[str, Any]]:
    body = client.ask(f"/api/v1/pods?watch=true&timeoutSeconds=1&{query}", accept=accept).body
    return [(event["type"], event["object"]) for event in map(json.loads, body.splitlines())]


def test_watch_tells_what_there_is_and_goes_quiet(serve: Serve) -> None:
    client = serve(recording({PODS: THREE}))
    events = watched(client, "fieldSelector=metadata.name%3Da")
    assert events == [("ADDED", {"kind": "Pod", "apiVersion": "v1", **pod("a")})]
    assert watched(client, "resourceVersion=77") == []
    one = client.ask("/api/v1/namespaces/shop/pods/b?watch=1&timeoutSeconds=1").body
    assert [json.loads(line)["object"]["metadata"]["name"] for line in one.splitlines()] == ["b"]


def test_watch_with_initial_events_ends_them_with_a_bookmark(serve: Serve) -> None:
    client = serve(recording({PODS: THREE}))
    query = "sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
    events = watched(client, query)
    end = {"resourceVersion": "77", "annotations": {"k8s.io/initial-events-end": "true"}}
    assert [kind for kind, _ in events] == ["ADDED", "ADDED", "ADDED", "BOOKMARK"]
    assert events[-1][1] == {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"creationTimestamp": None, **end},
    }
    assert watched(client, query, TABLE)[-1][1]["metadata"] == end


def test_scale_is_read_off_the_object(serve: Serve) -> None:
    entries = {
        "k8s/apis/apps/v1.json": {
            "resources": [
                {"name": "deployments", "namespaced": True, "kind": "Deployment", "verbs": ["get"]},
                {"name": "deployments/scale", "kind": "Scale", "verbs": ["get"]},
            ]
        },
        "k8s/apis/apps/v1/deployments.json": items(
            "Deployment",
            {
                "metadata": {"name": "web", "namespace": "shop"},
                "spec": {"replicas": 2, "selector": {"matchLabels": {"a": "b"}}},
                "status": {"replicas": 1},
            },
        ),
    }
    scale = serve(recording(entries)).ask("/apis/apps/v1/namespaces/shop/deployments/web/scale").json
    assert (scale["kind"], scale["spec"], scale["status"]) == (
        "Scale",
        {"replicas": 2},
        {"replicas": 1, "selector": "a=b"},
    )


DISCOVERY = {
    "k8s/api/v1.json": {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [
            {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["get"]},
            {"name": "pods/log", "singularName": "", "namespaced": True, "kind": "Pod", "verbs": ["get"]},
        ],
    },
    "k8s/apis/apps/v1.json": {
        "kind": "APIResourceList",
        "groupVersion": "apps/v1",
        "resources": [
            {
                "name": "deployments",
                "singularName": "deployment",
                "namespaced": True,
                "kind": "Deployment",
                "verbs": ["list"],
                "shortNames": ["deploy"],
                "categories": ["all"],
            }
        ],
    },
}
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


def test_aggregated_discovery_out_of_the_classic_one_and_back(serve: Serve) -> None:
    classic = serve(recording(DISCOVERY))
    assert classic.ask("/api/v1").json == DISCOVERY["k8s/api/v1.json"]
    made = {root: classic.ask(f"/{root}", accept=AGGREGATED) for root in ("api", "apis")}
    assert made["api"].headers["Content-Type"] == "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    again = serve(recording({f"k8s/{root}.aggregated.json": answer.json for root, answer in made.items()}))
    for path in ("/api/v1", "/apis/apps/v1"):
        assert again.ask(path).json == {**DISCOVERY[f"k8s{path}.json"], "apiVersion": "v1"}
    assert classic.ask("/api").json["versions"] == ["v1"]
    group = {
        "name": "apps",
        "versions": [{"groupVersion": "apps/v1", "version": "v1"}],
        "preferredVersion": {"groupVersion": "apps/v1", "version": "v1"},
    }
    assert classic.ask("/apis").json["groups"] == [group]
    assert again.ask("/apis/apps").json == {"kind": "APIGroup", "apiVersion": "v1", **group}
    assert again.ask("/apis/none").status == 404


def test_lists_alone_are_discovered(serve: Serve) -> None:
    client = serve(recording({PODS: THREE, "k8s/api/v1/nodes.json": items("Node")}))
    rows = {row["name"]: (row["kind"], row["namespaced"]) for row in client.ask("/api/v1").json["resources"]}
    assert rows == {"pods": ("Pod", True), "nodes": ("Node", False)}


def test_explain_from_the_crds(serve: Serve) -> None:
    schema = {"type": "object", "properties": {"spec": {"type": "object", "description": "What it is."}}}
    crd = {
        "metadata": {"name": "shirts.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "shirts", "kind": "Shirt"},
            "versions": [{"name": "v1", "schema": {"openAPIV3Schema": schema}}],
        },
    }
    path = "k8s/apis/apiextensions.k8s.io/v1/customresourcedefinitions.json"
    client = serve(recording({path: items("CustomResourceDefinition", crd)}))
    index = client.ask("/openapi/v3").json["paths"]
    assert index == {"apis/example.com/v1": {"serverRelativeURL": "/openapi/v3/apis/example.com/v1"}}
    document = client.ask("/openapi/v3/apis/example.com/v1").json
    shown = document["components"]["schemas"]["com.example.v1.Shirt"]
    assert shown["properties"]["spec"] == schema["properties"]["spec"]
    assert client.ask("/openapi/v2").status == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/namespaces/shop/pods"),
        ("PUT", "/api/v1/namespaces/shop/pods/a"),
        ("PATCH", "/api/v1/namespaces/shop/pods/a"),
        ("DELETE", "/api/v1/namespaces/shop/pods/a"),
        ("DELETE", "/api/v1/pods"),
        ("POST", "/api"),
        ("POST", "/api/v1/namespaces/shop/pods/a/eviction"),
    ],
)
def test_writes_are_refused_with_a_sentence(method: str, path: str, serve: Serve) -> None:
    answer = serve(recording({PODS: THREE})).ask(path, method=method, body={})
    assert (answer.status, answer.json["reason"]) == (405, "MethodNotAllowed")
    assert answer.message.startswith("this is a recording: it can be read, not changed")


def test_only_the_token_and_only_our_own_host(serve: Serve) -> None:
    client = serve(recording({PODS: THREE}))
    assert client.ask("/api/v1/pods", Authorization="Bearer wrong").status == 401
    assert client.ask("/healthz", Authorization="").status == 401
    assert client.ask(f"/{client.replay.token}/healthz", Authorization="").status == 200
    assert client.ask("/healthz", Host="rebound.example.com").status == 421
    assert [client.ask("/readyz", Host=f"{name}:1").body for name in ("localhost", "[::1]", "127.0.0.1")] == [b"ok"] * 3


def test_version_and_health(serve: Serve) -> None:
    client = serve(recording({"k8s/version.json": {"major": "1", "gitVersion": "v1.30.0"}}))
    assert client.ask("/version").json == {"major": "1", "gitVersion": "v1.30.0"}
    assert [client.ask(path).body for path in ("/healthz", "/livez", "/readyz/ping")] == [b"ok"] * 3
    assert serve(recording({})).ask("/version").status == 404


def test_a_damaged_list_is_a_sentence(serve: Serve) -> None:
    answer = serve(recording({**DISCOVERY, PODS: '{"items":[{"metadata":'})).ask("/api/v1/pods")
    assert answer.status == 503
    assert "cannot be read" in answer.message


def test_secrets_of_an_unredacted_recording_stay_inside(serve: Serve) -> None:
    secret = {"metadata": {"name": "s", "namespace": "shop"}, "data": {"password": "aHVudGVyMi1odW50ZXIy"}}
    raw = {
        "bundle.json": '{"format":1,"tool":"lab"}',
        "k8s/api/v1/secrets.json": json.dumps(items("Secret", secret)),
    }
    client = serve(Bundle.from_entries(raw))
    for path in (
        "/api/v1/secrets",
        "/api/v1/namespaces/shop/secrets/s",
        "/api/v1/secrets?includeObject=Object",
    ):
        for accept in ("", TABLE):
            answer = client.ask(path, accept=accept)
            assert (answer.status, b"aHVudGVyMi1odW50ZXIy" in answer.body) == (200, False)
