"""A Helm release keeps what `helm list` shows, and nothing else."""

# ruff: noqa: E501

from __future__ import annotations

import base64
import gzip
import json

from bugbundle.redact.gate import Gate

SECRET = "Zq7abcDEF9xkWm4Tt1"
RELEASE = {
    "name": "shop",
    "namespace": "prod",
    "version": 3,
    "info": {"first_deployed": "2026-01-01T00:00:00Z", "status": "deployed", "description": "x", "notes": f"login {SECRET}"},
    "chart": {"metadata": {"name": "shop", "version": "1.2.3", "appVersion": "9"}, "values": {"password": SECRET}},
    "config": {"db": {"password": SECRET}},
    "manifest": f"kind: Secret\nstringData:\n  a: {SECRET}\n",
}  # fmt: skip


def packed(release: object) -> str:
    inner = base64.b64encode(gzip.compress(json.dumps(release).encode()))
    return base64.b64encode(inner).decode()


def test_a_release_keeps_chart_name_version_status_and_times() -> None:
    item = {
        "metadata": {"name": "sh.helm.release.v1.shop.v3"},
        "type": "helm.sh/release.v1",
        "data": {"release": packed(RELEASE)},
    }
    gate = Gate()
    done = gate.redact("k8s/api/v1/secrets.json", json.dumps({"kind": "SecretList", "items": [item]}).encode())
    value = json.loads(done.body)["items"][0]["data"]["release"]
    left = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(value))))
    assert left == {
        "name": "shop",
        "version": 3,
        "namespace": "prod",
        "info": {"first_deployed": "2026-01-01T00:00:00Z", "status": "deployed"},
        "chart": {"metadata": {"name": "shop", "version": "1.2.3", "appVersion": "9"}},
    }
    assert done.removed == {"helm-release": 1}
    again = Gate().redact("k8s/api/v1/secrets.json", done.body)
    assert (again.body, again.removed) == (done.body, {})


def test_what_only_looks_like_a_release_goes_whole() -> None:
    value = packed({"name": "x", "secret": SECRET})
    body = json.dumps({"kind": "SecretList", "items": [{"metadata": {}, "data": {"release": value}}]}).encode()
    left = json.loads(Gate().redact("k8s/api/v1/secrets.json", body).body)["items"][0]["data"]["release"]
    assert base64.b64decode(left).startswith(b"redacted-secret-data-")
