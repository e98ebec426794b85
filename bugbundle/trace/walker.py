"""The state of one walk: what was said, who was met, and how the first proxy saw the end."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh.config.mtls import Demands
from bugbundle.mesh.once import once
from bugbundle.mesh.ref import Ref, ref
from bugbundle.trace.config import Body, Envoy, envoy
from bugbundle.trace.connection import Connection
from bugbundle.trace.listeners import through
from bugbundle.trace.model import Ending, Endpoint, Expects, Request, Resource, Step, Walk
from bugbundle.trace.passage import Passage
from bugbundle.trace.places import Places, places

OUTBOUND = "virtualOutbound"
Memo = dict[tuple[Hashable, ...], Passage]
"""What an Envoy made of a connection and a request, by all that decides it."""

LONGEST = 12
"""Proxies on one way; who meets more goes in a circle."""

BROKEN = {
    Ending.TLS_MISMATCH: ("UC", 503),
    Ending.PROTOCOL_MISMATCH: ("UPE", 502),
    Ending.BLOCKED: ("UF", 503),
    Ending.NO_HEALTHY_ENDPOINT: ("UF", 503),
    Ending.NO_ROUTE: ("UC", 503),
}
"""How a proxy that forwards HTTP sees that a connection fails at the other end (no answer of HTTP came)."""


class Walker:
    """One request on its way."""

    def __init__(self, mesh: Mesh, request: Request, memo: Memo | None = None) -> None:
        self.mesh = mesh
        self.memo = memo
        self.places: Places = places(mesh)
        self.demands = _demands(mesh)
        self.walk = Walk(request)
        self.now = mesh.now.timestamp() if mesh.now else 0.0
        self.first: Passage | None = None
        self.met: list[tuple[str, str, str, int]] = []

    def say(
        self,
        at: str,
        decision: str,
        resource: Resource | None = None,
        made: Ref | None = None,
        expects: Expects | None = None,
    ) -> None:
        """One more step."""
        self.walk.steps.append(Step(at, decision, resource, made, expects))

    def end(
        self, ending: Ending, reason: str, *, made: Ref | None = None, flag: str = "", code: int | None = None
    ) -> None:
        """The end, as whoever sent the request sees it."""
        walk = self.walk
        walk.ending, walk.reason, walk.because = ending, reason, made
        if self.first is not None and self.first.ending is None and not flag and code is None:
            seen, answer = BROKEN.get(ending, ("", None))
            flag = seen
            code = answer if self.first.http else None
        walk.flag, walk.code = flag, code

    def pass_through(self, listener: Body, connection: Connection, request: Request, pod: KubeObject) -> Passage | None:
        """One Envoy; None where it ended there (or was met before)."""
        proxy = self.mesh.proxy(f"{pod.name}.{pod.namespace}")
        assert proxy is not None
        key = (proxy.id, listener.resource.name, connection.destination_ip, connection.destination_port)
        if key in self.met or len(self.met) >= LONGEST:
            self.end(Ending.LOOP, f"{proxy.id} is met again at {listener.resource.name}")
            return None
        self.met.append(key)
        passage = self._passage(envoy(proxy), listener, connection, request)
        self.walk.steps += passage.steps
        outbound = listener.recorded.name == OUTBOUND
        self.walk.personal |= passage.envoy.personal if outbound else listener.personal
        before = self.first
        if before is None:
            self.first = passage
            self._account(passage)
        if passage.ending is not None:
            self._ended(passage, before)
            return None
        return passage

    def _passage(self, known: Envoy, listener: Body, connection: Connection, request: Request) -> Passage:
        """Through one Envoy; of many walks, alike ones once."""
        if self.memo is None:
            return through(known, listener, connection, request, self.now)
        key = _key(known, listener, connection, request)
        if key not in self.memo:
            self.memo[key] = through(known, listener, connection, request, self.now)
        return replace(self.memo[key], envoy=known, connection=connection)

    def _account(self, passage: Passage) -> None:
        walk = self.walk
        walk.cluster, walk.clusters, walk.route = passage.cluster, passage.clusters, passage.route
        walk.details = passage.details
        if passage.target is not None:
            hosts = passage.target.hosts or passage.target.all_hosts
            walk.endpoints = [self._endpoint(one.endpoint) for one in hosts]

    def _endpoint(self, endpoint: Endpoint) -> Endpoint:
        pod = self.places.pod_at(endpoint.address)
        return endpoint._replace(pod=f"{pod.namespace}/{pod.name}") if pod else endpoint

    def _ended(self, passage: Passage, before: Passage | None) -> None:
        """Where a proxy further on ends it with an answer of HTTP, the first one passes that on, without a flag."""
        assert passage.ending is not None
        if before is None:
            self.end(passage.ending, passage.reason, made=passage.made, flag=passage.flag, code=passage.code)
            self.walk.details = passage.details
            return
        answered = passage.http and passage.code is not None and before.http and passage.flag != "DPE"
        if answered:
            self.walk.details = "via_upstream"
            self.end(passage.ending, passage.reason, made=passage.made, code=passage.code)
            return
        flag, code = BROKEN.get(passage.ending, ("UC", 503))
        self.end(passage.ending, passage.reason, made=passage.made, flag=flag, code=code if before.http else None)

    def lacks(self, pod: KubeObject) -> bool:
        """Whether nothing is known of a pod's proxy: then here is the end."""
        proxy = self.mesh.proxy(f"{pod.name}.{pod.namespace}")
        problem = envoy(proxy).problem if proxy else "not recorded"
        if problem:
            self.say(f"sidecar {pod.name}.{pod.namespace}", f"its configuration is not in the recording ({problem})")
            self.end(Ending.INSUFFICIENT_INFO, f"the configuration of {pod.name}.{pod.namespace} is missing: {problem}")
        return bool(problem)


@once
def _demands(mesh: Mesh) -> Demands:
    return Demands(mesh)


def _key(known: Envoy, listener: Body, connection: Connection, request: Request) -> tuple[Hashable, ...]:
    """What decides the way through an Envoy: without who the client is, where nothing there asks for it."""
    outbound = listener.recorded.name == OUTBOUND
    personal = known.personal if outbound else listener.personal
    who = (connection.source_ip, connection.principals, tuple(connection.state.items())) if personal else ()
    shown = bool(connection.principals)
    spoken = (connection.tls, connection.sni, connection.alpn, connection.protocol, connection.hidden, shown)
    goal = (connection.destination_ip, connection.destination_port)
    asked = (request.method, request.scheme, request.path, request.authority, request.headers)
    return known.outbound_meaning if outbound else known.id, listener.recorded.name, who, goal, spoken, asked


def pod_resource(pod: KubeObject) -> Resource:
    """A pod as a step names it."""
    return Resource("Pod", f"{pod.namespace}/{pod.name}", str(pod.pointer))


def object_resource(item: KubeObject) -> Resource:
    """Any object as a step names it."""
    return Resource(item.kind, f"{item.namespace}/{item.name}", str(item.pointer))


def made(item: KubeObject) -> Ref:
    """The reference of an object."""
    return ref(item)
