"""BB620: nothing injects sidecars."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh, Pointer
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import SYSTEM_NAMESPACES
from bugbundle.mesh.config.injection import MODE, asks_for_injection, webhooks
from bugbundle.mesh.ref import Proof, Ref
from bugbundle.mesh.workloads.index import alive, index, pod_id, proxied
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import some


@rule(
    "BB620",
    per=Mesh,
    level=Level.ERROR,
    reads={res.NAMESPACE, res.MUTATING, res.POD},
    message=(
        "no webhook configuration injects sidecars, though {spaces} ({names}) ask for it; {pods} there without sidecar"
    ),
    explains={"BB603", "BB605", "IST0103"},
)
def no_injection_webhook(mesh: Mesh) -> Iterator[Evidence]:
    """Nothing injects sidecars: there is no MutatingWebhookConfiguration of Istio, or every one is switched off.

    ## Why it matters
    Every pod that is made from now on comes up without sidecar, silently.

    ## What to do
    Install the control plane's chart again (`istioctl install`, `istioctl tag set default`), which writes it; find out
    who deletes it.
    """
    if any(hook.active for hook in webhooks(mesh)) or not index(mesh).select({"app": "istiod"}):
        return
    spaces = [
        space.name
        for space in mesh.kube.list(res.NAMESPACE)
        if asks_for_injection(space.labels)
        and space.name not in SYSTEM_NAMESPACES
        and space.labels.get(MODE) != "ambient"
    ]
    plain = [
        pod_id(pod) for name in spaces for pod in index(mesh).pods_in.get(name, []) if alive(pod) and not proxied(pod)
    ]
    if spaces:
        yield Evidence(
            Ref("MutatingWebhookConfiguration", "", "istio-sidecar-injector"),
            {
                "spaces": f"the labels of {some(len(spaces), 'namespace')}",
                "names": ", ".join(spaces[:5]),
                "pods": some(len(plain), "pod"),
            },
            objects=tuple(Ref("Namespace", "", name) for name in spaces),
            proofs=(
                Proof(
                    Pointer(next(iter(mesh.kube.entries(res.MUTATING)), "bundle.json")),
                    f"{len(mesh.kube.list(res.MUTATING))} objects",
                ),
            ),
            affects=tuple(f"namespace {name}" for name in spaces),
        )
