"""Every bundle as one task on Dask. The door to Dask: local processes, or a scheduler that is there.

Results are written down as they come. ^C, a worker that dies and a scheduler that goes away cost the bundles that were
under way, and no more: the next run asks for these.
"""

from __future__ import annotations

import contextlib
import os
import platform
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bugbundle import __version__
from bugbundle.errors import BugbundleError
from bugbundle.fleet.look import code_version, look
from bugbundle.fleet.model import Done, Look
from bugbundle.fleet.places import Place, digest, find, need
from bugbundle.fleet.store import Store

DEATHS = 1
"""How often a task may take its worker with it before it is given up."""

CONNECT = 10
"""Seconds that a scheduler has to answer."""

Told = Callable[[Done, int, int], None]
"""Called as each bundle is done: it, how many are, of how many."""


@dataclass(frozen=True)
class Options:
    """`workers` local processes with `memory` each (`2GB`; empty: an even share), or the scheduler at an address."""

    scheduler: str = ""
    workers: int = 0
    memory: str = ""
    reports: bool = False


class Interrupted(BugbundleError):
    """Stopped before the end: what was done is written."""


def run(where: str, into: Path, options: Options, told: Told = lambda *_: None) -> list[Done]:
    """Analyze every bundle of a place and write the fleet's tables; returns all of them, by name.

    Raises `BugbundleError` where there is nothing to look at, the folder cannot be written, or the scheduler cannot be
    used. One bad bundle is a row that says why.
    """
    places = find(where)
    store = Store(into, code_version())
    done: dict[str, Done] = {}
    todo: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        content = store.content_of(place) or _content(place)
        known = store.known(content)
        if known is None or (options.reports and not store.report(content).is_file()):
            todo[content or place.url].append(place)
        else:
            store.keep(place, known)
            done[place.name] = Done(place.name, place.url, known, known=True)
    stopped = ""
    try:
        if todo:
            with contextlib.closing(_looks(todo, options)) as looks:
                for key, found in looks:
                    for place in todo[key]:
                        store.keep(place, found, page=options.reports)
                        done[place.name] = Done(place.name, place.url, found)
                        told(done[place.name], len(done), len(places))
    except KeyboardInterrupt:
        stopped = "stopped"
    except _Lost as error:
        stopped = str(error)
    if done or not stopped:
        store.finish(done.values())
    if stopped:
        raise Interrupted(
            f"{stopped} after {len(done)} of {len(places)} bundles",
            todo="Run the same command again: what was analyzed is kept, the rest follows",
        )
    return [done[place.name] for place in places]


def _content(place: Place) -> str:
    """The SHA-256 of a local bundle, without a worker; empty for what is elsewhere or cannot be read."""
    path = (
        Path(place.url.removeprefix("file://")) if "://" not in place.url or place.url.startswith("file://") else None
    )
    try:
        return digest(path) if path is not None and path.exists() else ""
    except OSError:
        return ""


class _Lost(Exception):
    """The scheduler went away."""


def _looks(todo: dict[str, list[Place]], options: Options) -> Generator[tuple[str, Look], None, None]:
    """(content or address, what was found) of each distinct bundle, as they are done."""
    distributed = need("distributed")
    with _quiet(), _client(distributed, options, len(todo)) as client:
        futures = {
            client.submit(look, group[0], options.reports, key=f"bugbundle-{key}-{options.reports}", pure=False): key
            for key, group in todo.items()
        }
        for future in distributed.as_completed(list(futures)):
            yield futures[future], _result(distributed, future, options)
            future.release()


def _result(distributed: Any, future: Any, options: Options) -> Look:
    try:
        found = future.result()
    except distributed.scheduler.KilledWorker:
        limit = f" ({options.memory} each)" if options.memory else ""
        return Look(
            failure=f"it took down {DEATHS + 1} workers, most likely for want of memory{limit}: raise --memory or"
            " lower --workers"
        )
    except (distributed.client.FutureCancelledError, OSError, TimeoutError):
        raise _Lost("the scheduler went away") from None
    return found if isinstance(found, Look) else Look(failure="its worker runs another version of bugbundle")


@contextlib.contextmanager
def _client(distributed: Any, options: Options, tasks: int) -> Iterator[Any]:
    """A client of the scheduler that is there, or of local processes that end with it."""
    dask = need("dask")
    settings = {
        "distributed.scheduler.allowed-failures": DEATHS,
        "distributed.worker.daemon": True,
        "distributed.comm.timeouts.connect": f"{CONNECT}s",
        "distributed.admin.log-format": "%(message)s",
    }
    with dask.config.set(settings):
        if options.scheduler:
            with _existing(distributed, options.scheduler) as client:
                yield client
            return
        cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        cluster = distributed.LocalCluster(
            n_workers=min(options.workers or cpus, tasks),
            threads_per_worker=1,
            processes=True,
            memory_limit=options.memory or "auto",
            dashboard_address=None,
            host="127.0.0.1",
        )
        with cluster, distributed.Client(cluster) as client:
            yield client


@contextlib.contextmanager
def _existing(distributed: Any, address: str) -> Iterator[Any]:
    try:
        client = distributed.Client(address, timeout=CONNECT)
    except (OSError, TimeoutError, ValueError) as error:
        raise BugbundleError(
            f"no Dask scheduler answers there ({type(error).__name__})",
            where=address,
            todo="Start one with `dask scheduler`, or leave --scheduler out: local processes are used then",
        ) from None
    with client:
        _same_versions(client, address)
        yield client


def _same_versions(client: Any, address: str) -> None:
    """Raises `BugbundleError` unless every worker has this Python and this bugbundle: rows would differ."""
    mine = (".".join(platform.python_version_tuple()[:2]), __version__, code_version())
    try:
        theirs: dict[str, tuple[str, str, str]] = client.run(versions)
    except Exception as error:
        raise BugbundleError(
            f"its workers cannot run bugbundle ({type(error).__name__})",
            where=address,
            todo=f"Install bugbundle[fleet] {__version__} where the workers run, under Python {mine[0]}",
        ) from None
    if not theirs:
        raise BugbundleError("has no workers", where=address, todo="Start some: dask worker " + address)
    for worker, found in theirs.items():
        if found != mine:
            raise BugbundleError(
                f"worker {worker} has Python {found[0]}, bugbundle {found[1]} ({found[2]});"
                f" here is Python {mine[0]}, bugbundle {mine[1]} ({mine[2]})",
                where=address,
                todo="Install the same on both sides",
            )


def versions() -> tuple[str, str, str]:
    """(Python, bugbundle, its code) where this runs."""
    return ".".join(platform.python_version_tuple()[:2]), __version__, code_version()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without Dask's own talk: what matters is told by us."""
    import logging

    names = (
        "distributed",
        "distributed.nanny",
        "distributed.worker",
        "distributed.core",
        "distributed.comm",
        "tornado",
    )
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
