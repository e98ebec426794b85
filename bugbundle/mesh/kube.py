"""Kubernetes objects, from the recorded lists.

A list is named as kubectl names it, plural and group: `pods`, `virtualservices.networking.istio.io`,
`gateways.gateway.networking.k8s.io`. Where several versions were recorded, the newest stable one is read.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bugbundle.bundle import Bundle, Gap
from bugbundle.bundle.manifest import parse_time
from bugbundle.codec import decode, encode
from bugbundle.errors import BugbundleError
from bugbundle.mesh.pointer import Pointer
from bugbundle.mesh.rows import Rows, rank

if TYPE_CHECKING:
    from bugbundle.mesh.manifests import Manifest

_LIST = re.compile(r"k8s/(?:api/(v1)|apis/([^/]+)/([^/]+))/(?:namespaces/([^/]+)/)?([a-z0-9-]+)\.json")
_DISCOVERY = re.compile(r"k8s/(api/v1|apis/[^/]+/[^/]+)\.json")


class KubeObject:
    """One object. Every getter gives an empty value where the object lacks the field or has it in another shape."""

    __slots__ = ("api_version", "kind", "name", "namespace", "pointer", "raw")

    def __init__(self, raw: dict[str, Any], pointer: Pointer, api_version: str = "", kind: str = "") -> None:
        meta = as_dict(raw.get("metadata"))
        self.raw = raw
        self.pointer = pointer
        self.api_version = as_text(raw.get("apiVersion")) or api_version
        self.kind = as_text(raw.get("kind")) or kind
        self.namespace = as_text(meta.get("namespace"))
        self.name = as_text(meta.get("name"))

    def __repr__(self) -> str:
        return f"KubeObject({self})"

    def __str__(self) -> str:
        """`Kind ns/name`, as istioctl names an origin."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    @property
    def metadata(self) -> dict[str, Any]:
        """`.metadata`."""
        return as_dict(self.raw.get("metadata"))

    @property
    def labels(self) -> dict[str, str]:
        """`.metadata.labels`."""
        return texts(self.metadata.get("labels"))

    @property
    def annotations(self) -> dict[str, str]:
        """`.metadata.annotations`."""
        return texts(self.metadata.get("annotations"))

    @property
    def spec(self) -> dict[str, Any]:
        """`.spec`."""
        return as_dict(self.raw.get("spec"))

    @property
    def status(self) -> dict[str, Any]:
        """`.status`."""
        return as_dict(self.raw.get("status"))

    @property
    def created(self) -> datetime | None:
        """`.metadata.creationTimestamp`."""
        return parse_time(self.metadata.get("creationTimestamp"))

    @property
    def owners(self) -> list[tuple[str, str]]:
        """(kind, name) of each owner."""
        found = dicts(self.metadata.get("ownerReferences"))
        return [(as_text(owner.get("kind")), as_text(owner.get("name"))) for owner in found]

    def at(self, pointer: str) -> Pointer:
        """The pointer to a place inside this object."""
        return Pointer(self.pointer.entry, self.pointer.pointer + pointer)

    def conditions(self) -> list[dict[str, Any]]:
        """`.status.conditions`."""
        return dicts(self.status.get("conditions"))


