"""The collection: look, plan, ask, write. Whatever fails, the rest is kept."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from queue import Queue
from typing import Protocol

from bugbundle import __version__
from bugbundle.bundle import FORMAT, BundleWriter, Gap, Header
from bugbundle.collect import logs
from bugbundle.collect.api import Api, Limits
from bugbundle.collect.ask import NOT_ASKED, Ask, Asked, Desk, Later, Once, Outcome, Passing, Task
from bugbundle.collect.cluster import Cluster
from bugbundle.collect.health import FIRST, Places
from bugbundle.collect.look import Look, Looker
from bugbundle.collect.mesh import Tasks
from bugbundle.collect.options import Options
from bugbundle.collect.order import PROXY, ordered, rank
from bugbundle.collect.pace import Budget, Clock, Pace
from bugbundle.collect.plan import Plan
from bugbundle.collect.pods import Pod
from bugbundle.collect.record import Cleaned, Recorder
from bugbundle.collect.reply import Reply
from bugbundle.collect.resources import Resource, is_secrets
from bugbundle.collect.servers import Servers, node_of
from bugbundle.collect.work import Office, work_off
from bugbundle.errors import BundleError

BURST = 6
"""Seconds' worth of questions that may be asked at once: kubectl's own 50 per second and 300."""


RESERVE = 0.3
"""Seconds of the budget that are kept for the end of the file, and one more for each `SPEED` bytes that wait."""
SPEED = 60e6
PAUSES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Seconds before each round in which what failed is asked again."""
PATIENT = (0.25, 0.75, 1.5)
"""Seconds before a question of the first look is asked again."""
LARGE = 50
"""Proxies of a mesh in which not everything may be had before the end."""
ENOUGH = 3
"""Attempts at one question where nothing speaks for a fault that passes."""


class Teller(Protocol):
    """Who is told how far it is."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` questions of a stage."""


@dataclass(frozen=True, slots=True)
class Result:
    """What was written: the file, entries, bytes before compression, gaps; `ended` where it was cut short."""

    path: Path
    entries: int
    bytes: int
    gaps: list[Gap]
    ended: bool

    @property
    def partial(self) -> bool:
        """Whether something is missing."""
        return self.ended or bool(self.gaps)


