"""Roots and certificates that differ from those of the mesh, or are out of date."""

from __future__ import annotations

import base64
import functools
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from variants import Case, Scene, check, name_of, register

CASES: list[Case] = []
case = functools.partial(register, CASES)


def pem(cert):
    return cert.public_bytes(serialization.Encoding.PEM)


def name(org):
    return x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, org)])


def authority(now):
    key = ec.generate_private_key(ec.SECP256R1())
    build = (
        x509.CertificateBuilder()
        .subject_name(name("cluster.local"))
        .issuer_name(name("cluster.local"))
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(True, None), True)
    )
    return key, build.sign(key, hashes.SHA256())


def leaf(ca, spiffe, start, end):
    key = ec.generate_private_key(ec.SECP256R1())
    build = (
        x509.CertificateBuilder()
        .subject_name(name(""))
        .issuer_name(ca[1].subject)
        .public_key(key.public_key())
        .serial_number(8)
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(spiffe)]), True)
    )
    return build.sign(ca[0], hashes.SHA256())


def secret(s, proxy, which, **parts):
    for b in s.bodies(proxy, "secret"):
        if b["name"] == which:
            if "chain" in parts:
                b["tls_certificate"]["certificate_chain"] = {"inline_bytes": base64.b64encode(parts["chain"]).decode()}
            if "root" in parts:
                b["validation_context"]["trusted_ca"] = {"inline_bytes": base64.b64encode(parts["root"]).decode()}


SP = "spiffe://cluster.local/ns/bookinfo/sa/bookinfo-reviews"


@case("BB403", "ConfigMap istio-ca-root-cert")
def root_rotated_on_one_side(s: Scene) -> None:
    ca = authority(s.now)
    for p in s.proxies("reviews"):
        secret(s, p, "ROOTCA", root=pem(ca[1]))
        secret(s, p, "default", chain=pem(leaf(ca, SP, s.now - timedelta(hours=1), s.now + timedelta(hours=23))))
        s.access(
            p,
            8,
            flags="UF,URX",
            details="upstream_reset_before_response_started{remote_connection_failure}",
            reason="TLS_error:|268435581:SSL_routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:verify_cert_failed",
            authority="ratings:9080",
            cluster="outbound|9080||ratings.bookinfo.svc.cluster.local",
        )


def expired(s: Scene) -> None:
    ca = authority(s.now)
    p = s.proxy("reviews-v2")
    secret(s, p, "default", chain=pem(leaf(ca, SP, s.now - timedelta(hours=25), s.now - timedelta(hours=1))))
    secret(s, p, "ROOTCA", root=pem(ca[1]))


@case("BB401", "Pod bookinfo/reviews-v2-84f9db9fd6-j2p2f")
def certificate_expired(s: Scene) -> None:
    expired(s)
    ca = s.proxy("reviews-v1")
    b = next(x for x in s.bodies(ca, "secret") if x["name"] == "ROOTCA")["validation_context"]["trusted_ca"]
    for x in s.bodies(s.proxy("reviews-v2"), "secret"):
        if x["name"] == "ROOTCA":
            x["validation_context"]["trusted_ca"] = b


@case("BB401", "Pod bookinfo/reviews-v2-84f9db9fd6-j2p2f")
def certificate_not_yet_valid(s: Scene) -> None:
    p = s.proxy("reviews-v2")
    ca = authority(s.now)
    secret(s, p, "default", chain=pem(leaf(ca, SP, s.now + timedelta(hours=1), s.now + timedelta(hours=25))))


@case("BB404", "Pod bookinfo/reviews-v2-84f9db9fd6-j2p2f")
def leaf_of_the_old_root(s: Scene) -> None:
    ca = authority(s.now)
    p = s.proxy("reviews-v2")
    secret(s, p, "default", chain=pem(leaf(ca, SP, s.now - timedelta(hours=1), s.now + timedelta(hours=23))))


@pytest.mark.parametrize("one", CASES, ids=map(name_of, CASES))
def test_the_first_diagnosis(one: Case) -> None:
    check(one)
