"""Access logs: the mesh's own format, failures by destination, what is over."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from bugbundle.bundle import Bundle
from bugbundle.mesh import Mesh
from bugbundle.mesh.signals.access import Fault, faults
from bugbundle.mesh.signals.access_lines import DEFAULT, compile_format

CART = "outbound|80||cart.shop.svc.cluster.local"


def line(time: str, flags: str, code: int = 503, cluster: str = CART, authority: str = "cart") -> str:
    return (
        f'[2026-01-02T{time}.000Z] "GET /a?b=c HTTP/1.1" {code} {flags} via_upstream - "-" 0 9 1 - "-" '
        f'"curl/8.1 (x y)" "id" "{authority}" "10.0.0.5:80" {cluster} 10.0.0.7:1 10.96.0.9:80 10.0.0.7:2 - default\n'
    )


def read(text: str, config: str = "") -> list[Fault]:
    maps = {"metadata": {"name": "istio", "namespace": "istio-system"}, "data": {"mesh": config}}
    entries = {
        "bundle.json": '{"format": 1, "tool": "test", "started": "2026-01-02T03:04:05Z"}',
        "k8s/api/v1/configmaps.json": json.dumps({"kind": "ConfigMapList", "items": [maps]}),
        "proxies/shop/web-1/ready.txt": "LIVE",
        "logs/shop/web-1/istio-proxy.log": text,
    }
    return faults(Mesh(Bundle.from_entries(entries)))


def told(found: list[Fault]) -> list[tuple[object, ...]]:
    return [(one.flags, one.code, one.cluster, one.authority, one.count, one.total, one.recent) for one in found]


def test_default_format() -> None:
    text = (
        line("03:03:00", "UF,URX")
        + line("03:03:01", "UF,URX")
        + line("03:03:02", "-", 200)
        + line("03:03:03", "-", 500)
    )
    assert told(read(text)) == [(("UF", "URX"), "503", CART, "cart", 2, 4, True)]


def test_a_failure_long_ago_is_not_now() -> None:
    assert told(read(line("01:00:00", "UH"))) == [(("UH",), "503", CART, "cart", 1, 1, False)]


def test_a_failure_that_success_followed_is_over() -> None:
    text = line("03:01:00", "UH") + line("03:03:30", "-", 200)
    assert told(read(text)) == [(("UH",), "503", CART, "cart", 1, 2, False)]
    assert told(read(text + line("03:03:40", "UH"))) == [(("UH",), "503", CART, "cart", 2, 3, True)]


def test_sides() -> None:
    server = line("03:03:00", "UF", cluster="inbound|8080||")
    refused = line("03:03:00", "NR", 0, cluster="-", authority="-")
    unknown = line("03:03:00", "NC", cluster="-")
    assert [one.inbound for one in read(server + refused + unknown)] == [True, True, False]


def test_json() -> None:
    row = {
        "start_time": "2026-01-02T03:03:00.000Z", "response_code": 503, "response_flags": "NC",
        "upstream_cluster": None, "authority": "cart:80",
    }  # fmt: skip
    assert told(read(json.dumps(row) + "\n")) == [(("NC",), "503", "", "cart:80", 1, 1, True)]


def test_a_format_of_ones_own() -> None:
    config = 'accessLogFormat: "[%START_TIME%] %RESPONSE_CODE% [%RESPONSE_FLAGS%] to=%UPSTREAM_CLUSTER%\\n"\n'
    text = f"[2026-01-02T03:03:00.000Z] 503 [UO] to={CART}\n"
    assert told(read(text, config)) == [(("UO",), "503", CART, "", 1, 1, True)]


def test_lines_of_others_are_passed_over() -> None:
    assert read("[2026-01-02T03:03:00Z] not an access line\n{broken\n\n\x00[") == []


@given(st.text(max_size=100))
def test_any_format(text: str) -> None:
    compile_format(text)


@given(st.binary(max_size=400))
def test_any_line(text: bytes) -> None:
    compile_format(DEFAULT).match(b"[" + text)
