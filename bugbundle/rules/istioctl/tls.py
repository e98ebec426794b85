"""The TLS settings that DestinationRules make."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.kube import as_dict, dicts


def tls_settings(mesh: Mesh) -> Iterator[tuple[KubeObject, str, dict[str, Any], int]]:
    """(DestinationRule, pointer, tls, port or 0 for all) of every top-level traffic policy."""
    for rule in analysed(mesh, res.DESTINATION_RULE):
        policy = as_dict(rule.spec.get("trafficPolicy"))
        if isinstance(policy.get("tls"), dict):
            yield rule, "/spec/trafficPolicy/tls", policy["tls"], 0
        for number, level in enumerate(dicts(policy.get("portLevelSettings"))):
            port = as_dict(level.get("port")).get("number")
            if isinstance(level.get("tls"), dict) and isinstance(port, int):
                yield rule, f"/spec/trafficPolicy/portLevelSettings/{number}/tls", level["tls"], port
