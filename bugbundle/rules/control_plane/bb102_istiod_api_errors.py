"""istiod cannot read what it needs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Istiod, KubeObject
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_dict
from bugbundle.mesh.ref import Ref, ref
from bugbundle.mesh.signals.logs import Line, istiod_log
from bugbundle.mesh.workloads.index import fronts
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.model import Confidence, Evidence, Level, rule

PASSING = re.compile(r"too old resource version|unexpected EOF|http2: (?:client connection lost|server sent GOAWAY)")
"""After these a watch is begun again."""

BLOCKED = re.compile(r"cannot list|cache sync|Unauthorized|forbidden|could not find the requested resource")
_CLUSTER = re.compile(r"watch error in cluster (\S+?):")
_LISTED = re.compile(r"failed to (?:list|watch) \*([\w.]+)", re.IGNORECASE)


@rule(
    "BB102",
    per=Istiod,
    level=Level.WARNING,
    reads={Source.LOG},
    optional={"pods", "services", "secrets", "replicasets.apps", "customresourcedefinitions.apiextensions.k8s.io"},
    explains={
        "BB101",
        "BB151",
        "BB152",
        "BB153",
        "BB106",
        "BB202",
        "BB203",
        "BB301",
        "BB302",
        "BB550",
        "BB709",
        "BB805",
    },
    message="{istiod} {what} ({count}× within the last 10 minutes): {text}",
)
def istiod_api_errors(istiod: Istiod) -> Iterator[Evidence]:
    """istiod's log tells, near the capture, of resources that it may not list, or of caches that never synced.

    ## Why it matters
    istiod does not see what it cannot list: objects of that kind have no effect, or endpoints are out of date. Before
    the first sync it does not become ready at all.

    ## What to do
    «cannot list resource», «forbidden»: the ClusterRole of istiod's ServiceAccount lacks it (often after an upgrade of
    the revision). «Unauthorized»: the API server does not accept istiod's token; restart istiod. «could not find the
    requested resource»: the cluster's CustomResourceDefinition does not serve the version that this istiod asks for;
    install the version of the CRDs that goes with it. «connection refused» and time-outs: the API server.
    """
    log = istiod_log(istiod.mesh, istiod.namespace, istiod.name)
    lines = log.recent("list", "watch", "watch_error", "cache_sync", "retry_budget") if log else []
    lines = [line for line in lines if not PASSING.search(line.whole)]
    groups: dict[str, list[Line]] = {}
    for line in lines:
        named = _CLUSTER.search(line.whole)
        groups.setdefault(named[1] if named else "", []).append(line)
    for cluster, found in groups.items():
        yield _evidence(istiod, found, _remote(istiod, cluster))


def _evidence(istiod: Istiod, lines: list[Line], secret: KubeObject | None) -> Evidence:
    blocked = [line for line in lines if BLOCKED.search(line.whole)]
    last = (blocked or lines)[-1]
    kind = _LISTED.search(last.whole)
    crds = _definitions(istiod, last.whole)
    near = (*(ref(one) for one in crds), *fronts(istiod), *_deployment(istiod))
    where = f" of the remote cluster of Secret {secret.namespace}/{secret.name}" if secret else ""
    return Evidence(
        origin=ref(secret) if secret else ref(istiod),
        values={
            "istiod": istiod.id,
            "what": _what(last.whole, kind[1] if kind else "") + where,
            "count": len(lines),
            "text": last.said,
        },
        objects=(ref(secret), ref(istiod)) if secret else near,
        proofs=(last.proof,),
        level=Level.ERROR if blocked else Level.WARNING,
        confidence=Confidence.LIKELY,
        at=last.at,
    )


def _remote(istiod: Istiod, cluster: str) -> KubeObject | None:
    """The Secret with the kubeconfig of a remote cluster; None for istiod's own."""
    for item in istiod.mesh.kube.list(res.SECRET) if cluster else ():
        marked = item.labels.get("istio/multiCluster") == "true"
        named = item.annotations.get("networking.istio.io/cluster") == cluster or item.name.endswith(f"-{cluster}")
        if marked and (named or cluster in as_dict(item.raw.get("data"))):
            return item
    return None


def _deployment(istiod: Istiod) -> Iterator[Ref]:
    if istiod.pod is not None:
        yield workload(istiod.mesh, istiod.pod)


def _definitions(istiod: Istiod, text: str) -> list[KubeObject]:
    """The CustomResourceDefinition of the resource that the API server does not serve as istiod asks for it."""
    named = re.search(r"could not find the requested resource \(get ([\w.-]+)\)", text)
    found = istiod.mesh.kube.get(res.CRD, "", named[1]) if named else None
    return [found] if found else []


def _what(text: str, kind: str) -> str:
    """What istiod cannot do, in plain words."""
    if kind and "could not find the requested resource" in text:
        return f"cannot watch {kind}: the cluster's CRD does not serve that version"
    if kind and "Unauthorized" in text:
        return f"cannot watch {kind}: the API server does not accept its token"
    if kind and "forbidden" in text and "cannot list" not in text:
        return f"cannot watch {kind}: its ClusterRole does not let it"
    named = re.search(r'cannot (list|watch) resource "([\w-]+)"(?: in API group "([\w.-]*)")?', text)
    if named:
        return f"may not {named[1]} {named[2]}{f'.{named[3]}' if named[3] else ''}: its ClusterRole lacks them"
    if "cache sync" in text:
        return "waits for caches that never sync"
    return "cannot read from the Kubernetes API"
