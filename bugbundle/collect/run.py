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
from bugbundle.collect.ask import Ask, Asked, Desk, Outcome, Task
from bugbundle.collect.cluster import Cluster
from bugbundle.collect.look import Look, Looker
from bugbundle.collect.mesh import Tasks
from bugbundle.collect.options import Options
from bugbundle.collect.pace import Budget, Clock, Pace
from bugbundle.collect.plan import Plan
from bugbundle.collect.record import Cleaned, Recorder
from bugbundle.collect.reply import Reply
from bugbundle.collect.resources import Resource, is_secrets
from bugbundle.collect.servers import Servers
from bugbundle.collect.work import Office, work_off
from bugbundle.errors import BundleError

BURST = 6
"""Seconds' worth of questions that may be asked at once: kubectl's own 50 per second and 300."""


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

    def __init__(self, cluster: Cluster, options: Options, tell: Teller) -> None:
        self._options = options
        self._tell = tell
        self._cluster = cluster
        self.budget = Budget(options.budget)
        self._clock = Clock()
        pace = Pace(options.rate, max(1, int(options.rate * BURST)))
        self._api = Api(cluster, pace, self.budget, Limits(options.seconds))
        self._servers = Servers(self._api)
        self._look: Look | None = None

    def plan(self) -> Plan:
        """Look, and say what would be asked. Raises `ClusterError`."""
        return self._looked().plan

    def write(self, target: str | os.PathLike[str] = "") -> Result:
        """Collect into `target` (by default a new file here). Raises `ClusterError`, `BundleError`."""
        look = self._looked()
        started = next((item.at for item in look.outcomes if isinstance(item, Asked)), self._clock.now())
        path = Path(target or default_name(self._cluster.name, started))
        header = Header(
            FORMAT, f"bugbundle {__version__}", started.replace(microsecond=0), (self._cluster.name,),
            self._described(look.plan), {"rules": 1},
        )  # fmt: skip
        cleaned = Cleaned()
        try:
            with self.budget.signals(), BundleWriter(path, header, cleaned) as writer:
                recorder = Recorder(writer, cleaned, self._options.wanted)
                self._record(look, recorder)
                writer.close(self._clock.now().replace(microsecond=0))
        except OSError as error:
            raise BundleError(f"cannot be written on ({error.strerror})", where=str(path)) from None
        return Result(path, recorder.entries, recorder.bytes, recorder.gaps, self.budget.over)

    def _looked(self) -> Look:
        if self._look is None:
            self._look = Looker(self._api, self._options, self._first).look()
        return self._look

    def _first(self, ask: Ask, once: Callable[[], tuple[Reply, int, str]]) -> Outcome:
        """One question of the look; the first answer sets the clock."""
        desk = Desk(Task([], lambda _: None), Queue(), self.budget, self._clock)
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
            self._run("discovery", [Task([], partial(_settle, look.outcomes), free=True)], recorder)
            self._run("lists", [self._lists(item, look) for item in plan.resources if not is_secrets(item)], recorder)
            tasks = Tasks(self._servers, self._options)
            self._run("istiod", [tasks.first(pod) for pod in plan.istiods], recorder)
            self._run("proxies", self._mesh(plan, tasks), recorder)
            recorder.gather()
            self._run("logs", [logs.task(self._api, ask, self._options) for ask in plan.logs], recorder)
        finally:
            self._servers.close()
        recorder.gather()

    def _run(self, stage: str, tasks: list[Task], recorder: Recorder) -> None:
        work_off(
            tasks,
            recorder.take,
            partial(self._tell, stage),
            Office(self._options.concurrency, self.budget, self._clock),
        )

    def _mesh(self, plan: Plan, tasks: Tasks) -> list[Task]:
        pods = {pod.id: pod for pod in plan.proxies}
        others = {pod.id for pod in plan.ztunnels}
        told = (name for known in tasks.known.values() for name in known.proxies)
        names = sorted({*pods, *told})
        found = [tasks.proxy(name, pods.get(name), plan.istiods) for name in names if name not in others]
        found += [tasks.proxy(name, None, plan.istiods) for name in sorted(others)]
        found += [tasks.ztunnel(pod) for pod in plan.ztunnels]
        return found + [tasks.rest(pod) for pod in plan.istiods]

    def _lists(self, resource: Resource, look: Look) -> Task:
        """A list of a cluster, or of each namespace where those were named or rights allow no more."""
        named = look.plan.namespaces if resource.namespaced else []
        asks = [resource.ask(name) for name in named] or [resource.ask()]
        asks = [ask for ask in asks if ask.path not in look.listed]

        def work(desk: Desk) -> None:
            for ask in asks:
                asked = desk.attempt(ask, lambda ask=ask: self._listed(ask))  # type: ignore[misc]
                if not isinstance(asked, Asked):
                    desk.hand_in(asked)
                    continue
                desk.settle(asked)
                if asked.reply.status == 403 and resource.namespaced and not named:
                    self._each(resource, look, desk)

        return Task(asks, work)

    def _each(self, resource: Resource, look: Look, desk: Desk) -> None:
        """Namespace by namespace; refusals are told apart from each other only where one was not refused."""
        asks = [resource.ask(name) for name in look.spaces]
        asks = [ask for ask in asks if ask.path not in look.listed]
        found = [desk.attempt(ask, lambda ask=ask: self._listed(ask)) for ask in asks]  # type: ignore[misc]
        if any(isinstance(item, Asked) and item.reply.good for item in found):
            for item in found:
                if isinstance(item, Asked):
                    desk.settle(item)
                else:
                    desk.hand_in(item)

    def _listed(self, ask: Ask) -> tuple[Reply, int, str]:
        return (*self._api.listing(ask.request.removeprefix("GET ")), "api")

    def _described(self, plan: Plan) -> dict[str, object]:
        """What of the options says how to read the recording."""
        options = self._options
        found: dict[str, object] = {
            "namespaces": list(options.namespaces), "include": list(options.include), "exclude": list(options.exclude),
            "logs": options.logs, "tailLines": options.lines(len(plan.logs)), "sinceSeconds": options.since,
            "logsLeftOut": plan.left_out,
        }  # fmt: skip
        return {name: value for name, value in found.items() if value not in (None, [], True)}


def _settle(outcomes: list[Outcome], desk: Desk) -> None:
    """Hand in what the look has found."""
    for outcome in outcomes:
        if isinstance(outcome, Asked):
            desk.settle(outcome)
        else:
            desk.hand_in(outcome)
