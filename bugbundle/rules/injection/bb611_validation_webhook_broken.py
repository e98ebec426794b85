"""BB611: the webhook that checks Istio's objects cannot be reached, or is not trusted."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.injection import Webhook
from bugbundle.mesh.config.webhook_trust import bundle_of, ready_endpoints, roots
from bugbundle.mesh.kube import dicts
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.rules.lib.refusals import REFUSALS
from bugbundle.rules.model import Evidence, Level, rule


@rule(
    "BB611",
    per=Mesh,
    level=Level.ERROR,
    reads={res.VALIDATING, res.SERVICE},
    optional={res.CONFIG_MAP, res.ENDPOINT_SLICE, res.POD, *REFUSALS},
    explains={"IST0106"},
    message="validating webhook {name} {problem}: Istio's objects are {effect}",
)
def validation_webhook_broken(mesh: Mesh) -> Iterator[Evidence]:
    """The validating webhook of Istio has no Service behind it, or a caBundle without the mesh's root.

    ## Why it matters
    With failurePolicy Fail no object of Istio can be changed; with Ignore invalid ones are accepted and istiod
    ignores them later.

    ## What to do
    Bring istiod up; restarting it writes the caBundle anew. Delete what an uninstalled revision left behind.
    """
    for config in mesh.kube.list(res.VALIDATING):
        for number, raw in enumerate(dicts(config.raw.get("webhooks"))):
            hook = Webhook(config, number, raw)
            problem = _problem(mesh, hook) if hook.name.endswith("istio.io") and hook.service else ""
            if problem and hook.service:
                ignored = raw.get("failurePolicy") == "Ignore"
                yield Evidence(
                    ref(config),
                    {
                        "name": f"{config.name}/{hook.name}",
                        "problem": problem,
                        "effect": "accepted unchecked" if ignored else "refused",
                    },
                    objects=(Ref("Service", *hook.service),),
                    proofs=(Proof(config.at(f"{hook.place}/clientConfig"), "/".join(hook.service)),),
                    level=Level.WARNING if ignored else Level.ERROR,
                )


def _problem(mesh: Mesh, hook: Webhook) -> str:
    """What is wrong with it; empty where nothing is."""
    service = hook.service or ("", "")
    if mesh.kube.get(res.SERVICE, *service) is None:
        return f"calls Service {'/'.join(service)}, which does not exist"
    if ready_endpoints(mesh, *service) is False:
        return f"calls Service {'/'.join(service)}, which has no ready endpoint"
    known = roots(mesh, service[0])
    held, _ = bundle_of(hook)
    if known and not held & known:
        return "carries another root in its caBundle" if held else "carries no certificate in its caBundle"
    return ""
