"""Certificates that lead to a root, judged by signature."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from bugbundle.certificates import leads_to

Pair = tuple[ec.EllipticCurvePrivateKey, x509.Certificate]
START = datetime(2020, 1, 1, tzinfo=UTC)


def made(name: str, by: Pair | None = None) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by[1].subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=1))
    )
    return key, builder.sign(by[0] if by else key, hashes.SHA256())


def pem(*pairs: Pair) -> bytes:
    return b"".join(pair[1].public_bytes(serialization.Encoding.PEM) for pair in pairs)


ROOT, TWIN = made("mesh"), made("mesh")
MIDDLE = made("middle", ROOT)
LEAF = made("leaf", MIDDLE)


def test_over_an_intermediate() -> None:
    assert leads_to(pem(LEAF, MIDDLE), pem(ROOT)) is True
    assert leads_to(pem(LEAF), pem(ROOT)) is False
    assert leads_to(pem(LEAF), pem(TWIN, MIDDLE)) is True


def test_a_root_of_the_same_name_is_another_root() -> None:
    assert leads_to(pem(LEAF, MIDDLE), pem(TWIN)) is False
    assert leads_to(pem(ROOT), pem(ROOT)) is True


def test_nothing_to_judge() -> None:
    assert leads_to(b"", pem(ROOT)) is None
    assert leads_to(pem(ROOT), b"no certificate") is None


@given(st.binary(max_size=100))
def test_any_bytes(data: bytes) -> None:
    assert leads_to(data, pem(ROOT)) is None
