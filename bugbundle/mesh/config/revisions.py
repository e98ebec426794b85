"""Versions of Istio: of istiod, of proxies; revisions and tags."""

from __future__ import annotations

import re

from bugbundle.mesh import Mesh, Proxy
from bugbundle.mesh.kinds import MUTATING
from bugbundle.mesh.kube import as_text

_VERSION = re.compile(r"(\d+)\.(\d+)")


def minor(text: str) -> tuple[int, int] | None:
    """(1, 29) of `1.29.6-…`; None where it names no version."""
    match = _VERSION.match(text)
    return (int(match[1]), int(match[2])) if match else None


def proxy_version(proxy: Proxy) -> str:
    """As istiod heard it (debug/syncz), else as the bootstrap's metadata has it."""
    for istiod in proxy.mesh.istiods_of(proxy.id):
        told = as_text(istiod.syncz[proxy.id].get("istio_version"))
        if told:
            return told
    return as_text(proxy.metadata.get("ISTIO_VERSION"))


def tags(mesh: Mesh) -> dict[str, str]:
    """tag → revision, by the labels of the injection webhooks (`istio.io/tag`, `istio.io/rev`)."""
    return {
        item.labels["istio.io/tag"]: item.labels["istio.io/rev"]
        for item in mesh.kube.list(MUTATING)
        if "istio.io/tag" in item.labels and "istio.io/rev" in item.labels
    }
