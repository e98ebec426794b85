"""Which columns a resource has: built-in, from its CRD, or the default pair."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from bugbundle.codec import Raw, decode, encode, split_object
from bugbundle.errors import BugbundleError
from bugbundle.replay.ages import Clock
from bugbundle.replay.catalogue import Catalogue, Resource
from bugbundle.replay.lists import Listing, Lists, parsed
from bugbundle.replay.shape import Object, objects, text
from bugbundle.replay.status import Refusal
from bugbundle.replay.tables import cluster, network, pods, storage, workloads
from bugbundle.replay.tables.columns import PRINTERS, Column, Printer, columns, name_of
from bugbundle.replay.tables.custom import printer

FAMILIES = (pods, workloads, network, cluster, storage)
"""The modules whose printers are registered by being imported."""

_CRDS = ("apiextensions.k8s.io", "v1", "customresourcedefinitions")


@dataclass(slots=True)
class Custom:
    """What a CRD says of one version of its resource."""

    printer: Printer
    selectable: list[str] = field(default_factory=list)


class Tables:
    """Printers of one recording: its CRDs, its server's version."""

    def __init__(self, lists: Lists, catalogue: Catalogue) -> None:
        self._lists = lists
        self._catalogue = catalogue
        self._custom: dict[tuple[str, str, str], Custom] | None = None
        self.minor = _minor(catalogue.document("k8s/version.json"))

    def custom(self, resource: Resource) -> Custom | None:
        """What the resource's CRD says; None for built-in kinds."""
        if self._custom is None:
            self._custom = dict(self._read_crds())
        return self._custom.get((resource.group, resource.version, resource.plural))

    def printer(self, resource: Resource) -> Printer:
        """The columns of one resource."""
        return table_for(resource, self.custom(resource), self.minor)

    def _read_crds(self) -> Iterable[tuple[tuple[str, str, str], Custom]]:
        resource = self._catalogue.find(*_CRDS)
        try:
            listing = self._lists.all(resource) if resource else None
        except Refusal:
            return
        for item in listing.items if listing else ():
            crd = parsed(item)
            group, plural = text(crd, "spec", "group"), text(crd, "spec", "names", "plural")
            for version in objects(crd, "spec", "versions"):
                paths = [text(one, "jsonPath").lstrip(".") for one in objects(version, "selectableFields")]
                yield (
                    (group, text(version, "name"), plural),
                    Custom(printer(version), [path for path in paths if path]),
                )


def table_for(resource: Resource, custom: Custom | None, minor: int) -> Printer:
    """The printer for a resource on a server of version 1.`minor` (0 where unknown)."""
    if custom:
        return custom.printer
    found = PRINTERS.get((resource.group, resource.plural))
    if found is None:
        return _DEFAULT
    if minor >= 35 and (resource.group, resource.plural) == ("", "serviceaccounts"):
        return Printer(columns("Name|Age"), lambda obj, clock: found.cells(obj, clock)[::2])
    return found


def _default_cells(obj: Object, clock: Clock) -> list[Any]:
    """`rest.NewDefaultTableConvertor` of k8s.io/apiserver."""
    return [name_of(obj), text(obj, "metadata", "creationTimestamp", default="<unknown>")]


_DEFAULT = Printer((Column("Name", format="name"), Column("Created At", "date")), _default_cells)


def head(printer: Printer, version: str, metadata: Object) -> bytes:
    """A Table's JSON up to its rows; `metadata` is the list's, `version` is `v1` or `v1beta1`."""
    definitions = [column.definition() for column in printer.columns]
    top = {
        "kind": "Table",
        "apiVersion": f"meta.k8s.io/{version}",
        "metadata": metadata,
        "columnDefinitions": definitions,
    }
    return encode(top)[:-1] + b',"rows":['


def row(printer: Printer, item: Raw, resource: Resource, clock: Clock, include: str, version: str) -> bytes:
    """One row; `include` is the client's includeObject: Metadata, Object or None.

    `managedFields` are a third of what a client would have to read, are never shown from a Table, and are
    left out of it; `includeObject=Object` has them.
    """
    top, meta, obj = _parts(item, printer)
    shown: Any = None
    if include == "Object":
        shown = {"kind": resource.kind, "apiVersion": resource.api_version, **top}
    elif include == "Metadata":
        kind = {"kind": "PartialObjectMetadata", "apiVersion": f"meta.k8s.io/{version}"}
        shown = {**kind, "metadata": meta}
    return encode({"cells": printer.cells(obj, clock), "object": shown})


def _parts(item: Raw, printer: Printer) -> tuple[dict[str, Raw], dict[str, Raw], Object]:
    """An item's members and its metadata's, unparsed, and the object without its `managedFields`."""
    try:
        top = split_object(item)
        meta = split_object(top["metadata"])
        meta.pop("managedFields", None)
        obj = {key: decode(value) for key, value in top.items() if key not in ("metadata", "spec")}
        if "spec" in top:
            obj["spec"] = printer.spec(top["spec"])
        obj["metadata"] = {key: decode(value) for key, value in meta.items()}
    except (KeyError, BugbundleError):
        return {}, {}, {}
    return top, meta, obj


def rows(printer: Printer, listing: Listing, items: list[Raw], include: str, version: str) -> bytes:
    """The rows of some items of a list, joined."""
    clock = Clock(listing.at)
    return b",".join(row(printer, item, listing.resource, clock, include, version) for item in items)


def _minor(document: Object) -> int:
    digits = re.match(r"\d{1,4}", text(document, "minor"))
    return int(digits[0]) if digits else 0
