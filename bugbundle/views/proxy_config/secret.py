"""`proxy-config secret`: SDS. Certificates only, never a key."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from bugbundle.errors import DumpError
from bugbundle.mesh.kube import as_text, dicts
from bugbundle.views.protojson import shape
from bugbundle.views.proxy_config.dump import ConfigDump, get, path, text
from bugbundle.views.table import Table

MESSAGE = "envoy.admin.v3.SecretsConfigDump"
_SPIFFE = "envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig"
_COLUMNS = ("RESOURCE NAME", "TYPE", "STATUS", "VALID CERT", "SERIAL NUMBER", "NOT AFTER", "NOT BEFORE")
_STATES = (("dynamic_warming_secrets", "WARMING"), ("dynamic_active_secrets", "ACTIVE"))
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_TIME = "%Y-%m-%dT%H:%M:%SZ"


def summary(dump: ConfigDump, now: datetime, *, typed: bool = False) -> Table:
    """One row per certificate, warming ones first; VALID CERT is true where `now` is within its time."""
    section = dump.section("SecretsConfigDump")
    if not any(get(section, rows) for rows, _ in _STATES):
        return Table((), (("No active or warming secrets found.",),), padding=5)
    rows = [
        (f"secret/{name}" if typed else name, *rest)
        for secrets, state in _STATES
        for row in dicts(get(section, secrets))
        for name, *rest in _rows(row, state, now)
    ]
    if not rows:
        return Table((), (("No secret items to show.",),), padding=5)
    if all(row[-1] for row in rows):
        return Table((*_COLUMNS, "TRUST DOMAIN"), tuple(rows), padding=5)
    return Table(_COLUMNS, tuple(row[:-1] for row in rows), padding=5)


def tree(dump: ConfigDump) -> Any:
    """The section as protobuf JSON; from a recording only what istioctl's mask asks for."""
    try:
        section = dump.section("SecretsConfigDump")
    except DumpError as error:
        if error.where:
            raise
        raise DumpError(f"sidecar doesn't support secrets: {error.what}") from None
    kept = section if dump.whole else {rows: get(section, rows) for rows, _ in _STATES}
    return shape(kept, MESSAGE)


def root_ca(dump: ConfigDump) -> list[str]:
    """The fingerprints of the certificates in the secret ROOTCA. `DumpError` where there is none."""
    for row in dicts(get(dump.section("SecretsConfigDump"), "dynamic_active_secrets")):
        if get(row, "name") == "ROOTCA":
            from bugbundle.certificates import read_pem

            pems = [pem for pem, _ in _certificates(get(row, "secret"))]
            return [found.fingerprint for pem in pems for found in read_pem(pem)]
    raise DumpError("cannot find ROOTCA from secret")


def _rows(row: dict[str, Any], state: str, now: datetime) -> Iterator[tuple[str, ...]]:
    name = as_text(get(row, "name"))
    for pem, domain in _certificates(get(row, "secret")) or [(b"", "")]:
        yield (name, *_facts(pem, state, now, domain))


def _certificates(secret: Any) -> list[tuple[bytes, str]]:
    """(PEM, trust domain) of a secret: its chain, else its CA, else the bundles of a SPIFFE validator."""
    for names in (("tls_certificate", "certificate_chain"), ("validation_context", "trusted_ca")):
        if found := _inline(path(secret, *names)):
            return [(found, "")]
    typed = path(secret, "validation_context", "custom_validator_config", "typed_config")
    if as_text(get(typed, "@type")).endswith(_SPIFFE):
        return [(_inline(get(one, "trust_bundle")), text(one, "name")) for one in dicts(get(typed, "trust_domains"))]
    return []


def _inline(source: Any) -> bytes:
    try:
        return base64.b64decode(text(source, "inline_bytes"), validate=False)
    except (binascii.Error, ValueError):
        return b""


def _facts(pem: bytes, state: str, now: datetime, domain: str) -> tuple[str, ...]:
    """TYPE, STATUS, VALID CERT, SERIAL NUMBER, NOT AFTER, NOT BEFORE and the trust domain, of the first PEM block."""
    from bugbundle.certificates import read_pem

    block = _BLOCK.search(pem)
    found = next(iter(read_pem(block[0], limit=1)), None) if block else None
    if found is None:
        return ("", state, "false", "", "", "", domain)
    return (
        "CA" if found.is_ca else "Cert Chain",
        state,
        "true" if found.not_before < now < found.not_after else "false",
        f"{int(found.serial):032x}",
        found.not_after.strftime(_TIME),
        found.not_before.strftime(_TIME),
        domain or _trust_domain(found.sans),
    )


def _trust_domain(sans: tuple[str, ...]) -> str:
    """The host of the last SPIFFE name."""
    found = [san.removeprefix("URI:spiffe://") for san in sans if san.startswith("URI:spiffe://")]
    return found[-1].partition("/")[0] if found else ""
