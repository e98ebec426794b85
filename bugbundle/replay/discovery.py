"""Discovery documents: as recorded where they were recorded, else made from what the recording knows.

Shapes: `APIVersions`, `APIGroupList`, `APIResourceList` (k8s.io/apimachinery/pkg/apis/meta/v1) and
`APIGroupDiscoveryList` (k8s.io/api/apidiscovery/v2).
"""

from __future__ import annotations

from typing import Any

from bugbundle.replay.catalogue import Catalogue, Resource
from bugbundle.replay.shape import Object, objects, text
from bugbundle.replay.status import no_such_resource

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"


class Discovery:
    """Answers for `/api`, `/apis` and what lies directly below; made once, remembered."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def aggregated(self, root: str, version: str) -> Object:
        """`/api` or `/apis` with every resource in it, as `apidiscovery.k8s.io/VERSION`."""
        document = self._catalogue.document(f"k8s/{root}.aggregated.json")
        if not objects(document, "items"):
            groups = [""] if root == "api" else [name for name in self._catalogue.versions if name]
            items = [self._group_discovery(name) for name in groups if name in self._catalogue.versions]
            document = {"kind": "APIGroupDiscoveryList", "metadata": {}, "items": items}
        return {**document, "apiVersion": f"apidiscovery.k8s.io/{version}"}

    def core(self) -> Object:
        """`/api`."""
        return self._catalogue.document("k8s/api.json") or {
            "kind": "APIVersions",
            "versions": self._catalogue.versions.get("", ["v1"]),
            "serverAddressByClientCIDRs": [],
        }

    def groups(self) -> Object:
        """`/apis`."""
        document = self._catalogue.document("k8s/apis.json")
        if objects(document, "groups"):
            return document
        names = [name for name in self._catalogue.versions if name]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [self._group(name) for name in names]}

    def group(self, name: str) -> Object:
        """`/apis/GROUP`. `Refusal` 404 where there is no such group."""
        for group in objects(self.groups(), "groups"):
            if text(group, "name") == name:
                return {"kind": "APIGroup", "apiVersion": "v1", **group}
        raise no_such_resource()

    def resources(self, group: str, version: str) -> Object:
        """`/api/v1` and `/apis/GROUP/VERSION`. `Refusal` 404 where there is no such version."""
        name = f"k8s/apis/{group}/{version}.json" if group else f"k8s/api/{version}.json"
        document = self._catalogue.document(name)
        if objects(document, "resources"):
            return document
        found = self._catalogue.of(group, version)
        if not found and version not in self._catalogue.versions.get(group, []):
            raise no_such_resource()
        rows = [row for resource in found for row in _resource_rows(resource)]
        version_text = f"{group}/{version}" if group else version
        return {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": version_text,
            "resources": rows,
        }

    def _group(self, name: str) -> Object:
        versions = [
            {"groupVersion": f"{name}/{version}", "version": version} for version in self._catalogue.versions[name]
        ]
        return {"name": name, "versions": versions, "preferredVersion": versions[0]}

    def _group_discovery(self, name: str) -> Object:
        versions = [
            {
                "version": version,
                "resources": [_discovery_row(item) for item in self._catalogue.of(name, version)],
                "freshness": "Current",
            }
            for version in self._catalogue.versions[name]
        ]
        return {"metadata": {"name": name} if name else {}, "versions": versions}


def _resource_rows(resource: Resource) -> list[Object]:
    row: dict[str, Any] = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        row["shortNames"] = list(resource.short_names)
    if resource.categories:
        row["categories"] = list(resource.categories)
    parts = [
        {
            "name": f"{resource.plural}/{part.name}",
            "singularName": "",
            "namespaced": resource.namespaced,
            **({"group": part.group} if part.group else {}),
            **({"version": part.version} if part.version else {}),
            "kind": part.kind,
            "verbs": list(part.verbs),
        }
        for part in resource.subresources
    ]
    return [row, *parts]


def _discovery_row(resource: Resource) -> Object:
    row: dict[str, Any] = {
        "resource": resource.plural,
        "responseKind": _response_kind(resource.kind),
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        row["shortNames"] = list(resource.short_names)
    if resource.categories:
        row["categories"] = list(resource.categories)
    if resource.subresources:
        row["subresources"] = [
            {
                "subresource": part.name,
                "responseKind": _response_kind(part.kind, part.group, part.version),
                "verbs": list(part.verbs),
            }
            for part in resource.subresources
        ]
    return row


def _response_kind(kind: str, group: str = "", version: str = "") -> Object:
    return {"group": group, "version": version, "kind": kind}
