"""Bundles for certain eyes only: encrypted with age (age-encryption.org/v1) as they are written, opened in memory.

The door to pyrage. No plain byte reaches a disk: what is written is encrypted on its way to the file, what is read
stays in memory. A file that was cut opens as far as it goes.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from bugbundle.errors import BundleError

MAGIC = b"age-encryption.org/v1"

_identities: list[Any] = []
"""What this process was given to open bundles with."""


def is_sealed(head: bytes) -> bool:
    """Whether a file that begins so is encrypted with age."""
    return head.startswith(MAGIC)


def recipients(words: Sequence[str]) -> list[Any]:
    """Those who may open a bundle: `age1…`, `ssh-ed25519 …`, `ssh-rsa …`, or a file with one on each line.

    Raises `BundleError` for anything else.
    """
    return [found for word in words for found in _recipients(word)]


def _recipients(word: str) -> list[Any]:
    import pyrage

    if word.startswith("age1"):
        make: Any = pyrage.x25519.Recipient.from_str
    elif word.startswith("ssh-"):
        make = pyrage.ssh.Recipient.from_str
    else:
        lines = _read(word, "recipients").decode("utf-8", "replace").splitlines()
        found = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        if not found or not all(line.startswith(("age1", "ssh-")) for line in found):
            raise BundleError("holds no recipient", where=word, todo="One line each: age1…, or ssh-ed25519 …")
        return recipients(found)
    try:
        return [make(word)]
    except pyrage.RecipientError:
        raise BundleError(
            f"{word[:16]}… is no recipient", todo="Give age1…, ssh-ed25519 …, or a file of them"
        ) from None


def use_identity(path: str) -> None:
    """Open encrypted bundles with the key in a file: an age identity, or an OpenSSH private key without passphrase.

    Raises `BundleError` where there is none in it.
    """
    import pyrage

    data = _read(path, "identity")
    try:
        if b"PRIVATE KEY-----" in data:
            _identities.append(pyrage.ssh.Identity.from_buffer(data))
            return
        lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines()]
        keys = [line for line in lines if line.startswith("AGE-SECRET-KEY-1")]
        _identities.extend(pyrage.x25519.Identity.from_str(key) for key in keys)
    except pyrage.IdentityError:
        keys = []
    if not keys:
        raise BundleError("holds no key that opens a bundle", where=path, todo="Give the file that age-keygen wrote")


def _read(path: str, what: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise BundleError(f"cannot be read ({error.strerror})", where=path, todo=f"Give a file of {what}") from None


def opened(path: Path) -> tuple[BinaryIO, str]:
    """The bytes of an encrypted bundle, in memory; and what is to be said of it. Raises `BundleError`."""
    import pyrage

    if not _identities:
        raise BundleError("is encrypted", where=str(path), todo="Give the key that opens it: --identity FILE")
    plain = io.BytesIO()
    try:
        with path.open("rb") as file:
            pyrage.decrypt_io(file, plain, _identities)
    except pyrage.DecryptError:
        todo = "Ask whom it was encrypted to"
        raise BundleError(
            "is encrypted to others: no identity that was given opens it", where=str(path), todo=todo
        ) from None
    except OSError:
        if not plain.tell():
            raise BundleError("is encrypted, and damaged from its beginning", where=str(path)) from None
        return plain, "the file was cut off or changed: what came after cannot be decrypted"
    return plain, ""


class SealedFile:
    """A file that is written plain and lies encrypted: what a bundle's writer takes for its file."""

    def __init__(self, file: BinaryIO, to: Sequence[Any]) -> None:
        self._file = file
        self._written = 0
        self._error: BaseException | None = None
        source, target = os.pipe()
        self._pipe = os.fdopen(target, "wb")
        self._thread = threading.Thread(target=self._encrypt, args=(os.fdopen(source, "rb"), to), daemon=True)
        self._thread.start()

    def _encrypt(self, source: BinaryIO, to: Sequence[Any]) -> None:
        import pyrage

        try:
            with source:
                pyrage.encrypt_io(source, self._file, to)
        except (OSError, pyrage.EncryptError) as error:
            self._error = error

    def write(self, data: bytes) -> int:
        """Append; raises OSError where the file cannot be written."""
        if self._error is not None:
            raise OSError(getattr(self._error, "errno", None) or 5, "cannot be encrypted")
        self._pipe.write(data)
        self._written += len(data)
        return len(data)

    def tell(self) -> int:
        """How many plain bytes were written."""
        return self._written

    def flush(self) -> None:
        """On to whoever encrypts."""
        self._pipe.flush()

    def fileno(self) -> int:
        """The file's own number."""
        return self._file.fileno()

    def close(self) -> None:
        """Encrypt what is left, and close the file. Raises OSError where that failed."""
        self._pipe.close()
        self._thread.join()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        if self._error is not None:
            raise OSError(getattr(self._error, "errno", None) or 5, "cannot be encrypted")


def seal(file: BinaryIO, to: Sequence[Any]) -> BinaryIO:
    """The file, encrypting what is written to it."""
    return cast(BinaryIO, SealedFile(file, to))
