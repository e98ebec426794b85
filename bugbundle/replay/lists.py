"""Recorded lists: found, split into their items without parsing them, and derived from one another.

A namespace's list is cut out of the cluster-wide one, and the cluster-wide one is put together from the
namespaces' where rights allowed only those. A version that was served but not recorded is answered from
another version of the same resource, with its own apiVersion written in.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime

from bugbundle.bundle import Bundle, Gap
from bugbundle.codec import Raw, Reader, Struct, decode, encode, split_object
from bugbundle.errors import BugbundleError
from bugbundle.replay.catalogue import Catalogue, Resource
from bugbundle.replay.clean import Cleaner
from bugbundle.replay.shape import Object, text
from bugbundle.replay.status import Refusal, from_gap, unrecorded

KEEP_BYTES = 192_000_000
"""How many bytes of lists stay in memory; the list in use stays in any case."""


class _Parts(Struct):
    """A list's members, each as it stands; found in one pass."""

    kind: Raw = Raw()
    apiVersion: Raw = Raw()
    metadata: Raw = Raw()
    items: list[Raw] | None = None


_read_list = Reader(_Parts)


@dataclass(slots=True)
class Listing:
    """One list: its items as recorded bytes, when it was recorded; `body` where it can be sent verbatim."""

    resource: Resource
    metadata: Object
    items: list[Raw]
    at: datetime | None
    body: bytes | None = None
    warning: str = ""
    _names: dict[tuple[str, str], Raw] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """The list's resourceVersion."""
        return text(self.metadata, "resourceVersion", default="1")

    def get(self, namespace: str, name: str) -> Raw | None:
        """One item as recorded."""
        if not self._names and self.items:
            self._names = {_key(item): item for item in self.items}
        return self._names.get((namespace, name))

    def within(self, namespace: str) -> Listing:
        """The part of the list in one namespace."""
        found = [item for item in self.items if _key(item)[0] == namespace]
        return Listing(self.resource, self.metadata, found, self.at)


def _key(item: Raw) -> tuple[str, str]:
    """(namespace, name); empty strings where the item has none."""
    try:
        meta = split_object(split_object(item)["metadata"])
        name, namespace = meta.get("name"), meta.get("namespace")
        found = decode(namespace) if namespace is not None else "", decode(name) if name is not None else ""
    except (KeyError, BugbundleError):
        return "", ""
    return found if isinstance(found[0], str) and isinstance(found[1], str) else ("", "")


