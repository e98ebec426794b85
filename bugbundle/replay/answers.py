"""Gets, lists and watches: recorded objects in the form that a client asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bugbundle.bundle import Bundle
from bugbundle.codec import Raw, encode, split_object
from bugbundle.errors import BugbundleError
from bugbundle.replay.catalogue import Catalogue, Resource
from bugbundle.replay.clean import Cleaner
from bugbundle.replay.lists import Listing, Lists, parsed, typed
from bugbundle.replay.negotiate import Form
from bugbundle.replay.query import Page, flag
from bugbundle.replay.selectors import Match, field_selector, label_selector
from bugbundle.replay.shape import Object, dig, number, text
from bugbundle.replay.status import Refusal, not_found
from bugbundle.replay.tables import Tables, head, rows
from bugbundle.replay.tables.columns import label_selector as selector_text

INITIAL_END = "k8s.io/initial-events-end"


@dataclass(frozen=True, slots=True)
class Asked:
    """One question about objects: which resource, where, in what form."""

    resource: Resource
    namespace: str
    form: Form
    query: Mapping[str, str]

    @property
    def include(self) -> str:
        """What each row of a Table carries."""
        wanted = self.query.get("includeObject", "") or "Metadata"
        if wanted not in ("None", "Metadata", "Object"):
            raise Refusal(400, "invalid value for includeObject: it is None, Metadata or Object")
        return wanted


class Answers:
    """Answers about recorded objects, as bytes of JSON."""

    def __init__(self, bundle: Bundle, cleaner: Cleaner) -> None:
        self.bundle = bundle
        self._cleaner = cleaner
        self.catalogue = Catalogue(bundle)
        self.lists = Lists(bundle, self.catalogue, cleaner)
        self.tables = Tables(self.lists, self.catalogue)

    def listing(self, asked: Asked) -> Listing:
        """The recorded list that a question is about."""
        if asked.namespace and asked.resource.namespaced:
            return self.lists.within(asked.resource, asked.namespace)
        return self.lists.all(asked.resource)

    def objects(self, asked: Asked) -> tuple[bytes, str]:
        """A list (or a page of it) and a warning to go with it."""
        listing = self.listing(asked)
        match = self._match(asked)
        found = listing.items if match is None else [item for item in listing.items if _matches(match, item)]
        page = Page.of(asked.query, len(found))
        if match is None and not (page.limit or page.start or asked.form.as_) and listing.body is not None:
            return self._shown(asked, listing.body), listing.warning
        shown = found[page.start : page.start + page.limit] if page.limit else found[page.start :]
        metadata = {**listing.metadata, "resourceVersion": listing.version}
        if token := page.token(len(found)):
            metadata["continue"] = token
            if match is None:
                metadata["remainingItemCount"] = len(found) - page.start - page.limit
        return self._shown(asked, self._list_body(asked, listing, metadata, shown)), listing.warning

    def get(self, asked: Asked, name: str) -> bytes:
        """One object."""
        item, listing = self._one(asked, name)
        if asked.form.table:
            version = text(dig(parsed(item), "metadata"), "resourceVersion")
            return self._shown(asked, self._table(asked, listing, {"resourceVersion": version}, [item]))
        body = self._partial(item, asked.form) if asked.form.partial else typed(item, asked.resource)
        return self._shown(asked, body)

    def object(self, resource: Resource, namespace: str, name: str) -> Object:
        """One object, parsed."""
        return parsed(self._one(Asked(resource, namespace, Form(), {}), name)[0])

    def scale(self, asked: Asked, name: str) -> bytes:
        """The `scale` subresource, read off the object itself."""
        obj = self.object(asked.resource, asked.namespace, name)
        meta = {key: dig(obj, "metadata", key) for key in ("name", "namespace", "uid", "resourceVersion")}
        selector = selector_text(dig(obj, "spec", "selector"))
        return encode(
            {
                "kind": "Scale",
                "apiVersion": "autoscaling/v1",
                "metadata": {**meta, "creationTimestamp": dig(obj, "metadata", "creationTimestamp")},
                "spec": {"replicas": number(obj, "spec", "replicas")},
                "status": {"replicas": number(obj, "status", "replicas"), "selector": selector},
            }
        )

    def events(self, asked: Asked) -> Iterator[bytes]:
        """The events of a watch before it goes quiet: what there is, then a bookmark where asked for."""
        listing, match = self.listing(asked), self._match(asked)
        initial = flag(asked.query, "sendInitialEvents")
        if initial or asked.query.get("resourceVersion", "") in ("", "0"):
            for item in listing.items:
                if match is None or _matches(match, item):
                    yield _event("ADDED", self._shown(asked, self._watched(asked, listing, item)))
        if initial and flag(asked.query, "allowWatchBookmarks"):
            yield _event("BOOKMARK", self._bookmark(asked, listing))

    def _shown(self, asked: Asked, body: bytes) -> bytes:
        return self._cleaner.shown(f"{asked.resource.folder}/{asked.resource.plural}.json", body)

    def _watched(self, asked: Asked, listing: Listing, item: Raw) -> bytes:
        if asked.form.table:
            return self._table(asked, listing, {"resourceVersion": listing.version}, [item])
        return self._partial(item, asked.form) if asked.form.partial else typed(item, asked.resource)

    def _bookmark(self, asked: Asked, listing: Listing) -> bytes:
        meta = {"resourceVersion": listing.version, "annotations": {INITIAL_END: "true"}}
        if asked.form.table:
            return self._table(asked, listing, meta, [])
        resource = asked.resource
        kind, version = resource.kind, resource.api_version
        if asked.form.partial:
            kind, version = "PartialObjectMetadata", f"meta.k8s.io/{asked.form.version}"
        return encode({"kind": kind, "apiVersion": version, "metadata": {"creationTimestamp": None, **meta}})

    def _one(self, asked: Asked, name: str) -> tuple[Raw, Listing]:
        namespace = asked.namespace if asked.resource.namespaced else ""
        found = self.lists.get(asked.resource, namespace, name)
        if found is None:
            raise not_found(asked.resource.group, asked.resource.plural, name)
        return found

    def _match(self, asked: Asked) -> Match | None:
        resource = asked.resource
        by_label = label_selector(asked.query.get("labelSelector", ""))
        fields = asked.query.get("fieldSelector", "")
        custom = self.tables.custom(resource) if fields else None
        more = custom.selectable if custom else ()
        by_field = field_selector(fields, resource.group, resource.plural, more)
        if by_label and by_field:
            return lambda obj: by_label(obj) and by_field(obj)
        return by_label or by_field

    def _list_body(self, asked: Asked, listing: Listing, metadata: Object, items: list[Raw]) -> bytes:
        if asked.form.table:
            return self._table(asked, listing, metadata, items)
        resource = asked.resource
        if asked.form.partial:
            top = {
                "kind": "PartialObjectMetadataList",
                "apiVersion": f"meta.k8s.io/{asked.form.version}",
                "metadata": metadata,
            }
            return _with_items(top, b",".join(self._partial(item, asked.form) for item in items))
        top = {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": metadata}
        return _with_items(top, b",".join(bytes(item) for item in items))

    def _table(self, asked: Asked, listing: Listing, metadata: Object, items: list[Raw]) -> bytes:
        printer, version = self.tables.printer(asked.resource), asked.form.version
        start = head(printer, version, metadata)
        return start + rows(printer, listing, items, asked.include, version) + b"]}"

    @staticmethod
    def _partial(item: Raw, form: Form) -> bytes:
        return encode(
            {
                "kind": "PartialObjectMetadata",
                "apiVersion": f"meta.k8s.io/{form.version}",
                "metadata": _part(item, "metadata"),
            }
        )


def _part(item: Raw, key: str) -> Raw | Object:
    try:
        return split_object(item).get(key, {})
    except BugbundleError:
        return {}


def _matches(match: Match, item: Raw) -> bool:
    return match(parsed(item))


def _with_items(top: Object, items: bytes) -> bytes:
    return encode(top)[:-1] + b',"items":[' + items + b"]}"


def _event(kind: str, body: bytes) -> bytes:
    return b'{"type":"' + kind.encode() + b'","object":' + body + b"}\n"
