"""The mesh's own servers, asked through the API server: by port-forward, the pod's proxy subresource, or exec."""

from __future__ import annotations

import threading
from collections import defaultdict
from urllib.parse import parse_qsl

from bugbundle.bundle.layout import UNASKED
from bugbundle.collect import execute
from bugbundle.collect.api import Api
from bugbundle.collect.ask import MAY_PASS, Ask
from bugbundle.collect.forward import Forward
from bugbundle.collect.health import Places
from bugbundle.collect.pace import Deadline
from bugbundle.collect.pods import Pod
from bugbundle.collect.reply import Failed, Reply, as_recorded

AT_ONCE = 4
"""Requests that one istiod is asked at a time: each page is computed for it."""
ONLY_POST = "POST /logging"
"""The one request that is no GET: without parameters, Envoy and ztunnel list their log levels and change nothing."""
SHORT = 5.0
"""Seconds for a port that has failed already."""
STALL = 15.0
"""Seconds without a byte after which a proxy's question is put off; istiod may take longer to work a page out."""
FORBIDDEN = 403
ENOUGH = 2
"""Pods of a namespace for which a way is forbidden, after which it is not tried for its others."""
OPEN = (15014, 15020, 15021, 8080)
"""Ports that the mesh's servers open to the network, not on localhost alone."""
Spot = tuple[str, str, int]


def node_of(pod: Pod) -> str:
    """The place where it runs; empty where that is unknown."""
    return f"node {pod.node}" if pod.node else ""


class Servers:
    """Connections to ports of pods, kept open for the next question. Thread-safe."""

    def __init__(self, api: Api, places: Places) -> None:
        self._api = api
        self._places = places
        self._idle: dict[Spot, list[Forward]] = defaultdict(list)
        self._failed: set[Spot] = set()
        self._refused: dict[tuple[str, str], Failed] = {}
        self._no_proxy: set[str] = set()
        self._turns: dict[str, threading.Semaphore] = defaultdict(lambda: threading.Semaphore(AT_ONCE))
        self._lock = threading.Lock()

    def ask(self, pod: Pod, ask: Ask) -> tuple[Reply, int, str]:
        """The reply, the attempts, the route. Raises `Failed`."""
        port = int(ask.target.rpartition(":")[2])
        method, _, target = ask.request.partition(" ")
        if method != "GET" and ask.request != ONLY_POST:
            raise Failed(f"{method} is never sent")
        with self._lock:
            turn = self._turns[pod.id if pod.kind == "istiod" else f"{pod.id}:{port}"]
        with turn:
            try:
                found = self._asked(pod, port, method, target)
            except Failed as failed:
                self._missed(pod, ask, failed)
                raise
        self._places.answered(node_of(pod), ask.target)
        return found

    def _asked(self, pod: Pod, port: int, method: str, target: str) -> tuple[Reply, int, str]:
        refused = self._known(pod)
        if refused is None:
            try:
                return self._forwarded((pod.namespace, pod.name, port), method, target, patient=pod.kind == "istiod")
            except Failed as failed:
                if failed.status == 0 or failed.status in MAY_PASS:
                    raise
                refused = self._refused.setdefault((pod.namespace, pod.name), failed)
        return self._proxied(pod, port, method, target) or self._executed(pod, port, method, target, refused)

    def _known(self, pod: Pod) -> Failed | None:
        """Why port-forward is not tried: it was refused here, or forbidden for `ENOUGH` other pods of the namespace."""
        known = self._refused.get((pod.namespace, pod.name))
        if known is not None:
            return known
        others = [failed for (namespace, _), failed in list(self._refused.items()) if namespace == pod.namespace]
        forbidden = [failed for failed in others if failed.status == FORBIDDEN]
        return forbidden[0] if len(forbidden) >= ENOUGH else None

    def _proxied(self, pod: Pod, port: int, method: str, target: str) -> tuple[Reply, int, str] | None:
        """Through the pod's proxy subresource, where the port is open to the network; None where that is no way."""
        if port not in OPEN or method != "GET" or "/debug/" in target or pod.namespace in self._no_proxy:
            return None
        path, _, query = target.partition("?")
        try:
            reply, attempts = self._api.get(
                f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}:{port}/proxy{path}",
                dict(parse_qsl(query)), "*/*", stall=STALL,
            )  # fmt: skip
        except Failed:
            return None
        if reply.status == FORBIDDEN:
            self._no_proxy.add(pod.namespace)
        return (reply, attempts, "pod proxy") if reply.good and UNASKED not in reply.headers else None

    def _missed(self, pod: Pod, ask: Ask, failed: Failed) -> None:
        """Whose fault it was: of the node where nobody there has answered, else of the server that was asked."""
        if failed.beyond:
            self._places.missed(node_of(pod), f"{pod.id} {ask.request}", failed.reason)
        elif failed.again and failed.status == 0:
            self._places.missed(ask.target, ask.request, failed.reason)
            if failed.late:
                self._places.missed(node_of(pod), pod.id, failed.reason)

    def close(self) -> None:
        """Hang up everywhere."""
        for forward in [forward for idle in self._idle.values() for forward in idle]:
            forward.close()
        self._idle.clear()

    def hang_up(self, pod: Pod) -> None:
        """No more questions to this pod."""
        with self._lock:
            spots = [spot for spot in self._idle if spot[:2] == (pod.namespace, pod.name)]
            found = [forward for spot in spots for forward in self._idle.pop(spot)]
        for forward in found:
            forward.close()

    def _forwarded(self, spot: Spot, method: str, target: str, *, patient: bool) -> tuple[Reply, int, str]:
        poor = spot in self._failed
        longest = SHORT if poor else None if patient else STALL
        try:
            reply, attempts = self._api.patiently(
                lambda deadline: self._once(spot, method, target, deadline.stalling(longest)), attempts=1 if poor else 0
            )
        except Failed:
            self._failed.add(spot)
            raise
        self._failed.discard(spot)
        return reply, attempts, "port-forward"

    def _once(self, spot: Spot, method: str, target: str, deadline: Deadline) -> Reply:
        with self._lock:
            idle = self._idle[spot]
            forward = idle.pop() if idle else None
        if forward is not None:
            try:
                return self._through(forward, spot, method, target, deadline)
            except Failed:
                if deadline.left <= 0:
                    raise
        opened = Forward.open(self._api, *spot, deadline)
        return self._through(opened, spot, method, target, deadline)

    def _through(self, forward: Forward, spot: Spot, method: str, target: str, deadline: Deadline) -> Reply:
        try:
            reply = forward.ask(method, target, deadline)
        except Failed:
            forward.close()
            raise
        if forward.usable:
            with self._lock:
                self._idle[spot].append(forward)
        else:
            forward.close()
        return as_recorded(reply)

    def _executed(
        self, pod: Pod, port: int, method: str, target: str, refused: Failed
    ) -> tuple[Reply, int, str]:  # fmt: skip
        argv = execute.command(port, method, target)
        if not argv:
            raise refused
        name = (pod.namespace, pod.name)
        try:
            body, attempts = self._api.patiently(
                lambda deadline: execute.run(self._api, name, pod.agent, argv, deadline)
            )
        except Failed as failed:
            reason = f"port-forward: {refused.reason}; exec: {failed.reason}"
            raise Failed(reason, status=refused.status) from None
        return Reply(200, body), attempts, "exec"
