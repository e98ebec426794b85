"""Who can call whom: every workload's request to every Service's port, walked, and equal answers put together."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.ports import protocol
from bugbundle.mesh.kube import as_dict, as_list, as_text, dicts
from bugbundle.mesh.ref import Ref
from bugbundle.mesh.workloads.index import alive, captured, node_of, proxied, pure_proxy
from bugbundle.mesh.workloads.owners import workload
from bugbundle.trace.blocked import restricts
from bugbundle.trace.capture import signature
from bugbundle.trace.config import envoy
from bugbundle.trace.model import ARRIVES, Ending, Request, Walk
from bugbundle.trace.places import places
from bugbundle.trace.walk import walk
from bugbundle.trace.walker import Memo

SCHEMES = {
    "http": "http", "http2": "grpc", "grpc": "grpc", "grpc-web": "http", "https": "https", "tls": "tls", "tcp": "tcp",
    "mongo": "tcp", "redis": "tcp", "mysql": "tcp", "http_proxy": "http",
}  # fmt: skip
"""Protocol of a Service's port → scheme of the request; ports that declare none are asked in HTTP."""

SYSTEM = frozenset({"kube-system", "kube-public", "kube-node-lease"})
MOST_PROBES = 4
"""Requests to one port: `GET /`, and paths and methods that AuthorizationPolicies name."""


class Goal(NamedTuple):
    """A Service's port, and the request that is sent to it."""

    service: str
    port: int
    scheme: str
    method: str = "GET"
    path: str = "/"

    def __str__(self) -> str:
        """`shop/web:80`, with method and path where they are not `GET /`."""
        plain = (self.method, self.path) == ("GET", "/") or self.scheme not in ("http", "grpc")
        return f"{self.service}:{self.port}" + ("" if plain else f" {self.method} {self.path}")


class Answer(NamedTuple):
    """How such a request ends, whichever pod of the workload sends it."""

    ending: Ending
    code: int | None
    flag: str
    because: Ref | None

    @property
    def arrives(self) -> bool:
        """Whether it reaches an application (or leaves the mesh as meant)."""
        return self.ending in ARRIVES


@dataclass(slots=True)
class Reach:
    """`answers`: workload → goal → answer; `reasons`: why, for each that does not arrive."""

    answers: dict[Ref, dict[Goal, Answer]] = field(default_factory=dict)
    reasons: dict[tuple[Ref, Goal], str] = field(default_factory=dict)

    def groups(self) -> Iterator[tuple[list[Ref], dict[Answer, list[Goal]]]]:
        """(workloads with equal answers, goals by answer), the largest group first."""
        alike: dict[tuple[tuple[Goal, Answer], ...], list[Ref]] = {}
        for source, row in self.answers.items():
            alike.setdefault(tuple(row.items()), []).append(source)
        for answers, sources in sorted(alike.items(), key=lambda pair: -len(pair[1])):
            goals: dict[Answer, list[Goal]] = {}
            for goal, answer in answers:
                goals.setdefault(answer, []).append(goal)
            yield sources, goals

    def as_dict(self) -> dict[str, Any]:
        """As JSON, format 1."""
        return {"format": 1, "groups": [self._group(*one) for one in self.groups()]}

    def _group(self, sources: list[Ref], goals: dict[Answer, list[Goal]]) -> dict[str, Any]:
        return {
            "from": [one._asdict() for one in sources],
            "ways": [
                {
                    "ending": answer.ending.value,
                    "code": answer.code,
                    "flag": answer.flag,
                    "because": answer.because._asdict() if answer.because else None,
                    "reason": self.reasons.get((sources[0], found[0]), ""),
                    "to": [one._asdict() for one in found],
                }
                for answer, found in goals.items()
            ],
        }


def reach(mesh: Mesh, sources: str = "", goals: str = "") -> Reach:
    """Every workload of one namespace to every Service of another; an empty name is all but Kubernetes' own."""
    asker = _Asker(mesh)
    found = Reach()
    wanted = list(_goals(mesh, goals))
    for who, pod in _workloads(mesh, sources).items():
        row: dict[Goal, Answer] = {}
        for goal in wanted:
            walked = asker.ask(pod, goal)
            answer = Answer(walked.ending, walked.code, walked.flag, walked.because)
            row[goal] = answer
            if not answer.arrives:
                found.reasons[who, goal] = walked.reason
        found.answers[who] = row
    return found


class _Asker:
    """Walks; once where they must end alike: alike configuration, and nobody asks who the client is."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self.table = places(mesh).pods
        self.memo: Memo = {}
        self.of_all: dict[tuple[Hashable, ...], Walk] = {}
        self.of_one: dict[tuple[Hashable, ...], Walk] = {}

    def ask(self, pod: KubeObject, goal: Goal) -> Walk:
        """The walk of a pod's request."""
        alike = (*self._alike(pod), goal)
        known = self.of_all.get(alike)
        if known is not None:
            return known
        labels = tuple(sorted(pod.labels.items())) if restricts(self.mesh) else ()
        mine = (*alike, pod.spec.get("serviceAccountName"), labels)
        if mine not in self.of_one:
            walked = walk(self.mesh, _request(pod, goal), self.memo)
            if not walked.personal:
                self.of_all[alike] = walked
            self.of_one[mine] = walked
        return self.of_one[mine]

    def _alike(self, pod: KubeObject) -> tuple[Hashable, ...]:
        """What a pod's requests have in common with those of others before anybody asks who it is."""
        proxy = self.mesh.proxy(f"{pod.name}.{pod.namespace}") if proxied(pod) else None
        if proxy is not None:
            return pod.namespace, envoy(proxy).outbound_meaning, signature(pod)
        return pod.namespace, node_of(pod) if captured(pod) else ""


