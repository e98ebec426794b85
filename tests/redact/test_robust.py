"""Any bytes, any mutation, any size: never an error, JSON stays JSON, a second time changes nothing."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import captures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bugbundle.redact import Redactor, StreamRedactor, redact_stream, residue
from bugbundle.redact.gate import Gate

PATHS = [
    "k8s/api/v1/secrets.json",
    "k8s/api/v1/namespaces/x/secrets.json",
    "k8s/api/v1/configmaps.json",
    "proxies/a/b/config_dump.json",
    "proxies/a/b/stats.txt",
    "logs/a/b/c.log",
    "bundle.json",
    "",
]
WORDS = [
    "password", "DB_PASSWORD", "token", "secret", "data", "stringData", "kind", "Secret", "type", "metadata", "Opaque",
    "name", "value", "inline_string", "private_key", "authorization", "Bearer ",
    "eyJhbGciOi", "://a:b@c", "--token",
    "-----BEGIN PRIVATE KEY-----", "=", ": ", "\\", '"', "\\\\\"", "\n", "&", "?sig=", "|\n  ", "abc123XYZ", "{", "}",
    "[", "]", ",", "'", " ", "redacted-token-8-0123abcd", "W3JlZGFjdGVkXQ==", "cookie", "api-key",
    "session_ticket_keys",
]  # fmt: skip

texts = st.one_of(st.text(max_size=20), st.lists(st.sampled_from(WORDS), max_size=8).map("".join))
documents = st.recursive(
    st.one_of(texts, st.integers(), st.booleans(), st.none(), texts.map(json.dumps)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(WORDS), texts), inner, max_size=5),
        st.dictionaries(st.sampled_from(WORDS), inner, max_size=3).map(json.dumps),
    ),
    max_leaves=20,
)


def same_shape(before: Any, after: Any) -> bool:
    """Equal but for the contents of strings (a URL with a password may be a key), and numbers that were passwords."""
    if isinstance(before, int | float) and isinstance(after, str):
        return not isinstance(before, bool) and after.startswith("redacted-")
    if isinstance(before, dict):
        pairs = zip(before.values(), after.values(), strict=True) if isinstance(after, dict) else [(0, "")]
        return len(before) == len(after) and all(same_shape(old, new) for old, new in pairs)
    if isinstance(before, list):
        return isinstance(after, list) and len(before) == len(after) and all(map(same_shape, before, after))
    if isinstance(before, str):
        return isinstance(after, str)
    return type(before) is type(after) and before == after


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(PATHS),
    st.one_of(st.binary(max_size=400), st.lists(st.sampled_from(WORDS), max_size=30).map("".join).map(str.encode)),
)
def test_any_bytes(path: str, body: bytes) -> None:
    redactor = Redactor(b"k" * 16)
    once = redactor.redact(path, body)
    again = redactor.redact(path, once.body)
    residue(path, body)
    assert (again.body, again.removed) == (once.body, {})
    assert (once.body is body) == (not once.removed)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([path for path in PATHS if path.endswith(".json")]), documents, st.sampled_from([None, 1, 4]))
def test_json_stays_json(path: str, document: Any, indent: int | None) -> None:
    body = json.dumps(document, indent=indent, ensure_ascii=False).encode("utf-8", "surrogatepass")
    after = Redactor().redact(path, body).body
    assert same_shape(
        json.loads(body.decode("utf-8", "surrogatepass")), json.loads(after.decode("utf-8", "surrogatepass"))
    )


HOSTILE = {
    "begins": b"-----BEGIN PRIVATE KEY-----" * 27_000,
    "begins and base64": b"-----BEGIN PRIVATE KEY-----\nAAAABBBBCCCCDDDDEEEE" * 15_000,
    "base64": b"A" * 750_000,
    "encoded keys": b"UFJJVkFURSBLRVktLS0t" * 37_500,
    "jwt": b"eyJ" + b"a" * 750_000,
    "jwts": b"eyJaaaaaaaaa." * 57_000,
    "urls": b"://a:" * 150_000,
    "url": b"://" + b"a:@" * 240_000,
    "quotes": b'"password":"' * 60_000,
    "escaped quotes": b'\\"password\\":\\"' * 49_500,
    "slashes": b"password=" + b"\\" * 750_000,
    "names": b"password" * 90_000,
    "distinct names": b",".join(b"token%d_token=" % n for n in range(40_000)),
    "blanks": b'"password"' + b" " * 750_000,
    "lines": b"password: |\n " * 57_000,
    "open objects": b'{"data":' * 90_000,
    "open arrays": b"[" * 750_000,
    "secrets": b'{"kind":"Secret","data":{' * 30_000,
    "yaml": b"kind: Secret\ndata:\n  a: b\n" * 28_500,
    "yaml deep": b"".join(b" " * (n % 300) + b"kind: Secret\n" for n in range(3_000)),
    "bearers": b"Bearer " * 105_000,
    "clients": b"curl -u mysql -p " * 45_000,
    "client and arguments": b'"args":["-p","x"],"command":["mysql","' * 19_500,
    "web keys": b'"kty":"RSA","d":"' * 45_000,
    "lists": b'"tokens":["x tokens:[", ' * 30_000,
    "lines of lists": b"- x tokens:\n" * 60_000,
    "values before": b'"value":"x","name":"token",' * 28_500,
    "values before on lines": b"value: name: token " * 39_000,
    "elements": b"<password>x" * 67_500,
    "releases": b"release: H4sI" * 57_000,
    "commas": b"," * 750_000,
    "hashes": b"$2a$" * 180_000,
}


AS_SECRETS = ("begins", "quotes", "escaped quotes", "open objects", "open arrays", "secrets", "commas")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_in_bounded_time(name: str) -> None:
    """Some 750 KB each. The slowest takes 0.7 s: what grows with the square of the size takes far longer."""
    paths = {"yaml": "logs/a/b/c.log", "yaml deep": "logs/a/b/c.log"} | dict.fromkeys(AS_SECRETS, PATHS[0])
    start = time.process_time()
    Redactor().redact(paths.get(name, "k8s/api/v1/configmaps.json"), HOSTILE[name])
    assert time.process_time() - start < 2.5


LINES = b'2026-11-21 info password=abc123XYZ x\n{"token":"abc123XYZ"}\n' + b"clean line, nothing here\n" * 40
PEM = (
    b"-----BEGIN RSA PRIVATE KEY-----\n"
    + b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0123456789abcdefghijklmnopqrs\n" * 25
    + b"-----END RSA PRIVATE KEY-----\n"
)


@pytest.mark.parametrize("size", [1000, 65_536, 3_000_000])
def test_stream_equals_the_whole(size: int) -> None:
    log = (LINES * 300 + PEM) * 12
    redactor = Redactor(b"k" * 16)
    chunks = [log[at : at + size] for at in range(0, len(log), size)]
    assert b"".join(redact_stream(redactor, "logs/a/b/c.log", chunks)) == redactor.redact("logs/a/b/c.log", log).body


def test_stream_counts_and_is_bounded() -> None:
    stream = StreamRedactor(Redactor(), "logs/a/b/c.log")
    given_bytes = got = most = 0
    for _ in range(200):
        given_bytes += len(LINES) * 40
        got += len(stream.feed(LINES * 40))
        most = max(most, given_bytes - got)
    stream.close()
    assert stream.removed == {"password": 8000, "token": 8000}
    assert most < 4 << 20


def test_endless_line_keeps_no_secret() -> None:
    line = b"x" * 700 + b" password=abc123XYZ " + b"Authorization: Bearer abc123XYZabc123XYZ, "
    text = b"".join(redact_stream(Redactor(), "logs/a/b/c.log", [line * 9000]))
    assert b"abc123XYZ" not in text
    assert len(text) > 6_000_000


def _entries(name: str) -> list[tuple[str, bytes]]:
    root = captures.bundle_folder(name)
    return [
        (path.relative_to(root).as_posix(), path.read_bytes()) for path in sorted(root.rglob("*")) if path.is_file()
    ]


GATE = Gate()
"""One for all recordings: what it finds clean in one it need not look at in the next."""


@pytest.mark.parametrize("name", [name for name in captures.NAMES if not name.startswith("scale")])
def test_recordings(name: str) -> None:
    """Every Secret value of the recording goes, in both spellings, from every entry; nothing but Secrets is touched."""
    entries = _entries(name)
    values: set[bytes] = set()
    for item in json.loads(dict(entries)["k8s/api/v1/secrets.json"])["items"]:
        for encoded in (item.get("data") or {}).values():
            plain = base64.b64decode(encoded)
            if len(plain) >= 8 and not plain.startswith(b"-----BEGIN CERTIFICATE"):
                values |= {plain, encoded.encode(), plain.replace(b"\n", b"\\n"), base64.b64encode(encoded.encode())}
    assert values
    touched = set()
    left = []
    for path, body in sorted(entries, key=lambda entry: "secrets" not in entry[0]):
        result = GATE.redact(path, body)
        left.append(result.body)
        if result.removed:
            touched.add((path.rsplit("/", 1)[-1], tuple(result.removed)))
            assert same_shape(json.loads(body), json.loads(result.body))
    whole = b"\0".join(left)
    assert not [value for value in values if value in whole]
    assert touched == {("secrets.json", ("secret-data",)), ("krtz.json", ("secret-data",))}
