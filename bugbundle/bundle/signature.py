"""Who wrote a bundle: a detached SSH signature beside it, as `ssh-keygen -Y sign -n bugbundle` makes one.

The form is OpenSSH's (PROTOCOL.sshsig): the key that signed is in it; whose key that is, its reader must know.
"""

from __future__ import annotations

import base64
import hashlib
import re
import struct
from pathlib import Path
from typing import Any

from bugbundle.errors import BundleError

NAMESPACE = b"bugbundle"
ENDING = ".sig"
_MAGIC = b"SSHSIG"
_ARMOR = re.compile(rb"-----BEGIN SSH SIGNATURE-----\s+([A-Za-z0-9+/=\s]{1,20000})-----END SSH SIGNATURE-----\s*")


def sign(path: Path, key: str) -> Path:
    """Sign a file with an Ed25519 key of OpenSSH (without passphrase); the signature's path, `FILE.sig`.

    Raises `BundleError` where the key cannot be used.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        private = serialization.load_ssh_private_key(Path(key).read_bytes(), password=None)
    except OSError as error:
        raise BundleError(f"cannot be read ({error.strerror})", where=key) from None
    except (ValueError, TypeError):
        raise BundleError("is no private key of OpenSSH without passphrase", where=key) from None
    if not isinstance(private, Ed25519PrivateKey):
        raise BundleError("is not an Ed25519 key", where=key, todo="ssh-keygen -t ed25519 makes one")
    raw = private.public_key().public_bytes_raw()
    public = _string(b"ssh-ed25519") + _string(raw)
    made = _string(b"ssh-ed25519") + _string(private.sign(_message(path)))
    blob = _MAGIC + struct.pack(">I", 1) + b"".join(map(_string, (public, NAMESPACE, b"", b"sha512", made)))
    text = base64.encodebytes(blob).replace(b"\n", b"")
    lines = [text[at : at + 70] for at in range(0, len(text), 70)]
    target = Path(f"{path}{ENDING}")
    target.write_bytes(b"\n".join((b"-----BEGIN SSH SIGNATURE-----", *lines, b"-----END SSH SIGNATURE-----", b"")))
    return target


def verify(path: Path, signer: str = "") -> str:
    """Whose signature lies beside a file: the key's fingerprint, `SHA256:…`; empty where there is none.

    `signer`: the public key that must have signed, as a line or a file. Raises `BundleError` where the signature is not
    of this file, or of another key.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    beside = Path(f"{path}{ENDING}")
    if not beside.is_file():
        if signer:
            raise BundleError("is not signed", where=str(path), todo=f"Ask for {beside.name}")
        return ""
    public, made = _read(beside)
    try:
        Ed25519PublicKey.from_public_bytes(_strings(public)[1]).verify(_strings(made)[1], _message(path))
    except (InvalidSignature, ValueError, IndexError, struct.error):
        raise BundleError("is not what was signed", where=str(path), todo="Ask for the file again") from None
    if signer and _key(signer) != public:
        raise BundleError(f"was signed by another key, {fingerprint(public)}", where=str(path))
    return fingerprint(public)


def fingerprint(public: bytes) -> str:
    """As `ssh-keygen -l` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(public).digest()).decode().rstrip("=")


def _read(beside: Path) -> tuple[bytes, bytes]:
    found = _ARMOR.fullmatch(beside.read_bytes()[:30000])
    try:
        blob = base64.b64decode(found[1]) if found else b""
        public, namespace, _, algorithm, made = _strings(blob[10:])
    except (ValueError, struct.error):
        raise BundleError("is no SSH signature", where=str(beside)) from None
    if blob[:10] != _MAGIC + struct.pack(">I", 1) or namespace != NAMESPACE or algorithm != b"sha512":
        raise BundleError("is no signature of a bundle", where=str(beside))
    return public, made


def _key(signer: str) -> bytes:
    line = signer
    if not signer.startswith("ssh-"):
        try:
            line = Path(signer).read_text("utf-8", "replace")
        except OSError as error:
            raise BundleError(f"cannot be read ({error.strerror})", where=signer) from None
    try:
        return base64.b64decode(line.split()[1])
    except (IndexError, ValueError):
        raise BundleError("is no public key of OpenSSH", where=signer[:40]) from None


def _message(path: Path) -> bytes:
    digest: Any = hashlib.sha512()
    with path.open("rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            digest.update(piece)
    return _MAGIC + b"".join(map(_string, (NAMESPACE, b"", b"sha512", digest.digest())))


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _strings(data: bytes) -> list[bytes]:
    found = []
    while data:
        size = struct.unpack(">I", data[:4])[0]
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    return found
