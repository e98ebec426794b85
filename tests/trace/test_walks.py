"""Whole walks over the recording of a healthy mesh: of each kind of proxy, to each kind of end."""

from __future__ import annotations

import functools

import pytest
from captures import sample

from bugbundle.bundle import open_bundle
from bugbundle.errors import NotInBundle, UsageError
from bugbundle.mesh import Mesh
from bugbundle.mesh.ref import Ref
from bugbundle.trace import Ending, Request, Walk, walk

REVIEWS = "outbound|9080|{}|reviews.bookinfo.svc.cluster.local"
STOCK = "outbound|8080||stock.ambient-app.svc.cluster.local"


@functools.cache
def healthy() -> Mesh:
    return Mesh(open_bundle(str(sample("healthy"))))


@functools.cache
def pod(start: str) -> str:
    """`pod.namespace` of the first pod whose id starts so."""
    return next(f"{name}.{space}" for space, name in sorted(healthy().pods) if f"{space}/{name}".startswith(start))


def ask(source: str, url: str, gateway: str = "", **more: object) -> Walk:
    given = Request.of(pod(source) if source else "", url, gateway=gateway, **more)  # type: ignore[arg-type]
    return walk(healthy(), given)


def end(found: Walk) -> tuple[Ending, str, int | None, str, Ref | None]:
    return found.ending, found.flag, found.code, found.cluster, found.because


def test_sidecar_to_sidecar() -> None:
    found = ask("shop/toolbox", "http://web/api")
    assert end(found) == (Ending.DELIVERED, "", None, "outbound|80||web.shop.svc.cluster.local", None)
    assert [str(step.object) for step in found.steps if step.object] == ["VirtualService shop/web"]
    meets = [step.expects for step in found.steps if step.expects]
    assert [one.server for one in meets] == ["mTLS of the mesh, or plain text (PERMISSIVE)"]


def test_a_weighted_route_lists_every_way() -> None:
    found = ask("shop/toolbox", "http://reviews.bookinfo:9080/x")
    assert (found.ending, found.clusters) == (Ending.DELIVERED, [REVIEWS.format("v1"), REVIEWS.format("v3")])


def test_a_header_chooses_another_way() -> None:
    found = ask("shop/toolbox", "http://reviews.bookinfo:9080/x", headers=[("End-User", "jason")])
    assert found.clusters == [REVIEWS.format("v2")]


def test_ambient_by_way_of_a_waypoint() -> None:
    found = ask("ambient-app/cart", "http://stock:8080/")
    assert found.ending == Ending.DELIVERED
    said = [f"{step.at.split(' ')[0]}: {step.object}" for step in found.steps if step.object]
    assert said == ["waypoint: HTTPRoute ambient-app/stock", "ztunnel: AuthorizationPolicy ambient-app/stock-l4"]


def test_a_waypoint_that_denies() -> None:
    found = ask("ambient-app/cart", "http://stock:8080/", method="POST")
    assert end(found)[:3] == (Ending.DENIED, "", 403)
    assert found.because == Ref("AuthorizationPolicy", "ambient-app", "stock-l7")
    assert "method GET; this request has POST" in found.reason


def test_a_ztunnel_that_denies() -> None:
    found = ask("shop/toolbox", "http://stock.ambient-app:8080/")
    assert (found.ending, found.because) == (Ending.DENIED, Ref("AuthorizationPolicy", "ambient-app", "stock-l4"))
    assert "this connection has cluster.local/ns/shop/sa/default" in found.reason


def test_plain_text_to_strict_mtls() -> None:
    found = ask("legacy/legacy-curl", "http://reviews.bookinfo:9080/")
    assert found.ending == Ending.TLS_MISMATCH


def test_through_a_gateway() -> None:
    found = ask("", "http://bookinfo.example.com/productpage", "istio-ingressgateway.istio-system")
    assert (found.ending, found.route) == (Ending.DELIVERED, "product")


def test_a_gateway_without_the_host() -> None:
    found = ask("", "http://nobody.example.com/", "edge.gw-api")
    assert end(found) == (Ending.NO_ROUTE, "NR", 404, "", None)


def test_a_host_that_nobody_serves_says_who_takes_it() -> None:
    found = ask("shop/toolbox", "http://nosuch/")
    assert end(found) == (Ending.OUTSIDE_MESH, "", None, "PassthroughCluster", None)
    assert any("nosuch is neither a Service nor a ServiceEntry" in step.decision for step in found.steps)


def test_unknown_names_tell_the_nearest() -> None:
    with pytest.raises(NotInBundle, match=r"Nearest: toolbox\.shop"):
        walk(healthy(), Request.of("toolbx.shop", "http://web/"))
    with pytest.raises(NotInBundle, match="no gateway"):
        walk(healthy(), Request.of("", "http://web/", gateway="nope.shop"))


@pytest.mark.parametrize("url", ["ftp://web/", "tcp://web", "http://:80/", "http://web:99999/"])
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(UsageError):
        Request.of("toolbox.shop", url)
