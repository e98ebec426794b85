"""The Kubernetes lists of a bundle, each object by its hash: bodies are read again only where hashes differ."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bugbundle.bundle import Bundle
from bugbundle.codec import Reader, Struct, decode, hash128, split_array, split_object
from bugbundle.errors import BugbundleError
from bugbundle.mesh.kube import Kube, as_dict, as_text, dicts

_NAMESPACE = re.compile(r"/namespaces/([^/]+)/")


class _Owner(Struct):
    kind: str = ""
    name: str = ""
    controller: bool | None = None


class _Meta(Struct):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    ownerReferences: list[_Owner] | None = None


class _Item(Struct):
    metadata: _Meta | None = None


_read = Reader(_Item)


class Place(NamedTuple):
    """One object: the hash of its bytes, its entry and number there, its uid, its owner as (kind, name)."""

    digest: bytes
    entry: str
    number: int
    uid: str
    owner: tuple[str, str]


@dataclass
class Listing:
    """All objects of one resource; `scope` the namespaces that were asked, None for all; `problem` why it is unread."""

    resource: str
    kind: str = ""
    version: str = ""
    scope: frozenset[str] | None = None
    items: dict[tuple[str, str], Place] = field(default_factory=dict)
    problem: str = ""


def listing(bundle: Bundle, kube: Kube, resource: str, version: str = "") -> Listing:
    """The list of a resource in the newest recorded version, or in this one."""
    entries = kube.entries(resource, version)
    made = Listing(resource, version=version)
    namespaces = [match[1] for path in entries if (match := _NAMESPACE.search(path))]
    made.scope = frozenset(namespaces) if len(namespaces) == len(entries) else None
    for path in entries:
        try:
            _add(made, bundle[path], path)
        except (BugbundleError, KeyError) as error:
            made.problem = error.what if isinstance(error, BugbundleError) else "not recorded"
    return made


def _add(made: Listing, data: bytes, path: str) -> None:
    top = split_object(data, path)
    if "items" not in top:
        raise BugbundleError("not a Kubernetes list", where=path)
    made.kind = made.kind or as_text(decode(top["kind"], path) if "kind" in top else "").removesuffix("List")
    for number, raw in enumerate(split_array(top["items"], path)):
        try:
            meta = _read(raw, path).metadata or _Meta()
        except BugbundleError:
            meta = _odd(raw, path)
        owners = meta.ownerReferences or []
        owner = next((one for one in owners if one.controller), owners[0] if owners else None)
        place = Place(hash128(raw), path, number, meta.uid, (owner.kind, owner.name) if owner else ("", ""))
        made.items[meta.namespace, meta.name] = place
        if not made.kind:
            made.kind = as_text(as_dict(decode(raw, path)).get("kind"))


def _odd(raw: Any, path: str) -> _Meta:
    """What can be read of an object whose metadata have another shape."""
    meta = as_dict(as_dict(decode(raw, path)).get("metadata"))
    owners = [_Owner(as_text(one.get("kind")), as_text(one.get("name"))) for one in dicts(meta.get("ownerReferences"))]
    return _Meta(as_text(meta.get("name")), as_text(meta.get("namespace")), as_text(meta.get("uid")), owners)


class Bodies:
    """Objects by their place, of the last few entries that were asked for."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._rows: OrderedDict[str, list[Any]] = OrderedDict()

    def get(self, place: Place) -> dict[str, Any]:
        """The object, parsed."""
        rows = self._rows.get(place.entry)
        if rows is None:
            rows = split_array(split_object(self._bundle[place.entry], place.entry)["items"], place.entry)
            self._rows[place.entry] = rows
            if len(self._rows) > 4:
                self._rows.popitem(last=False)
        return as_dict(decode(rows[place.number], place.entry))
