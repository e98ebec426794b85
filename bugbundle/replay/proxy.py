"""Where the API server would speak to a pod: port-forward, exec, and the `proxy` subresource.

The streams and the mesh's own pages are `bugbundle.replay.stream`; here is only which pod is meant.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aiohttp import web

from bugbundle.bundle import Bundle
from bugbundle.errors import BugbundleError
from bugbundle.replay.answers import Answers
from bugbundle.replay.catalogue import Resource
from bugbundle.replay.lists import parsed
from bugbundle.replay.shape import Object, mapping, number, objects, scalar, text
from bugbundle.replay.status import Refusal, no_such_resource
from bugbundle.replay.target import Target

if TYPE_CHECKING:
    from bugbundle.replay.stream import Pages

_NAME = re.compile(r"(?:(?P<scheme>https?):)?(?P<name>[a-z0-9][-a-z0-9.]*)(?::(?P<port>[-a-zA-Z0-9]*))?")


class Proxies:
    """Pods and services of one recording, as targets."""

    def __init__(self, bundle: Bundle, answers: Answers) -> None:
        self._bundle = bundle
        self._answers = answers
        self._pages: Pages | None = None

    @property
    def pages(self) -> Pages:
        """The mesh's own HTTP servers, built when first asked."""
        if self._pages is None:
            from bugbundle.replay.stream import Pages

            self._pages = Pages(self._bundle, self._ready)
        return self._pages

    def _ready(self, namespace: str, pod: str) -> bool | None:
        """The Ready condition of a Pod; None where it has none, or is not in the recording."""
        try:
            found = self._object("pods", namespace, pod)
        except (Refusal, BugbundleError):
            return None
        rows = [row for row in objects(found, "status", "conditions") if row.get("type") == "Ready"]
        return rows[0].get("status") == "True" if rows else None

    async def stream(self, request: web.Request, wanted: Target) -> web.StreamResponse:
        """Port-forward, exec or attach to a pod that was recorded."""
        from bugbundle.replay import stream

        self._object("pods", wanted.namespace, wanted.name)
        if wanted.part == "portforward":
            return await stream.portforward(request, self.pages, wanted.namespace, wanted.name)
        return await stream.exec_(request, self.pages, wanted.namespace, wanted.name)

    async def answer(self, request: web.Request, wanted: Target) -> web.StreamResponse:
        """`/pods/NAME:PORT/proxy/PATH` and the same for services."""
        if request.method not in ("GET", "HEAD", "POST"):
            raise Refusal(405, "this is a recording: pages can be read, not changed")
        found = _NAME.fullmatch(wanted.name)
        if not found:
            raise no_such_resource()
        asked = found["port"] or ""
        if wanted.plural == "pods":
            pod, port = found["name"], self._pod_port(wanted.namespace, found["name"], asked)
        else:
            pod, port = self._behind(wanted.namespace, found["name"], asked)
        raw = request.rel_url.raw_path
        path = "/" + raw.partition("/proxy")[2].removeprefix("/")
        target = f"{path}?{request.rel_url.raw_query_string}" if request.rel_url.raw_query_string else path
        body = await request.read()
        page = self.pages.answer(wanted.namespace, pod, port, request.method, target, body)
        return web.Response(status=page.status, headers=dict(page.headers), body=page.body)

    def _object(self, plural: str, namespace: str, name: str) -> Object:
        return self._answers.object(self._resource(plural), namespace, name)

    def _resource(self, plural: str) -> Resource:
        resource = self._answers.catalogue.find("", "v1", plural)
        if resource is None:
            raise no_such_resource()
        return resource

    def _pod_port(self, namespace: str, name: str, asked: str) -> int:
        """A number, a container port's name, or the pod's first port."""
        pod = self._object("pods", namespace, name)
        if asked.isdecimal():
            return int(asked[:6])
        ports = [port for item in objects(pod, "spec", "containers") for port in objects(item, "ports")]
        for port in ports:
            if not asked or text(port, "name") == asked:
                return number(port, "containerPort")
        return 80

    def _behind(self, namespace: str, name: str, asked: str) -> tuple[str, int]:
        """A running pod that a service selects, and its port."""
        service = self._object("services", namespace, name)
        ports = objects(service, "spec", "ports")
        wanted = [item for item in ports if not asked or asked in (text(item, "name"), scalar(item.get("port")))]
        if not wanted:
            raise Refusal(503, f'no service port "{ascii(asked)[1:-1]}" found for service "{name}"')
        goal = scalar(wanted[0].get("targetPort")) or scalar(wanted[0].get("port"))
        selector = mapping(service, "spec", "selector")
        listing = self._answers.lists.within(self._resource("pods"), namespace)
        for obj in map(parsed, listing.items if selector else ()):
            labels = mapping(obj, "metadata", "labels")
            selected = all(labels.get(key) == value for key, value in selector.items())
            if selected and text(obj, "status", "phase") == "Running":
                pod = text(obj, "metadata", "name")
                return pod, self._pod_port(namespace, pod, goal)
        raise Refusal(503, f'no endpoints available for service "{name}"')
