"""Which page a loose file is, by its members: so that the wrong one is told from an empty one."""

from __future__ import annotations

from bugbundle.codec import JSONError, split_object
from bugbundle.errors import DumpError

ENVOY, CLUSTERS, ZTUNNEL = "Envoy's config dump", "Envoy's clusters?format=json", "a ztunnel's config dump"
_MEMBERS = (
    ("configs", ENVOY, "`bugbundle proxy-config`, `authz check`"),
    ("cluster_statuses", CLUSTERS, "`bugbundle proxy-config endpoint`"),
    ("workloads", ZTUNNEL, "`bugbundle ztunnel-config`"),
    ("workloadState", ZTUNNEL, "`bugbundle ztunnel-config`"),
    ("items", "a list of Kubernetes objects", "`bugbundle analyze`"),
    ("apiVersion", "a Kubernetes object", "`bugbundle analyze`"),
)


def expect(data: bytes, wanted: str, where: str) -> None:
    """Raise `DumpError` where a file is recognised as another page than the one that is `wanted`.

    What is no JSON object, or has no member that tells, is left to whoever reads it.
    """
    try:
        members = split_object(data, where)
    except JSONError:
        return
    for member, what, reader in _MEMBERS:
        if member in members:
            if what != wanted:
                raise DumpError(f"this is {what}, not {wanted}", where=where, todo=f"It is read by {reader}")
            return
