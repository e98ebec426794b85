"""istiod's debug pages from a recording."""

from __future__ import annotations

import json

from small_mesh import ENTRIES, ISTIOD, SYNCZ, pages

from bugbundle.bundle import Bundle
from bugbundle.replay.pages import Page, Pages

HOME = "istiod/istio-system/istiod-1/"


def get(target: str, port: int = 15014) -> Page:
    return pages().answer(*ISTIOD, port, "GET", target)


def test_debug_pages_on_both_ports() -> None:
    for port in (15014, 8080):
        assert get("/debug/syncz", port).body == ENTRIES[HOME + "debug/syncz.json"].encode()
        assert get("//version", port).body == b"1.29.6-abc-Clean"
    assert get("/scopej", 9876).body == get("/scopej/", 9876).body == b'[{"name":"ads"}]'


def test_pretty_is_gos_indent() -> None:
    assert get("/debug/mesh?pretty").body == b'{\n  "a": [\n    1,\n    {}\n  ],\n  "b": "<"\n}'


def test_syncz_of_one_namespace() -> None:
    assert json.loads(get("/debug/syncz?namespace=shop").body) == SYNCZ[:1]
    assert get("/debug/syncz?namespace=nosuch").body == b"[]"


def test_pages_about_one_proxy() -> None:
    recorded = ENTRIES[HOME + "debug/config_dump/web.shop.json"].encode()
    assert get("/debug/config_dump?proxyID=web.shop").body == recorded
    assert get("/debug/config_dump?proxyID=web.sho").body == recorded
    assert get("/debug/config_dump").status == 400
    assert get("/debug/config_dump?proxyID=other.shop").status == 404
    lost = get("/debug/config_dump?proxyID=lost.shop")
    assert (lost.status, lost.body.endswith(b"Proxy not connected.\n")) == (404, True)
    assert b"nobody asked" in get("/debug/edsz?proxyID=web.shop").body


def test_the_manifest_names_pages_that_the_layout_does_not_know() -> None:
    path = HOME + "novel.bin"
    entry = {"path": path, "target": "istiod istiod-1.istio-system:15099", "request": "GET /novel?b=2&a", "status": 200}
    manifest = json.dumps({"format": 1, "entries": [entry], "gaps": []})
    some = Pages(Bundle.from_entries({path: "new", "manifest.json": manifest}))
    assert some.answer(*ISTIOD, 15099, "GET", "/novel?a=&b=2").body == b"new"
    assert 15099 in some.ports(*ISTIOD)