class Lists:
    """The lists of one bundle. Every failure is a `Refusal` that says why."""

    def __init__(self, bundle: Bundle, catalogue: Catalogue, cleaner: Cleaner) -> None:
        self.bundle = bundle
        self._cleaner = cleaner
        self._catalogue = catalogue
        self._kept: OrderedDict[str, tuple[int, Listing]] = OrderedDict()

    def all(self, resource: Resource) -> Listing:
        """Every object of a resource."""
        whole = self._recorded(resource, f"{resource.folder}/{resource.plural}.json")
        if whole:
            return whole
        parts = self._by_namespace(resource)
        if parts:
            names = ", ".join(sorted(parts))
            items = [item for part in parts.values() for item in part.items]
            first = next(iter(parts.values()))
            warning = f"{resource.plural} were recorded in these namespaces only: {names}"
            return Listing(resource, first.metadata, items, first.at, warning=warning)
        return self._elsewhere(resource, "")

    def within(self, resource: Resource, namespace: str) -> Listing:
        """The objects of a resource in one namespace."""
        path = f"{resource.folder}/namespaces/{namespace}/{resource.plural}.json"
        own = self._recorded(resource, path)
        if own:
            return own
        whole = self._recorded(resource, f"{resource.folder}/{resource.plural}.json")
        if whole:
            return whole.within(namespace)
        if path in self.bundle.gaps:
            raise from_gap(self.bundle.gaps[path])
        return self._elsewhere(resource, namespace)

    def get(self, resource: Resource, namespace: str, name: str) -> tuple[Raw, Listing] | None:
        """One object and the list it stands in; None where the list is recorded and has no such object."""
        path = f"{resource.folder}/namespaces/{namespace}/{resource.plural}.json"
        own = self._recorded(resource, path) if namespace else None
        whole = own or self._recorded(resource, f"{resource.folder}/{resource.plural}.json")
        listing = whole or (self.within(resource, namespace) if namespace else self.all(resource))
        found = listing.get(namespace, name)
        return (found, listing) if found is not None else None

    def _elsewhere(self, resource: Resource, namespace: str) -> Listing:
        """From another version of the same resource; else why there is nothing."""
        for other in self._catalogue.siblings(resource):
            path = f"{other.folder}/{other.plural}.json"
            listing = self._recorded(other, path)
            if listing is None and namespace:
                listing = self._recorded(other, f"{other.folder}/namespaces/{namespace}/{other.plural}.json")
            if listing:
                items = [_in_version(item, resource) for item in listing.items]
                converted = Listing(resource, listing.metadata, items, listing.at)
                return converted.within(namespace) if namespace else converted
        gap = self.bundle.gaps.get(f"{resource.folder}/{resource.plural}.json")
        raise from_gap(gap) if gap else unrecorded(f"{resource.plural} of {resource.api_version}")

    def _by_namespace(self, resource: Resource) -> dict[str, Listing]:
        prefix, suffix = f"{resource.folder}/namespaces/", f"/{resource.plural}.json"
        found = {}
        for path in self.bundle.paths(prefix, suffix):
            namespace = path[len(prefix) : -len(suffix)]
            listing = self._recorded(resource, path) if "/" not in namespace else None
            if listing:
                found[namespace] = listing
        return found

    def _recorded(self, resource: Resource, path: str) -> Listing | None:
        """One entry as a list; None where it is absent, `Refusal` where it is an error or damaged."""
        if path in self._kept:
            self._kept.move_to_end(path)
            return self._kept[path][1]
        if path not in self.bundle:
            return None
        try:
            body = self.bundle[path]
            entry = self.bundle.entry(path)
            if entry.status >= 400:
                raise from_gap(Gap(path, status=entry.status, reason=body.decode(errors="replace")))
            if resource.kind == "Secret":
                body = self._cleaner.shown(path, body)
            listing = self._split(resource, path, body)
        except BugbundleError as error:
            raise Refusal(503, f"the recorded answer cannot be read: {error.what}") from None
        self._keep(path, len(body), listing)
        return listing

    def _split(self, resource: Resource, path: str, body: bytes) -> Listing:
        top = _read_list(body, path)
        metadata = decode(top.metadata) if top.metadata else {}
        return Listing(
            resource=resource,
            metadata=metadata if isinstance(metadata, dict) else {},
            items=[item for item in top.items or () if bytes(memoryview(item)[:1]) == b"{"],
            at=self.bundle.at(path),
            body=body if top.kind and top.apiVersion else None,
        )

    def _keep(self, path: str, size: int, listing: Listing) -> None:
        self._kept[path] = (size, listing)
        total = sum(kept for kept, _ in self._kept.values())
        while total > KEEP_BYTES and len(self._kept) > 1:
            _, (dropped, _) = self._kept.popitem(last=False)
            total -= dropped


def parsed(item: Raw) -> Object:
    """An item as an object; empty where it is none."""
    try:
        obj = decode(item)
    except BugbundleError:
        return {}
    return obj if isinstance(obj, dict) else {}


def typed(item: Raw, resource: Resource) -> bytes:
    """An item with the kind and apiVersion that a list leaves to itself."""
    top = split_object(item)
    if "kind" in top and "apiVersion" in top:
        return bytes(item)
    head = {"kind": resource.kind, "apiVersion": resource.api_version}
    return encode({**head, **top})


def _in_version(item: Raw, resource: Resource) -> Raw:
    """The item said to be of this version: all that a change of version does to most kinds."""
    try:
        top = split_object(item)
    except BugbundleError:
        return item
    if "apiVersion" not in top:
        return item
    return Raw(encode({**top, "apiVersion": resource.api_version}))
