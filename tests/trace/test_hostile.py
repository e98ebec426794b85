"""Configuration of a shape that Envoy's API does not have ends in an ending, never in a traceback."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bugbundle.bundle import Bundle
from bugbundle.mesh import Mesh
from bugbundle.trace import Ending, Request, walk

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from oracle import made

ENTRY = "proxies/made/gateway/config_dump.json"
ODD = st.sampled_from([None, "", "x", 0, -1, 1.5, True, [], {}, [{}], {"a": 1}, ["x"], "10.0.0.0", "(", 10**15])
POD = {
    "kind": "PodList", "apiVersion": "v1",
    "items": [{"metadata": {"name": "gateway", "namespace": "made"}, "status": {"podIP": "10.0.0.7"},
               "spec": {"containers": [{"name": "istio-proxy"}]}}],
}  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values in JSON."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return found + [place for key, item in items for place in places(item, (*path, key))]


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(0, 5))
def test_any_value_may_be_odd(data: st.DataObject, seed: int) -> None:
    dump = json.loads(made.mesh(f"made-{seed}").bundle[ENTRY])
    listener = dump["configs"][1]
    for place in data.draw(st.lists(st.sampled_from(places(listener)), min_size=1, max_size=4)):
        here = listener
        try:
            for key in place[:-1]:
                here = here[key]
            here[place[-1]] = data.draw(ODD)
        except (IndexError, KeyError, TypeError):
            continue
    entries = {ENTRY: json.dumps(dump).encode(), "k8s/api/v1/pods.json": json.dumps(POD).encode()}
    for port in (8080, 9090, 443):
        asked = Request.of("", f"http://a.example.com:{port}/api?q=red", headers=[("x-color", "red")], to_ip="10.0.0.7")
        assert walk(Mesh(Bundle.from_entries(entries)), asked).ending in Ending
