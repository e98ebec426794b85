"""Logs: of the mesh's own containers, and of the applications around them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bugbundle.collect.api import Api
from bugbundle.collect.ask import Ask, Desk, Task, kubernetes
from bugbundle.collect.cluster import beyond
from bugbundle.collect.health import Places
from bugbundle.collect.options import Options
from bugbundle.collect.pods import OWN, Pod
from bugbundle.collect.reply import Failed, Reply
from bugbundle.collect.servers import STALL

OUTSIDE = 200
"""Pods outside of the mesh's namespaces whose logs are asked for: plain clients and servers of a small mesh are a
part of its picture, a large cluster's other tenants are not."""


def chosen(pods: Iterable[Pod], mesh: set[str], options: Options) -> tuple[list[Pod], list[str]]:
    """The pods whose logs are asked for, and the namespaces that are left out."""
    inside, outside, left_out = [], [], set()
    for pod in pods:
        if not options.logs or not pod.containers or not options.selection.pod(pod):
            continue
        if options.profile == "minimal" and not pod.kind:
            continue
        if pod.kind or pod.namespace in mesh or options.added(f"logs/{pod.namespace}/{pod.name}/"):
            inside.append(pod)
        elif pod.namespace not in OWN:
            outside.append(pod)
    if len(outside) > OUTSIDE:
        left_out = {pod.namespace for pod in outside}
        outside = []
    return inside + outside, sorted(left_out)


def questions(pods: Iterable[Pod], options: Options) -> list[Ask]:
    """One per container, and one more where it has been restarted."""
    found = []
    for pod in pods:
        for container in pod.containers:
            if not options.selection.container(pod, container):
                continue
            if options.profile == "minimal" and container != pod.agent:
                continue
            runs = [False, True] if options.previous and container in pod.restarted else [False]
            found += [_question(pod, container, previous) for previous in runs]
    lines = options.lines(len(found))
    return [_limited(ask, lines, options) for ask in found if options.wanted(ask.path)]


def task(api: Api, ask: Ask, options: Options, places: Places, node: str) -> Task:
    """Ask for one log; of a longer one the end is kept, from the beginning of a line.

    `node`: the place where it lies, as the API server asks the node's kubelet.
    """
    path, _, tail = ask.request.removeprefix("GET ").partition("?")
    query = dict(part.split("=", 1) for part in tail.split("&"))

    def once() -> tuple[Reply, int, str]:
        try:
            reply, attempts = api.get(path, query, "*/*", options.log_bytes, STALL)
        except Failed as failed:
            if failed.late:
                places.missed(node, ask.path, failed.reason)
            raise
        if beyond(reply.status, reply.reason if not reply.good else ""):
            places.missed(node, ask.path, reply.reason)
        elif reply.good:
            places.answered(node)
        if reply.good and options.until_time:
            reply = replace(reply, body=_before(reply.body, options.until_time))
        if not reply.good or len(reply.body) <= options.log_bytes:
            return reply, attempts, "api"
        return replace(reply, body=_end(reply.body, options.log_bytes)), attempts, "api, end of the log"

    def work(desk: Desk) -> None:
        desk.ask(ask, once, (node,) if node else ())

    return Task([ask], work, places=(node,) if node else ())


def _question(pod: Pod, container: str, previous: bool) -> Ask:
    path = f"logs/{pod.namespace}/{pod.name}/{container}{'.previous' if previous else ''}.log"
    url = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/log?container={container}"
    return kubernetes(path, url + ("&previous=true" if previous else ""))


def _limited(ask: Ask, lines: int | None, options: Options) -> Ask:
    tail = f"&tailLines={lines}" if lines is not None else ""
    since = f"&sinceSeconds={options.since}" if options.since is not None else ""
    since = f"&sinceTime={options.since_time}" if options.since_time else since
    until = "&timestamps=true" if options.until_time else ""
    return replace(ask, request=ask.request + tail + since + until)


def _before(body: bytes, until: str) -> bytes:
    """The lines up to a time, without the time stamps that the kubelet was asked to put before them."""
    limit = until.removesuffix("Z").encode()
    lines = (line.partition(b" ") for line in body.splitlines(keepends=True))
    return b"".join(text for stamp, _, text in lines if stamp.removesuffix(b"Z") <= limit)


def _end(body: bytes, limit: int) -> bytes:
    kept = body[-limit:]
    start = kept.find(b"\n") + 1
    return kept[start:] if 0 < start < len(kept) else kept
