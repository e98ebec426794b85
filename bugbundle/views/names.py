"""Which pod a name means: `pod`, `pod.ns`, `deployment/name`, `deploy/name.ns`, as istioctl resolves it.

Source: istioctl/pkg/util/handlers (the namespace is what stands behind the last dot) and kubectl's choice of a pod of a
workload (k8s.io/kubectl/pkg/util/podutils).
"""

from __future__ import annotations

import difflib
from typing import Any

from bugbundle.bundle.manifest import parse_time
from bugbundle.errors import NotInBundle
from bugbundle.mesh import KubeObject, Mesh, Proxy
from bugbundle.mesh.kube import as_dict, as_text, dicts, texts
from bugbundle.mesh.selectors import contains, matches

DEFAULT_NAMESPACE = "default"
KINDS = {
    "deployment": "deployments.apps",
    "statefulset": "statefulsets.apps",
    "daemonset": "daemonsets.apps",
    "replicaset": "replicasets.apps",
    "service": "services",
    "job": "jobs.batch",
    "replicationcontroller": "replicationcontrollers",
    "gateway": "gateways.gateway.networking.k8s.io",
}
_SHORT = {
    "deploy": "deployment", "sts": "statefulset", "ds": "daemonset", "rs": "replicaset", "svc": "service",
    "rc": "replicationcontroller", "gtw": "gateway", "po": "pod",
}  # fmt: skip
_PHASES = ("Pending", "Unknown", "Running")
_OFFERED = 5


def split_name(text: str, namespace: str = "") -> tuple[str, str]:
    """(name, namespace) of `[type/]name[.namespace]`: the last dot behind the last slash parts them."""
    slash = text.rfind("/")
    dot = text.rfind(".")
    if dot > max(slash, 0):
        return text[:dot], text[dot + 1 :]
    return text, namespace


def find_proxy(mesh: Mesh, text: str, namespace: str = "") -> Proxy:
    """The proxy that a name means. Raises `NotInBundle`, naming the nearest, where there is none.

    A pod's name without a namespace is looked for in `default`, then everywhere if only one has it.
    """
    pod, where = find_pod(mesh, text, namespace)
    proxy = mesh.proxy(f"{pod}.{where}")
    if proxy is not None:
        return proxy
    if mesh.pod(where, pod):
        raise NotInBundle(f"pod {pod}.{where} has no Envoy", todo=_offer(mesh, f"{pod}.{where}"))
    raise NotInBundle(f"proxy {pod}.{where} is not in the bundle", todo=_offer(mesh, f"{pod}.{where}"))


def find_pod(mesh: Mesh, text: str, namespace: str = "") -> tuple[str, str]:
    """(pod, namespace) that a name means; the pod need not exist where it was named itself.

    Raises `NotInBundle` for a workload that is absent or has no pod.
    """
    name, where = split_name(text, namespace)
    kind, slash, rest = name.partition("/")
    kind = _SHORT.get(kind.lower(), kind.lower())
    if slash and kind not in ("pod", "pods"):
        return _of_workload(mesh, kind.removesuffix("s") if kind.endswith("s") else kind, rest, where)
    return _of_pod(mesh, rest if slash else name, where, text.rpartition("/")[2])


def phase_of(pod: KubeObject | None) -> str:
    """The phase of a pod to which istioctl forwards no port; empty where it would, or where nothing is known."""
    phase = as_text(pod.status.get("phase")) if pod else ""
    return "" if phase == "Running" else phase


def _of_pod(mesh: Mesh, name: str, namespace: str, whole: str) -> tuple[str, str]:
    if namespace and (mesh.pod(namespace, name) or mesh.proxy(f"{name}.{namespace}")):
        return name, namespace
    known = {(proxy.namespace, proxy.name) for proxy in mesh.proxies} | set(mesh.pods)
    if namespace and (namespace, name) not in known:
        dotted = [key for key in known if key[1] == whole]
        if len(dotted) == 1:
            return dotted[0][1], dotted[0][0]
    if namespace:
        return name, namespace
    if (DEFAULT_NAMESPACE, name) in known:
        return name, DEFAULT_NAMESPACE
    found = sorted(key for key in known if key[1] == name)
    if len(found) > 1:
        listed = ", ".join(f"{pod}.{ns}" for ns, pod in found)
        raise NotInBundle(f"{len(found)} pods are named {name}", todo=f"Say which: {listed}")
    return (found[0][1], found[0][0]) if found else (name, DEFAULT_NAMESPACE)