def example(mesh: Mesh, who: Ref, goal: Goal) -> Walk | None:
    """The walk behind one answer; None where the workload has no pod any more."""
    pod = _workloads(mesh, who.namespace).get(who)
    return walk(mesh, _request(pod, goal)) if pod else None


def _request(pod: KubeObject, goal: Goal) -> Request:
    space, _, name = goal.service.partition("/")
    return Request(
        source=f"{pod.name}.{pod.namespace}",
        host=f"{name}.{space}.svc.cluster.local",
        port=goal.port,
        scheme=goal.scheme,
        method=goal.method,
        path=goal.path,
    )


def _workloads(mesh: Mesh, namespace: str) -> dict[Ref, KubeObject]:
    """Workload → one of its living pods. What only carries the requests of others is no sender."""
    found: dict[Ref, KubeObject] = {}
    for pod in mesh.kube.list(res.POD):
        own = pod.labels.get("app") in ("ztunnel", "istiod") or pod.labels.get("k8s-app") == "istio-cni-node"
        silent = own or pure_proxy(pod) or pod.spec.get("hostNetwork")
        if _wanted(pod.namespace, namespace) and alive(pod) and not silent:
            found.setdefault(workload(mesh, pod), pod)
    return dict(sorted(found.items()))


def _wanted(here: str, namespace: str) -> bool:
    return here == namespace if namespace else here not in SYSTEM


def _goals(mesh: Mesh, namespace: str) -> Iterator[Goal]:
    probes = _probes(mesh)
    for service in mesh.kube.list(res.SERVICE):
        if not _wanted(service.namespace, namespace) or service.spec.get("externalName"):
            continue
        for port in dicts(service.spec.get("ports")):
            number, kind = port.get("port"), protocol(port) or "http"
            if isinstance(number, int) and kind in SCHEMES:
                scheme = SCHEMES[kind]
                name = f"{service.namespace}/{service.name}"
                more = probes.get(service.namespace, ()) if scheme in ("http", "grpc") else ()
                for method, path in dict.fromkeys([("GET", "/"), *more]):
                    yield Goal(name, number, scheme, method, path)


def _probes(mesh: Mesh) -> dict[str, list[tuple[str, str]]]:
    """namespace → (method, path) that its AuthorizationPolicies name; wildcards as something that they take."""
    found: dict[str, list[tuple[str, str]]] = {}
    for policy in mesh.kube.list(res.AUTHORIZATION_POLICY):
        rows = found.setdefault(policy.namespace, [])
        for rule in dicts(policy.spec.get("rules")):
            for place in dicts(rule.get("to")):
                operation = as_dict(place.get("operation"))
                methods = [as_text(one) for one in as_list(operation.get("methods"))] or ["GET"]
                paths = [as_text(one).replace("*", "x") for one in as_list(operation.get("paths"))] or ["/"]
                rows += [(method, path) for method in methods for path in paths if path.startswith("/")]
    return {space: list(dict.fromkeys(rows))[:MOST_PROBES] for space, rows in found.items()}


class Change(NamedTuple):
    """Flows that worked before and do not now (`lost`), or the other way round: those that one thing changed.

    `because` is the object that stands in the way (now, of lost ones; before, of new ones); `flows` all of them, the
    first with the reason in words.
    """

    lost: bool
    ending: Ending
    because: Ref | None
    flows: list[tuple[Ref, Goal]]
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "change": "lost" if self.lost else "new",
            "ending": self.ending.value,
            "because": self.because._asdict() if self.because else None,
            "reason": self.reason,
            "flows": [{"from": who._asdict(), "to": goal._asdict()} for who, goal in self.flows],
        }


def differences(before: Reach, after: Reach) -> list[Change]:
    """The flows between workloads and Services that both know, and that only one of them lets arrive."""
    found: dict[tuple[bool, Ending, Ref | None], Change] = {}
    for who in before.answers.keys() & after.answers.keys():
        old, new = before.answers[who], after.answers[who]
        for goal in old.keys() & new.keys():
            if old[goal].arrives == new[goal].arrives:
                continue
            lost = old[goal].arrives
            holder, answer = (after, new[goal]) if lost else (before, old[goal])
            key = (lost, answer.ending, answer.because)
            change = found.setdefault(key, Change(*key, [], holder.reasons.get((who, goal), "")))
            change.flows.append((who, goal))
    for change in found.values():
        change.flows.sort()
    return sorted(found.values(), key=lambda one: (not one.lost, -len(one.flows), str(one.because)))
