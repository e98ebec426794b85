"""The ledger: what counts as a symptom, what is over, what is harmless and why."""

from __future__ import annotations

import json
from typing import Any

import captures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bugbundle.bundle import Bundle, open_bundle
from bugbundle.mesh import Mesh
from bugbundle.symptoms import Kind, State, Symptom, ledger

NOW = "2026-01-02T03:30:00Z"
CART = "outbound|80||cart.shop.svc.cluster.local"


def listed(kind: str, *items: dict[str, Any]) -> str:
    return json.dumps({"kind": f"{kind}List", "apiVersion": "v1", "items": list(items)})


def pod(
    name: str, *, image: str = "istio/proxyv2", container: str = "istio-proxy", ready: bool = True
) -> dict[str, Any]:
    condition = {"type": "Ready", "status": "True" if ready else "False", "reason": "ContainersNotReady"}
    state = {"name": container, "ready": ready, "state": {"running": {"startedAt": "2026-01-02T03:00:00Z"}}}
    return {
        "metadata": {"name": name, "namespace": "shop", "creationTimestamp": "2026-01-02T02:00:00Z"},
        "spec": {"containers": [{"name": container, "image": image}, {"name": "app", "image": "shop"}]},
        "status": {"phase": "Running", "conditions": [condition], "containerStatuses": [state]},
    }


def read(**entries: str) -> list[Symptom]:
    base = {"bundle.json": json.dumps({"format": 1, "tool": "test", "started": NOW})}
    paths = {key.replace("__", "/").replace("_DOT_", ".").replace("_DASH_", "-"): text for key, text in entries.items()}
    found = ledger(Mesh(Bundle.from_entries({**base, **paths})))
    assert found.broken == ()
    return list(found.symptoms)


def told(found: list[Symptom]) -> list[tuple[str, str, str, int]]:
    return [(one.kind, one.state, str(one.subject), one.count) for one in found]


def access(time: str, flags: str, details: str = "via_upstream", code: int = 503, address: str = "10.96.0.9:80") -> str:
    return (
        f'[2026-01-02T{time}.000Z] "GET / HTTP/1.1" {code} {flags} {details} - "-" 0 9 1 - "-" "curl" "id" "cart" '
        f'"10.0.0.5:80" {CART} 10.0.0.7:1 {address} 10.0.0.7:2 - default\n'
    )


def logged(*lines: str) -> list[Symptom]:
    return read(
        k8s__api__v1__pods_DOT_json=listed("Pod", pod("web-1")),
        logs__shop__web_DASH_1__istio_DASH_proxy_DOT_log="".join(lines),
    )


def test_requests_that_fail_since_the_last_success_speak_of_now() -> None:
    good = access("03:27:00", "-", code=200)
    found = logged(good, *(access(f"03:28:0{second}", "UC", "upstream_reset") for second in range(5)))
    assert [(one.kind, one.state, one.count) for one in found] == [(Kind.REQUEST, State.NOW, 5)]
    assert found[0].first and found[0].last and found[0].last_success
    assert f"{found[0].first:%H:%M:%S} {found[0].last:%H:%M:%S} {found[0].last_success:%H:%M:%S}" == (
        "03:28:00 03:28:04 03:27:00"
    )


def test_what_succeeds_since_is_past() -> None:
    found = logged(access("03:27:00", "UC", "upstream_reset"), access("03:29:00", "-", code=200))
    assert [(one.state, one.reason) for one in found] == [
        (State.PAST, "succeeds since: the last failure was at 03:27:00, a success at 03:29:00")
    ]


def test_a_few_of_very_many_are_harmless() -> None:
    good = [access("03:29:59", "-", code=200)] * 1000
    found = logged(*good, *[access("03:29:59", "UF", "connect_failure")] * 8)
    assert [(one.state, one.reason) for one in found] == [(State.HARMLESS, "8 of 1,008 requests to that address")]


def test_conditions_of_any_kind_by_their_polarity() -> None:
    conditions = [
        {"type": "Ready", "status": "False", "reason": "NoRoute", "message": "no listener"},
        {"type": "Conflicted", "status": "False"},
        {"type": "Degraded", "status": "True", "reason": "Broken"},
        {"type": "Progressing", "status": "False"},
    ]
    item = {"kind": "Widget", "metadata": {"name": "w", "namespace": "shop"}, "status": {"conditions": conditions}}
    found = read(k8s__apis__example_DOT_com__v1__widgets_DOT_json=listed("Widget", item))
    assert sorted(one.text for one in found) == [
        "Widget shop/w says Degraded=True, Broken",
        "Widget shop/w says Ready=False, NoRoute: no listener",
    ]


@pytest.mark.parametrize(("ready", "expected"), [(True, []), (False, ["event", "status"])])
def test_events_count_while_their_object_is_in_that_state(ready: bool, expected: list[str]) -> None:
    event = {
        "type": "Warning",
        "reason": "BackOff",
        "message": "Back-off restarting failed container",
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web-1"},
        "lastTimestamp": "2026-01-02T03:29:00Z",
        "metadata": {"name": "e", "namespace": "shop"},
    }
    found = read(
        k8s__api__v1__pods_DOT_json=listed("Pod", pod("web-1", ready=ready)),
        k8s__api__v1__events_DOT_json=listed("Event", event),
    )
    assert sorted(one.kind for one in found) == expected


def test_complaints_of_logs_by_template_without_what_is_info() -> None:
    lines = [
        '2026-01-02T03:20:00.000000Z\tinfo\tcni-agent\tCNI config file "" preempted\n',
        *(f"2026-01-02T03:2{n}:00.000000Z\terror\tsds\tfailed to reach 10.0.0.{n}:15012\n" for n in range(4)),
        "2026-01-02T03:20:09.000000Z\twarn\tmodel\tIstio Version is not found in metadata for ztunnel-abcde.x\n",
    ]
    assert told(logged(*lines)) == [("log", "now", "Pod shop/web-1", 4), ("log", "harmless", "Pod shop/web-1", 1)]


def test_a_complaint_that_the_same_log_takes_back_is_past() -> None:
    lines = [
        "2026-01-02T03:20:00.000000Z\twarn\tEnvoy proxy is NOT ready: config not received\n",
        "2026-01-02T03:20:09.000000Z\tinfo\tEnvoy proxy is ready\n",
    ]
    assert told(logged(*lines)) == [("log", "past", "Pod shop/web-1", 1)]


HEALTHY = [name for name in captures.NAMES if "healthy" in name]


@pytest.mark.parametrize("name", HEALTHY)
def test_on_healthy_meshes_everything_is_over_or_harmless_by_name(name: str) -> None:
    found = ledger(Mesh(open_bundle(captures.folder(name) / "bundle")))
    assert found.broken == ()
    assert [one.text for one in found.of(State.NOW)] == []
    assert [one.text for one in found.symptoms if not one.reason] == []


@settings(max_examples=30, deadline=None)
@given(
    st.binary(max_size=300), st.sampled_from(["logs/shop/web-1/istio-proxy.log", "proxies/shop/web-1/clusters.json"])
)
def test_hostile_bytes_break_no_source(data: bytes, path: str) -> None:
    entries = {
        "bundle.json": json.dumps({"format": 1, "tool": "test", "started": NOW}),
        "k8s/api/v1/pods.json": listed("Pod", pod("web-1")),
        path: data,
    }
    assert ledger(Mesh(Bundle.from_entries(entries))).broken == ()