def default_name(cluster: str, when: datetime) -> str:
    """`bugbundle-<cluster>-<UTC 20261120T180311Z>.tar.zst`."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", cluster).strip("-.")[-100:] or "cluster"
    return f"bugbundle-{safe}-{when:%Y%m%dT%H%M%SZ}.tar.zst"


class Collection:
    """One collection from one cluster."""

    def __init__(
        self, cluster: Cluster, options: Options, tell: Teller, note: Callable[[str], None] = lambda _: None
    ) -> None:
        self._options = options
        self._tell = tell
        self._cluster = cluster
        self.budget = Budget(options.budget)
        self._clock = Clock()
        pace = Pace(options.rate, max(1, int(options.rate * BURST)))
        self._api = Api(cluster, pace, self.budget, Limits(options.seconds), note)
        self._places = Places(_patient)
        self._servers = Servers(self._api, self._places)
        self._later: list[Task] = []
        self.recorder: Recorder | None = None
        """What was recorded so far."""
        self._look: Look | None = None

    def plan(self) -> Plan:
        """Look, and say what would be asked; `obstacle` says why it cannot be. Raises `ClusterError`."""
        return self._looked().plan

    def write(self, target: str | os.PathLike[str] = "") -> Result:
        """Collect into `target` (by default a new file here). Raises `ClusterError`, `BundleError`."""
        look = self._looked()
        if look.plan.obstacle is not None:
            raise look.plan.obstacle
        started = next((item.at for item, *_ in look.outcomes if isinstance(item, Asked)), self._clock.now())
        path = Path(target or default_name(self._cluster.name, started))
        header = Header(
            FORMAT, f"bugbundle {__version__}", started.replace(microsecond=0), (self._cluster.name,),
            self._described(look.plan), {"rules": 1},
        )  # fmt: skip
        cleaned = Cleaned()
        try:
            with self.budget.signals(), BundleWriter(path, header, cleaned) as writer:
                recorder = self.recorder = Recorder(writer, cleaned, self._options.wanted, self._options.max_size)
                self._record(look, recorder)
                ended = self.budget.over
                recorder.gather()
                writer.close(self._clock.now().replace(microsecond=0))
        except OSError as error:
            todo = "What was answered before is in it: bugbundle analyze reads it as it is"
            raise BundleError(f"cannot be written on ({error.strerror})", where=str(path), todo=todo) from None
        return Result(path, recorder.entries, recorder.bytes, recorder.gaps, ended and bool(recorder.gaps))

    def _looked(self) -> Look:
        if self._look is None:
            self._look = Looker(self._api, self._options, self._first).look()
        return self._look

    def _first(self, ask: Ask, once: Once) -> Outcome:
        """One question of the look; the first answer sets the clock."""
        desk = Desk(Task([], lambda _: None), Queue(), self.budget, self._clock)
        fresh = not self._api.watch.answered
        if fresh:
            self._api.limits = replace(self._api.limits, seconds=min(FIRST, self._options.seconds), attempts=1)
        found = desk.attempt(ask, once)
        if fresh:
            self._api.limits = Limits(self._options.seconds)
        for pause in PATIENT if "/v1/" in ask.path or ask.path.count("/") == 1 else PATIENT[:1]:
            # All that is asked follows from these answers: what fails here is not put off.
            if not isinstance(found, Passing) or not self._api.watch.answered:
                break
            self.budget.sleep(pause)
            found = desk.attempt(ask, once)
        if ask.path == "k8s/version.json" and isinstance(found, Asked):
            self._clock.set(found.reply.headers.get("date", ""))
            found = replace(found, at=self._clock.now())
        return found

    def _record(self, look: Look, recorder: Recorder) -> None:
        plan = look.plan
        try:
            # Secrets first: copies of their values are known in all that is written after them.
            self._run("secrets", [self._lists(item, look) for item in plan.resources if is_secrets(item)], recorder)
            self._again(recorder)
            self._run("discovery", [Task([], partial(_settle, look.outcomes), free=True)], recorder)
            rest = [item for item in plan.resources if not is_secrets(item) and self._options.shard[0] == 0]
            self._run("lists", [self._lists(item, look) for item in rest], recorder)
            tasks = Tasks(self._servers, self._options, self._places)
            self._run("istiod", [tasks.first(pod) for pod in plan.istiods], recorder)
            self._again(recorder)
            servers, written = self._mesh(plan, tasks)
            self._run("proxies", servers, recorder)
            self._run("logs", written, recorder)
            self._again(recorder, last=True)
        finally:
            self._servers.close()

    def _logs(self, plan: Plan) -> dict[tuple[str, str], list[Task]]:
        """Of each pod (namespace, name), in the plan's order."""
        nodes = {(pod.namespace, pod.name): node_of(pod) for pod in plan.pods}
        found: dict[tuple[str, str], list[Task]] = {}
        for ask in plan.logs:
            pod = _pod_of(ask)
            task = logs.task(self._api, ask, self._options, self._places, nodes.get(pod, ""))
            found.setdefault(pod, []).append(task)
        return found

    def _run(self, stage: str, tasks: list[Task], recorder: Recorder, **how: bool) -> None:
        def take(item: Outcome | Later) -> None:
            if isinstance(item, Later):
                self._later.append(item.task)
            else:
                recorder.take(item)
                recorder.recovered |= isinstance(item, Asked) and (item.attempts > 1 or how.get("again", False))
            self.budget.reserve = RESERVE + recorder.waiting / SPEED

        office = Office(self._options.concurrency, self.budget, self._clock, self._places, **how)
        work_off(tasks, take, partial(self._tell, stage), office)

    def _again(self, recorder: Recorder, *, last: bool = False) -> None:
        """Ask once more what failed for a reason that may pass, least asked first; each round after a longer pause.

        Where no question was answered that had failed before, no more than `ENOUGH` attempts are made at one.
        """
        self._places.revive()
        self._api.limits = replace(self._api.limits, attempts=1)
        rounds, given_up = 0, list[Task]()
        while self._later:
            limit = ENOUGH if not recorder.recovered else len(PAUSES) + ENOUGH
            tasks = sorted(self._later, key=lambda task: task.tries)
            hopeless = {id(task) for task in tasks if task.tries >= limit and not self._places.hoped_for(task.places)}
            given_up += [task for task in tasks if id(task) in hopeless]
            tasks = [task for task in tasks if id(task) not in hopeless]
            if not all(self._places.given_up(task.places) for task in tasks):
                self.budget.sleep(PAUSES[min(rounds, len(PAUSES) - 1)])
            rounds, self._later = rounds + 1, []
            self._run("asked again", tasks, recorder, again=True)
        self._later = given_up
        self._api.limits = Limits(self._options.seconds)
        if last:
            for gap in (gap for task in self._later for gap in task.left(NOT_ASKED)):
                recorder.take(gap)

    def _mesh(self, plan: Plan, tasks: Tasks) -> tuple[list[Task], list[Task]]:
        """The pods of the mesh in the order in which they matter; then their logs in that order, and the other logs.

        In a large mesh, the logs of what matters most come with it.
        """
        told = {name for known in tasks.known.values() for name in known.proxies}
        waiting, large = self._logs(plan), len(plan.proxies) > LARGE
        found, later = list[Task](), list[Task]()
        for number, pod in enumerate(ordered([*plan.istiods, *plan.ztunnels, *plan.proxies])):
            logged = waiting.pop((pod.namespace, pod.name), [])
            if self._options.mine(number):
                found += self._pod(pod, plan, tasks)
                (found if large and rank(pod) < PROXY else later).extend(logged)
        seen = {pod.id for pod in (*plan.ztunnels, *plan.proxies)}
        rest = [name for name in sorted(told - seen) if not self._options.selection.proxies]
        found += [tasks.proxy(name, None, plan.istiods) for n, name in enumerate(rest) if self._options.mine(n)]
        others = [task for pod in waiting.values() for task in pod]
        return found, later + [task for number, task in enumerate(others) if self._options.mine(number)]

    def _pod(self, pod: Pod, plan: Plan, tasks: Tasks) -> list[Task]:
        if pod.kind == "istiod":
            return [tasks.rest(pod)]
        of_istiod = tasks.proxy(pod.id, pod if pod.kind == "proxy" else None, plan.istiods)
        return [of_istiod, tasks.ztunnel(pod)] if pod.kind == "ztunnel" else [of_istiod]

    def _lists(self, resource: Resource, look: Look) -> Task:
        """A list of a cluster, or of each namespace where those were named or rights allow no more."""
        named = look.plan.namespaces if resource.namespaced else []
        asks = [resource.ask(name) for name in named] or [resource.ask()]
        asks = [ask for ask in asks if ask.path not in look.listed]

        def work(desk: Desk) -> None:
            for ask in asks:
                one(desk, ask)

        def one(desk: Desk, ask: Ask) -> None:
            asked = desk.attempt(ask, lambda: self._listed(ask))
            if desk.put_off(ask, asked, lambda again: one(again, ask)):
                return
            desk.settle(asked)
            if _forbidden(asked) and resource.namespaced and not named:
                self._each(resource, look, desk)

        return Task(asks, work)

    def _each(self, resource: Resource, look: Look, desk: Desk) -> None:
        """Namespace by namespace; refusals are told apart from each other only where one was not refused."""
        asks = [resource.ask(name) for name in look.spaces]
        asks = [ask for ask in asks if ask.path not in look.listed]
        found = [desk.attempt(ask, lambda ask=ask: self._listed(ask)) for ask in asks]  # type: ignore[misc]
        if any(isinstance(item, Asked) and item.reply.good for item in found):
            for ask, item in zip(asks, found, strict=True):
                if not desk.put_off(ask, item, lambda again, ask=ask: again.ask(ask, lambda: self._listed(ask))):  # type: ignore[misc]
                    desk.settle(item)

    def _listed(self, ask: Ask) -> tuple[Reply, int, str]:
        return (*self._api.listing(ask.request.removeprefix("GET ")), "api")

    def _described(self, plan: Plan) -> dict[str, object]:
        """What of the options says how to read the recording."""
        options = self._options
        found: dict[str, object] = {
            "namespaces": list(options.namespaces), "include": list(options.include), "exclude": list(options.exclude),
            "logs": options.logs, "tailLines": options.lines(len(plan.logs)), "sinceSeconds": options.since,
            "logsLeftOut": plan.left_out, "profile": options.profile if options.profile != "standard" else None,
            "sinceTime": options.since_time or None, "untilTime": options.until_time or None,
            "shard": f"{options.shard[0]}/{options.shard[1]}" if options.shard[1] > 1 else None,
        }  # fmt: skip
        return {name: value for name, value in found.items() if value not in (None, [], True)}


def _settle(outcomes: list[tuple[Outcome, Ask, Once]], desk: Desk) -> None:
    """Hand in what the look has found."""
    for outcome, ask, once in outcomes:
        if not desk.put_off(ask, outcome, lambda again, ask=ask, once=once: again.ask(ask, once)):  # type: ignore[misc]
            desk.settle(outcome)


def _forbidden(outcome: Outcome) -> bool:
    return isinstance(outcome, Asked) and outcome.reply.status == 403


def _patient(place: str) -> bool:
    """Whether it is probed for a while though it has never answered: much depends on it."""
    return place.startswith("node ") or (place.startswith("istiod ") and place.endswith(":15014"))


def _pod_of(ask: Ask) -> tuple[str, str]:
    """Namespace and name, of a log's path."""
    parts = ask.path.split("/")
    return parts[1], parts[2]
