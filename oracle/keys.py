"""The one key that signs tokens here: made of a number, so that it is the same in each run. It opens nothing."""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

KEY = ec.derive_private_key(20261128, ec.SECP256R1())


def coded(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwks() -> str:
    """The public half as a JSON Web Key Set."""
    numbers = KEY.public_key().public_numbers()
    x, y = (coded(value.to_bytes(32, "big")) for value in (numbers.x, numbers.y))
    return json.dumps({"keys": [{"kty": "EC", "crv": "P-256", "kid": "made", "x": x, "y": y, "alg": "ES256"}]})


def token(claims: dict[str, Any], *, forged: bool = False) -> str:
    """A JSON Web Token, signed; a forged one says something else than what was signed."""
    head = coded(json.dumps({"alg": "ES256", "kid": "made", "typ": "JWT"}).encode())
    body = coded(json.dumps(claims).encode())
    r, s = decode_dss_signature(KEY.sign(f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256())))
    mark = coded(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    return f"{head}.{coded(json.dumps({**claims, 'forged': True}).encode()) if forged else body}.{mark}"
