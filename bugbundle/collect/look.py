"""The first look: version, discovery, namespaces, pods. Everything else follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from bugbundle.codec import JSONError
from bugbundle.collect import logs
from bugbundle.collect.api import JSON, Api
from bugbundle.collect.ask import Ask, Asked, Once, Outcome, kubernetes
from bugbundle.collect.cluster import ClusterError
from bugbundle.collect.options import Options
from bugbundle.collect.order import ordered
from bugbundle.collect.plan import Plan
from bugbundle.collect.pods import DONE, ISTIOD, ZTUNNEL, Pod, mesh_namespaces, read_names, read_pods
from bugbundle.collect.reply import Reply
from bugbundle.collect.resources import AGGREGATED, NAMESPACES, PODS, Resource, group_versions, of_mesh, resources
from bugbundle.errors import BugbundleError

Attempt = Callable[[Ask, Once], Outcome]


@dataclass(slots=True)
class Look:
    """What was seen, to be written; the lists that were asked already; the plan."""

    plan: Plan
    outcomes: list[tuple[Outcome, Ask, Once]] = field(default_factory=list)
    listed: set[str] = field(default_factory=set)
    namespaces: dict[str, dict[str, str]] = field(default_factory=dict)
    """Name → labels of those that may be listed."""
    spaces: tuple[str, ...] = ()
    """Where to ask one by one, if it comes to that."""


class Looker:
    """Takes the first look."""

    def __init__(self, api: Api, options: Options, attempt: Attempt) -> None:
        self._api = api
        self._options = options
        self._attempt = attempt
        self._look = Look(Plan(api.cluster.name, api.cluster.server))

    def look(self) -> Look:
        """Ask. Raises `ClusterError` where there is nobody to ask; the plan's `obstacle` is why no pod may be seen."""
        look = self._look
        version = self._ask(kubernetes("k8s/version.json", "/version"))
        if not isinstance(version, Asked) or version.reply.status == 401:
            raise unreachable(version, self._api.cluster.server)
        self._discover()
        pods = self._pods()
        look.plan.namespaces = list(self._options.scope)
        self._choose(pods)
        return look

    def _discover(self) -> None:
        core = self._ask(kubernetes("k8s/api.json", "/api"))
        groups = self._ask(kubernetes("k8s/apis.json", "/apis"))
        for root in ("api", "apis"):
            self._aggregated(root)
        if not _good(groups) and not _good(core):
            problem = unreachable(groups, self._api.cluster.server)
            if not _forbidden(groups):
                raise problem
            self._look.plan.obstacle = problem
        pairs = [("", "v1")]
        if isinstance(groups, Asked) and groups.reply.good:
            try:
                pairs += group_versions(groups.reply.body)
            except JSONError:
                raise ClusterError("does not answer as a Kubernetes API server", where=self._server) from None
        with ThreadPoolExecutor(max_workers=8) as pool:
            for found in pool.map(self._version, pairs):
                self._look.plan.resources += found

    def _version(self, pair: tuple[str, str]) -> list[Resource]:
        group, version = pair
        place = f"apis/{group}/{version}" if group else f"api/{version}"
        asked = self._ask(kubernetes(f"k8s/{place}.json", f"/{place}"))
        if not isinstance(asked, Asked) or not asked.reply.good:
            return []
        found = resources(group, version, asked.reply.body)
        named = [(item, item.ask().path) for item in found]
        return [item for item, path in named if (of_mesh(group) or self._options.added(path))
                and self._options.wanted(path)]  # fmt: skip

    def _aggregated(self, root: str) -> None:
        """Aggregated discovery; a server that does not have it (before 1.26) answers with the classic one."""
        ask = kubernetes(f"k8s/{root}.aggregated.json", f"/{root}")

        def once() -> tuple[Reply, int, str]:
            return (*self._api.get(f"/{root}", accept=f"{AGGREGATED},{JSON}"), "api")

        found = self._attempt(ask, once)
        classic = isinstance(found, Asked) and found.reply.good and b"APIGroupDiscoveryList" not in found.reply.body
        if not classic:
            self._keep(found, ask, once)

    def _pods(self) -> list[Pod]:
        """Every pod in scope; also fills the namespaces."""
        found = self._list(NAMESPACES.ask())
        if isinstance(found, Asked) and found.reply.good:
            self._look.namespaces = read_names(found.reply.body)
        scope = self._options.scope
        self._look.spaces = scope or tuple(self._look.namespaces) or self._fallback()
        bodies = [] if scope else self._bodies([PODS.ask()])
        if not bodies:
            bodies = self._bodies([PODS.ask(name) for name in self._look.spaces])
        if not bodies:
            forbidden = next((item for item, *_ in self._look.outcomes if "pods" in _path(item)), None)
            self._look.plan.obstacle = unreachable(forbidden, self._server)
        return [pod for pod in read_pods(bodies) if self._options.in_scope(pod.namespace)]

    def _bodies(self, asks: Iterable[Ask]) -> list[bytes]:
        found = [self._list(ask) for ask in asks]
        return [item.reply.body for item in found if isinstance(item, Asked) and item.reply.good]

    def _fallback(self) -> tuple[str, ...]:
        """Where to look when namespaces may not be listed: the context's own, and the control plane's."""
        own = self._api.cluster.namespace or "default"
        return tuple(dict.fromkeys((own, self._options.istio_namespace)))

    def _choose(self, pods: list[Pod]) -> None:
        plan, options = self._look.plan, self._options
        plan.pods = pods
        alive = [pod for pod in pods if pod.phase not in DONE]
        plan.istiods = [pod for pod in alive if pod.kind == ISTIOD]
        plan.ztunnels = [pod for pod in alive if pod.kind == ZTUNNEL]
        plan.proxies = [pod for pod in alive if pod.kind == "proxy"]
        plan.istiods, plan.ztunnels, plan.proxies = (
            [pod for pod in ordered(part) if options.selection.pod(pod)]
            for part in (plan.istiods, plan.ztunnels, plan.proxies)
        )
        mesh = mesh_namespaces(pods, self._look.namespaces)
        logged, plan.left_out = logs.chosen(pods, mesh, options)
        plan.logs = logs.questions(ordered(logged), options)

    def _ask(self, ask: Ask) -> Outcome:
        path = ask.request.removeprefix("GET ")

        def once() -> tuple[Reply, int, str]:
            return (*self._api.get(path), "api")

        return self._keep(self._attempt(ask, once), ask, once)

    def _list(self, ask: Ask) -> Outcome:
        self._look.listed.add(ask.path)
        path = ask.request.removeprefix("GET ")

        def once() -> tuple[Reply, int, str]:
            return (*self._api.listing(path), "api")

        return self._keep(self._attempt(ask, once), ask, once)

    def _keep(self, outcome: Outcome, ask: Ask, once: Once) -> Outcome:
        self._look.outcomes.append((outcome, ask, once))
        return outcome

    @property
    def _server(self) -> str:
        return self._api.cluster.server


