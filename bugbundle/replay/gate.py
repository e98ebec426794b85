"""Who may speak to the server: a Host that is this machine's, and the one-time token.

Go clients send no credentials over plain HTTP (kubernetes/kubectl issue 744), so that there the kubeconfig
puts the token into the server's URL, as the first part of every path.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from dataclasses import dataclass

from aiohttp import web

from bugbundle.replay.status import Refusal

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
BEARER = "base64url.bearer.authorization.k8s.io."


@dataclass(frozen=True, slots=True)
class Gate:
    """The token, and the address that was bound."""

    token: str
    bound: str

    def path(self, request: web.Request) -> str:
        """The path that is asked for. `Refusal` 421 for a foreign Host (DNS rebinding), 401 without the token."""
        if not self._is_ours(host_name(request.headers.get("Host", ""))):
            raise Refusal(421, "this server answers under its own address only")
        raw = request.rel_url.raw_path
        first, slash, rest = raw.removeprefix("/").partition("/")
        if self._is_token(first):
            return slash + rest
        if not self._is_token(_token(request)):
            raise Refusal(401, "Unauthorized")
        return raw

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(errors="replace"), self.token.encode())

    def _is_ours(self, host: str) -> bool:
        if host in LOOPBACK or host == self.bound:
            return True
        if self.bound not in ("0.0.0.0", "::"):
            return False
        try:
            return bool(ipaddress.ip_address(host))
        except ValueError:
            return False


def host_name(header: str) -> str:
    """The name in a Host header, without port and brackets, in lower case."""
    header = header.strip().lower()
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.rpartition(":")[0] if header.count(":") == 1 else header


def _token(request: web.Request) -> str:
    """From the Authorization header, or as browsers' websockets send it, in a subprotocol."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    for protocol in request.headers.get("Sec-WebSocket-Protocol", "").split(","):
        name = protocol.strip()
        if name.startswith(BEARER):
            code = name.removeprefix(BEARER)
            try:
                return base64.urlsafe_b64decode(code + "=" * (-len(code) % 4)).decode()
            except (binascii.Error, ValueError):
                return ""
    return ""
