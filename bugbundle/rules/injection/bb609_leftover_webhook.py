"""BB609: an injection webhook belongs to a revision of which no istiod runs."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.injection import REVISION, webhooks
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.index import alive, index
from bugbundle.rules.model import Confidence, Evidence, Level, rule


@rule(
    "BB609",
    per=Mesh,
    level=Level.WARNING,
    reads={res.MUTATING, res.POD},
    message=(
        "webhook configuration {name} belongs to revision {revision}, of which no istiod runs here (running: {running})"
    ),
    diagnosis=False,
)
def leftover_webhook(mesh: Mesh) -> Iterator[Evidence]:
    """An injection webhook belongs to a revision of which no istiod runs.

    ## Why it matters
    What an uninstalled revision leaves behind keeps taking pods, with an old address or an old certificate.

    ## What to do
    `istioctl uninstall --revision NAME`, or delete the webhook configuration, after relabelling its
    namespaces.
    """
    running = {pod.labels.get(REVISION) or "default" for pod in index(mesh).select({"app": "istiod"}) if alive(pod)}
    seen: set[Ref] = set()
    for hook in webhooks(mesh):
        config = hook.config
        revision = config.labels.get(REVISION)
        if not running or not revision or revision in running or not hook.active or ref(config) in seen:
            continue
        seen.add(ref(config))
        yield Evidence(
            ref(config),
            {"name": config.name, "revision": revision, "running": ", ".join(sorted(running))},
            objects=(Ref("Service", *hook.service),) if hook.service else (),
            proofs=(Proof(config.at("/metadata/labels"), f"{REVISION}={revision}"),),
            confidence=Confidence.LIKELY,
        )
