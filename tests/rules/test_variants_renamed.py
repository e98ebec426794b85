"""Broken meshes under other names: namespaces, workloads, revision. The diagnoses stay the same."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from variants import recordings

from bugbundle.analysis import Analysis, analyze
from bugbundle.bundle import Bundle

NAMES = (
    (rb"istio-system", rb"mesh-ctl"),
    (rb"bookinfo", rb"acme"),
    (rb"ambient-app", rb"harbour"),
    (rb"ambient-two", rb"harbour-b"),
    (rb"\bshop\b", rb"mall"),
    (rb"\blegacy\b", rb"oldies"),
    (rb"gw-api", rb"doors"),
    (rb"\breviews\b", rb"opinions"),
    (rb"\bratings\b", rb"scores"),
    (rb'(?<![_\w])details(?!"\s*:|_|\w)', rb"facts"),
    (rb"\bproductpage\b", rb"frontend"),
    (rb"\btoolbox\b", rb"probe"),
    (rb"\binj-", rb"zz-"),
)
REVISIONED = {name: f"{name}-1-29-6" for name in ("istiod", "istio", "istio-sidecar-injector")}
"""What an installation with a revision calls istiod's objects."""


def with_revision(path: str, body: bytes) -> bytes:
    """A list of Kubernetes objects as it is where istiod was installed with revision 1-29-6 (tag: default)."""
    body = re.sub(rb"\bistiod-(?=[0-9a-f]{8,10}(-[a-z0-9]{5})?\b)", rb"istiod-1-29-6-", body)
    body = re.sub(rb"\bistiod(?=\.istio-system\.svc)", rb"istiod-1-29-6", body)
    if not (path.startswith("k8s/") and path.endswith(".json")):
        return body
    found = json.loads(body)
    for item in found.get("items") or []:
        _object(item)
    return json.dumps(found).encode()


def _object(item: dict[str, Any]) -> None:
    meta, spec = item.get("metadata", {}), item.get("spec") or {}
    labels = meta.get("labels") or {}
    if meta.get("namespace") == "istio-system" or "webhooks" in item:
        meta["name"] = REVISIONED.get(meta.get("name"), meta.get("name"))
    if labels.get("app") in ("istiod", "sidecar-injector") and labels.get("istio.io/rev") == "default":
        labels["istio.io/rev"] = "1-29-6"
    if labels.get("kubernetes.io/service-name") == "istiod":
        labels["kubernetes.io/service-name"] = REVISIONED["istiod"]
    if isinstance(spec.get("selector"), dict) and spec["selector"].get("istio.io/rev") == "default":
        spec["selector"]["istio.io/rev"] = "1-29-6"
    for variable in (one for part in spec.get("containers") or [] for one in part.get("env") or []):
        if variable.get("name") == "REVISION":
            variable["value"] = "1-29-6"
    for owner in meta.get("ownerReferences") or []:
        owner["name"] = REVISIONED.get(owner["name"], owner["name"])
    for hook in item.get("webhooks") or []:
        service = hook.get("clientConfig", {}).get("service") or {}
        service["name"] = REVISIONED.get(service.get("name"), service.get("name"))


def renamed(entries: dict[str, bytes]) -> dict[str, bytes]:
    found = {}
    for path, body in entries.items():
        path = re.sub(r"\bistiod-(?=[0-9a-f]{8,10}-[a-z0-9]{5})", "istiod-1-29-6-", path)
        name, body = path.encode(), with_revision(path, body)
        for old, new in NAMES:
            name, body = re.sub(old, new, name), re.sub(old, new, body)
        found[name.decode()] = body
    return found


def told(found: Analysis) -> list[tuple[str, str, list[str]]]:
    """Code, kind of the object at fault and consequences of every diagnosis."""
    return [
        (one.cause.code, one.cause.origin.kind, sorted(item.code for item in one.consequences))
        for one in found.diagnoses
    ]


BROKEN = ("injection-broken", "missing-subset", "mtls-conflict", "nack-envoyfilter", "stale-proxy", "waypoint-missing")


@pytest.mark.parametrize("name", ("healthy", *BROKEN))
def test_names_do_not_matter(name: str) -> None:
    here = analyze(Bundle.from_entries(recordings(name)))
    there = analyze(Bundle.from_entries(renamed(recordings(name))))
    assert there.broken == []
    assert told(there) == told(here)
    assert bool(told(here)) == (name != "healthy")