def _of_workload(mesh: Mesh, kind: str, name: str, namespace: str) -> tuple[str, str]:
    """The pod of a workload that kubectl would take."""
    resource = KINDS.get(kind)
    if resource is None:
        raise NotInBundle(f"{kind} is no kind that has pods", todo=f"Kinds are pod, {', '.join(sorted(KINDS))}")
    found = _workload(mesh, resource, name, namespace)
    where = found.namespace if found else namespace or DEFAULT_NAMESPACE
    pods = [pod for pod in mesh.kube.near("pods", "namespace", where) if pod.namespace == where]
    mine = _selected(pods, kind, found) if found else _owned(pods, kind, name)
    if not mine:
        problem = f"{kind} {name}.{where} has no pod" if found else f"{kind} {name}.{where} is not in the bundle"
        raise NotInBundle(problem, todo=_offer(mesh, f"{name}.{where}"))
    best = max(mine, key=_activity)
    return best.name, best.namespace


def _workload(mesh: Mesh, resource: str, name: str, namespace: str) -> KubeObject | None:
    if namespace:
        return mesh.kube.get(resource, namespace, name)
    found = mesh.kube.get(resource, DEFAULT_NAMESPACE, name)
    named = [one for one in mesh.kube.list(resource) if one.name == name]
    return found or (named[0] if len(named) == 1 else None)


def _selected(pods: list[KubeObject], kind: str, workload: KubeObject) -> list[KubeObject]:
    """The pods that a workload's selector takes."""
    if kind == "gateway":
        label = "gateway.networking.k8s.io/gateway-name"
        return [pod for pod in pods if pod.labels.get(label) == workload.name]
    selector = workload.spec.get("selector")
    if kind in ("service", "replicationcontroller"):
        wanted = texts(selector)
        return [pod for pod in pods if wanted and contains(pod.labels, wanted)]
    return [pod for pod in pods if as_dict(selector) and matches(selector, pod.labels)]


def _owned(pods: list[KubeObject], kind: str, name: str) -> list[KubeObject]:
    """The pods of a workload whose list was not recorded, by their owners."""
    if kind == "deployment":
        return [pod for pod in pods if ("ReplicaSet", f"{name}-{pod.labels.get('pod-template-hash')}") in pod.owners]
    return [pod for pod in pods if any(owner[0].lower() == kind and owner[1] == name for owner in pod.owners)]


def _activity(pod: KubeObject) -> tuple[Any, ...]:
    """kubectl's ActivePods from the back: assigned, running, ready, ready for longer, fewer restarts, older."""
    ready = next((c for c in pod.conditions() if c.get("type") == "Ready" and c.get("status") == "True"), None)
    since = parse_time(ready.get("lastTransitionTime")) if ready else None
    statuses = dicts(pod.status.get("containerStatuses"))
    restarts = [count for s in statuses if isinstance(count := s.get("restartCount"), int)]
    phase = as_text(pod.status.get("phase"))
    return (
        bool(pod.spec.get("nodeName")),
        _PHASES.index(phase) if phase in _PHASES else -1,
        ready is not None,
        -since.timestamp() if since else float("-inf"),
        -max(restarts, default=0),
        -pod.created.timestamp() if pod.created else float("-inf"),
    )


def nearest(mesh: Mesh, text: str) -> list[str]:
    """The proxies whose names are most like a text, the likest first; else those of the same namespace."""
    ids = [proxy.id for proxy in mesh.proxies]
    name, _, namespace = text.rpartition(".")
    name = name or text
    begun = [one for one in ids if one.startswith(name)] if name else []
    close = difflib.get_close_matches(text, ids, n=_OFFERED, cutoff=0.6)
    found = list(dict.fromkeys([*begun, *close])) or [p.id for p in mesh.proxies if p.namespace == namespace]
    return found[:_OFFERED]


def _offer(mesh: Mesh, text: str) -> str:
    found = nearest(mesh, text)
    if found:
        return f"Nearest: {', '.join(found)}"
    return "The bundle has no Envoy" if not mesh.proxies else f"It has {len(mesh.proxies)} proxies, none like it"
