"""IST0157: a Telemetry's access logging names no provider, and the mesh has no default."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.config.meshconfig import mesh_config
from bugbundle.mesh.kube import as_dict, dicts
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level
from bugbundle.words import quoted


@analyzer(
    "IST0157",
    "telemetry.ProviderAnalyzer",
    level=Level.WARNING,
    reads={res.TELEMETRY, res.CONFIG_MAP},
    message="The Telemetry {name} in namespace {namespace} with empty providers will be ignored.",
)
def invalid_telemetry_provider(mesh: Mesh) -> Iterator[Hit]:
    """A Telemetry's access logging names no provider, and the mesh has no default.

    ## Why it matters
    Nothing is logged.

    ## What to do
    Name a provider, or set `defaultProviders.accessLogging` in the mesh's settings.
    """
    if as_dict(mesh_config(mesh).get("defaultProviders")).get("accessLogging"):
        return
    for item in analysed(mesh, res.TELEMETRY):
        for number, entry in enumerate(dicts(item.spec.get("accessLogging"))):
            if not entry.get("providers") and entry.get("disabled") is not True:
                values = {"name": item.name, "namespace": quoted(item.namespace)}
                yield Hit(item, values, f"/spec/accessLogging/{number}", "no providers")
