"""A bundle you can trust: written, read, cut, changed, and forged."""

from __future__ import annotations

import io
import subprocess
import tarfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bugbundle.bundle import FORMAT, Bundle, BundleWriter, Entry, Gap, Header, open_bundle
from bugbundle.bundle.verify import verify
from bugbundle.errors import BundleError
from bugbundle.redact.gate import Gate

STARTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

DUMP = (
    b'{"configs":[{"@type":"type.googleapis.com/envoy.admin.v3.ClustersConfigDump","dynamic_active_clusters":['
    b'{"version_info":"v1","cluster":{"@type":"type.googleapis.com/envoy.config.cluster.v3.Cluster","name":"a"}},'
    b'{"version_info":"v1","cluster":{"@type":"type.googleapis.com/envoy.config.cluster.v3.Cluster","name":"b"}}]}]}'
)

CONTENT = {
    "k8s/version.json": b'{"gitVersion":"v1.30.0"}',
    "k8s/api/v1/pods.json": b'{"kind":"PodList","apiVersion":"v1","items":[]}',
    "istiod/istio-system/istiod-0/debug/config_dump/web.shop.json": DUMP,
    "proxies/shop/web/config_dump.json": DUMP.replace(b'"b"', b'"c"'),
    "proxies/shop/web/ready.txt": b"LIVE\n",
    "logs/shop/web/istio-proxy.log": b"one\ntwo\n" * 5000,
}


def write(path: Path, content: dict[str, bytes] = CONTENT) -> Path:
    with BundleWriter(path, Header(FORMAT, "test", STARTED, ("c1",)), Gate()) as writer:
        for name, body in content.items():
            writer.add(Entry(name, 0, target="t", request="GET /", at=STARTED), body)
        writer.gap(Gap("proxies/shop/api/config_dump.json", "proxy api.shop:15000", "GET /config_dump", 0, "timeout"))
    return path


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("bundle") / "a.tar.zst")


def entries(bundle: Bundle) -> dict[str, bytes]:
    return {name: bundle[name] for name in bundle if name not in ("bundle.json", "manifest.json")}


def test_what_was_written_is_read(archive: Path) -> None:
    bundle = open_bundle(archive)
    assert entries(bundle) == CONTENT
    assert bundle.notes == []
    assert bundle.started == STARTED
    assert bundle.gaps["proxies/shop/api/config_dump.json"].reason == "timeout"
    assert bundle.entry("k8s/version.json").request == "GET /"
    assert list(verify(bundle)) == []
    assert (archive.stat().st_mode & 0o777) == 0o600


def test_tar_reads_it(archive: Path, tmp_path: Path) -> None:
    listed = subprocess.run(["tar", "--zstd", "-tf", archive], check=True, capture_output=True, text=True).stdout
    assert sorted(listed.split()) == sorted([*CONTENT, "bundle.json", "manifest.json"])
    subprocess.run(["tar", "--zstd", "-xf", archive, "-C", tmp_path], check=True)
    assert entries(open_bundle(tmp_path)) == CONTENT


def test_tar_written_by_others_is_read(archive: Path, tmp_path: Path) -> None:
    folder = tmp_path / "case"
    folder.mkdir()
    subprocess.run(["tar", "--zstd", "-xf", archive, "-C", folder], check=True)
    again = tmp_path / "again.tar.zst"
    subprocess.run(["tar", "--zstd", "-cf", again, "-C", tmp_path, "case"], check=True)
    assert entries(open_bundle(again)) == CONTENT


def test_the_index_says_what_the_dumps_say(archive: Path) -> None:
    bundle = open_bundle(archive)
    stored = bundle.store.xds_index(bundle.__getitem__)
    assert stored is not None
    for path in stored._packed:
        fresh = Bundle.from_entries({path: bundle[path]}).xds_index()
        rows, again = stored.rows(path), fresh.rows(path)
        assert [(stored.bodies[n].name, stored.bodies[n].meaning) for n in rows.bodies] == [
            (fresh.bodies[n].name, fresh.bodies[n].meaning) for n in again.bodies
        ]
        assert [stored.body_text(n) for n in rows.bodies] == [fresh.body_text(n) for n in again.bodies]


def test_never_overwritten(archive: Path) -> None:
    with pytest.raises(BundleError, match="exists already"):
        write(archive)


