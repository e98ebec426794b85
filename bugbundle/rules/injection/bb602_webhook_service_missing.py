"""BB602: an injection webhook calls a Service that does not exist, or that nobody answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.injection import Webhook, webhooks
from bugbundle.mesh.config.webhook_trust import reach, ready_endpoints
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.rules.model import Evidence, Level, rule


@rule(
    "BB602",
    per=Mesh,
    level=Level.ERROR,
    reads={res.MUTATING, res.SERVICE},
    optional={res.NAMESPACE, res.POD, res.ENDPOINT_SLICE},
    message=(
        "webhook configuration {name} calls Service {service}, {what}; it takes pods of {spaces} "
        "(failurePolicy {policy})"
    ),
    explains={"BB108", "BB605", "BB608", "BB609", "BB610", "IST0139"},
)
def webhook_service_missing(mesh: Mesh) -> Iterator[Evidence]:
    """An injection webhook calls a Service that does not exist, or that nobody answers.

    ## Why it matters
    With failurePolicy Fail no pod can be created in the namespaces that it takes; with Ignore pods come up
    without sidecar.

    ## What to do
    Delete the webhook configuration of a revision that was uninstalled, or bring its istiod back; then
    relabel the namespaces to a revision that runs.
    """
    groups: dict[tuple[Ref, tuple[str, str]], list[Webhook]] = defaultdict(list)
    for hook in webhooks(mesh):
        if hook.service and hook.active:
            groups[ref(hook.config), hook.service].append(hook)
    for (config, service), hooks in groups.items():
        if mesh.kube.get(res.SERVICE, *service) is None:
            what = "which does not exist"
        elif ready_endpoints(mesh, *service) is False:
            what = "which has no ready endpoint"
        else:
            continue
        taken = tuple(dict.fromkeys(name for hook in hooks for name in reach(mesh, hook)))
        yield Evidence(
            config,
            {
                "name": config.name,
                "service": "/".join(service),
                "what": what,
                "spaces": f"namespaces {', '.join(taken[:5])}" if taken else "no namespace at present",
                "policy": hooks[0].raw.get("failurePolicy", "Fail"),
            },
            objects=(Ref("Service", *service), *(Ref("Namespace", "", name) for name in taken)),
            proofs=(Proof(hooks[0].config.at(f"{hooks[0].place}/clientConfig/service"), "/".join(service)),),
            affects=tuple(f"namespace {name}" for name in taken),
            level=Level.ERROR if taken else Level.WARNING,
        )
