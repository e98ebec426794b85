"""Where it was not recorded whether pods are refused."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.rules.model import Blind

REFUSALS = frozenset({res.REPLICA_SET, res.EVENT, res.DEPLOYMENT, res.STATEFUL_SET, "daemonsets.apps", "jobs.batch"})
"""What `mesh.workloads.refusals.refused` looks at."""


def blind(mesh: Mesh) -> Iterator[Blind]:
    """That nothing can be said: neither ReplicaSets, nor Deployments, nor events were recorded."""
    if not any(mesh.kube.recorded(one) for one in (res.REPLICA_SET, res.DEPLOYMENT, res.EVENT)):
        gap = mesh.kube.gap(res.REPLICA_SET)
        yield Blind("mesh", (gap.text if gap else f"{res.REPLICA_SET}: not recorded",))
