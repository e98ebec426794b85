"""BB601: the API server does not trust an injection webhook: its caBundle is empty or holds another root."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.injection import Webhook, webhooks
from bugbundle.mesh.config.webhook_trust import bundle_of, reach, roots
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.rules.lib.refusals import REFUSALS
from bugbundle.rules.model import Evidence, Level, rule


@rule(
    "BB601",
    per=Mesh,
    level=Level.ERROR,
    reads={res.MUTATING, res.CONFIG_MAP},
    optional={res.NAMESPACE, res.POD, res.SERVICE, *REFUSALS},
    message=(
        "webhook configuration {name} carries {what} in its caBundle, not the mesh's root; it takes"
        " pods of {spaces} (failurePolicy {policy})"
    ),
    explains={"BB108", "BB605", "BB608", "BB609", "BB610", "IST0103"},
)
def webhook_ca_mismatch(mesh: Mesh) -> Iterator[Evidence]:
    """The API server does not trust an injection webhook: its caBundle is empty or holds another root.

    ## Why it matters
    The API server refuses to talk to the webhook (x509: certificate signed by unknown authority). With
    failurePolicy Fail no pod can be created in the namespaces that it takes; with Ignore pods come up without
    sidecar.

    ## What to do
    istiod writes the caBundle of its own revision by itself: a stale one belongs to a revision that is gone
    (`istioctl uninstall --revision`, or delete the configuration), or something else (GitOps, Helm) writes it
    back. Restarting istiod writes it anew.
    """
    groups: dict[tuple[Ref, str], list[Webhook]] = defaultdict(list)
    subjects: dict[tuple[Ref, str], str] = {}
    for hook in webhooks(mesh):
        known = roots(mesh, hook.service[0]) if hook.service and hook.active and there(mesh, hook) else set()
        if not known or not hook.service:
            continue
        held, subject = bundle_of(hook)
        if not held or not held & known:
            key = (ref(hook.config), "another root" if held else "no certificate")
            groups[key].append(hook)
            subjects[key] = subject
    for (config, what), hooks in groups.items():
        taken = tuple(dict.fromkeys(name for hook in hooks for name in reach(mesh, hook)))
        first = hooks[0]
        service = Ref("Service", *first.service) if first.service else config
        yield Evidence(
            config,
            {
                "name": config.name,
                "what": what,
                "spaces": f"namespaces {', '.join(taken[:5])}" if taken else "no namespace at present",
                "policy": first.raw.get("failurePolicy", "Fail"),
            },
            objects=(service, *(Ref("Namespace", "", name) for name in taken)),
            proofs=(
                Proof(first.config.at(f"{first.place}/clientConfig/caBundle"), subjects[config, what] or "empty"),
                *(Proof(item.at("/data/root-cert.pem"), "the mesh's root") for item in root_maps(mesh, first)),
            ),
            affects=tuple(f"namespace {name}" for name in taken),
            level=Level.ERROR if taken else Level.WARNING,
        )


def there(mesh: Mesh, hook: Webhook) -> bool:
    """Whether the webhook's Service exists; without it trust does not matter (BB602)."""
    missing = hook.service and mesh.kube.recorded(res.SERVICE) and not mesh.kube.get(res.SERVICE, *hook.service)
    return not missing


def root_maps(mesh: Mesh, hook: Webhook) -> list[KubeObject]:
    """The ConfigMap with the root, in the namespace of the webhook's Service."""
    found = mesh.kube.get(res.CONFIG_MAP, hook.service[0], "istio-ca-root-cert") if hook.service else None
    return [found] if found else []
