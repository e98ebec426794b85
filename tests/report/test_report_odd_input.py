"""Any JSON in any entry gives a page and a text, never an exception."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from report_cases import RULE_LIST

from bugbundle.analysis import analyze
from bugbundle.bundle import Bundle
from bugbundle.report.formats import FORMATS, render
from bugbundle.report.html import render as page

WORDS = re.findall(
    r"\S+",
    """
    items metadata name namespace labels ownerReferences kind certificates ca_cert cert_chain serial_number valid_from
    expiration_time subject_alt_names uri certChain rootCerts identity validFrom expirationTime serialNumber version
    istioVersion workloads status containerStatuses ready image data tls.crt proxy cluster_sent cluster_acked configs
    entries gaps path size at redacted started finished app istiod
    """,
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=12),
    st.sampled_from(["2026-11-20T18:03:11Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "ztunnel", "ReplicaSet"]),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(WORDS), inner, max_size=5)),
    max_leaves=12,
)
PATHS = (
    "k8s/api/v1/pods.json",
    "k8s/api/v1/namespaces.json",
    "k8s/api/v1/secrets.json",
    "k8s/apis/networking.istio.io/v1/gateways.json",
    "proxies/shop/web/config_dump.json",
    "proxies/shop/web/certs.json",
    "ztunnel/istio-system/z/config_dump.json",
    "istiod/istio-system/i/debug/syncz.json",
    "istiod/istio-system/i/debug/config_dump/web.shop.json",
    "istiod/istio-system/i/version.txt",
)


def wrapped(path: str, value: Any) -> Any:
    """Odd values where they are looked at: inside a list of Kubernetes, inside a page's own members."""
    if path.startswith("k8s/"):
        return {
            "items": [value, {"metadata": value}, {"metadata": {"name": "web", "namespace": "shop"}, "data": value}]
        }
    if path.endswith(("certs.json", "config_dump.json")):
        return {"certificates": [value], "version": value, "workloads": value, "configs": [value]}
    return value


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(PATHS), VALUES, max_size=4), st.sampled_from(FORMATS), st.booleans())
def test_odd_recordings(values: dict[str, Any], form: str, inside: bool) -> None:
    entries = {path: json.dumps(wrapped(path, value) if inside else value) for path, value in values.items()}
    entries["bundle.json"] = json.dumps({"format": 1, "started": "2026-11-20T18:03:11Z"})
    analysis = analyze(Bundle.from_entries(entries), RULE_LIST)
    assert page(analysis).startswith("<!doctype html>")
    assert render(analysis, form).strip()
