"""What the recorded API server served: groups, versions, resources; from whichever discovery was recorded.

Aggregated discovery (`apidiscovery.k8s.io/v2`) is read first, then the classic documents, then the lists
themselves: a part of a bundle without any discovery still answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bugbundle.bundle import Bundle
from bugbundle.codec import Raw, decode, split_object
from bugbundle.errors import BugbundleError
from bugbundle.replay.shape import Object, objects, strings, text

CORE = "k8s/api/v1"


@dataclass(frozen=True, slots=True)
class Subresource:
    """A part of an object with a path of its own, e.g. `log`."""

    name: str
    kind: str
    verbs: tuple[str, ...]
    group: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of one group and version, as discovery describes it."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    singular: str = ""
    verbs: tuple[str, ...] = ("get", "list", "watch")
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[Subresource, ...] = ()

    @property
    def api_version(self) -> str:
        """`v1`, `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def folder(self) -> str:
        """Where lists of this group and version lie in a bundle."""
        return folder(self.group, self.version)


def folder(group: str, version: str) -> str:
    """The entry folder of a group and version."""
    return f"k8s/apis/{group}/{version}" if group else f"k8s/api/{version}"


class Catalogue:
    """Every resource that the recording knows, by (group, version, plural); order as recorded."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self.resources: dict[tuple[str, str, str], Resource] = {}
        self.versions: dict[str, list[str]] = {}
        for entry in ("k8s/api.aggregated.json", "k8s/apis.aggregated.json"):
            self._add_all(_aggregated(self.document(entry)))
        for group, version, entry in _classic_entries(bundle):
            if version not in self.versions.get(group, []):
                self._add_all(_classic(group, version, self.document(entry)))
        self._add_all(self._from_lists())
        self._order()

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        """One resource; None where the API did not serve it."""
        return self.resources.get((group, version, plural))

    def of(self, group: str, version: str) -> list[Resource]:
        """The resources of one group and version."""
        return [item for item in self.resources.values() if (item.group, item.version) == (group, version)]

    def siblings(self, resource: Resource) -> list[Resource]:
        """The same resource in the group's other versions."""
        versions = self.versions.get(resource.group, [])
        found = (self.find(resource.group, version, resource.plural) for version in versions)
        return [item for item in found if item and item is not resource]

    def document(self, entry: str) -> Object:
        """A recorded discovery document; empty where it is absent or damaged."""
        try:
            body = decode(self._bundle[entry])
        except (KeyError, BugbundleError):
            return {}
        return body if isinstance(body, dict) else {}

    def _add_all(self, found: Iterator[Resource]) -> None:
        for item in found:
            versions = self.versions.setdefault(item.group, [])
            if item.version not in versions:
                versions.append(item.version)
            self.resources.setdefault((item.group, item.version, item.plural), item)

    def _order(self) -> None:
        """Versions as the group list says, which is the API server's preference."""
        for group in objects(self.document("k8s/apis.json"), "groups"):
            known = self.versions.get(text(group, "name"))
            wanted = [text(item, "version") for item in objects(group, "versions")]
            if known:
                known.sort(key=lambda version: wanted.index(version) if version in wanted else len(wanted))

    def _from_lists(self) -> Iterator[Resource]:
        """Lists whose resource no discovery names."""
        for path in self._bundle.paths("k8s/api", ".json"):
            found = _LIST.fullmatch(path)
            if not found:
                continue
            group, version, plural = found["group"] or "", found["version"], found["plural"]
            if (group, version, plural) in self.resources:
                continue
            kind = self._list_kind(path)
            if kind:
                namespaced = bool(found["namespace"]) or plural not in _CLUSTER_SCOPED
                yield Resource(group, version, plural, kind, namespaced, kind.lower())

    def _list_kind(self, path: str) -> str:
        try:
            kind = decode(split_object(self._bundle[path]).get("kind", Raw(b'""')))
        except (KeyError, BugbundleError):
            return ""
        return kind.removesuffix("List") if isinstance(kind, str) and kind.endswith("List") else ""


_LIST = re.compile(
    r"k8s/api(?:s/(?P<group>[^/]+))?/(?P<version>v[^/]+)/(?:namespaces/(?P<namespace>[^/]+)/)?(?P<plural>[^/]+)\.json"
)
_CLUSTER_SCOPED = frozenset(
    {
        "apiservices",
        "certificatesigningrequests",
        "clusterrolebindings",
        "clusterroles",
        "componentstatuses",
        "csidrivers",
        "csinodes",
        "customresourcedefinitions",
        "flowschemas",
        "gatewayclasses",
        "ingressclasses",
        "mutatingwebhookconfigurations",
        "namespaces",
        "nodes",
        "persistentvolumes",
        "priorityclasses",
        "prioritylevelconfigurations",
        "runtimeclasses",
        "storageclasses",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "validatingwebhookconfigurations",
        "volumeattachments",
    }
)
"""Kinds without a namespace, for lists that no discovery describes."""


def _aggregated(document: Object) -> Iterator[Resource]:
    for group in objects(document, "items"):
        name = text(group, "metadata", "name")
        for version in objects(group, "versions"):
            for item in objects(version, "resources"):
                yield Resource(
                    group=name,
                    version=text(version, "version"),
                    plural=text(item, "resource"),
                    kind=text(item, "responseKind", "kind"),
                    namespaced=text(item, "scope") == "Namespaced",
                    singular=text(item, "singularResource"),
                    verbs=tuple(strings(item, "verbs")),
                    short_names=tuple(strings(item, "shortNames")),
                    categories=tuple(strings(item, "categories")),
                    subresources=tuple(_aggregated_parts(item)),
                )


def _aggregated_parts(item: Object) -> Iterator[Subresource]:
    for part in objects(item, "subresources"):
        yield Subresource(
            name=text(part, "subresource"),
            kind=text(part, "responseKind", "kind"),
            verbs=tuple(strings(part, "verbs")),
            group=text(part, "responseKind", "group"),
            version=text(part, "responseKind", "version"),
        )


def _classic_entries(bundle: Bundle) -> Iterator[tuple[str, str, str]]:
    for path in bundle.paths("k8s/api", ".json"):
        found = re.fullmatch(r"k8s/api(?:s/([^/]+))?/(v[^/]+)\.json", path)
        if found:
            yield found[1] or "", found[2], path


def _classic(group: str, version: str, document: Object) -> Iterator[Resource]:
    parts: dict[str, list[Subresource]] = {}
    for item in objects(document, "resources"):
        plural, slash, name = text(item, "name").partition("/")
        if slash:
            kind, verbs = text(item, "kind"), tuple(strings(item, "verbs"))
            part = Subresource(name, kind, verbs, text(item, "group"), text(item, "version"))
            parts.setdefault(plural, []).append(part)
    for item in objects(document, "resources"):
        plural = text(item, "name")
        if plural and "/" not in plural:
            yield Resource(
                group=group,
                version=version,
                plural=plural,
                kind=text(item, "kind"),
                namespaced=item.get("namespaced") is True,
                singular=text(item, "singularName"),
                verbs=tuple(strings(item, "verbs")),
                short_names=tuple(strings(item, "shortNames")),
                categories=tuple(strings(item, "categories")),
                subresources=tuple(parts.get(plural, ())),
            )
