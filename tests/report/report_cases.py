"""Rules of the tests' own, and a name that means harm."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh, Pointer, Proxy
from bugbundle.rules import Confidence, Evidence, Level, Proof, Ref, Rule
from bugbundle.sync import compare

HOSTILE = "</script><img src=x onerror=alert(1)>\u202egnp.exe\x1b[31m`|*"


def fallen_behind(proxy: Proxy) -> Iterator[Evidence]:
    """A proxy runs on another configuration than istiod says.

    ## Why it matters
    It serves what was true yesterday.

    ## What to do
    Look at port 15012 with `nc`, then restart the pod.
    """
    drifts = compare(proxy).drifts
    if drifts:
        yield Evidence(
            Ref("Pod", proxy.namespace, proxy.name),
            {"proxy": proxy.id, "first": drifts[0].name},
            objects=(Ref("Service", "istio-system", "istiod"),),
            proofs=(Proof(Pointer(proxy.entry("config_dump.json"), "/configs/1"), f"{len(drifts)} differ"),),
            affects=(proxy.id,),
        )


def slow_service(mesh: Mesh) -> Iterator[Evidence]:
    """A service is slow.

    ## Why it matters
    People wait.

    ## What to do
    Wait with them.
    """
    for proxy in mesh.proxies[:1]:
        objects = (Ref("Pod", proxy.namespace, proxy.name),)
        proofs = (Proof(Pointer("logs/x.log", "line 3"), HOSTILE),)
        origin = Ref("Service", "shop", HOSTILE)
        yield Evidence(origin, {"name": HOSTILE}, objects, proofs, confidence=Confidence.LIKELY)


def name_of_namespace(mesh: Mesh) -> Iterator[Evidence]:
    """A namespace has a name.

    ## Why it matters
    It does not.

    ## What to do
    Nothing.
    """
    for item in mesh.kube.list("namespaces"):
        yield Evidence(Ref("Namespace", "", item.name), {"name": item.name})


def looks_at_secrets(mesh: Mesh) -> Iterator[Evidence]:
    """Reads what the recording lacks.

    ## Why it matters
    A gap.

    ## What to do
    Record with more rights.
    """
    yield from ()


def breaks(mesh: Mesh) -> Iterator[Evidence]:
    """A rule with a defect.

    ## Why it matters
    The others go on.

    ## What to do
    Report it.
    """
    raise ValueError("the text of an error is never shown")
    yield


RULE_LIST = [
    Rule(
        "BB291",
        Proxy,
        Level.ERROR,
        frozenset(),
        "{proxy} has fallen behind: {first} differs",
        fallen_behind,
        frozenset({"BB791"}),
    ),
    Rule("BB791", Mesh, Level.WARNING, frozenset(), "{name} is slow", slow_service),
    Rule(
        "IST0999",
        Mesh,
        Level.INFO,
        frozenset(),
        "The namespace is called {name}",
        name_of_namespace,
        diagnosis=False,
        analyzer="x.Y",
    ),
    Rule("BB491", Mesh, Level.ERROR, frozenset({"secrets"}), "never", looks_at_secrets),
    Rule("BB991", Mesh, Level.ERROR, frozenset(), "never", breaks),
]
