"""The line that istioctl names for a message about an object of a file: a field's in some messages, else the object's.

Source: `util.ErrorLine` and its callers in Istio's `pkg/config/analysis/analyzers`. Ours names the field always.
"""

from __future__ import annotations

import re

from bugbundle.mesh import Kube
from bugbundle.rules import Finding

_DESTINATION = re.compile(r"/spec/(?:http|tcp|tls)/\d+/(?:route/\d+/destination|mirror)(?=/|$)")
_FIELD = re.compile(
    r"/spec/gateways/\d+|/spec/servers/\d+/tls/credentialName|/spec/rules/\d+/from/\d+/source/namespaces/\d+"
)
_SELECTORS = ("/spec/selector/matchLabels/", "/spec/selector/", "/spec/workloadSelector/labels/")
_PORT = re.compile(r"/spec/ports/\d+(?=/|$)")


def reference(kube: Kube, found: Finding) -> str:
    """`file:line` as istioctl prints it; empty for what is in no file."""
    if not found.reference or not found.proofs:
        return found.reference
    known = kube.manifest(found.proofs[0].pointer)
    if known is None:
        return found.reference
    manifest, pointer = known
    return manifest.reference(_field(found.code, pointer, manifest.lines))


def _field(code: str, pointer: str, lines: dict[str, int]) -> str:
    """The JSON pointer of the field whose line counts; empty for the object's own."""
    if code in ("IST0101", "IST0112", "IST0132", "IST0149", "IST0161", "IST0165"):
        destination = _DESTINATION.match(pointer)
        if destination:
            return f"{destination[0]}/host"
        if _FIELD.fullmatch(pointer):
            return pointer
    if code in ("IST0101", "IST0110", "IST0159", "IST0162"):
        return _first_label(lines)
    if code in ("IST0109", "IST0138"):
        return "/metadata/name"
    port = _PORT.match(pointer)
    return f"{port[0]}/name" if code == "IST0134" and port else ""


def _first_label(lines: dict[str, int]) -> str:
    """The label that a selector begins with, once it is sorted."""
    for head in _SELECTORS:
        labels = sorted(path for path in lines if path.startswith(head))
        if labels:
            return labels[0]
    return ""
