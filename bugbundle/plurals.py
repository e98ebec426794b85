"""How Kubernetes names the list of a kind: `VirtualService` → `virtualservices`."""

from __future__ import annotations

ODD = {
    "Endpoints": "endpoints",
    "NetworkAttachmentDefinition": "network-attachment-definitions",
    "IstioCNI": "istiocnis",
}
"""Kinds whose list the rule does not name."""


def plural(kind: str) -> str:
    """The lower-case plural of a kind, as Kubernetes guesses it (apimachinery's UnsafeGuessKindToResource)."""
    if kind in ODD:
        return ODD[kind]
    low = kind.lower()
    if low.endswith("s"):
        return f"{low}es"
    if low.endswith("y") and low[-2:-1] not in ("a", "e", "i", "o", "u"):
        return f"{low[:-1]}ies"
    return f"{low}s"
