"""A recording that is not whole."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.bundle.layout import READ_FROM
from bugbundle.mesh import Mesh, Pointer
from bugbundle.mesh.ref import Proof, Ref
from bugbundle.rules.model import Evidence, Level, rule


@rule(
    "BB901",
    per=Mesh,
    level=Level.WARNING,
    reads=set(),
    diagnosis=False,
    message="the recording is not whole: {note}",
)
def capture_cut_off(mesh: Mesh) -> Iterator[Evidence]:
    """The bundle has no manifest, was cut off, or holds entries that are damaged.

    ## Why it matters
    What was lost cannot be judged: an object that is not here may exist all the same.

    ## What to do
    Record again where that is possible. Otherwise read every «nothing found» with this in mind.
    """
    for note in dict.fromkeys(note for note in mesh.bundle.notes if not note.startswith(READ_FROM)):
        yield Evidence(
            origin=Ref("Bundle", "", "manifest.json"),
            values={"note": note},
            proofs=(Proof(Pointer("bundle.json"), note),),
        )
