"""IST0158: pods run another proxy image than the injection would give them now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.config.injection import REVISION, asks_for_injection
from bugbundle.mesh.ref import Ref
from bugbundle.mesh.workloads.index import index, pure_proxy
from bugbundle.rules.istioctl.images import expected_image, proxy_image, revisions
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level
from bugbundle.words import go_list


@analyzer(
    "IST0158",
    "injection.ImageAnalyzer",
    level=Level.WARNING,
    reads={res.NAMESPACE, res.POD, res.CONFIG_MAP},
    message=(
        "The Istio proxy images of the pods running in the namespace do not match the image defined"
        " in the injection configuration (pod names: {pods}). This often happens after upgrading "
        "the Istio control-plane and can be fixed by redeploying the pods."
    ),
)
def proxy_image_mismatch(mesh: Mesh) -> Iterator[Hit]:
    """Pods run another proxy image than the injection would give them now.

    ## Why it matters
    They run an older proxy than the control plane expects.

    ## What to do
    Restart their workloads.
    """
    expected = {revision: expected_image(mesh, revision) for revision in revisions(mesh)}
    found: dict[str, list[str]] = defaultdict(list)
    for pod in analysed(mesh, res.POD):
        labels = index(mesh).labels_of(pod.namespace)
        own = "sidecar.istio.io/proxyImage" in pod.annotations or pure_proxy(pod)
        if own or not asks_for_injection(labels):
            continue
        image, wanted = proxy_image(pod), expected.get(labels.get(REVISION) or "default", "")
        if image and wanted and image != wanted:
            found[pod.namespace].append(pod.name)
    for namespace, names in found.items():
        space = index(mesh).namespaces[namespace]
        objects = tuple(Ref("Pod", namespace, name) for name in names)
        yield Hit(space, {"pods": go_list(names)}, "", f"{len(names)} pods", objects)
