"""A recording that took long."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh, Pointer
from bugbundle.mesh.ref import Proof, Ref
from bugbundle.mesh.workloads.pod_age import span, spread
from bugbundle.rules.model import Evidence, Level, rule

LONG_SECONDS = 600.0


@rule(
    "BB906",
    per=Mesh,
    level=Level.INFO,
    reads=set(),
    diagnosis=False,
    message="the recording took {time}: entries that are compared may be of different times",
)
def capture_took_long(mesh: Mesh) -> Iterator[Evidence]:
    """More than ten minutes lie between the first entry and the last.

    ## Why it matters
    A change in between looks like a difference. istiod's and Envoy's account of one proxy are asked for back to back,
    so drift is judged by its own times.

    ## What to do
    Nothing, unless findings contradict each other: then compare the times of their entries in the manifest.
    """
    time = spread(mesh)
    if time is not None and time > LONG_SECONDS:
        yield Evidence(
            origin=Ref("Bundle", "", "manifest.json"),
            values={"time": span(time)},
            proofs=(Proof(Pointer("manifest.json"), f"{time:.0f} s"),),
        )
