"""Policies of a file in place of the recorded ones."""

from __future__ import annotations

import functools

import pytest
from captures import sample

from bugbundle.bundle import open_bundle
from bugbundle.errors import UsageError
from bugbundle.mesh import Mesh
from bugbundle.mesh.manifests import Manifest, read_files
from bugbundle.mesh.ref import Ref
from bugbundle.trace import Ending, Request, Walk, reach, walk, with_objects


@functools.cache
def recorded(name: str) -> Mesh:
    return Mesh(open_bundle(str(sample(name))))


def tried(text: str) -> Mesh:
    read = read_files([("new.yaml", text.encode())], "default")
    assert read.problems == []
    return with_objects(recorded("healthy"), read.manifests)


def pod(start: str) -> str:
    found = (
        f"{name}.{space}" for space, name in sorted(recorded("healthy").pods) if f"{space}/{name}".startswith(start)
    )
    return next(found)


def ask(mesh: Mesh, source: str, url: str, method: str = "GET") -> Walk:
    return walk(mesh, Request.of(pod(source), url, method=method))


@pytest.mark.parametrize("name", ["healthy", "mtls-conflict", "waypoint-missing"])
def test_the_recorded_policies_tried_again_change_nothing(name: str) -> None:
    mesh = recorded(name)
    policies = mesh.kube.list("authorizationpolicies.security.istio.io")
    policies += mesh.kube.list("peerauthentications.security.istio.io")
    again = with_objects(mesh, [Manifest(item, "", {}) for item in policies])
    assert reach(again).answers == reach(mesh).answers


POLICY = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  action: %s
  rules:
  - from: [{source: {namespaces: [%s]}}]
    to: [{operation: {methods: [GET], paths: ["/api*"]}}]
"""


def test_a_policy_that_denies() -> None:
    mesh = tried(POLICY % ("DENY", "shop"))
    found = ask(mesh, "shop/toolbox", "http://web/api")
    assert (found.ending, found.code, found.because) == (Ending.DENIED, 403, Ref("AuthorizationPolicy", "shop", "web"))
    assert ask(mesh, "shop/toolbox", "http://web/other").ending == Ending.DELIVERED
    assert ask(recorded("healthy"), "shop/toolbox", "http://web/api").ending == Ending.DELIVERED


def test_a_policy_that_allows_others_only() -> None:
    found = ask(tried(POLICY % ("ALLOW", "bookinfo")), "shop/toolbox", "http://web/api")
    assert found.ending == Ending.DENIED
    assert "namespace bookinfo" in found.reason


def test_a_policy_of_ztunnel() -> None:
    text = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: stock-l4, namespace: ambient-app}
spec:
  selector: {matchLabels: {app: stock}}
  rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/default]}}]}]
"""
    assert ask(recorded("healthy"), "shop/toolbox", "http://stock.ambient-app:8080/").ending == Ending.DENIED
    assert ask(tried(text), "shop/toolbox", "http://stock.ambient-app:8080/").ending == Ending.DELIVERED


MODE = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: %s, namespace: %s}
spec: {mtls: {mode: %s}}
"""


def test_strict_where_plain_text_was_let_in() -> None:
    found = ask(tried(MODE % ("new", "shop", "STRICT")), "legacy/legacy-curl", "http://web.shop/api")
    assert (found.ending, found.because) == (Ending.TLS_MISMATCH, Ref("PeerAuthentication", "shop", "new"))
    assert ask(recorded("healthy"), "legacy/legacy-curl", "http://web.shop/api").ending == Ending.DELIVERED


def test_permissive_where_it_was_refused() -> None:
    found = recorded("healthy").kube.list("peerauthentications.security.istio.io")
    name = next(one.name for one in found if one.namespace == "bookinfo")
    walked = ask(tried(MODE % (name, "bookinfo", "PERMISSIVE")), "legacy/legacy-curl", "http://details.bookinfo:9080/")
    assert walked.ending == Ending.DELIVERED


def test_a_network_policy() -> None:
    text = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: shop}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}
"""
    found = ask(tried(text), "shop/toolbox", "http://web/api")
    assert (found.ending, found.flag, found.because) == (Ending.BLOCKED, "UF", Ref("NetworkPolicy", "shop", "closed"))


def test_what_only_istiod_can_translate() -> None:
    text = (
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: web, namespace: shop}\nspec: {}\n"
    )
    with pytest.raises(UsageError, match="needs istiod's translation"):
        tried(text)
