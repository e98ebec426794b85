"""The Python client as controllers use it: list, then watch from there, for every object once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kubernetes import client as api
from kubernetes import watch
from recording import items, pod, recording

from bugbundle.replay import Address, running


@pytest.fixture
def core() -> Iterator[api.CoreV1Api]:
    entries = {"k8s/api/v1/pods.json": items("Pod", pod("a"), pod("b"), pod("c", "other"))}
    with running(recording(entries), Address(plain=True)) as replay:
        configuration = api.Configuration(host=replay.url, api_key={"authorization": f"Bearer {replay.token}"})
        with api.ApiClient(configuration) as connection:
            yield api.CoreV1Api(connection)


def test_list_then_watch(core: api.CoreV1Api) -> None:
    listed = core.list_pod_for_all_namespaces()
    version = listed.metadata.resource_version
    assert ([item.metadata.name for item in listed.items], version) == (["a", "b", "c"], "77")
    quiet = watch.Watch().stream(
        core.list_pod_for_all_namespaces, resource_version=version, timeout_seconds=1, allow_watch_bookmarks=True
    )
    assert list(quiet) == []


def test_watch_from_nothing_tells_every_object_once(core: api.CoreV1Api) -> None:
    stream = watch.Watch().stream(core.list_namespaced_pod, "shop", timeout_seconds=1)
    assert [(event["type"], event["object"].metadata.name) for event in stream] == [("ADDED", "a"), ("ADDED", "b")]


def test_get_and_refusals(core: api.CoreV1Api) -> None:
    assert core.read_namespaced_pod("a", "shop").spec.node_name == "node-1"
    with pytest.raises(api.ApiException) as missing:
        core.read_namespaced_pod("z", "shop")
    with pytest.raises(api.ApiException) as refused:
        core.delete_namespaced_pod("a", "shop")
    assert (missing.value.status, refused.value.status) == (404, 405)