class Kube:
    """All recorded lists of a bundle."""

    tried: frozenset[str] = frozenset()
    """The kinds of which objects stand here whose effect is to be computed (`bugbundle.trace.whatif`)."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._cache: dict[str, list[KubeObject]] = {}
        self._names: dict[str, dict[tuple[str, str], KubeObject]] = {}
        self._found: dict[tuple[str, tuple[str, ...]], Sequence[KubeObject]] = {}
        self._rows: dict[str, Rows] = {}
        self.problems: dict[str, str] = {}
        self.doubts: dict[str, None] = {}
        """What was looked for in vain where it was not recorded: `entry PATH: REASON`. Who concludes from an absence
        clears it before, and looks into it after."""

    @functools.cached_property
    def _paths(self) -> dict[str, dict[str, list[str]]]:
        """resource → version → entries."""
        found: dict[str, dict[str, list[str]]] = {}
        for path in self._bundle.paths("k8s/", ".json"):
            match = _LIST.fullmatch(path)
            if match:
                core, group, version, _, plural = match.groups()
                resource = plural if core else f"{plural}.{group}"
                found.setdefault(resource, {}).setdefault(core or version, []).append(path)
        return found

    def resources(self) -> list[str]:
        """Every resource of which a list was recorded."""
        return sorted(self._paths)

    def recorded(self, resource: str) -> bool:
        """Whether any list of this resource was recorded."""
        return resource in self._paths

    def versions(self, resource: str) -> list[str]:
        """The versions in which a resource was recorded, the newest first."""
        return sorted(self._paths.get(resource, ()), key=rank, reverse=True)

    def entries(self, resource: str, version: str = "") -> list[str]:
        """The entries that `list` reads, of the newest version or of this one: cluster-wide, else per namespace."""
        versions = self._paths.get(resource)
        if not versions:
            return []
        paths = versions.get(version or max(versions, key=rank), [])
        whole = [path for path in paths if "/namespaces/" not in path]
        return whole or sorted(paths)

    def gap(self, resource: str) -> Gap | None:
        """Why a resource was not recorded; None if it was, or if the cluster does not serve it."""
        if self.recorded(resource):
            return None
        plural, _, group = resource.partition(".")
        ending = f"/{plural}.json"
        middle = f"k8s/apis/{group}/" if group else "k8s/api/v1/"
        for path, gap in self._bundle.gaps.items():
            if path.startswith(middle) and path.endswith(ending):
                return gap
        return Gap(f"{middle}…{ending}" if group else f"k8s/api/v1/{plural}.json", reason="not recorded")

    def unlisted(self, resource: str) -> Gap | None:
        """Why the absence of objects of a resource means nothing, although the list counts as recorded; None mostly."""
        return None

    def serves(self, resource: str) -> bool | None:
        """Whether the cluster has this resource, by its discovery; None where discovery was not recorded."""
        plural, _, group = resource.partition(".")
        pages = [p for p in self._bundle.paths("k8s/") if _DISCOVERY.fullmatch(p)]
        mine = [p for p in pages if (p == "k8s/api/v1.json" if not group else p.startswith(f"k8s/apis/{group}/"))]
        if not mine:
            return False if pages and self._bundle.manifest else None
        return any(plural in self._plurals(page) for page in mine)

    def _plurals(self, page: str) -> set[str]:
        try:
            raw = as_dict(decode(self._bundle[page], page))
        except BugbundleError:
            return set()
        return {as_text(row.get("name")) for row in dicts(raw.get("resources"))}

    def covers(self, resource: str, namespace: str) -> bool:
        """Whether a resource was recorded for a namespace, by the list of all or by its own; "" is all namespaces."""
        return any(
            "/namespaces/" not in path or bool(namespace and f"/namespaces/{namespace}/" in path)
            for path in Kube.entries(self, resource)
        )

    def doubt(self, resource: str, namespace: str) -> None:
        """Note that nothing was found where nothing was recorded."""
        if self.covers(resource, namespace) or not self.recorded(resource):
            return
        plural, _, group = resource.partition(".")
        start = f"k8s/apis/{group}/" if group else "k8s/api/v1/"
        gaps = (
            gap.reason for path, gap in self._bundle.gaps.items()
            if path.startswith(start) and path.endswith(f"/{plural}.json") and "/namespaces/" not in path
        )  # fmt: skip
        place = f"namespaces/{namespace}/" if namespace else ""
        version = "" if not group else "…/"
        self.doubts[f"entry {start}{version}{place}{plural}.json: {next(gaps, 'not recorded')}"] = None

    def list(self, resource: str) -> list[KubeObject]:
        """Every object of a resource, in recorded order; empty where there is none or none was recorded."""
        known = self._cache.get(resource)
        if known is None:
            known = self._cache[resource] = [item for path in self.entries(resource) for item in self._read(path)]
        return known

    def get(self, resource: str, namespace: str, name: str) -> KubeObject | None:
        """One object by name."""
        names = self._names.get(resource)
        if names is None:
            names = self._names[resource] = {(o.namespace, o.name): o for o in self.list(resource)}
        found = names.get((namespace, name))
        if found is None:
            self.doubt(resource, namespace)
        return found

    def find(self, resource: str, namespace: str, name: str) -> KubeObject | None:
        """As `get`, for who wants one object of a long list: of the others not one is parsed."""
        if resource in self._cache:
            return self.get(resource, namespace, name)
        near = self.near(resource, name)
        return next((item for item in near if (item.namespace, item.name) == (namespace, name)), None)

    def labelled(self, resource: str, key: str, value: str) -> Sequence[KubeObject]:
        """The objects with this label. For who wants few of a long list: of the others few are parsed."""
        return [item for item in self.near(resource, key, value) if item.labels.get(key) == value]

    def near(self, resource: str, *words: str) -> Sequence[KubeObject]:
        """Every object in which this string stands, or this key with this string, and maybe others.

        One in whose text it does not stand is not parsed.
        """
        known = self._cache.get(resource)
        if known is not None:
            return known
        found = self._found.get((resource, words))
        if found is None:
            texts = tuple(encode(word) for word in words)
            found = [item for path in self.entries(resource) for item in self._read(path, texts)]
            self._found[resource, words] = found
        return found

    def reference(self, pointer: Pointer) -> str:
        """`file:line` of a place, where it stands in a file that a person wrote; a bundle has none."""
        return ""

    def manifest(self, pointer: Pointer) -> tuple[Manifest, str] | None:
        """(the object of a file in which a place is, the place in it); None for what was recorded."""
        return None

    def _read(self, path: str, texts: tuple[bytes, ...] = ()) -> Iterator[KubeObject]:
        """The objects of one list; with texts, at least those in which they stand or may stand escaped."""
        try:
            kind, version, items = self._near(path, texts) if texts else self._whole(path)
        except (BugbundleError, KeyError) as error:
            self.problems[path] = str(error)
            return
        if items is None:
            self.problems[path] = "not a Kubernetes list"
            return
        kind = as_text(kind).removesuffix("List")
        for number, item in items:
            if isinstance(item, dict):
                if kind == "Pod":
                    as_dict(item.get("metadata")).pop("managedFields", None)  # half of a long list, and read by nobody
                yield KubeObject(item, Pointer(path, f"/items/{number}"), as_text(version), kind)

    def _whole(self, path: str) -> tuple[Any, Any, Iterable[tuple[int, Any]] | None]:
        raw = as_dict(decode(self._bundle[path], path))
        items = raw.get("items")
        return raw.get("kind"), raw.get("apiVersion"), enumerate(items) if isinstance(items, list) else None

    def _near(self, path: str, texts: tuple[bytes, ...]) -> tuple[Any, Any, Iterable[tuple[int, Any]] | None]:
        rows = self._rows.get(path)
        if rows is None:
            rows = self._rows[path] = Rows(self._bundle[path], path)
        if rows.texts is None:
            return rows.kind, rows.version, None
        adjacent = re.compile(rb"\s*:\s*".join(map(re.escape, texts)))
        near = [number for number, row in enumerate(rows.texts) if texts[-1] in row and adjacent.search(row)]
        near = sorted({*near, *rows.escaped})
        return rows.kind, rows.version, [(number, decode(rows.texts[number], path)) for number in near]


def as_dict(value: Any) -> dict[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: Any) -> str:
    """The value if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def dicts(value: Any) -> list[dict[str, Any]]:
    """The objects in a list."""
    return [item for item in as_list(value) if isinstance(item, dict)]


def texts(value: Any) -> dict[str, str]:
    """The string members of an object."""
    return {key: item for key, item in as_dict(value).items() if isinstance(item, str)}
