"""Objects held against each other: what changed, who did it, what says nothing, what could not be seen."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from compare_meshes import (
    DEPLOYMENTS,
    PODS,
    SECRETS,
    SERVICES,
    VIRTUAL_SERVICES,
    bundle,
    item,
    later,
    listed,
    mesh,
    meta,
    written,
)

from bugbundle.compare import Comparison, Field, Filter, NotComparable, check, compare
from bugbundle.compare.model import ABSENT
from bugbundle.errors import BugbundleError, UsageError
from bugbundle.mesh.ref import Ref


def told(result: Comparison) -> list[tuple[str, Ref, str, tuple[Field, ...]]]:
    return [(one.kind, one.object, one.change, one.fields) for one in result.roots]


def test_a_bundle_against_itself_has_no_changes() -> None:
    result = compare(bundle(mesh()), bundle(mesh()))
    assert (result.changes, result.not_comparable, result.ignored) == ([], [], [])
    assert result.headline == "Nothing changed"


def test_a_changed_field_is_told_with_its_writer() -> None:
    after = later()
    service = item(after, VIRTUAL_SERVICES)
    service["spec"]["http"][0]["route"][1]["weight"] = 100
    service["metadata"]["managedFields"] = written("kubectl", "2026-11-21T14:02:00Z", "spec", "http")
    result = compare(bundle(mesh()), bundle(after))
    cart = Ref("VirtualService", "shop", "cart")
    assert told(result) == [("object", cart, "changed", (Field("spec.http[0].route[1].weight", 10, 100),))]
    assert (result.roots[0].by, result.roots[0].at) == ("kubectl", datetime(2026, 11, 21, 14, 2, tzinfo=UTC))
    assert result.headline == ("VirtualService shop/cart: spec.http[0].route[1].weight: 10 → 100 (kubectl, 14:02)")


def test_what_says_nothing_is_counted_with_its_reason() -> None:
    after = later()
    deployment = item(after, DEPLOYMENTS)
    deployment["metadata"].update(resourceVersion="9", annotations={"deployment.kubernetes.io/revision": "2"})
    del deployment["spec"]["template"]["spec"]["containers"][0]["protocol"]
    deployment["spec"]["template"]["spec"]["securityContext"] = {}
    item(after, VIRTUAL_SERVICES)["metadata"]["resourceVersion"] = "2"
    item(after, SERVICES)["spec"]["clusterIP"] = "10.96.0.7"
    result = compare(bundle(mesh()), bundle(after))
    assert result.changes == []
    assert {(one.kind, one.reason.split()[0], one.count) for one in result.ignored} == {
        ("Deployment", "zero,", 2), ("VirtualService", "metadata", 1), ("Service", "values", 1),
    }  # fmt: skip


def test_order_means_nothing_in_sets_and_much_in_routes() -> None:
    before, after = mesh(), later()
    item(before, VIRTUAL_SERVICES)["spec"]["hosts"] = ["a.example.com", "b.example.com"]
    item(after, VIRTUAL_SERVICES)["spec"]["hosts"] = ["b.example.com", "a.example.com"]
    assert compare(bundle(before), bundle(after)).changes == []
    item(after, VIRTUAL_SERVICES)["spec"]["http"][0]["route"].reverse()
    assert len(compare(bundle(before), bundle(after)).roots) == 1


def test_empty_rules_are_not_the_same_as_none() -> None:
    path = "k8s/apis/security.istio.io/v1/authorizationpolicies.json"
    before, after = mesh(), later()
    before[path] = listed("AuthorizationPolicy", {"metadata": meta("all"), "spec": {}})
    after[path] = listed("AuthorizationPolicy", {"metadata": meta("all"), "spec": {"rules": [{}]}})
    [root] = compare(bundle(before), bundle(after)).roots
    assert root.fields == (Field("spec.rules", ABSENT, [{}]),)


def test_a_secret_is_never_shown_and_a_stand_in_is_unknown() -> None:
    after = later()
    item(after, SECRETS)["data"]["tls.key"] = "c2VjcmV0LXR3bw=="
    [root] = compare(bundle(mesh()), bundle(after)).roots
    assert root.object == Ref("Secret", "shop", "tls")
    assert "c2Vj" not in str(root)
    before = mesh()
    item(before, SECRETS)["data"]["tls.key"] = "redacted-secret-data-10-0badcafe"
    item(after, SECRETS)["data"]["tls.key"] = "redacted-secret-data-10-deadbeef"
    result = compare(bundle(before), bundle(after))
    assert result.changes == []
    assert next(one.reason for one in result.ignored if one.kind == "Secret").startswith("stand-ins")


def test_a_rolled_deployment_is_one_change() -> None:
    after = later()
    item(after, DEPLOYMENTS)["spec"]["template"]["spec"]["containers"][0]["image"] = "cart:2"
    pod = item(after, PODS)
    pod["metadata"].update(name="cart-77aa-y2", uid="other")
    pod["metadata"]["ownerReferences"][0]["name"] = "cart-77aa"
    pod["spec"]["containers"][0]["image"] = "cart:2"
    path = 'spec.template.spec.containers[name="cart"].image'
    result = compare(bundle(mesh()), bundle(after))
    assert told(result) == [
        ("object", Ref("Deployment", "shop", "cart"), "changed", (Field(path, "cart:1", "cart:2"),))
    ]


@pytest.mark.parametrize("side", ["before", "after"])
def test_what_is_not_recorded_is_neither_gone_nor_new(side: str) -> None:
    before, after = mesh(), later()
    del (before if side == "before" else after)[VIRTUAL_SERVICES]
    result = compare(bundle(before), bundle(after))
    assert result.changes == []
    assert result.not_comparable == [NotComparable("virtualservices.networking.istio.io", side, "not recorded")]
    assert result.headline == "Nothing changed in what both bundles show; 1 thing could not be compared"


def test_a_namespace_that_was_not_recorded_is_not_empty() -> None:
    before, after = mesh(), later()
    item(before, SERVICES)["metadata"]["namespace"] = "other"
    after["k8s/api/v1/namespaces/shop/services.json"] = listed("Service")
    del after[SERVICES]
    result = compare(bundle(before), bundle(after))
    assert result.changes == []
    said = NotComparable("services of namespace other", "after", "the namespace was not recorded")
    assert said in result.not_comparable


def test_one_kind_in_two_versions_is_one() -> None:
    after = later()
    after[VIRTUAL_SERVICES.replace("/v1/", "/v1beta1/")] = after.pop(VIRTUAL_SERVICES)
    assert compare(bundle(mesh()), bundle(after)).changes == []


def test_only_and_ignore() -> None:
    after = later()
    item(after, DEPLOYMENTS)["spec"]["replicas"] = 2
    item(after, VIRTUAL_SERVICES)["spec"]["http"][0]["route"][0]["weight"] = 1

    def kinds(only: Filter) -> set[str]:
        return {one.object.kind for one in compare(bundle(mesh()), bundle(after), only).roots}

    assert kinds(Filter(only=("Deployment",))) == {"Deployment"}
    assert kinds(Filter(ignore=("deployment/shop",))) == {"VirtualService"}
    assert kinds(Filter(ignore=("path=spec.http",))) == {"Deployment"}
    assert kinds(Filter(only=("namespace=other",))) == set()
    with pytest.raises(UsageError, match="Kind/namespace"):
        Filter(only=("a/b/c/d",))


def test_bundles_of_two_clusters_are_compared_only_if_asked_for() -> None:
    after = later()
    item(after, "k8s/api/v1/namespaces.json")["metadata"]["uid"] = "two"
    with pytest.raises(BugbundleError, match="another cluster"):
        check([bundle(mesh()), bundle(after)])
    assert len(check([bundle(mesh()), bundle(after)], anyway=True)) == 1
