"""OpenAPI: as recorded; without a recording, what the CRDs themselves say, so that `kubectl explain` still
explains the mesh's kinds.

Shapes: k8s.io/kube-openapi `handler3` (the index under `/openapi/v3`, one document per group and version).
"""

from __future__ import annotations

from bugbundle.bundle import Bundle
from bugbundle.codec import encode
from bugbundle.replay.catalogue import Catalogue
from bugbundle.replay.lists import Lists, parsed
from bugbundle.replay.shape import Object, mapping, objects, text
from bugbundle.replay.status import Refusal, from_gap, unrecorded

_META: Object = {
    "type": "object",
    "description": "Standard object's metadata.",
}


class OpenAPI:
    """`/openapi/v2`, `/openapi/v3` and what is below."""

    def __init__(self, bundle: Bundle, lists: Lists, catalogue: Catalogue) -> None:
        self._bundle = bundle
        self._lists = lists
        self._catalogue = catalogue

    def answer(self, parts: list[str]) -> bytes:
        """The document under `/openapi/` + parts. `Refusal` 404 where there is none."""
        path = f"k8s/openapi/{'/'.join(parts)}.json"
        if path in self._bundle:
            return self._bundle[path]
        if path in self._bundle.gaps:
            raise from_gap(self._bundle.gaps[path])
        if parts == ["v3"]:
            versions = sorted(self._custom())
            if versions:
                return encode({"paths": {key: {"serverRelativeURL": f"/openapi/v3/{key}"} for key in versions}})
        if parts[:1] == ["v3"]:
            found = self._custom().get("/".join(parts[1:]))
            if found:
                return encode(_document(found))
        raise unrecorded("OpenAPI")

    def _custom(self) -> dict[str, list[Object]]:
        """`apis/GROUP/VERSION` → the schemas of its custom kinds."""
        resource = self._catalogue.find("apiextensions.k8s.io", "v1", "customresourcedefinitions")
        try:
            items = self._lists.all(resource).items if resource else []
        except Refusal:
            return {}
        found: dict[str, list[Object]] = {}
        for crd in map(parsed, items):
            group = text(crd, "spec", "group")
            for version in objects(crd, "spec", "versions"):
                schema = mapping(version, "schema", "openAPIV3Schema")
                if schema:
                    row: Object = {"group": group, "version": text(version, "name"), "schema": schema}
                    row["kind"] = text(crd, "spec", "names", "kind")
                    row["plural"] = text(crd, "spec", "names", "plural")
                    row["namespaced"] = text(crd, "spec", "scope") == "Namespaced"
                    found.setdefault(f"apis/{group}/{row['version']}", []).append(row)
        return found


def _document(rows: list[Object]) -> Object:
    schemas: Object = {}
    paths: Object = {}
    for row in rows:
        kind = {key: row[key] for key in ("group", "version", "kind")}
        name = ".".join([*reversed(row["group"].split(".")), row["version"], row["kind"]])
        known = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": _META}
        properties = {**known, **mapping(row["schema"], "properties")}
        properties["metadata"] = _META
        schemas[name] = {**row["schema"], "properties": properties, "x-kubernetes-group-version-kind": [kind]}
        paths[_path(row)] = {"get": _operation(name, kind)}
    return {
        "openapi": "3.0.0",
        "info": {"title": "from the recorded CRDs", "version": "unversioned"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _path(row: Object) -> str:
    place = "namespaces/{namespace}/" if row["namespaced"] else ""
    return f"/apis/{row['group']}/{row['version']}/{place}{row['plural']}/{{name}}"


def _operation(name: str, kind: Object) -> Object:
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {
        "x-kubernetes-action": "get",
        "x-kubernetes-group-version-kind": kind,
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": schema}}}},
    }
