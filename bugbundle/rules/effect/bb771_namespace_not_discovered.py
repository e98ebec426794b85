"""BB771: a namespace with parts of the mesh is outside of istiod's discoverySelectors."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.effect import KINDS, Reason, concerned, effects, shown
from bugbundle.effect.world import world
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_text, dicts
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.signals.access import Fault
from bugbundle.mesh.workloads.index import alive, index, meshed, pod_id
from bugbundle.rules.effect.told import EXPLAINS, OPTIONAL, requests, things
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import some


@rule(
    "BB771",
    per=Mesh,
    level=Level.WARNING,
    reads={res.CONFIG_MAP, res.NAMESPACE},
    optional=OPTIONAL,
    explains={
        *EXPLAINS,
        "BB203",
        "BB408",
        "BB503",
        "BB511",
        "BB550",
        "BB551",
        "BB553",
        "BB554",
        "BB605",
        "BB618",
        "BB619",
    },
    message=(
        "meshConfig.discoverySelectors ({selectors}) do not select namespace {namespace}, in which "
        "{what}: istiod does not "
        "see it{requests}"
    ),
)
def namespace_not_discovered(mesh: Mesh) -> Iterator[Evidence]:
    """A namespace with objects of Istio, pods of the mesh or ztunnel is outside of `meshConfig.discoverySelectors`.

    ## Why it matters
    istiod knows nothing of such a namespace: no Services, no pods, no Istio objects, no root certificate there; it does
    not sign for the nodes' ztunnel, whose pods it does not know.

    ## What to do
    Label the namespace as the selectors ask, or take it into `meshConfig.discoverySelectors`.
    """
    known = world(mesh)
    config = known.config_map
    for space in mesh.kube.list(res.NAMESPACE) if config is not None and known.selectors else ():
        if known.discovered(space.name) is not False:
            continue
        objects, found = _objects(mesh, space.name)
        pods = [pod for pod in index(mesh).pods_in.get(space.name, []) if alive(pod)]
        inside = [pod for pod in pods if meshed(pod) or pod.labels.get("app") == "ztunnel"]
        if config is None or not (objects or inside):
            continue
        broken = [pod_id(pod) for pod in inside if _refused(mesh, pod)]
        wanted = selectors(known.selectors)
        labels = ", ".join(f"{key}={value}" for key, value in space.labels.items() if "kubernetes.io" not in key)
        yield Evidence(
            ref(space),
            {
                "selectors": wanted,
                "namespace": space.name,
                "what": _what(objects, inside),
                "requests": requests(found) or (f"; {broken[0]} gets no certificates" if broken else ""),
            },
            objects=tuple(
                dict.fromkeys(
                    (ref(config), *map(ref, objects), *_around(mesh, space.name, inside), *things(mesh, found))
                )
            ),
            proofs=(
                Proof(config.at("/data/mesh"), f"discoverySelectors: {wanted}"),
                Proof(space.at("/metadata/labels"), labels or "no labels of its own"),
                *shown(found),
            ),
            affects=tuple(dict.fromkeys((*broken, *(fault.proxy.id for fault in found)))),
            level=Level.ERROR if found or broken else Level.WARNING,
            todo=f"{_label(space.name, known.selectors)}, or take it into discoverySelectors of {ref(config)}.",
        )


def _objects(mesh: Mesh, namespace: str) -> tuple[list[KubeObject], list[Fault]]:
    """The Istio objects of a namespace that istiod does not see, and the requests that fail for it."""
    objects: list[KubeObject] = []
    found: dict[int, Fault] = {}
    for resource in KINDS:
        for effect in effects(mesh, resource):
            whys = [why for why in effect.why if why.reason is Reason.NOT_DISCOVERED]
            if whys and effect.item.namespace == namespace:
                objects.append(effect.item)
                found |= {id(fault): fault for why in whys for fault in concerned(mesh, why)}
    return objects, list(found.values())


def _refused(mesh: Mesh, pod: KubeObject) -> bool:
    """Whether a ztunnel has a certificate that istiod did not sign."""
    ztunnel = next((one for one in mesh.ztunnels if (one.namespace, one.name) == (pod.namespace, pod.name)), None)
    states = [as_text(row.get("state")) for row in dicts(ztunnel.config.get("certificates"))] if ztunnel else []
    return any(state not in ("", "Available", "Initializing") for state in states)


def _around(mesh: Mesh, namespace: str, pods: list[KubeObject]) -> Iterator[Ref]:
    yield from (ref(pod) for pod in pods[:20])
    yield from (ref(service) for service in index(mesh).services_in.get(namespace, [])[:50])


def _what(objects: list[KubeObject], pods: list[KubeObject]) -> str:
    """`HTTPRoute shop/web and 5 more objects, and 4 pods of the mesh are`."""
    parts = []
    if objects:
        more = f" and {some(len(objects) - 1, 'more object')}" if len(objects) > 1 else ""
        parts.append(f"{objects[-1]}{more}")
    ztunnels = sum(pod.labels.get("app") == "ztunnel" for pod in pods)
    if ztunnels:
        parts.append(some(ztunnels, "ztunnel"))
    if len(pods) > ztunnels:
        parts.append(f"{some(len(pods) - ztunnels, 'pod')} of the mesh")
    single = len(parts) == 1 and (len(objects) == 1 or (not objects and len(pods) == 1))
    return f"{' and '.join(parts)} {'is' if single else 'are'}"


def selectors(rows: list[dict[str, object]]) -> str:
    """The discoverySelectors in one line."""
    parts = []
    for row in rows:
        labels = row.get("matchLabels")
        pairs = [f"{key}={value}" for key, value in labels.items()] if isinstance(labels, dict) else []
        pairs += [f"{one.get('key')} {one.get('operator')}" for one in dicts(row.get("matchExpressions"))]
        parts.append(",".join(pairs) or "everything")
    return " or ".join(parts)


def _label(namespace: str, rows: list[dict[str, object]]) -> str:
    labels = next((one for row in rows if isinstance(one := row.get("matchLabels"), dict) and one), {})
    pair = " ".join(f"{key}={value}" for key, value in labels.items())
    return f"Label it: `kubectl label namespace {namespace} {pair}`" if pair else "Label it as the selectors ask"
