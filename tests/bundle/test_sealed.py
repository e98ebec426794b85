"""Encrypted bundles: whom they open for, what is said to others, and that a cut file opens as far as it goes."""

from __future__ import annotations

from pathlib import Path

import pytest

pyrage = pytest.importorskip("pyrage")

from bugbundle.bundle import Bundle, open_bundle, sealed  # noqa: E402
from bugbundle.bundle.sealed import recipients, use_identity  # noqa: E402
from bugbundle.cli import main  # noqa: E402
from bugbundle.convert import convert  # noqa: E402
from bugbundle.errors import BundleError  # noqa: E402

ENTRIES = {
    "bundle.json": '{"format":1,"tool":"x"}',
    **{f"logs/a/p{n}/c.log": f"line {n * 7919}\n" * 3000 for n in range(40)},
}


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    monkeypatch.setattr(sealed, "_identities", [])
    identity = pyrage.x25519.Identity.generate()
    file = tmp_path / "key.txt"
    file.write_text(f"# a key\n{identity}\n")
    return file, str(identity.to_public())


def test_it_opens_for_its_recipient_alone(key: tuple[Path, str], tmp_path: Path) -> None:
    file, public = key
    target = convert(Bundle.from_entries(ENTRIES), tmp_path / "b.age", encrypt_to=recipients([public]))
    assert b"logs/a" not in target.read_bytes()
    with pytest.raises(BundleError, match="is encrypted"):
        open_bundle(target)
    use_identity(str(file))
    opened = open_bundle(target)
    assert {path: opened[path].decode() for path in opened if path in ENTRIES and path != "bundle.json"} == {
        path: body for path, body in ENTRIES.items() if path != "bundle.json"
    }


def test_others_are_told_so(key: tuple[Path, str], tmp_path: Path) -> None:
    target = convert(Bundle.from_entries(ENTRIES), tmp_path / "b.age", encrypt_to=recipients([key[1]]))
    (tmp_path / "other").write_text(str(pyrage.x25519.Identity.generate()))
    use_identity(str(tmp_path / "other"))
    with pytest.raises(BundleError, match="encrypted to others"):
        open_bundle(target)


def test_a_cut_file_opens_as_far_as_it_goes(key: tuple[Path, str], tmp_path: Path) -> None:
    import random

    noise = random.Random(1)
    entries = {f"logs/a/p{n}/c.log": noise.randbytes(30_000).hex() for n in range(20)}
    target = convert(Bundle.from_entries(entries), tmp_path / "b.age", encrypt_to=recipients([key[1]]))
    whole = target.read_bytes()
    target.write_bytes(whole[: len(whole) // 2])
    use_identity(str(key[0]))
    opened = open_bundle(target)
    assert 0 < len([path for path in opened if path in entries]) < 20
    assert any("cut off" in note for note in opened.notes)


def test_every_command_takes_an_identity(
    key: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "f" / "logs/a/p").mkdir(parents=True)
    (tmp_path / "f" / "bundle.json").write_text('{"format":1,"tool":"x"}')
    (tmp_path / "f" / "logs/a/p/c.log").write_text("x\n")
    assert main(["convert", str(tmp_path / "f"), "-o", str(tmp_path / "b.age"), "--encrypt-to", key[1]]) == 0
    assert main(["info", str(tmp_path / "b.age")]) == 1
    assert "Give the key that opens it: --identity FILE" in capsys.readouterr().err
    assert main(["info", str(tmp_path / "b.age"), "--identity", str(key[0])]) == 0
    assert "logs" in capsys.readouterr().out


@pytest.mark.parametrize("word", ["age1nothing", "ssh-ed25519 AAAA", "/no/such/file"])
def test_wrong_recipients_are_refused(word: str) -> None:
    with pytest.raises(BundleError):
        recipients([word])
