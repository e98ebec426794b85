"""Complaints that are harmless, each by what it says and with the reason.

Seen on healthy meshes of Istio 1.26 to 1.30, and read in the sources of Istio, ztunnel and Envoy.
"""

from __future__ import annotations

import re

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_list

HARMLESS: tuple[tuple[str, str], ...] = (
    (r"no configured limit to the number of allowed active downstream connections",
     "Envoy says so at every start where no overload manager is set up"),
    (r"Using a removed guard envoy\.reloadable_features",
     "Envoy's bootstrap still names a switch that this version no longer has"),
    (r"envoy_bug .*(?:stacktrace for envoy bug|#\d+ )", "the stack of the line above"),
    (r"Istio Version is not found in metadata for ztunnel", "ztunnel sends no version"),
    (r"the object has been modified; please apply your changes", "two writers met; it is tried again"),
    (r"Operation cannot be fulfilled on", "two writers met; it is tried again"),
    (r"retrying \(retry count: 1\).* already exists", "another replica was first"),
    (r"^Failed to (?:create|update) endpoint.*(?:already exists|has been modified)",
     "two writers met; the controller of endpoints tries again"),
    (r"update event skipped - pod no longer exists", "the pod was gone before its event was read"),
    (r"slow startup task", "istiod tells how long its start took"),
    (r"failed to add indexer: indexer conflict", "istiod asks twice for the same index"),
    (r"failed to remove pod from mesh: write unixpacket", "the node's ztunnel had gone, and the pod with it"),
    (r"webhook is not ready, retry", "istiod waits for its own webhook while it starts"),
    (r"discovery is not ready$", "the readiness probe, while istiod started"),
    (r"Failed to release lock: resource name may not be empty", "istiod was ending"),
    (r"client rate limiter Wait returned an error", "istiod's client waited while it was ending"),
    (r"error retrieving resource lock .*(?:context (?:deadline exceeded|canceled)|dial tcp)",
     "the API server did not answer for a moment; another replica holds the lock, or the same again"),
    (r"with no vhosts; Setting up a default 404 vhost", "no route is bound to that server (yet)"),
    (r"connection error: desc = \"error reading server preface", "the connection was opened again"),
    (r"watch error in cluster .*too old resource version", "the watch was begun again"),
    (r"StreamAggregatedResources gRPC config stream (?:to xds-grpc )?closed(?: since \d+s ago)?: (?:0|13|14)",
     "istiod ended the stream, as it does every half hour; Envoy opens it again"),
    (r"gRPC config stream .*closed: (?:0|13|14), *(?:NO_ERROR|graceful|upstream max stream duration)?",
     "istiod ended the stream; Envoy opens it again"),
    (r"deprecat", "a field or an option that will go in a later version"),
    (r"Usage of the deprecated|Unknown field", "a field that this version does not know"),
)  # fmt: skip

ENDED: tuple[tuple[str, str], ...] = (
    (r"XDS client connection error|gRPC connection error", r"Stream established|received response"),
    (r"Envoy proxy is NOT ready", r"Envoy proxy is ready"),
    (r"failed to warm certificate|failed to sign|failed to generate workload certificate", r"generated new workload"),
    (r"gRPC config stream .*closed|failed to connect to upstream|upstream terminated", r"connected to .*upstream XDS"),
    (r"failed to connect to the Istio CNI node agent", r"workload manager state|handling.*(?:snapshot|addition)"),
    (r"error retrieving resource lock|failed to renew lease", r"successfully (?:acquired|renewed) lease|became leader"),
)
"""What a component complains about → what it says when that is over."""

_ENDED = tuple((re.compile(trouble), re.compile(end)) for trouble, end in ENDED)
_PATTERNS = tuple((re.compile(pattern), reason) for pattern, reason in HARMLESS)
_PRUNED = re.compile(r"ServiceEntry ([\w.-]+)/([\w.-]+) was pruned by deduplication")


def harmless(mesh: Mesh, said: str) -> str:
    """Why a line needs no one; empty where it may."""
    pruned = _PRUNED.search(said)
    if pruned:
        return _alone(mesh, pruned[1], pruned[2])
    return next((reason for pattern, reason in _PATTERNS if pattern.search(said)), "")


def ended(said: str, after: str) -> bool:
    """Whether the text that follows a complaint in its log says that it is over."""
    return any(trouble.search(said) and end.search(after) for trouble, end in _ENDED)


def _alone(mesh: Mesh, namespace: str, name: str) -> str:
    """istiod prunes a ServiceEntry whose host another one of its namespace has."""
    item = mesh.kube.get(res.SERVICE_ENTRY, namespace, name)
    hosts = {host for host in as_list(item.spec.get("hosts")) if isinstance(host, str)} if item else set()
    others = [
        other
        for other in mesh.kube.list(res.SERVICE_ENTRY)
        if other is not item and hosts & set(map(str, as_list(other.spec.get("hosts"))))
    ]
    return "" if others else "no other ServiceEntry has its hosts: it was compared with its own earlier version"
