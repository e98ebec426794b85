"""BB907: no proxy was told to write access logs."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.meshconfig import mesh_config, mesh_config_map
from bugbundle.mesh.kube import as_dict, as_list, dicts
from bugbundle.mesh.ref import Proof, ref
from bugbundle.rules.model import Confidence, Evidence, Level, rule


@rule(
    "BB907",
    per=Mesh,
    level=Level.INFO,
    reads={res.CONFIG_MAP},
    optional={res.TELEMETRY},
    diagnosis=False,
    message="no access log is switched on: which requests fail, and why (response flags), could not be looked at",
)
def no_access_log(mesh: Mesh) -> Iterator[Evidence]:
    """No proxy was told to write access logs: neither `accessLogFile`, nor a default provider, nor a Telemetry.

    ## Why it matters
    That nothing is said of failed requests does not mean that there are none.

    ## What to do
    Switch it on by a Telemetry (`accessLogging: [{providers: [{name: envoy}]}]`), make the requests that fail, and
    record again. ztunnel's log tells of connections in any case.
    """
    written, config = mesh_config_map(mesh), mesh_config(mesh)
    if written is None or not config or config.get("accessLogFile"):
        return
    if as_list(as_dict(config.get("defaultProviders")).get("accessLogging")):
        return
    if any(logs(item) for item in mesh.kube.list(res.TELEMETRY)):
        return
    yield Evidence(
        ref(written), proofs=(Proof(written.at("/data/mesh"), "no accessLogFile"),), confidence=Confidence.LIKELY
    )


def logs(telemetry: KubeObject) -> bool:
    """Whether a Telemetry switches access logging on."""
    return any(item.get("disabled") is not True for item in dicts(telemetry.spec.get("accessLogging")))
