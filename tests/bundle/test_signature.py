"""Signatures: made, checked, and refused where the file, the key or the signature is another."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bugbundle.bundle import Bundle
from bugbundle.bundle.signature import sign, verify
from bugbundle.cli import main
from bugbundle.convert import convert
from bugbundle.errors import BundleError


def new_key(file: Path) -> str:
    """A private key in a file; the public one as a line."""
    private = Ed25519PrivateKey.generate()
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH
    file.write_bytes(private.private_bytes(encoding, form, serialization.NoEncryption()))
    public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return public.decode()


@pytest.fixture
def signed(tmp_path: Path) -> tuple[Path, str]:
    public = new_key(tmp_path / "key")
    target = convert(Bundle.from_entries({"logs/a/p/c.log": "x\n"}), tmp_path / "b.tar.zst")
    sign(target, str(tmp_path / "key"))
    return target, public


def test_it_holds_for_its_file_and_key(signed: tuple[Path, str]) -> None:
    path, public = signed
    assert verify(path).startswith("SHA256:")
    assert verify(path, public) == verify(path)
    with pytest.raises(BundleError, match="another key"):
        verify(path, new_key(path.parent / "other"))


def test_a_changed_file_does_not_pass(signed: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    path, _ = signed
    assert main(["info", "--verify", str(path)]) == 0
    assert "signed by SHA256:" in capsys.readouterr().out
    path.write_bytes(path.read_bytes() + b"\x50\x2a\x4d\x18\0\0\0\0")
    assert main(["info", "--verify", str(path)]) == 1
    assert "is not what was signed" in capsys.readouterr().err


def test_no_signature(signed: tuple[Path, str]) -> None:
    path, public = signed
    Path(f"{path}.sig").unlink()
    assert verify(path) == ""
    with pytest.raises(BundleError, match="is not signed"):
        verify(path, public)
    Path(f"{path}.sig").write_text("nothing")
    with pytest.raises(BundleError, match="no SSH signature"):
        verify(path)


def test_keys_that_cannot_sign(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    for key in (tmp_path / "f", tmp_path / "none"):
        with pytest.raises(BundleError):
            sign(tmp_path / "f", str(key))


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="no ssh-keygen here")
def test_ssh_keygen_agrees(signed: tuple[Path, str]) -> None:
    path, public = signed
    (path.parent / "allowed").write_text(f"me {public}\n")
    words = [
        "ssh-keygen",
        "-Y",
        "verify",
        "-f",
        path.parent / "allowed",
        "-I",
        "me",
        "-n",
        "bugbundle",
        "-s",
        f"{path}.sig",
    ]
    assert subprocess.run(words, stdin=path.open("rb"), capture_output=True).returncode == 0
