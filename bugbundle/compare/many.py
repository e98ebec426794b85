"""Several bundles looked at: large ones each in a process of its own, so that two take the time and memory of one."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

from bugbundle.bundle import Bundle, open_bundle
from bugbundle.compare.look import Look, look

LARGE = 60
"""Config dumps from which on a bundle is worth a process."""


def looks(bundles: Sequence[Bundle]) -> Iterator[Look]:
    """Each bundle's look, in their order; at most as many at a time as there are processors."""
    if len(bundles) > 1 and _apart(bundles):
        yield from _in_processes(bundles)
        return
    for bundle in bundles:
        yield look(bundle)
        if _large(bundle):
            gc.collect()


def _apart(bundles: Sequence[Bundle]) -> bool:
    """Whether processes of their own pay, and can be had: forked, on two processors at least, from files."""
    if "fork" not in multiprocessing.get_all_start_methods() or (os.cpu_count() or 1) < 2:
        return False
    return all(Path(bundle.origin).exists() for bundle in bundles) and any(map(_large, bundles))


def _large(bundle: Bundle) -> bool:
    return len(bundle.paths("proxies/", "/config_dump.json")) >= LARGE


def _in_processes(bundles: Sequence[Bundle]) -> Iterator[Look]:
    workers = min(len(bundles), os.cpu_count() or 1, 4)
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(workers, context, max_tasks_per_child=None) as pool:
        pending: list[Future[Look]] = [pool.submit(_look, bundle.origin) for bundle in bundles]
        for future in pending:
            yield future.result()


def _look(origin: str) -> Look:
    found = look(open_bundle(origin))
    gc.collect()
    return found