def test_recorded_twice(tmp_path: Path) -> None:
    with BundleWriter(tmp_path / "x.tar.zst", Header(FORMAT, "t", STARTED), Gate()) as writer:
        writer.add(Entry("k8s/a.json", 0), b"{}")
        with pytest.raises(BundleError, match="twice"):
            writer.add(Entry("k8s/A.json", 0), b"{}")


def cut_points(size: int) -> list[int]:
    return sorted({*range(0, size, max(size // 60, 1)), size - 1, size - 40, size - 80, 1, 5, 17})


def test_cut_anywhere_opens_or_says_so(archive: Path, tmp_path: Path) -> None:
    data = archive.read_bytes()
    first = sum(open_bundle(archive).store._frames[0][:2])
    seen = []
    for point in cut_points(len(data)):
        part = tmp_path / "cut.tar.zst"
        part.write_bytes(data[:point])
        try:
            bundle = open_bundle(part)
        except BundleError as error:
            assert point <= first, (point, error)
            continue
        read = entries(bundle)
        assert all(CONTENT[name] == body for name, body in read.items())
        assert bundle.notes or read == CONTENT
        seen.append(len(read))
    assert seen == sorted(seen)
    assert seen[-1] == len(CONTENT)


def test_unfinished_capture(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.zst"
    with pytest.raises(KeyboardInterrupt), BundleWriter(path, Header(FORMAT, "t", STARTED), Gate()) as writer:
        for name, body in CONTENT.items():
            writer.add(Entry(name, 0), body)
        raise KeyboardInterrupt
    bundle = open_bundle(path)
    assert entries(bundle) == CONTENT
    assert any("cut off" in note for note in bundle.notes)


def test_any_byte_changed_is_right_or_named(archive: Path, tmp_path: Path) -> None:
    data = bytearray(archive.read_bytes())
    silent = []
    for place in range(0, len(data), 7):
        data[place] ^= 0x5A
        part = tmp_path / "bad.tar.zst"
        part.write_bytes(data)
        data[place] ^= 0x5A
        try:
            bundle = open_bundle(part)
        except BundleError:
            continue
        wrong = []
        for name in CONTENT:
            try:
                if bundle[name] != CONTENT[name]:
                    wrong.append(name)
            except (KeyError, BundleError):
                assert bundle.notes or list(verify(bundle)), (place, name)
        if wrong:
            silent.append((place, wrong))
    assert silent == []


def test_damage_costs_only_its_own_frame(archive: Path, tmp_path: Path) -> None:
    data = bytearray(archive.read_bytes())
    whole = open_bundle(archive)
    offset, length, raw, raw_length = whole.store._frames[2]
    data[offset + length // 2] ^= 0xFF
    part = tmp_path / "bad.tar.zst"
    part.write_bytes(data)
    bundle = open_bundle(part)
    lost = {path for path, reason in verify(bundle)}
    inside = {n for n, start, size, _ in whole.store._places_by_name.values() if raw <= start < raw + raw_length}
    assert lost == inside
    part.write_bytes(data[: -directory_size()])
    again = open_bundle(part)
    assert {name for name in CONTENT if name not in inside} <= set(again)


def directory_size() -> int:
    from bugbundle.bundle.directory import TRAILER_SIZE

    return TRAILER_SIZE


def pack(members: list[tarfile.TarInfo | tuple[str, bytes]], tmp_path: Path, *, tail: bool = True) -> Path:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member, io.BytesIO(b"\0" * member.size) if member.isreg() else None)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                tar.addfile(info, io.BytesIO(member[1]))
    path = tmp_path / "forged.tar.zst"
    data = raw.getvalue() if tail else raw.getvalue()[:-10240]
    path.write_bytes(zstandard.ZstdCompressor(write_checksum=True).compress(data))
    return path


@pytest.mark.parametrize(
    "name",
    ["../evil", "/etc/passwd", "a/../../b", "C:/x", "a\\b", "a//b", "k8s/./x", "x\x01y", "dir/"],
)
def test_names_that_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(BundleError):
        open_bundle(pack([("bundle.json", b'{"format":1}'), (name, b"x")], tmp_path))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_only_plain_files(kind: bytes, tmp_path: Path) -> None:
    info = tarfile.TarInfo("k8s/x.json")
    info.type = kind
    info.linkname = "/etc/passwd"
    with pytest.raises(BundleError, match="no plain file"):
        open_bundle(pack([("bundle.json", b'{"format":1}'), info], tmp_path))


def test_names_twice(tmp_path: Path) -> None:
    for other in ("k8s/a.json", "k8s/A.json"):
        with pytest.raises(BundleError, match="twice"):
            open_bundle(pack([("k8s/a.json", b"{}"), (other, b"[]")], tmp_path))


def test_a_member_larger_than_the_file(tmp_path: Path) -> None:
    info = tarfile.TarInfo("k8s/a.json")
    info.size = 1 << 40
    raw = info.tobuf() + b"x" * 512
    path = tmp_path / "x.tar.zst"
    path.write_bytes(zstandard.compress(raw))
    with pytest.raises(BundleError, match=r"k8s/a\.json the file ends inside it"):
        open_bundle(path)


def test_a_bomb_ends_soon(tmp_path: Path) -> None:
    info = tarfile.TarInfo("k8s/a.json")
    info.size = 1 << 42
    frame = zstandard.ZstdCompressor(level=1).compress(b"\0" * (1 << 24))
    path = tmp_path / "bomb.tar.zst"
    path.write_bytes(zstandard.compress(info.tobuf()) + frame * 400)
    began = time.monotonic()
    with pytest.raises(BundleError, match="more than a bundle can hold"):
        open_bundle(path)
    assert time.monotonic() - began < 60


def test_a_window_too_large_is_refused(tmp_path: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=30)
    frame = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    path = tmp_path / "wide.tar.zst"
    path.write_bytes(frame.compress(b"x" * 4096) + frame.flush())
    with pytest.raises(BundleError):
        open_bundle(path)


def test_a_million_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bugbundle.bundle.scan.MAX_ENTRIES", 2000)
    with pytest.raises(BundleError, match="more than 2000 entries"):
        open_bundle(pack([(f"k8s/{n}.json", b"") for n in range(2001)], tmp_path))


def test_too_new(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="newer than 1"):
        open_bundle(pack([("bundle.json", b'{"format":99}')], tmp_path))


def test_an_index_that_lies_is_not_believed(archive: Path, tmp_path: Path) -> None:
    from bugbundle.bundle import directory
    from bugbundle.xds.index import XdsIndex

    whole = open_bundle(archive).store
    assert whole._directory is not None
    made = directory.Directory(list(whole._frames), list(whole._directory.entries))
    name, start, size, digest = made.entries[2]
    made.entries[2] = (name, start + 512, size, digest)
    end = max(offset + length for offset, length, *_ in whole._frames)
    path = tmp_path / "lies.tar.zst"
    with path.open("wb") as out:
        out.write(archive.read_bytes()[:end])
        directory.write(out, made, XdsIndex(lambda _: b""))
    bundle = open_bundle(path)
    with pytest.raises(BundleError, match="not what was written"):
        bundle[name]
    assert any(name in note for note in bundle.notes)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=3000), st.sampled_from(["raw", "zstd", "tail"]))
def test_any_bytes_give_a_bundle_or_a_bundle_error(tmp_path: Path, data: bytes, how: str) -> None:
    path = tmp_path / "fuzz.tar.zst"
    whole = zstandard.compress(data) if how == "zstd" else data
    path.write_bytes(zstandard.MAGIC_NUMBER.to_bytes(4, "little") + whole if how == "tail" else whole)
    try:
        bundle = open_bundle(path)
        for name in bundle:
            bundle[name]
    except BundleError:
        pass


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 255)), min_size=1, max_size=20))
def test_many_bytes_changed(archive: Path, tmp_path: Path, changes: list[tuple[int, int]]) -> None:
    data = bytearray(archive.read_bytes())
    for place, value in changes:
        data[place % len(data)] = value
    path = tmp_path / "noise.tar.zst"
    path.write_bytes(data)
    try:
        bundle = open_bundle(path)
        for name in bundle:
            try:
                body = bundle[name]
                assert name not in CONTENT or body == CONTENT[name]
            except BundleError:
                pass
        bundle.xds_index()
    except BundleError:
        pass


@pytest.mark.parametrize("make", ["missing", "folder", "empty", "text", "logs"])
def test_what_is_no_bundle(make: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    if make == "folder":
        (path / "sub").mkdir(parents=True)
    elif make == "empty":
        path.mkdir()
    elif make == "text":
        path.write_text("hello\n" * 100)
    elif make == "logs":
        (path / "logs/a/b").mkdir(parents=True)
        (path / "logs/a/b/c.log").write_text("x")
        assert list(open_bundle(path)) == ["logs/a/b/c.log"]
        return
    with pytest.raises(BundleError) as caught:
        open_bundle(path)
    assert str(path) in caught.value.text
