"""The Kubernetes API over a bundle: from a request's path to an answer.

Every refusal is a `Refusal`; anything that a bundle holds and cannot be read is one too, with 503.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from aiohttp import web

from bugbundle.bundle import Bundle
from bugbundle.bundle.layout import UNASKED
from bugbundle.clean import cleaned
from bugbundle.codec import encode
from bugbundle.errors import BugbundleError
from bugbundle.replay import reviews
from bugbundle.replay.answers import Answers, Asked
from bugbundle.replay.bodies import Bodies
from bugbundle.replay.catalogue import Resource
from bugbundle.replay.clean import Cleaner
from bugbundle.replay.discovery import AGGREGATED, Discovery
from bugbundle.replay.logs import Options, log
from bugbundle.replay.negotiate import DISCOVERY_FORMS, LIST_FORMS, form
from bugbundle.replay.openapi import OpenAPI
from bugbundle.replay.proxy import Proxies
from bugbundle.replay.query import flag, integer
from bugbundle.replay.reviews import Reviews
from bugbundle.replay.status import Refusal, from_gap, gap_header, no_such_resource, unrecorded
from bugbundle.replay.stream.carrier import turn
from bugbundle.replay.stream.channels import is_websocket
from bugbundle.replay.target import Target, segments, target
from bugbundle.replay.watching import watch_by_websocket

JSON = "application/json"
READING = ("GET", "HEAD")
STREAMS = ("portforward", "exec", "attach")
WATCH_SECONDS = 3600
"""How long a watch stays open where the client names no time."""
DEPRECATED = {
    ("", "endpoints"): (33, "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"),
    ("", "componentstatuses"): (19, "v1 ComponentStatus is deprecated in v1.19+"),
}
"""Warnings that the API server sends along, and since which minor version."""


class Api:
    """Answers requests about one bundle; holds no state of a client."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle = cleaned(bundle)
        self.cleaner = Cleaner(bundle)
        self.answers = Answers(bundle, self.cleaner)
        self.bodies = Bodies(self.answers.objects)
        self.discovery = Discovery(self.answers.catalogue)
        self.reviews = Reviews(self.answers.lists)
        self.openapi = OpenAPI(bundle, self.answers.lists, self.answers.catalogue)
        self.proxies = Proxies(self.cleaner.bundle(bundle), self.answers)
        self.closing = asyncio.Event()

    async def handle(self, request: web.Request, path: str) -> web.StreamResponse:
        """One request that has shown the token, for a path as it was sent."""
        try:
            parts = segments(path)
            wanted = target(parts)
            if wanted is None:
                return self._other(request, parts)
            return await self._resource(request, wanted)
        except Refusal as refusal:
            return status(refusal)
        except BugbundleError as error:
            damaged = Refusal(503, f"the recording cannot be read here: {error.what}")
            return status(damaged)

    def _other(self, request: web.Request, parts: list[str]) -> web.StreamResponse:
        """Everything that is no resource: discovery, version, health, OpenAPI."""
        if request.method not in READING:
            raise _read_only()
        if parts[:1] in (["healthz"], ["livez"], ["readyz"]) and len(parts) < 3:
            return web.Response(text="ok")
        if parts == ["version"]:
            return self._document("k8s/version.json")
        if parts[:1] == ["openapi"]:
            return web.Response(body=self.openapi.answer(parts[1:]), content_type=JSON)
        return self._discovery(request, parts)

    def _discovery(self, request: web.Request, parts: list[str]) -> web.StreamResponse:
        if not parts:
            return json({"paths": ["/api", "/apis", "/healthz", "/livez", "/readyz", "/version"]})
        if parts in (["api"], ["apis"]):
            wanted = form(request.headers.get("Accept", ""), DISCOVERY_FORMS)
            if wanted.as_:
                body = self.discovery.aggregated(parts[0], wanted.version)
                kind = AGGREGATED.format(wanted.version)
                return self._verbatim(f"k8s/{parts[0]}.aggregated.json", body, kind)
            body = self.discovery.core() if parts == ["api"] else self.discovery.groups()
            return self._verbatim(f"k8s/{parts[0]}.json", body)
        if parts[0] == "api" and len(parts) == 2:
            return self._verbatim(f"k8s/api/{parts[1]}.json", self.discovery.resources("", parts[1]))
        if parts[0] == "apis" and len(parts) == 2:
            return json(self.discovery.group(parts[1]))
        if parts[0] == "apis" and len(parts) == 3:
            gap = self.bundle.gaps.get(f"k8s/apis/{parts[1]}/{parts[2]}.json")
            if gap and not self.answers.catalogue.of(parts[1], parts[2]):
                raise from_gap(gap)
            body = self.discovery.resources(parts[1], parts[2])
            return self._verbatim(f"k8s/apis/{parts[1]}/{parts[2]}.json", body)
        raise no_such_resource()

    def _verbatim(self, entry: str, body: Any, content_type: str = JSON) -> web.Response:
        """A document byte for byte where it is as recorded, else as it was made."""
        if body == self.answers.catalogue.document(entry):
            return web.Response(body=self.bundle[entry], headers={"Content-Type": content_type})
        made = json(body, content_type=content_type)
        if entry in self.bundle.gaps:
            made.headers.update(gap_header(self.bundle.gaps[entry]))
        elif entry not in self.bundle:
            made.headers[UNASKED] = "true"
        return made

    def _document(self, path: str) -> web.Response:
        if path in self.bundle:
            return web.Response(body=self.bundle[path], content_type=JSON)
        raise from_gap(self.bundle.gaps[path]) if path in self.bundle.gaps else unrecorded(path)

    async def _resource(self, request: web.Request, wanted: Target) -> web.StreamResponse:
        pod = (wanted.group, wanted.plural) == ("", "pods") and bool(wanted.name)
        if pod and wanted.part in STREAMS and request.method in ("GET", "POST"):
            return await self.proxies.stream(request, wanted)
        if wanted.part == "proxy" and wanted.plural in ("pods", "services") and wanted.name:
            return await self.proxies.answer(request, wanted)
        if request.method == "POST":
            return await self._post(request, wanted)
        if request.method not in READING:
            raise _read_only()
        resource = self.answers.catalogue.find(wanted.group, wanted.version, wanted.plural)
        if resource is None or not _in_place(wanted, resource):
            raise no_such_resource()
        if wanted.part:
            return self._part(request, wanted, resource)
        return await self._objects(request, wanted, resource)

    async def _objects(self, request: web.Request, wanted: Target, resource: Resource) -> web.StreamResponse:
        accept = form(request.headers.get("Accept", ""), LIST_FORMS)
        query: Mapping[str, str] = request.query
        watch = flag(query, "watch")
        if wanted.name and watch:
            query = {**query, "fieldSelector": f"metadata.name={wanted.name}"}
        asked = Asked(resource, wanted.namespace, accept, query)
        if watch:
            return await self._watch(request, asked)
        if wanted.name:
            return web.Response(body=self.answers.get(asked, wanted.name), content_type=JSON)
        body, warning = await self.bodies.of(asked)
        place = f"namespaces/{wanted.namespace}/{resource.plural}" if wanted.namespace else resource.plural
        gap = self.bundle.gaps.get(f"{resource.folder}/{place}.json")
        headers = {**self._warnings(resource, warning), **(gap_header(gap) if gap else {})}
        return web.Response(body=body, content_type=JSON, headers=headers)

    async def _watch(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        """What there is, then nothing: a recording does not change."""
        seconds = min(integer(request.query, "timeoutSeconds") or WATCH_SECONDS, WATCH_SECONDS)
        events = self.answers.events(asked)
        first = next(events, None)  # what cannot be answered is refused before anything is sent
        every = itertools.chain(() if first is None else (first,), events)
        if is_websocket(request):
            return await watch_by_websocket(request, every, self.closing, seconds)
        response = web.StreamResponse(headers={"Content-Type": JSON})
        with suppress(ConnectionError):
            await response.prepare(request)
            for event in every:
                await turn()
                await response.write(event)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.closing.wait(), seconds)
            await response.write_eof()
        return response

    def _part(self, request: web.Request, wanted: Target, resource: Resource) -> web.StreamResponse:
        """Subresources that can be read."""
        asked = Asked(resource, wanted.namespace, form("", ()), request.query)
        if wanted.rest:
            raise no_such_resource()
        if (resource.group, resource.plural, wanted.part) == ("", "pods", "log"):
            options = Options.of(request.query)
            body = log(self.bundle, self.answers.object(resource, wanted.namespace, wanted.name), options)
            body = self.cleaner.shown("logs/container.log", body)
            return web.Response(body=body, content_type="text/plain")
        if wanted.part == "scale" and any(part.name == "scale" for part in resource.subresources):
            return web.Response(body=self.answers.scale(asked, wanted.name), content_type=JSON)
        if wanted.part in ("status", "ephemeralcontainers", "resize"):
            return web.Response(body=self.answers.get(asked, wanted.name), content_type=JSON)
        raise no_such_resource()

    async def _post(self, request: web.Request, wanted: Target) -> web.StreamResponse:
        """The few creations that change nothing."""
        rights = wanted.group in ("authorization.k8s.io", "authentication.k8s.io")
        if rights and wanted.plural in reviews.VIRTUAL and not wanted.name:
            body = await request.read()
            answer = self.reviews.answer(wanted.group, wanted.version, wanted.plural, body)
            return json(answer, status=201)
        if (wanted.group, wanted.plural, wanted.part) == ("", "serviceaccounts", "token"):
            return json(reviews.token_request(await request.read()), status=201)
        raise _read_only()

    def _warnings(self, resource: Resource, warning: str) -> Mapping[str, str]:
        since, sentence = DEPRECATED.get((resource.group, resource.plural), (0, ""))
        texts = [warning] if warning else []
        if sentence and self.answers.tables.minor >= since:
            texts.append(sentence)
        shown = ", ".join(f'299 - "{text.replace(chr(34), chr(39))}"' for text in texts)
        return {"Warning": shown} if shown.isascii() and shown else {}


def _in_place(wanted: Target, resource: Resource) -> bool:
    """Whether a namespace is named where it has to be, and only there."""
    if resource.namespaced:
        return bool(wanted.namespace) or not wanted.name
    return not wanted.namespace


def _read_only() -> Refusal:
    return Refusal(405, f"{reviews.WHY}; bugbundle replay answers reads only")


def status(refusal: Refusal) -> web.Response:
    """A refusal as an answer."""
    headers = {"Content-Type": JSON, **({UNASKED: "true"} if refusal.unasked else {})}
    if refusal.gap:
        headers |= gap_header(refusal.gap)
    return web.Response(body=refusal.body(), status=refusal.code, headers=headers)


def json(body: Any, status: int = 200, content_type: str = JSON) -> web.Response:
    """A JSON answer."""
    return web.Response(body=encode(body), status=status, headers={"Content-Type": content_type})
