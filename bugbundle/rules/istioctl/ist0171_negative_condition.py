"""IST0171: an object's status says that something about it failed."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.conditions import negative_conditions
from bugbundle.mesh.kube import as_text
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0171",
    "conditions.ConditionAnalyzer",
    level=Level.WARNING,
    reads=set(),
    optional={
        res.SERVICE,
        res.SERVICE_ENTRY,
        res.WORKLOAD_ENTRY,
        res.AUTHORIZATION_POLICY,
        res.K8S_GATEWAY,
        res.HTTP_ROUTE,
        res.GRPC_ROUTE,
    },
    message=("A condition with a negative status is present: type={type}, reason={reason}, message={message}."),
)
def negative_condition(mesh: Mesh) -> Iterator[Hit]:
    """An object's status says that something about it failed.

    ## Why it matters
    Istio could not do what the object asks.

    ## What to do
    Read the reason and the message in the finding: they name what is missing.
    """
    for item, pointer, condition in negative_conditions(mesh):
        values = {key: as_text(condition.get(key)) for key in ("type", "reason", "message")}
        yield Hit(item, values, pointer, f"{values['type']}=False, {values['reason']}: {values['message']}")
