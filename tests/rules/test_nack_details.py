"""Which EnvoyFilter made what Envoy rejects."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bugbundle.bundle import Bundle
from bugbundle.bundle.manifest import parse_time
from bugbundle.mesh import Mesh
from bugbundle.rules.sync.nack import meaning, newest, suspects
from bugbundle.xds import Xds

PUSHED = parse_time("2026-01-02T03:00:00Z")


def envoy_filter(name: str, value: Any, *, namespace: str = "shop", changed: str = "", **spec: Any) -> dict[str, Any]:
    meta: dict[str, Any] = {"name": name, "namespace": namespace, "creationTimestamp": "2025-01-01T00:00:00Z"}
    if changed:
        meta["managedFields"] = [{"time": changed}, {"time": "2026-01-02T03:00:00Z", "subresource": "status"}]
    patch = {"applyTo": "HTTP_FILTER", "patch": {"operation": "INSERT_BEFORE", "value": value}}
    return {"metadata": meta, "spec": {"configPatches": [patch], **spec}}


def found(message: str, *filters: dict[str, Any]) -> tuple[list[tuple[str, str]], str]:
    """((EnvoyFilter, what the message repeats of it), the one changed just before the push)."""
    pod = {"metadata": {"name": "cart-1", "namespace": "shop", "labels": {"app": "cart"}},
           "spec": {"containers": [{"name": "istio-proxy"}, {"name": "cart"}]}}  # fmt: skip
    path = "k8s/apis/networking.istio.io/v1alpha3/envoyfilters.json"
    entries = {"k8s/api/v1/pods.json": [pod], path: list(filters)}
    mesh = Mesh(
        Bundle.from_entries({name: json.dumps({"kind": "List", "items": items}) for name, items in entries.items()})
    )
    seen = suspects(mesh, mesh.proxies[0], Xds.LDS, message)
    fresh = newest(seen, PUSHED)
    return [(one.thing.name, one.proof) for one in seen], fresh.thing.name if fresh else ""


@pytest.mark.parametrize(
    ("message", "value", "proof"),
    [
        ("terminal filter named my.rbac of type x must be the last filter", {"name": "my.rbac"}, "my.rbac"),
        ("no such field: 'per_try'", {"typed_config": {"per_try": 3}}, "per_try"),
        (
            'script load error: [string "local x = 1"]:2',
            {"typed_config": {"inline_code": "local x = 1\nbad"}},
            "local x = 1",
        ),
    ],
)  # fmt: skip
def test_what_the_message_repeats(message: str, value: Any, proof: str) -> None:
    other = envoy_filter("other", {"name": "my.rbac2", "typed_config": {"timeout": "3s"}})
    assert found(message, other, envoy_filter("guilty", value)) == ([("guilty", proof)], "")


def test_who_is_meant() -> None:
    elsewhere = envoy_filter("elsewhere", {}, namespace="web")
    not_me = envoy_filter("not-me", {}, workloadSelector={"labels": {"app": "web"}})
    me = envoy_filter("me", {}, workloadSelector={"labels": {"app": "cart"}})
    root = envoy_filter("root", {}, namespace="istio-system")
    assert found("odd", elsewhere, not_me, me, root) == ([("me", ""), ("root", "")], "")


def test_the_one_changed_just_before() -> None:
    old = envoy_filter("old", {}, changed="2026-01-01T00:00:00Z")
    fresh = envoy_filter("fresh", {}, changed="2026-01-02T02:59:30Z")
    assert found("odd", old, fresh) == ([("old", ""), ("fresh", "")], "fresh")
    assert found("odd", fresh, envoy_filter("too", {}, changed="2026-01-02T02:59:40Z"))[1] == ""


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("multiple filter chains with the same matching rules are defined", "two filter chains match the same traffic"),
        ("cannot bind '0.0.0.0:80': Permission denied", "may not bind a port below 1024"),
        ("cannot bind '0.0.0.0:8080': Address already in use", "the port is taken"),
        ("duplicate listener 0.0.0.0_80 found", "two listeners have the same name"),
        ("main_internal: no filter chains specified", "a listener has no filter chain"),
        ("something new", ""),
    ],
)
def test_meaning(message: str, words: str) -> None:
    assert words in meaning(message) and bool(words) == bool(meaning(message))
