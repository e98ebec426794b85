"""Reviews tell the truth about this server; JSON and protobuf, as kubectl posts it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from recording import Client, items, pod, recording

from bugbundle.bundle import Bundle

Serve = Callable[[Bundle], Client]
ACCESS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def small() -> Bundle:
    gaps = [
        {"path": "k8s/api/v1/secrets.json", "status": 403, "reason": "forbidden"},
        {"path": "k8s/apis/apps/v1/namespaces/shop/deployments.json", "status": 403, "reason": "forbidden"},
    ]
    return recording({"k8s/api/v1/pods.json": items("Pod", pod("a"))}, gaps)


@pytest.mark.parametrize(
    ("attributes", "allowed"),
    [
        ({"verb": "get", "resource": "pods"}, True),
        ({"verb": "watch", "resource": "virtualservices", "group": "networking.istio.io"}, True),
        ({"verb": "list", "resource": "secrets"}, False),
        ({"verb": "list", "resource": "deployments", "group": "apps", "namespace": "shop"}, False),
        ({"verb": "list", "resource": "deployments", "group": "apps", "namespace": "other"}, True),
        ({"verb": "delete", "resource": "pods"}, False),
        ({"verb": "create", "resource": "pods"}, False),
        ({"verb": "create", "resource": "pods", "subresource": "portforward"}, True),
        ({"verb": "create", "resource": "serviceaccounts", "subresource": "token"}, True),
        ({"verb": "*", "resource": "*", "group": "*"}, False),
    ],
)
def test_access(attributes: dict[str, str], allowed: bool, serve: Serve) -> None:
    answer = serve(small()).ask(ACCESS, method="POST", body={"spec": {"resourceAttributes": attributes}})
    assert (answer.status, answer.json["status"]["allowed"]) == (201, allowed)


def field(number: int, value: bytes | str | int) -> bytes:
    if isinstance(value, int):
        return bytes([number << 3, value])
    data = value.encode() if isinstance(value, str) else value
    return bytes([number << 3 | 2, len(data)]) + data


def protobuf(kind: str, spec: bytes) -> bytes:
    meta = field(1, field(1, "authorization.k8s.io/v1") + field(2, kind))
    return b"k8s\x00" + meta + field(2, field(1, b"") + field(2, spec)) + field(3, "") + field(4, "")


@pytest.mark.parametrize(("verb", "allowed"), [("list", True), ("delete", False)])
def test_access_in_protobuf(verb: str, allowed: bool, serve: Serve) -> None:
    body = protobuf("SelfSubjectAccessReview", field(1, field(2, verb) + field(5, "pods")))
    answer = serve(small()).ask(ACCESS, method="POST", body=body)
    assert (answer.status, answer.json["status"]["allowed"]) == (201, allowed)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"k8s\x00\xff", b"k8s\x00\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"])
def test_bodies_that_are_none(body: bytes, serve: Serve) -> None:
    assert serve(small()).ask(ACCESS, method="POST", body=body).status == 400


def test_who_and_what(serve: Serve) -> None:
    client = serve(small())

    def post(path: str) -> Any:
        return client.ask(path, method="POST", body={"spec": {}}).json["status"]

    me = post("/apis/authentication.k8s.io/v1/selfsubjectreviews")["userInfo"]
    assert me == {"username": "bugbundle:replay", "groups": ["system:authenticated"]}
    rules = post("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews")["resourceRules"]
    assert rules[0] == {"verbs": ["get", "list", "watch"], "apiGroups": ["*"], "resources": ["*"]}
    assert post("/apis/authorization.k8s.io/v1/subjectaccessreviews")["allowed"] is False


def test_token_request_gives_a_token_that_opens_nothing(serve: Serve) -> None:
    client = serve(small())
    path = "/api/v1/namespaces/istio-system/serviceaccounts/default/token"
    body = {"spec": {"audiences": ["istio-ca"], "expirationSeconds": 3600}}
    answer = client.ask(path, method="POST", body=body)
    token = answer.json["status"]["token"]
    assert (answer.status, answer.json["spec"]["audiences"]) == (201, ["istio-ca"])
    assert client.ask("/api/v1/pods", Authorization=f"Bearer {token}").status == 401
    spec = field(1, "istio-ca") + field(4, 100)
    made = client.ask(path, method="POST", body=protobuf("TokenRequest", spec)).json["spec"]
    assert (made["audiences"], made["expirationSeconds"]) == (["istio-ca"], 600)
