"""What a component complains about, led back to the object that it quotes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.ref import Ref, ref
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.symptoms.logs import logs
from bugbundle.symptoms.model import State, Symptom
from bugbundle.words import clip

KINDS = (
    res.ENVOY_FILTER,
    res.WASM_PLUGIN,
    res.TELEMETRY,
    res.REQUEST_AUTHENTICATION,
    res.AUTHORIZATION_POLICY,
    res.SERVICE_ENTRY,
    res.DESTINATION_RULE,
    res.VIRTUAL_SERVICE,
    res.GATEWAY,
    res.SIDECAR,
    res.K8S_GATEWAY,
    res.HTTP_ROUTE,
)
LONG = 12
"""Characters of a value that is distinctive enough: a URL, an image, a path, a host."""

FEWEST = 3
MOST = 3
"""Objects that quote the same value: more of them say nothing."""


@rule(
    "BB760",
    per=Mesh,
    level=Level.WARNING,
    reads={Source.LOG, res.POD},
    optional={*KINDS, res.REPLICA_SET},
    fallback=True,
    message="{component} complains about {object}, {count}×: {text}",
)
def complaint_about_object(mesh: Mesh) -> Iterator[Evidence]:
    """A component of the mesh complains again and again, and its words quote one object: its name, or an image, URL,
    path or host that stands in it.

    ## Why it matters
    The component could not do what the object asks for, and says why; often nothing else does.

    ## What to do
    Read the line: it names what failed (a fetch, a value, a file). Correct it in the object, or what the object refers
    to.
    """
    symptoms = [one for one in logs(mesh) if one.state is State.NOW and one.count >= FEWEST]
    if not symptoms:
        return
    known = _values(mesh)
    for one in symptoms:
        said = " ".join((one.text, *(proof.text for proof in one.proofs)))
        found = _quoted(known, said)
        if found and found not in one.about:
            yield _evidence(one, found)


def _evidence(one: Symptom, found: Ref) -> Evidence:
    return Evidence(
        found,
        {
            "component": str(one.subject),
            "object": str(found),
            "count": one.count,
            "text": clip(one.text.partition("×): ")[2] or one.text, 400),
        },
        objects=(one.subject, *one.things[:20]),
        proofs=one.proofs,
        affects=tuple(f"{thing.name}.{thing.namespace}" for thing in one.things[:20] if thing.kind == "Pod"),
        confidence=Confidence.LIKELY,
        at=one.last,
    )


def _values(mesh: Mesh) -> dict[str, list[Ref]]:
    """value → the objects that hold it; `ns/name` and `name.ns` are values of their object."""
    found: dict[str, list[Ref]] = defaultdict(list)
    for resource in KINDS:
        for item in mesh.kube.list(resource):
            names = {f"{item.namespace}/{item.name}", f"{item.name}.{item.namespace}"}
            for value in names | set(_texts(item)):
                found[value].append(ref(item))
    return found


def _texts(item: KubeObject) -> Iterator[str]:
    stack: list[Any] = [item.spec]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)
        elif isinstance(value, str) and len(value) >= LONG and len(value) < 300 and _distinct(value):
            yield value.split("://", 1)[-1] if value.startswith("oci://") else value


def _distinct(value: str) -> bool:
    """Whether it is a path, an URL, an image or a host of somebody's own, not one of Envoy's type names."""
    own = value.startswith(("envoy.", "type.googleapis.com", "istio.io", "cluster.local")) or value.endswith(".svc")
    return ("/" in value or value.count(".") >= 2) and not own and " " not in value and "\n" not in value


def _quoted(known: dict[str, list[Ref]], said: str) -> Ref | None:
    """The one object whose name or longest value the text quotes."""
    hits = [(len(value), refs) for value, refs in known.items() if len(set(refs)) <= MOST and _whole(value, said)]
    return max(hits, key=lambda hit: hit[0])[1][0] if hits else None


def _whole(value: str, said: str) -> bool:
    """Whether a text holds a value that ends there: `shop/web` is not quoted by `shop/web-5f4d9c7b8-x2x4z`."""
    place = said.find(value)
    while place >= 0:
        before, after = said[place - 1 : place], said[place + len(value) : place + len(value) + 1]
        if not any(one.isalnum() or one in "-_" for one in (before, after) if one):
            return True
        place = said.find(value, place + 1)
    return False
