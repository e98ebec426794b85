"""Selectors select what the API server's would, and refuse what it refuses."""

from __future__ import annotations

import pytest

from bugbundle.replay.selectors import field_selector, label_selector
from bugbundle.replay.status import Refusal

OBJECTS = {
    "a": {"app": "web", "tier": "1"},
    "b": {"app": "db", "tier": "3"},
    "c": {"app": "web", "example.com/on": ""},
    "d": {},
}


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("app=web", "ac"),
        ("app==web", "ac"),
        ("app!=web", "bd"),
        ("app", "abc"),
        ("!app", "d"),
        ("app in (web, db),tier", "ab"),
        ("app notin (web)", "bd"),
        ("tier>1", "b"),
        ("tier<3", "a"),
        ("example.com/on=", "c"),
        ("app in (web),!tier", "c"),
    ],
)
def test_label_selector(selector: str, found: str) -> None:
    match = label_selector(selector)
    assert match is not None
    labelled = {name: {"metadata": {"labels": labels}} for name, labels in OBJECTS.items()}
    assert "".join(name for name, obj in labelled.items() if match(obj)) == found


def test_empty_selectors_are_none() -> None:
    assert label_selector("") is None
    assert field_selector("", "", "pods") is None


@pytest.mark.parametrize("selector", ["a b", "a in web", "a in (x", "tier>x", "=", "a,,b", "(", "a=b=c", "x" * 9000])
def test_refused_label_selectors(selector: str) -> None:
    with pytest.raises(Refusal) as caught:
        label_selector(selector)
    assert caught.value.code == 400


POD = {
    "metadata": {"name": "a", "namespace": "shop"},
    "spec": {"nodeName": "n1"},
    "status": {"phase": "Running"},
}
EVENT = {"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod"}, "source": {"component": "kubelet"}}


@pytest.mark.parametrize(
    ("plural", "obj", "selector", "expected"),
    [
        ("pods", POD, "metadata.name=a", True),
        ("pods", POD, "metadata.namespace!=shop", False),
        ("pods", POD, "spec.nodeName=n1,status.phase=Running", True),
        ("pods", POD, "spec.nodeName=", False),
        ("pods", POD, "spec.hostNetwork=false", True),
        ("pods", {}, "spec.nodeName=", True),
        ("events", EVENT, "involvedObject.kind=Pod,source=kubelet", True),
        ("events", EVENT, "type!=Warning", True),
    ],
)
def test_field_selector(plural: str, obj: dict[str, object], selector: str, expected: bool) -> None:
    match = field_selector(selector, "", plural)
    assert match is not None
    assert match(obj) is expected


@pytest.mark.parametrize("selector", ["spec.containers=x", "nonsense", "a=b"])
def test_fields_that_are_not_offered(selector: str) -> None:
    with pytest.raises(Refusal) as caught:
        field_selector(selector, "", "pods")
    assert caught.value.code == 400


def test_selectable_fields_of_a_crd() -> None:
    match = field_selector("spec.color=red", "example.com", "shirts", ["spec.color"])
    assert match is not None
    assert match({"spec": {"color": "red"}})
