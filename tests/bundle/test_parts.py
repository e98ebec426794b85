"""Parts of entries read forwards are what reading the entries gives, and damage is found out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import captures
import pytest

from bugbundle.bundle import directory, open_bundle
from bugbundle.mesh import Dump, Mesh


def test_bodies_are_those_of_whole_entries() -> None:
    index = Mesh(open_bundle(captures.sample("healthy"))).index
    numbers = range(len(index.bodies))
    assert [index.text(number) for number in numbers] == [index.body_text(number) for number in numbers]
    assert index.finish() is True


@pytest.mark.parametrize("tenth", [1, 3, 5])
def test_what_lies_in_a_damaged_frame_is_told_and_not_believed(tmp_path: Path, tenth: int) -> None:
    whole = Mesh(open_bundle(captures.sample("healthy")))
    expected = {path: [(r.name, r.meaning, r.facts()) for r in dump.resources()] for path, dump in dumps(whole)}
    data = bytearray(captures.sample("healthy").read_bytes())
    begin, length = frame_of_dumps(captures.sample("healthy"))
    data[begin + length * tenth // 10] ^= 0x40
    damaged = tmp_path / "damaged.tar.zst"
    damaged.write_bytes(data)
    made = Mesh(open_bundle(damaged))
    made.prefetch()
    assert {spot.path.split("/")[0] for spot in made.bundle.damage} == {"proxies"}
    for path, dump in dumps(made):
        for resource, (name, meaning, facts) in zip(dump.resources(), expected[path], strict=True):
            assert (resource.name, resource.meaning) == (name, meaning)
            assert resource.facts() in (facts, None)


def frame_of_dumps(archive: Path) -> tuple[int, int]:
    """Where the frame with Envoy's config dumps lies in the file."""
    with archive.open("rb") as file:
        found = directory.read(file, archive.stat().st_size)
    assert found
    start = next(place[1] for place in found.entries if place[0].endswith("config_dump.json"))
    return next((at, size) for at, size, raw, length in found.frames if raw <= start < raw + length)


def dumps(mesh: Mesh) -> Iterator[tuple[str, Dump]]:
    return ((proxy.entry("config_dump.json"), proxy.dump) for proxy in mesh.proxies if proxy.dump)
