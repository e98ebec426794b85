"""Secrets of gateways, judged by their keys and by the public certificate, where it was left in."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

from bugbundle.mesh import KubeObject
from bugbundle.mesh.kube import as_dict

PAIRS = (("tls.crt", "tls.key"), ("cert", "key"))


def invalid(secret: KubeObject, now: datetime | None) -> str:
    """Why a Secret cannot serve TLS; empty where it can, or where its values were taken out."""
    data = as_dict(secret.raw.get("data"))
    pair = next((pair for pair in PAIRS if all(key in data for key in pair)), None)
    if pair is None:
        return f"has the keys {', '.join(sorted(data)) or '(none)'}, not tls.crt and tls.key"
    empty = [key for key in pair if data[key] in ("", None)]
    if empty:
        return f"{' and '.join(empty)} empty"
    return _certificate(data[pair[0]], now)


def _certificate(value: object, now: datetime | None) -> str:
    from bugbundle.certificates import read_pem

    try:
        text = base64.b64decode(str(value), validate=True)
    except (binascii.Error, ValueError):
        return ""
    found = read_pem(text)
    if not found or now is None:
        return ""
    first = found[0]
    if first.not_after < now:
        return f"certificate expired {first.not_after:%Y-%m-%dT%H:%M:%SZ}"
    if first.not_before > now:
        return f"certificate valid only from {first.not_before:%Y-%m-%dT%H:%M:%SZ}"
    return ""
