"""Secrets planted anywhere, in any spelling, beside harmless values that look like them: those go, these stay."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bugbundle.redact import Redactor
from bugbundle.redact.gate import Gate

PATHS = ["k8s/api/v1/pods.json", "k8s/api/v1/configmaps.json", "proxies/a/b/config_dump.json",
         "istiod/a/b/debug/configz.json"]  # fmt: skip
STANDIN = re.compile(
    rb"(?:\\*\"(?=redacted-password))?redacted-[a-z-]+-\d+-[0-9a-f]{8}|cmVkYWN0ZWQt[A-Za-z0-9+/]+={0,2}|W3JlZGFjdGVkXQ=="
)
LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
secrets = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["Zq7", "k9X", "0aB"]),
    st.text(LETTERS + "0123456789", min_size=6, max_size=18),
    st.sampled_from(["-", "_", ".", "+", "", "!"]),
    st.text(LETTERS, min_size=3, max_size=8),
)
harmless = st.builds("h{}{}".format, st.text("abcdefgh", min_size=5, max_size=9), st.integers(10, 99))


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def pem(secret: str) -> str:
    body = base64.b64encode((secret * 9).encode()).decode()
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return f"-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n"


def cert(word: str) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{b64(word * 9)}\n-----END CERTIFICATE-----\n"


def jwt(secret: str) -> str:
    header, claims = (b64(json.dumps(part)).rstrip("=") for part in ({"alg": "RS256"}, {"sub": secret}))
    return f"{header}.{claims}.{b64(secret * 2).rstrip('=')}"


SECRETS: list[Any] = [
    lambda s: {"password": s},
    lambda s: {"dbPassword": s, "port": 5432},
    lambda s: {"env": [{"name": "DB_PASSWORD", "value": s}]},
    lambda s: {"env": [{"value": s, "name": "API_TOKEN"}]},
    lambda s: {"tokens": [s, "x" + s]},
    lambda s: {"passwords": [s]},
    lambda s: {"args": ["--password", s, "-v"]},
    lambda s: {"args": ["--token=" + s]},
    lambda s: {"command": ["curl", "-u", "bob:" + s, "http://svc:80"]},
    lambda s: {"command": ["sh", "-c", f"PASSWORD={s} run"]},
    lambda s: {"command": ["sh", "-c", f"curl -s --user=bob:{s} http://svc:80"]},
    lambda s: {"command": ["mysql", "-uroot", "-p" + s]},
    lambda s: {"command": ["redis-cli", "-a", s, "ping"]},
    lambda s: {"url": f"postgres://app:{s.replace('+', '.')}@db:5432/app"},
    lambda s: {"url": f"http://svc/path?a=1&access_token={s.replace('+', '.')}&b=2"},
    lambda s: {"request": {"set": {"authorization": "Bearer " + s.replace("!", "9")}}},
    lambda s: {"request": {"add": {"cookie": "session=" + s}}},
    lambda s: {"header": {"key": "x-api-key", "value": s}},
    lambda s: {"initial_metadata": [{"value": s, "key": "x-token"}]},
    lambda s: {"client_secret": {"inline_string": s}},
    lambda s: {"private_key": {"inline_bytes": b64(s)}},
    lambda s: {"inlineCode": f'handle:headers():add("x-api-key", "{s}")\n'},
    lambda s: {"kind": "Secret", "data": {"any": b64(s)}},
    lambda s: {"kind": "Secret", "stringData": {"any": s}},
    lambda s: {"auths": {"r.io": {"auth": b64("bob:" + s)}}},
    lambda s: {"any": jwt(s)},
    lambda s: {"any": pem(s)},
    lambda s: {"any": b64(pem(s))},
    lambda s: {"any": b64(b64(pem(s)))},
    lambda s: {"any": f"user: bob\npassword: {s}\nport: 1\n"},
    lambda s: {"any": f"[db]\npassword = {s}\nuser = bob\n"},
    lambda s: {"any": f"user: bob\ntokens:\n- {s}\nport: 1\n"},
    lambda s: {"any": f"<a><password>{s}</password></a>"},
    lambda s: {"any": f"export API_TOKEN='{s}'; run"},
    lambda s: {"any": f"we use {s} here"},
    lambda s: {"any": b64(s)},
]  # fmt: skip
HARMLESS: list[Any] = [
    lambda h: {"tokenAudience": h, "secretName": h, "credentialName": h, "passwordPolicy": h},
    lambda h: {"env": [{"name": "JWT_POLICY", "value": h}, {"name": "PILOT_CERT_PROVIDER", "value": h}]},
    lambda h: {"env": [{"name": "PASSWORD_FILE", "value": "/etc/" + h}]},
    lambda h: {"env": [{"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": h, "key": h}}}]},
    lambda h: {"automountServiceAccountToken": True, "serviceAccountToken": {"audience": h, "path": h}},
    lambda h: {"token_path": "/var/run/secrets/" + h, "max_tokens": 100000, "sha256": h * 5, "version_info": h},
    lambda h: {"command": ["docker", "run", "-p", "8080:80", h], "args": ["-u", "1000:1000", h]},
    lambda h: {"containers": [{"name": "curl", "image": "docker.io/mysql:" + h}]},
    lambda h: {"trusted_ca": {"inline_bytes": b64(cert(h))}, "caBundle": b64(cert(h)), "pem": cert(h)},
    lambda h: {"keys": [{"kty": "RSA", "kid": h, "e": "AQAB", "n": h * 9}]},
    lambda h: {"name": "kubernetes://" + h, "sds_config": {"ads": {}}},
    lambda h: {"watches": {"type.googleapis.com/istio.security.Authorization": ["ns/" + h]}},
    lambda h: {"imagePullSecrets": [{"name": h}], "secrets": [h]},
    lambda h: {"note": f"secret {h} not found; the token of {h} is missing", "checksum/secret": h},
    lambda h: {"uri": f"spiffe://cluster.local/ns/{h}/sa/{h}", "url": f"http://{h}.svc:8080/token"},
    lambda h: {"headers": {"cookie": {"regex": "^(.*)$"}, "remove": ["authorization", h]}},
]  # fmt: skip


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, min_size=1, max_size=3),
        st.dictionaries(st.sampled_from(["spec", "items", "a.b/c", "config"]), inner, min_size=1, max_size=3),
        inner.map(lambda value: {"last-applied": json.dumps(value)}),
        inner.map(lambda value: {"last-applied": json.dumps(value, indent=2) + "\n"}),
        inner.map(lambda value: {"file.yaml": yaml.safe_dump(value, width=4000, sort_keys=False)}),
    )


@st.composite
def recordings(draw: st.DrawFn) -> tuple[list[bytes], str, list[str]]:
    """Some entries, the secret in them, the harmless words in them."""
    secret = draw(secrets)
    words = draw(st.lists(harmless, min_size=1, max_size=3))
    planted = st.sampled_from(SECRETS).map(lambda plant: plant(secret))
    kept = st.builds(lambda plant, word: plant(word), st.sampled_from(HARMLESS), st.sampled_from(words))
    documents = draw(st.lists(st.recursive(st.one_of(planted, kept), nested, max_leaves=6), min_size=1, max_size=3))
    style = draw(st.sampled_from([{"indent": 1}, {"indent": 4}, {"separators": (",", ":")}, {}]))
    return [json.dumps(document, **style).encode() for document in documents * 2], secret, words


def spellings(secret: str) -> list[bytes]:
    key = base64.b64encode((secret * 9).encode())[:40]
    twice = base64.b64encode(b64(secret).encode())
    return [secret.encode(), b64(secret).rstrip("=").encode()[:-2], twice.rstrip(b"=")[:-3], key]


def gate_for(secret: str) -> Gate:
    gate = Gate()
    item = {"metadata": {"name": "s"}, "type": "Opaque", "data": {"password": b64(secret)}}
    gate.learn("k8s/api/v1/secrets.json", json.dumps({"kind": "SecretList", "items": [item]}).encode())
    return gate


def check(gate: Gate, path: str, body: bytes, secret: str, words: list[str]) -> bytes:
    """Redacts: the secret is gone in all spellings, what was cut held no harmless word, all else is as before."""
    out = gate.redact(path, body).body
    assert not [spelled for spelled in spellings(secret) if spelled in out]
    kept = STANDIN.split(out)
    place = 0
    for number, piece in enumerate(kept):
        found = body.find(piece, place) if number else 0
        assert body[found : found + len(piece)] == piece
        assert not [word for word in words if word.encode() in body[place:found]]
        place = found + len(piece)
    assert kept[-1] == b"" or body.endswith(kept[-1])
    for word in words:
        assert out.count(word.encode()) == body.count(word.encode())
    assert Redactor().redact(path, out).body == out
    return out


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(recordings(), st.sampled_from(PATHS))
def test_json(recording: tuple[list[bytes], str, list[str]], path: str) -> None:
    bodies, secret, words = recording
    gate = gate_for(secret)
    for body in bodies:
        json.loads(check(gate, path, body, secret, words))


LINES: list[Any] = [
    lambda s: f"2026-11-20T18:03:11Z info login password={s} user=bob",
    lambda s: f'level=info msg="x" token={s} user=bob',
    lambda s: f"GET /x?access_token={s.replace('+', '.')}&y=1 HTTP/1.1",
    lambda s: f"Authorization: Bearer {s.replace('!', '9')}",
    lambda s: f"> cookie: session={s}; a=b",
    lambda s: f'{{"level":"info","password":"{s}","user":"bob"}}',
    lambda s: f"run curl -u bob:{s} http://svc",
    lambda s: f"dial postgres://bob:{s.replace('+', '.')}@db:5432 failed",
    lambda s: f"got {jwt(s)} from issuer",
    lambda s: pem(s),
    lambda s: f"value {s} was wrong",
    lambda s: f"value {b64(s)} was wrong",
]
KEPT: list[Any] = [
    lambda h: f"2026-11-20T18:03:11Z info ads Push debounce stable[1] for config Secret/{h}/x: 100ms",
    lambda h: f"warn secret {h} not found, token path /var/run/{h}, credentialName={h}",
    lambda h: f'[2026-11-20] "GET /token HTTP/1.1" 401 - "curl/8.10.1" "{h}:80" outbound|80||{h}.svc',
    lambda h: f"x-forwarded-client-cert: By=spiffe://a/ns/{h}/sa/b;Hash={h}",
]


@settings(max_examples=200, deadline=None)
@given(st.data(), secrets, st.lists(harmless, min_size=1, max_size=3))
def test_log(data: st.DataObject, secret: str, words: list[str]) -> None:
    planted = st.sampled_from(LINES).map(lambda plant: plant(secret))
    kept = st.builds(lambda plant, word: plant(word), st.sampled_from(KEPT), st.sampled_from(words))
    lines = data.draw(st.lists(st.one_of(planted, kept), min_size=1, max_size=8))
    check(gate_for(secret), "logs/a/b/c.log", ("\n".join(lines) + "\n").encode(), secret, words)


@pytest.mark.parametrize("plant", [*SECRETS, *LINES])
@pytest.mark.parametrize("indent", [None, 2])
def test_each_place(plant: Any, indent: int | None) -> None:
    """Every place by itself, without the copies being known but for the last two, which nothing else gives away."""
    secret = "Zq7hunter2-Trdor"
    value = plant(secret)
    path, body = ("logs/a/b/c.log", value) if isinstance(value, str) else (PATHS[0], json.dumps(value, indent=indent))
    if not any(
        text in body for text in (f"use {secret}", f"value {secret}", f"value {b64(secret)}", f': "{b64(secret)}"')
    ):
        check(Gate(), path, body.encode(), secret, [])
    check(gate_for(secret), path, body.encode(), secret, [])
