"""Certificates are read out of PEM whatever stands around them."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bugbundle.certificates import read_pem, self_signed


def test_what_a_certificate_says_of_itself() -> None:
    pem, key = self_signed(["shop.example.com", "10.0.0.1"], days=3)
    (found,) = read_pem(b"Bag Attributes\n" + key + pem + b"-----BEGIN CERTIFICATE-----\nbroken")
    assert (found.subject, found.issuer, found.is_ca, found.self_issued) == (
        "CN=bugbundle replay",
        "CN=bugbundle replay",
        True,
        True,
    )
    assert found.sans == ("DNS:shop.example.com", "IP:10.0.0.1")
    assert found.not_after - found.not_before == timedelta(days=3, minutes=5)
    assert len(found.fingerprint) == 64
    assert found.serial.isdecimal()


def test_a_chain_keeps_its_order_and_a_broken_block_is_left_out() -> None:
    one, _ = self_signed(["one"])
    two, _ = self_signed(["two"])
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    assert [c.sans for c in read_pem(one + broken + two)] == [("DNS:one",), ("DNS:two",)]
    assert len(read_pem(one * 5, limit=2)) == 2


@given(st.binary(max_size=200))
def test_any_bytes_give_an_answer(data: bytes) -> None:
    assert read_pem(data) == []
    assert read_pem(b"-----BEGIN CERTIFICATE-----" + data + b"-----END CERTIFICATE-----") == []
