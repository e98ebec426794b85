"""The door to cryptography: certificates made, certificates read.

Nothing here knows where a certificate comes from or what it is for.
"""

from __future__ import annotations

import base64
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.oid import NameOID


def self_signed(names: Iterable[str], days: int = 7) -> tuple[bytes, bytes]:
    """A fresh certificate for DNS names and IP addresses, valid `days` from now, and its key: both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bugbundle replay")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says of itself.

    Names are RFC 4514 texts, the serial is decimal, the fingerprint SHA-256 in hex, `sans` are `DNS:…`,
    `URI:…`, `IP:…`; times are in UTC.
    """

    subject: str
    issuer: str
    serial: str
    not_before: datetime
    not_after: datetime
    is_ca: bool
    sans: tuple[str, ...]
    fingerprint: str

    @property
    def self_issued(self) -> bool:
        """Whether subject and issuer are one: a root."""
        return self.subject == self.issuer


_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


def read_pem(data: bytes, limit: int = 1000) -> list[Certificate]:
    """Every certificate in PEM text, in its order, at most `limit`.

    Whatever else the text holds (keys, words, broken blocks) is left out.
    """
    found: list[Certificate] = []
    start = data.find(_BEGIN)
    while start >= 0 and len(found) < limit:
        end = data.find(_END, start)
        if end < 0:
            break
        block = _read_block(data[start : end + len(_END)])
        if block is not None:
            found.append(block)
        start = data.find(_BEGIN, end)
    return found


def _read_block(block: bytes) -> Certificate | None:
    """One certificate; None where the block is none that can be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read = x509.load_pem_x509_certificate(block)
            return Certificate(
                read.subject.rfc4514_string(),
                read.issuer.rfc4514_string(),
                str(read.serial_number),
                read.not_valid_before_utc,
                read.not_valid_after_utc,
                _is_ca(read),
                _sans(read),
                read.fingerprint(hashes.SHA256()).hex(),
            )
    except (ValueError, TypeError, OverflowError, x509.InvalidVersion, x509.DuplicateExtension):
        return None


def _is_ca(read: x509.Certificate) -> bool:
    try:
        return bool(read.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except (x509.ExtensionNotFound, x509.UnsupportedGeneralNameType, ValueError):
        return False


_SAN_KINDS: dict[type, str] = {
    x509.DNSName: "DNS",
    x509.UniformResourceIdentifier: "URI",
    x509.IPAddress: "IP",
    x509.RFC822Name: "email",
}


def _sans(read: x509.Certificate) -> tuple[str, ...]:
    try:
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.UnsupportedGeneralNameType, ValueError):
        return ()
    return tuple(f"{_SAN_KINDS[type(name)]}:{name.value}" for name in names if type(name) in _SAN_KINDS)


def leads_to(chain: bytes, roots: bytes) -> bool | None:
    """Whether the first certificate of `chain` is signed, over the others, by one of `roots` (all PEM).

    Signatures and names are checked, lifetimes are not. None where there is nothing that can be read on either side.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        links, anchors = _load(chain), _load(roots)
        if not links or not anchors:
            return None
        here, seen = links[0], 0
        while seen <= len(links):
            if here in anchors or any(_issued(here, anchor) for anchor in anchors):
                return True
            above = next((link for link in links[1:] if link != here and _issued(here, link)), None)
            if above is None:
                return False
            here, seen = above, seen + 1
    return False


def _load(pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except (ValueError, TypeError):
        return []


def _issued(one: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        one.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def signed_by(jwk: dict[str, object], algorithm: str, content: bytes, signature: bytes) -> bool:
    """Whether a JSON Web Key (RFC 7517: RSA or EC) made a signature of JWS (RFC 7518: RS, PS, ES); False for any
    other.
    """
    bits = algorithm[2:]
    digests: dict[str, hashes.HashAlgorithm] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
    digest = digests.get(bits)
    if digest is None:
        return False
    try:
        if jwk.get("kty") == "RSA" and algorithm[:2] in ("RS", "PS"):
            public = rsa.RSAPublicNumbers(_integer(jwk.get("e")), _integer(jwk.get("n"))).public_key()
            pss = padding.PSS(padding.MGF1(digest), padding.PSS.AUTO)
            public.verify(signature, content, padding.PKCS1v15() if algorithm[0] == "R" else pss, digest)
            return True
        curve = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}.get(str(jwk.get("crv")))
        if jwk.get("kty") != "EC" or algorithm[:2] != "ES" or curve is None:
            return False
        half = len(signature) // 2
        pair = encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
        numbers = ec.EllipticCurvePublicNumbers(_integer(jwk.get("x")), _integer(jwk.get("y")), curve)
        numbers.public_key().verify(pair, content, ec.ECDSA(digest))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _integer(value: object) -> int:
    """A number of a JSON Web Key: base64url of its bytes, the highest first. Raises ValueError for another text."""
    text = str(value or "")
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
