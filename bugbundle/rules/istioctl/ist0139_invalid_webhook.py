"""IST0139: injection webhooks overlap, or call a Service that is not there."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.ref import Ref
from bugbundle.rules.istioctl.overlaps import istio_hooks, overlaps
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0139",
    "webhook.Analyzer",
    level=Level.ERROR,
    reads={res.MUTATING, res.SERVICE},
    message="{error}",
)
def invalid_webhook(mesh: Mesh) -> Iterator[Hit]:
    """Injection webhooks overlap, or call a Service that is not there.

    ## Why it matters
    Overlapping webhooks inject twice; one without its Service lets no pod be created.

    ## What to do
    Keep one webhook per revision: remove what an uninstalled revision left.
    """
    for hook, text in overlaps(mesh):
        yield Hit(hook.config, {"error": text}, hook.place, hook.name)
    for hook in istio_hooks(mesh):
        if hook.service and mesh.kube.get(res.SERVICE, *hook.service) is None:
            text = f"Injector refers to a control plane service that does not exist: {'/'.join(hook.service)}."
            yield Hit(
                hook.config,
                {"error": text},
                hook.place + "/clientConfig",
                hook.name,
                (Ref("Service", *hook.service),),
            )
