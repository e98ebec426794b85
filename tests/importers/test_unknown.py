"""Files of something else, damaged and hostile ones: what is said of them; never a traceback."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
from pathlib import Path

import layouts
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bugbundle.analysis import analyze
from bugbundle.errors import BundleError
from bugbundle.importers import open_recording


def said(path: Path) -> str:
    with pytest.raises(BundleError) as caught:
        open_recording(path)
    return caught.value.what


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "looks like a picture (PNG)"),
        (b"age-encryption.org/v1\n-> X25519", "is encrypted"),
        (b"-----BEGIN PGP MESSAGE-----\n", "looks like a file encrypted with PGP"),
        (b"Salted__" + bytes(40), "looks like a file encrypted with OpenSSL"),
        (b"\x7fELF" + bytes(60), "looks like a program or a core dump (ELF)"),
        (bytes(range(256)), "looks like binary data"),
        (b"Dear all, it does not work.\n", "is a file in which nothing is known"),
        (b"", "is a file in which nothing is known"),
        (gzip.compress(b"Dear all"), "is a file in which nothing is known"),
        (b"\x1f\x8bnonsense", "is damaged gzip (BadGzipFile)"),
        (layouts.tar({"manifest.json": b"[]", "a1/layer.tar": b"x"}), "looks like an image of Docker or OCI"),
        (layouts.zipped({"a.png": b"\x89PNG", "b.png": b"\x89PNG"}), "looks like pictures"),
        (layouts.tar({"main.go": b"package main", "go.mod": b"module x"}), "looks like source code or a Helm chart"),
    ],
)
def test_what_something_else_looks_like(body: bytes, what: str, tmp_path: Path) -> None:
    path = tmp_path / "thing"
    path.write_bytes(body)
    assert said(path) == what


def test_folders(tmp_path: Path) -> None:
    assert said(tmp_path) == "is an empty folder"
    (tmp_path / "note.txt").write_text("hello")
    assert said(tmp_path) == "is a folder in which nothing is known (1 files, the first 'note.txt')"


def test_a_zip_with_a_password(tmp_path: Path) -> None:
    body = bytearray(layouts.zipped({"cluster/crs": b"x" * 100}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        body[body.index(mark) + offset] |= 1
    (tmp_path / "z").write_bytes(body)
    assert said(tmp_path / "z") == "is an encrypted zip"


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bugbundle.importers.unpack.FREE", 1 << 20)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("namespaces/a/core/pods.yaml")
        info.size = 64 << 20
        archive.addfile(info, io.BytesIO(bytes(64 << 20)))
    (tmp_path / "bomb").write_bytes(lzma.compress(out.getvalue(), preset=0))
    assert said(tmp_path / "bomb") == "unpacks to more than is believed"


POD = (
    b"apiVersion: v1\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata:\n    name: a\n    namespace: shop\n"
    b"kind: List\n"
)
SEEDS = (
    {
        "cluster/k8s-resources": POD,
        "cluster/crs": b"apiVersion: v1\nitems: []\nkind: List\n",
        "cluster/events": b"NAMESPACE   LAST SEEN   TYPE     REASON   OBJECT   SUBOBJECT   SOURCE   MESSAGE   COUNT\n"
        b"shop        3m5s        Normal   Pulled   pod/a                kubelet  pulled    3\n",
        "proxies/shop/a/clusters": b"x::observability_name::x\nx::10.0.0.1:80::weight::1\n",
        "proxies/shop/a/config_dump?include_eds": b'{"configs":[{"@type":"type.googleapis.com/envoy.admin.v3.X"}]}',
        "istio/istio-system/istiod-1/debug/syncz": b'[{"proxy":"a.shop","cluster_id":"K"}]',
    },
    {
        "namespaces/shop/core/pods.yaml": b"---\napiVersion: v1\nitems:\n- metadata:\n    name: a\nkind: PodList\n",
        "cluster-scoped-resources/core/nodes/n.yaml": b"---\napiVersion: v1\nkind: Node\nmetadata:\n  name: n\n",
        "namespaces/istio-system/default/debug-syncz.json": b"[]",
        "timestamp": b"2026-11-21 02:27:24.1 +0000 UTC m=+0.1\n",
    },
    {
        "k8shark-capture/metadata.json": b'{"capture_id":"x","format_version":2}',
        "k8shark-capture/index.json": b'{"entries":{"/api/v1/pods":{"seqs":[0]}}}',
        "k8shark-capture/records/5b6e6f5f5b3b7b0d/0.json": b'{"response_body":{}}',
    },
    {
        "pods.yaml": POD,
        "a.log": b"2026-11-21T01:27:40.492447Z\tinfo\tFLAG: x\n",
        "s.txt": b"NAME    CLUSTER  CDS    LDS     EDS     RDS\na.shop  K        STALE  SYNCED  SYNCED  NOT SENT\n",
    },
    {
        "dump.txt": b'{"kind":"PodList","apiVersion":"v1","items":[]}\n'
        b"==== START logs for container c of pod shop/a ====\n"
        b"x\n==== END logs for container c of pod shop/a ====\n"
    },
    {
        "cluster-resources/pods/shop.json": b'{"kind":"PodList","apiVersion":"v1","items":null}',
        "cluster-resources/pods-errors.json": b'{"x":"forbidden"}',
    },
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """An archive of one of the layouts, some bytes of some files and of the archive changed, cut or doubled."""
    files = dict(draw(st.sampled_from(SEEDS)))
    for name in draw(st.lists(st.sampled_from(sorted(files)), max_size=3)):
        body = bytearray(files[name])
        for _ in range(draw(st.integers(0, 4))):
            place = draw(st.integers(0, max(len(body) - 1, 0)))
            body[place : place + draw(st.integers(0, 3))] = draw(st.binary(max_size=4))
        files[name] = bytes(body)
    if draw(st.booleans()):
        files[draw(st.text(max_size=20)).replace("\0", "") or "x"] = draw(st.binary(max_size=60))
    made = bytearray(
        layouts.tar(files, draw(st.sampled_from(["", "gz"]))) if draw(st.booleans()) else layouts.zipped(files)
    )
    if draw(st.integers(0, 3)) == 0:
        made = made[: draw(st.integers(0, len(made)))]
    for _ in range(draw(st.integers(0, 2))):
        if made:
            made[draw(st.integers(0, len(made) - 1))] = draw(st.integers(0, 255))
    return bytes(made)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated())
def test_mutated_archives_end_in_an_answer_or_an_error_of_ours(body: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "archive"
        path.write_bytes(body)
        try:
            opened = open_recording(path)
        except BundleError:
            return
        for name in opened:
            try:
                assert isinstance(opened[name], bytes)
            except BundleError:
                continue
        assert analyze(opened).broken == []
