"""Proxies that did not answer."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Pointer, Proxy
from bugbundle.mesh.kube import as_dict
from bugbundle.mesh.parts import PROXY_CONTAINER, container_statuses
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.pod_age import finished
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import clip


@rule(
    "BB904",
    per=Mesh,
    level=Level.WARNING,
    reads={"pods"},
    optional={Source.ENVOY_CONFIG_DUMP},
    diagnosis=False,
    message="no config dump of {count} running {word}: {reason}",
)
def proxies_lost(mesh: Mesh) -> Iterator[Evidence]:
    """Pods whose proxy runs, and of which no config dump was recorded, by reason.

    ## Why it matters
    Nothing that is in these proxies could be judged. An Envoy whose admin port does not answer may be stuck.

    ## What to do
    Read the reason: rights (port-forward, exec), an admin port that is blocked or moved (`proxyAdminPort`), a time-out.
    """
    groups: dict[str, list[Proxy]] = {}
    for proxy in mesh.proxies:
        if proxy.pod is None or finished(proxy.pod) or not _runs(proxy):
            continue
        gap = proxy.gap("config_dump.json")
        reason = gap.reason or "no answer"
        if not proxy.has("config_dump.json"):
            groups.setdefault(f"HTTP {gap.status}, {reason}" if gap.status else reason, []).append(proxy)
        elif proxy.dump is not None and proxy.dump.problem:
            groups.setdefault(proxy.dump.problem, []).append(proxy)
    for reason, proxies in groups.items():
        yield Evidence(
            origin=ref(proxies[0]) if len(proxies) == 1 else Ref("Bundle", "", "proxies"),
            values={
                "count": len(proxies),
                "word": f"proxy ({proxies[0].id})" if len(proxies) == 1 else f"proxies ({proxies[0].id}, …)",
                "reason": clip(reason, 200),
            },
            objects=tuple(ref(proxy) for proxy in proxies[:50]),
            proofs=tuple(_proof(one, reason) for one in proxies[:3]),
        )


def _runs(proxy: Proxy) -> bool:
    return any(
        status.get("name") == PROXY_CONTAINER and "running" in as_dict(status.get("state"))
        for status in container_statuses(proxy.pod)
    )


def _proof(proxy: Proxy, reason: str) -> Proof:
    """The dump that cannot be read, else the pod whose dump is not there."""
    path = proxy.entry("config_dump.json")
    pointer = Pointer(path) if proxy.has("config_dump.json") or proxy.pod is None else proxy.pod.pointer
    return Proof(pointer, f"{path}: {clip(reason, 200)}")
