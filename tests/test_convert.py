"""Converting: what goes, what stays byte for byte, what becomes a gap."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import captures
import pytest

from bugbundle.bundle import Bundle, open_bundle
from bugbundle.convert import convert
from bugbundle.errors import BundleError

KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n-----END PRIVATE KEY-----\n"


def secrets(value: str) -> str:
    data = {"password": base64.b64encode(value.encode()).decode(), "tls.key": base64.b64encode(KEY.encode()).decode()}
    item = {"metadata": {"name": "db", "namespace": "shop"}, "type": "Opaque", "data": data}
    return json.dumps({"kind": "SecretList", "apiVersion": "v1", "items": [item]})


def test_secrets_go_the_rest_stays(tmp_path: Path) -> None:
    pods = {
        "kind": "PodList",
        "items": [{"spec": {"containers": [{"env": [{"name": "DB_PASSWORD", "value": "hunter2-hunter2"}]}]}}],
    }
    source = {
        "bundle.json": '{"format":1,"tool":"lab","started":"2026-01-01T00:00:00Z"}',
        "k8s/api/v1/secrets.json": secrets("correct horse battery staple"),
        "k8s/api/v1/pods.json": json.dumps(pods),
        "k8s/api/v1/services.json": '{ "kind":"ServiceList",  "items" : [ ] }',
        "logs/a/b/c.log": "GET /?token=abcdefghijklmnop&x=1\nplain line\n",
    }
    made = open_bundle(convert(Bundle.from_entries(source), tmp_path / "x.tar.zst"))
    whole = b"".join(made[path] for path in made)
    for secret in (
        "correct horse",
        base64.b64encode(b"correct horse battery staple").decode(),
        "hunter2",
        "MIIEvQ",
        "abcdefghijklmnop",
    ):
        assert secret.encode() not in whole
    assert made["k8s/api/v1/services.json"] == source["k8s/api/v1/services.json"].encode()
    assert made["logs/a/b/c.log"].endswith(b"&x=1\nplain line\n")
    listed = json.loads(made["k8s/api/v1/secrets.json"])["items"][0]
    assert (listed["metadata"]["name"], sorted(listed["data"])) == ("db", ["password", "tls.key"])
    assert sum(made.manifest.redacted.values()) >= 4
    assert made.header.started.isoformat() == "2026-01-01T00:00:00+00:00"


def test_copies_of_secrets_go_from_everything_and_common_words_stay(tmp_path: Path) -> None:
    value = "correct horse battery staple"
    noted = {
        "data": {"note": f"use {value}", "same": base64.b64encode(value.encode()).decode(), "place": "db.shop.svc"}
    }
    source = {
        "k8s/api/v1/configmaps.json": json.dumps({"items": [noted], "tokenPolicy": "istio-system"}),
        "k8s/api/v1/secrets.json": secrets(value).replace('"tls.key"', '"namespace": "aXN0aW8tc3lzdGVt", "tls.key"'),
        "logs/a/b/c.log": f"istio-system db.shop.svc said {value}!\n",
    }
    made = open_bundle(convert(Bundle.from_entries(source), tmp_path / "x.tar.zst"))
    found = json.loads(made["k8s/api/v1/configmaps.json"])
    copy, encoded = found["items"][0]["data"]["note"], found["items"][0]["data"]["same"]
    assert copy.startswith("use redacted-secret-data-28-")
    assert base64.b64decode(encoded).decode() == copy.removeprefix("use ")
    assert (found["items"][0]["data"]["place"], found["tokenPolicy"]) == ("db.shop.svc", "istio-system")
    assert made["logs/a/b/c.log"].decode() == f"istio-system db.shop.svc said {copy.removeprefix('use ')}!\n"
    assert made.manifest.redacted["secret-data"] == 6


def test_converting_again_changes_nothing(tmp_path: Path) -> None:
    first = open_bundle(
        convert(Bundle.from_entries({"k8s/api/v1/secrets.json": secrets("s3cr3t-value")}), tmp_path / "a.tar.zst")
    )
    second = open_bundle(convert(first, tmp_path / "b.tar.zst"))
    assert {path: first[path] for path in first if path.startswith("k8s")} == {
        path: second[path] for path in second if path.startswith("k8s")
    }


def test_what_cannot_be_read_becomes_a_gap(tmp_path: Path) -> None:
    one = convert(Bundle.from_entries({"k8s/version.json": "{}", "logs/a/b/c.log": "x" * 9000}), tmp_path / "a.tar.zst")
    data = bytearray(one.read_bytes())
    store = open_bundle(one).store
    offset, length, *_ = store._frames[-2]
    data[offset + length - 6] ^= 0xFF
    one.write_bytes(data)
    made = open_bundle(convert(open_bundle(one), tmp_path / "b.tar.zst"))
    assert list(made.gaps) == ["logs/a/b/c.log"]
    assert "damaged" in made.gaps["logs/a/b/c.log"].reason
    assert made["k8s/version.json"] == b"{}"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "x.tar.zst"
    target.write_text("mine")
    with pytest.raises(BundleError, match="exists already"):
        convert(Bundle.from_entries({"k8s/version.json": "{}"}), target)
    assert target.read_text() == "mine"
    convert(Bundle.from_entries({"k8s/version.json": "{}"}), target, force=True)
    with pytest.raises(BundleError, match="being read"):
        convert(open_bundle(target), target, force=True)
    with pytest.raises(BundleError, match="holds nothing"):
        convert(Bundle.from_entries({}), tmp_path / "y.tar.zst")


@pytest.mark.parametrize("name", ["discovery-unreachable", "injection-broken"])
def test_captures_stay_byte_for_byte(name: str, tmp_path: Path) -> None:
    source = open_bundle(captures.bundle_folder(name))
    made = open_bundle(convert(source, tmp_path / "x.tar.zst"))
    changed = sorted(path for path in source if made[path] != source[path])
    krtz = [path for path in source if path.endswith("/debug/krtz.json")]
    assert changed == sorted(["bundle.json", "manifest.json", "k8s/api/v1/secrets.json", *krtz])
    assert made.gaps == source.gaps
    assert {path: made.entry(path).at for path in krtz} == {path: source.entry(path).at for path in krtz}
