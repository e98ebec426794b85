"""`proxy-config bootstrap`: what Envoy was started with."""

from __future__ import annotations

from typing import Any

from bugbundle.mesh.kube import as_dict
from bugbundle.views.protojson import shape
from bugbundle.views.proxy_config.dump import ConfigDump, number, path, text
from bugbundle.views.table import Table

MESSAGE = "envoy.admin.v3.BootstrapConfigDump"


def summary(dump: ConfigDump) -> Table:
    """The versions of Istio, of its proxy and of Envoy, as far as the bootstrap tells them."""
    node = path(dump.section("BootstrapConfigDump"), "bootstrap", "node")
    metadata = as_dict(path(node, "metadata"))
    version = metadata.get("ISTIO_VERSION")
    sha = str(metadata.get("ISTIO_PROXY_SHA") or "")
    rows = []
    if version:
        rows.append(("Istio Version:", str(version)))
    if sha:
        rows.append(("Istio Proxy Version:", sha.split(":")[1] if ":" in sha else sha))
    rows.append(("Envoy Version:", _envoy(path(node, "user_agent_build_version"))))
    return Table((), tuple(rows), padding=1)


def tree(dump: ConfigDump) -> Any:
    """The section as protobuf JSON; from a recording only what istioctl's mask asks for."""
    section = dump.section("BootstrapConfigDump")
    kept = section if dump.whole else {"bootstrap": section.get("bootstrap")}
    return shape(kept, MESSAGE)


def _envoy(build: Any) -> str:
    """`1.37.0-label/status/type/ssl`, parts that are absent left out."""
    version = path(build, "version")
    found = ".".join(str(number(version, name)) for name in ("major_number", "minor_number", "patch"))
    metadata = as_dict(path(build, "metadata"))
    if "build.label" in metadata:
        found += f"-{metadata['build.label']}"
    return found + "".join(
        f"/{text(metadata, key)}" for key in ("revision.status", "build.type", "ssl.version") if key in metadata
    )
