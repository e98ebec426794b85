"""docs/format.md is enough: a reader that knows nothing else reads a bundle; its tables name what there is."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import struct
from itertools import pairwise
from pathlib import Path

import captures
import msgspec
import pytest
import xxhash
import zstandard

from bugbundle.bundle import FORMAT, Entry, Gap, Header, Manifest, frames, open_bundle
from bugbundle.bundle.directory import MAX_ENTRIES
from bugbundle.bundle.scan import MAX_FRAMES, MAX_RATIO
from bugbundle.istio import Source
from bugbundle.xds.index import VERSION

PAGE = (captures.ROOT / "docs" / "format.md").read_text("utf-8")
SAMPLES = sorted((captures.ROOT / "sample_bundles").glob("*.tar.zst"))


def section(title: str, end: str = r"^#") -> str:
    found = re.search(rf"^(?:#+ |\*\*){re.escape(title)}(?:\*\*)?\n(.*?)(?={end}|\Z)", PAGE, re.M | re.S)
    assert found, title
    return found[1]


def first_cells(text: str) -> set[str]:
    """The names in the first column of a table."""
    return {
        name
        for line in text.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([^`]+)`", line.split("|")[1])
    }


class Foreign:
    """A reader by the book: trailer, directory, frames."""

    def __init__(self, path: Path) -> None:
        self.file = path.read_bytes()
        trailer = self.file[-80:]
        assert struct.unpack("<II", trailer[:8]) == (0x184D2A53, 72)
        assert trailer[8:16] == b"bugbndl1"
        self.index = msgspec.msgpack.decode(self.payload(0x184D2A51, *struct.unpack("<QQ16s", trailer[16:48])))
        directory = self.payload(0x184D2A52, *struct.unpack("<QQ16s", trailer[48:80]))
        self.frames, entries = msgspec.msgpack.decode(directory)
        self.entries = {path: (start, size, digest) for path, start, size, digest in entries}
        self._raw: dict[int, bytes] = {}

    def payload(self, magic: int, offset: int, length: int, digest: bytes) -> bytes:
        assert struct.unpack("<II", self.file[offset - 8 : offset]) == (magic, length)
        data = self.file[offset : offset + length]
        assert xxhash.xxh3_128(data).digest() == digest
        return zstandard.ZstdDecompressor().decompress(data)

    def frame(self, number: int) -> bytes:
        if number not in self._raw:
            offset, length, _, raw_length = self.frames[number]
            decoder = zstandard.ZstdDecompressor(max_window_size=128 << 20).decompressobj()
            self._raw[number] = decoder.decompress(self.file[offset : offset + length])
            assert len(self._raw[number]) == raw_length
        return self._raw[number]

    def read(self, path: str) -> bytes:
        start, size, digest = self.entries[path]
        number = max(n for n, (_, _, raw, _) in enumerate(self.frames) if raw <= start)
        inside = start - self.frames[number][2]
        body = self.frame(number)[inside : inside + size]
        assert (len(body), xxhash.xxh3_128(body).digest()) == (size, digest)
        return body


@pytest.mark.parametrize("path", SAMPLES[:2], ids=lambda path: path.name)
def test_a_reader_by_the_book(path: Path) -> None:
    foreign, ours = Foreign(path), open_bundle(path)
    names = list(foreign.entries)
    assert {name: foreign.read(name) for name in names} == dict(ours)
    assert (names[0], names[-1]) == ("bundle.json", "manifest.json")
    assert all(one[2] + one[3] == other[2] for one, other in pairwise(foreign.frames))
    manifest = json.loads(foreign.read("manifest.json"))
    told = {row["path"]: (row["size"], row["sha256"]) for row in manifest["entries"]}
    rest = {name: foreign.read(name) for name in names if name != "manifest.json"}
    assert told == {name: (len(body), hashlib.sha256(body).hexdigest()) for name, body in rest.items()}
    assert foreign.index[:2] == [VERSION, "little"]
    whole = b"".join(foreign.frame(number) for number in range(len(foreign.frames)))
    assert whole.endswith(b"\0" * 1024) and len(whole) % 512 == 0


@pytest.mark.parametrize(
    ("title", "made"), [("bundle.json", Header), ("Entry", Entry), ("Gap", Gap), ("manifest.json", Manifest)]
)
def test_every_field_is_told(title: str, made: type) -> None:
    text = section(title, r"^\*\*(?:Entry|Gap)\*\*|^#")
    assert first_cells(text) == {field.name for field in dataclasses.fields(made)}


@pytest.mark.parametrize("source", [source for source in Source if source.value.folder], ids=lambda source: source.name)
def test_every_path_is_told(source: Source) -> None:
    part = re.search(rf"^\| \*\*`{source.value.folder}/.*?(?=^\| \*\*|\n\n)", section("Paths"), re.M | re.S)
    assert part
    name = re.escape(source.value.name).replace(r"\*", "[^`]*<[a-z]+>[^`]*")
    assert (
        re.search(rf"`(?:k8s/|){name}`", part[0]) if source is not Source.KUBERNETES else len(first_cells(part[0])) > 8
    )


def test_numbers() -> None:
    assert f"\nis number {FORMAT}." in PAGE
    assert re.findall(r"^\| (\d+) \|", section("Format numbers"), re.M)[-1] == str(FORMAT)
    refused = section("What a reader must refuse")
    assert f"{MAX_ENTRIES:,} entries, {MAX_FRAMES:,} frames" in refused
    assert f"{MAX_RATIO:,} times" in refused
    assert f"a window over {frames.MAX_WINDOW >> 20} MiB" in refused
    assert f"(now {VERSION}, its first item)" in PAGE