def _good(outcome: Outcome) -> bool:
    return isinstance(outcome, Asked) and outcome.reply.good


def _forbidden(outcome: Outcome) -> bool:
    return isinstance(outcome, Asked) and outcome.reply.status == 403


def _path(outcome: Outcome) -> str:
    return outcome.ask.path if isinstance(outcome, Asked) else outcome.path


def unreachable(outcome: Outcome | None, server: str) -> BugbundleError:
    """Why a cluster cannot be collected from, and what to do."""
    if outcome is None:
        return ClusterError("has no pods that may be seen", where=server, todo="Name namespaces with --namespace")
    status = outcome.reply.status if isinstance(outcome, Asked) else outcome.status
    reason = outcome.reply.reason if isinstance(outcome, Asked) else outcome.reason
    if status == 401:
        return ClusterError("does not accept these credentials", where=server, todo="Log in again: they may be expired")
    if status == 403:
        todo = "Name namespaces with --namespace, or ask for the role that --dry-run prints"
        return ClusterError(f"forbids it ({reason})", where=server, todo=todo)
    if status:
        return ClusterError(f"does not answer as a Kubernetes API server (HTTP {status})", where=server)
    todo = "Is the cluster up, and is this the right context?"
    if "TLS" in reason:
        todo = "Is certificate-authority-data in the kubeconfig this cluster's?"
    return ClusterError(reason, where=server, todo=todo)
