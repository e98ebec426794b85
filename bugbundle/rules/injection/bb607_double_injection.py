"""BB607: pods are taken by the injection webhooks of two installations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import SYSTEM_NAMESPACES
from bugbundle.mesh.config.injection import takers, webhooks
from bugbundle.mesh.ref import Proof, Ref
from bugbundle.mesh.workloads.index import alive, index
from bugbundle.rules.model import Confidence, Evidence, Level, rule


@rule(
    "BB607",
    per=Mesh,
    level=Level.ERROR,
    reads={res.NAMESPACE, res.MUTATING},
    optional={res.POD},
    message="webhook configurations {configs} both inject pods of namespaces {spaces}",
    explains={"IST0139"},
)
def double_injection(mesh: Mesh) -> Iterator[Evidence]:
    """Pods are taken by the injection webhooks of two installations.

    ## Why it matters
    The second one injects into what the first one made: mixed settings, or pods that do not start.

    ## What to do
    Remove the webhook of the installation that is not meant, or set one revision as default by `istioctl tag
    set default`.
    """
    hooks = webhooks(mesh)
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, space in index(mesh).namespaces.items():
        pods = index(mesh).pods_in.get(name, [])
        shapes = {tuple(sorted(pod.labels.items())) for pod in pods if alive(pod)} or {()}
        found = {
            tuple(sorted({hook.config.name for hook in takers(hooks, space.labels, dict(shape))})) for shape in shapes
        }
        for configs in found:
            if len(configs) > 1 and name not in SYSTEM_NAMESPACES:
                groups[configs].append(name)
    for configs, names in groups.items():
        config = mesh.kube.get(res.MUTATING, "", configs[0])
        yield Evidence(
            Ref("MutatingWebhookConfiguration", "", configs[0]),
            {"configs": " and ".join(configs), "spaces": ", ".join(names[:5])},
            objects=(
                *(Ref("MutatingWebhookConfiguration", "", other) for other in configs[1:]),
                *(Ref("Namespace", "", name) for name in names),
            ),
            proofs=(Proof(config.at("/webhooks"), "namespaceSelector and objectSelector"),) if config else (),
            affects=tuple(f"namespace {name}" for name in names),
            confidence=Confidence.LIKELY,
        )
