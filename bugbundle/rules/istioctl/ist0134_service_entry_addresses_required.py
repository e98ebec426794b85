"""IST0134: a TCP port of a ServiceEntry has no address."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.config.meshconfig import mesh_config
from bugbundle.mesh.kube import as_dict, as_text, dicts, texts
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0134",
    "serviceentry.Analyzer",
    level=Level.WARNING,
    reads={res.SERVICE_ENTRY},
    optional={res.CONFIG_MAP},
    message="ServiceEntry addresses are required for this protocol.",
)
def service_entry_addresses_required(mesh: Mesh) -> Iterator[Hit]:
    """A TCP port of a ServiceEntry has no address.

    ## Why it matters
    Without an address, and without DNS capture, the proxy listens on 0.0.0.0 of that port and takes all its
    traffic.

    ## What to do
    Set `addresses`, or let proxies capture DNS with automatic allocation.
    """
    proxy = texts(as_dict(mesh_config(mesh).get("defaultConfig")).get("proxyMetadata"))
    allocates = "true" in (
        proxy.get("ISTIO_META_DNS_AUTO_ALLOCATE"),
        proxy.get("PILOT_ENABLE_IP_AUTOALLOCATE"),
    )
    if proxy.get("ISTIO_META_DNS_CAPTURE") == "true" and allocates:
        return
    for entry in analysed(mesh, res.SERVICE_ENTRY):
        if entry.spec.get("addresses") or dicts(entry.status.get("addresses")):
            continue
        for number, port in enumerate(dicts(entry.spec.get("ports"))):
            if as_text(port.get("protocol")).upper() in ("", "TCP"):
                yield Hit(entry, {}, f"/spec/ports/{number}", f"port {port.get('number')}: TCP")
