"""A proxy at the control plane of another revision."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Pointer, Proxy
from bugbundle.mesh.config.revisions import tags
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.index import index
from bugbundle.mesh.workloads.owners import workload
from bugbundle.mesh.workloads.pod_age import finished
from bugbundle.rules.model import Confidence, Evidence, Level, rule


@rule(
    "BB652",
    per=Mesh,
    level=Level.WARNING,
    reads={Source.ISTIOD_SYNCZ, "pods", "namespaces"},
    optional={"mutatingwebhookconfigurations.admissionregistration.k8s.io"},
    diagnosis=False,
    message="{workload} wants revision {wanted} and is connected to revision {actual}: it was not restarted since",
)
def wrong_revision(mesh: Mesh) -> Iterator[Evidence]:
    """A pod or its namespace is labelled for one revision (a tag is resolved), and another revision holds its proxy.

    ## Why it matters
    After a canary upgrade the workload still runs with the old control plane; when that is removed, it is cut off.

    ## What to do
    `kubectl rollout restart` the workload.
    """
    known = tags(mesh)
    revisions = {istiod.revision for istiod in mesh.istiods}
    groups: dict[tuple[Ref, str, str], list[Proxy]] = {}
    for proxy in mesh.proxies:
        if proxy.pod is None or finished(proxy.pod) or proxy.kind != "sidecar":
            continue
        spaces = index(mesh).labels_of(proxy.namespace)
        default = "default" if "istio-injection" in spaces else ""
        label = default or spaces.get("istio.io/rev") or proxy.pod.labels.get("istio.io/rev", "")
        wanted = known.get(label, label)
        holders = {istiod.revision for istiod in mesh.istiods_of(proxy.id)}
        if wanted and holders and wanted not in holders and wanted in revisions:
            key = (workload(mesh, proxy.pod), wanted, ", ".join(sorted(holders)))
            groups.setdefault(key, []).append(proxy)
    for (owner, wanted, actual), proxies in groups.items():
        holder = mesh.istiods_of(proxies[0].id)[0]
        yield Evidence(
            origin=owner,
            values={"workload": str(owner), "wanted": wanted, "actual": actual},
            objects=(*(ref(proxy) for proxy in proxies), Ref("Namespace", "", owner.namespace)),
            proofs=(Proof(Pointer(holder.entry("debug/syncz.json")), f"lists {proxies[0].id}"),),
            affects=tuple(proxy.id for proxy in proxies),
            confidence=Confidence.LIKELY,
        )
