"""Proxies and istiod of versions that do not go together."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Istiod, Mesh, Pointer, Proxy
from bugbundle.mesh.config.revisions import minor, proxy_version
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.model import Evidence, Level, rule


@rule(
    "BB650",
    per=Mesh,
    level=Level.WARNING,
    reads={Source.ISTIOD_VERSION},
    optional={Source.ISTIOD_SYNCZ, Source.ENVOY_CONFIG_DUMP, "pods"},
    message="{count} of version {theirs}, {how} than istiod ({ours}): {workloads}",
)
def version_skew(mesh: Mesh) -> Iterator[Evidence]:
    """Proxies are older than their istiod by more than one minor version, or newer than it.

    ## Why it matters
    Istio supports proxies that are one minor version older than their control plane, and none that are newer: they may
    reject or miss configuration.

    ## What to do
    Restart the workloads (`kubectl rollout restart`), so that they are injected with the present version; upgrade
    istiod before proxies.
    """
    groups: dict[tuple[str, str, str], list[tuple[Proxy, Istiod]]] = {}
    for proxy in mesh.proxies:
        for istiod in mesh.istiods_of(proxy.id)[:1]:
            theirs, ours = minor(proxy_version(proxy)), minor(istiod.text("version.txt"))
            if theirs is None or ours is None or theirs[0] != ours[0]:
                continue
            behind = ours[1] - theirs[1]
            if behind > 1 or behind < 0:
                how = f"{behind} minor versions older" if behind > 0 else "newer"
                groups.setdefault((proxy_version(proxy), istiod.text("version.txt").strip()[:40], how), []).append(
                    (proxy, istiod)
                )
    for (theirs_text, ours_text, how), members in groups.items():
        owners = list(dict.fromkeys(_owner(mesh, proxy) for proxy, _ in members))
        istiod = members[0][1]
        yield Evidence(
            origin=owners[0] if len(owners) == 1 else ref(istiod),
            values={
                "count": f"{len(members)} proxies" if len(members) > 1 else members[0][0].id,
                "theirs": theirs_text,
                "how": how,
                "ours": ours_text,
                "workloads": ", ".join(map(str, owners[:3])) + (", …" if len(owners) > 3 else ""),
            },
            objects=(*owners[:50], *(ref(proxy) for proxy, _ in members[:50])),
            proofs=(Proof(Pointer(istiod.entry("version.txt")), ours_text),),
            affects=tuple(proxy.id for proxy, _ in members),
        )


def _owner(mesh: Mesh, proxy: Proxy) -> Ref:
    return workload(mesh, proxy.pod) if proxy.pod else ref(proxy)
