"""IST0177: serviceEntries give one host and port different protocols."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.config.hosts import texts_of
from bugbundle.mesh.kube import as_text, dicts
from bugbundle.mesh.ref import name_of, ref
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level
from bugbundle.words import quoted


@analyzer(
    "IST0177",
    "serviceentry.ConflictingServiceEntryProtocolAnalyzer",
    level=Level.WARNING,
    reads={res.SERVICE_ENTRY},
    message=(
        "Multiple ServiceEntries ({names}) define the same host {host} and port {port} with "
        "conflicting protocols ({protocols})."
    ),
)
def conflicting_service_entry_protocol(mesh: Mesh) -> Iterator[Hit]:
    """ServiceEntries give one host and port different protocols.

    ## Why it matters
    Which one holds is undefined.

    ## What to do
    Agree on one protocol, or merge them.
    """
    claims: dict[tuple[str, int], list[tuple[KubeObject, str]]] = defaultdict(list)
    for entry in analysed(mesh, res.SERVICE_ENTRY):
        for host in texts_of(entry.spec.get("hosts")):
            for port in dicts(entry.spec.get("ports")):
                if isinstance(port.get("number"), int):
                    claims[host, port["number"]].append((entry, as_text(port.get("protocol")).upper()))
    for (host, port_number), owners in claims.items():
        protocols = sorted({protocol for _, protocol in owners})
        names = ", ".join(dict.fromkeys(name_of(entry) for entry, _ in owners))
        for entry, protocol in owners if len(protocols) > 1 else ():
            values = {
                "names": names,
                "host": quoted(host),
                "port": port_number,
                "protocols": ", ".join(protocols),
            }
            objects = tuple(ref(other) for other, _ in owners)
            yield Hit(entry, values, "/spec/ports", f"port {port_number}: {protocol}", objects)
