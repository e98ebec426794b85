"""The last words of containers that ended or do not start: the end of their current and previous logs."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.bundle.manifest import parse_time
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh.pointer import Pointer
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.index import alive
from bugbundle.mesh.workloads.owners import workload
from bugbundle.mesh.workloads.trouble import Trouble, statuses
from bugbundle.symptoms.model import Kind, State, Symptom
from bugbundle.symptoms.texts import log_text
from bugbundle.words import clip


def last_words(mesh: Mesh) -> Iterator[Symptom]:
    """A symptom per workload, container and last line."""
    groups: dict[tuple[Ref, str, str], list[tuple[Trouble, Proof]]] = {}
    for pod in mesh.pods.values():
        for one in statuses(pod):
            if not alive(pod) or not (ended(one) or one.waiting):
                continue
            proof = words_of(mesh, pod, one)
            if proof is not None:
                key = (workload(mesh, pod), one.container, proof.text[:60])
                groups.setdefault(key, []).append((one, proof))
    for (owner, container, _), found in groups.items():
        yield _symptom(mesh, owner, container, found)


def ended(one: Trouble) -> bool:
    """Whether the container ended otherwise than well."""
    end = one.last_end
    return bool(end) and end.get("exitCode") != 0


def words_of(mesh: Mesh, pod: KubeObject, one: Trouble) -> Proof | None:
    """The last line that tells most, of the previous log, else of the current one; None where there is none."""
    names = (f"{one.container}.previous", one.container)
    for name in names if one.restarts else names[::-1]:
        path = f"logs/{pod.namespace}/{pod.name}/{name}.log"
        lines = [line for line in log_text(mesh, path).splitlines() if line.strip()]
        if lines:
            number, told = _telling(lines)
            return Proof(Pointer(path, f"line {number}"), clip(told.replace("\t", " "), 400))
    return None


def _telling(lines: list[str]) -> tuple[int, str]:
    """(number, line): the last error among the last 20 lines, else the last line."""
    for back, line in enumerate(reversed(lines[-20:])):
        low = line.lower()
        if any(word in low for word in ("error", "fatal", "panic", "failed", "cannot ", "caused by")):
            return len(lines) - back, line
    return len(lines), lines[-1]


def _symptom(mesh: Mesh, owner: Ref, container: str, found: list[tuple[Trouble, Proof]]) -> Symptom:
    one, proof = found[0]
    running = all(item.status.get("ready") for item, _ in found)
    how = one.how() or str(one.waiting.get("reason", ""))
    times = [at for item, _ in found if (at := parse_time(item.last_end.get("finishedAt")))]
    recent = any(item.ended_recently(mesh.now) for item, _ in found)
    over = running and not (recent and max(item.restarts for item, _ in found) > 2)
    return Symptom(
        Kind.LAST_WORDS,
        owner,
        f"container {container} of {owner} ended with {how}, and said last: {clip(proof.text, 240)}",
        len(found),
        first=min(times, default=None),
        last=max(times, default=None),
        proofs=(proof,),
        things=tuple(ref(item.pod) for item, _ in found[:50]),
        state=State.PAST if over else State.NOW,
        reason="it runs and is ready since" if over else "",
    )
