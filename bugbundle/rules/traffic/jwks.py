"""Keys for tokens: written into a RequestAuthentication, or fetched by istiod."""

from __future__ import annotations

import re
from typing import Any

from bugbundle.codec import decode
from bugbundle.errors import BugbundleError
from bugbundle.mesh import Mesh
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.ref import Proof
from bugbundle.mesh.signals.logs import istiod_log

_URI = re.compile(r"https?://[^\s\"',]+")


def failed_fetches(mesh: Mesh) -> dict[str, Proof]:
    """URI → istiod's last line on a failed fetch, near the capture."""
    found: dict[str, Proof] = {}
    for istiod in mesh.istiods:
        log = istiod_log(mesh, istiod.namespace, istiod.name)
        for line in log.recent("jwks") if log else ():
            for uri in _URI.findall(line.text):
                found[uri.rstrip(":")] = line.proof
    return found


def judge(jwt: dict[str, Any], fetches: dict[str, Proof]) -> tuple[str, tuple[Proof, ...]]:
    """(what is wrong with the keys of one rule, evidence); ("", ()) where nothing is."""
    written = as_text(jwt.get("jwks"))
    if written:
        try:
            keys = dicts(as_dict(decode(written.encode(), "jwks")).get("keys"))
        except BugbundleError:
            return "are not JSON", ()
        return ("", ()) if keys else ("are an empty list", ())
    uri = as_text(jwt.get("jwksUri") or jwt.get("jwks_uri"))
    for failed, proof in fetches.items():
        if (uri and failed == uri) or (not uri and failed.startswith(as_text(jwt.get("issuer")) or "\0")):
            return f"could not be fetched from {failed}", (proof,)
    return "", ()
