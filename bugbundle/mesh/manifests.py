"""Kubernetes objects from files of YAML or JSON: over the lists of a bundle, or in place of a cluster.

A file's objects take precedence over recorded ones of the same name, as in `istioctl analyze FILE`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import yaml

from bugbundle.bundle import Bundle, Gap
from bugbundle.mesh.kube import Kube, KubeObject, as_dict, as_text, dicts
from bugbundle.mesh.pointer import Pointer
from bugbundle.plurals import plural

OF_CLUSTERS = frozenset({"services", "namespaces", "nodes", "pods", "secrets"})
"""What istioctl takes from a cluster and never from a file."""

NO_NAMESPACE = frozenset({
    "Namespace", "Node", "GatewayClass", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding",
    "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration",
})  # fmt: skip
LIMIT = 1_000_000
"""Values in one document; an alias counts each time that it is used."""

_DIVIDER = re.compile(r"^---.*$", re.MULTILINE)


class Manifest(NamedTuple):
    """One object of a file: where its document starts, and the line of each scalar by its JSON pointer."""

    item: KubeObject
    start: str
    lines: dict[str, int]

    def reference(self, pointer: str) -> str:
        """`file:line` of a place in the object, of its document where the place has no line of its own."""
        where, mark, _ = self.start.rpartition(":")
        return f"{where}:{self.lines[pointer]}" if mark and pointer in self.lines else self.start


class Files(NamedTuple):
    """What stands in some files: objects in order, and what could not be read, one line each."""

    manifests: list[Manifest]
    problems: list[str]


def read_files(files: Iterable[tuple[str, bytes]], namespace: str = "") -> Files:
    """The objects in files of (name, bytes). `namespace` is for those that name none."""
    found: list[Manifest] = []
    problems: list[str] = []
    for name, data in files:
        text = data.decode("utf-8", "replace")
        for number, (line, chunk) in enumerate(_chunks(text)):
            try:
                found += _objects(name, line, chunk, namespace)
            except (yaml.YAMLError, ValueError, RecursionError) as error:
                problems.append(f"error processing {name}[{number}]: {_told(error)}")
    return Files(found, problems)


def _chunks(text: str) -> Iterator[tuple[int, str]]:
    """(line of its first word counting from 1, text) of each document."""
    start, line = 0, 1
    for mark in [*_DIVIDER.finditer(text), None]:
        chunk = text[start : mark.start() if mark else len(text)]
        body = chunk.lstrip()
        if body:
            yield line + chunk[: len(chunk) - len(body)].count("\n"), body
        if mark:
            line += text.count("\n", start, mark.end())
            start = mark.end()


def _told(error: Exception) -> str:
    """Where a document is wrong, without its text: that may be a Secret."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark
        return f"yaml: line {mark.line + 1}: {error.problem}" if mark else "yaml: not readable"
    return str(error) if isinstance(error, ValueError) else "yaml: too deep"


def _objects(name: str, line: int, chunk: str, namespace: str) -> Iterator[Manifest]:
    node = yaml.compose(chunk, Loader=_Loader)
    if node is None:
        return
    lines: dict[str, int] = {}
    raw = _Reader(line, lines).value(node, "")
    given = as_dict(raw)
    if not as_text(given.get("kind")) or not as_text(given.get("apiVersion")):
        raise ValueError("unable to parse resource with no group, version and kind")
    start = name if name.endswith(".json") else f"{name}:{line}"
    kind = as_text(given["kind"])
    if kind.endswith("List") and isinstance(given.get("items"), list):
        typed = {"apiVersion": given["apiVersion"], "kind": kind.removesuffix("List")} if kind != "List" else {}
        items = [(f"/items/{i}", {**typed, **item}) for i, item in enumerate(dicts(given.get("items")))]
    else:
        items = [("", given)]
    for base, item in items:
        yield _manifest(item, namespace, Pointer(f"{name}:{line}", base), start, _below(lines, base))


def _below(lines: dict[str, int], base: str) -> dict[str, int]:
    return {path[len(base) :]: line for path, line in lines.items() if path.startswith(f"{base}/")} if base else lines


def _manifest(raw: dict[str, Any], namespace: str, at: Pointer, start: str, lines: dict[str, int]) -> Manifest:
    kind = as_text(raw.get("kind"))
    meta = as_dict(raw.get("metadata"))
    if kind in NO_NAMESPACE:
        meta = {key: value for key, value in meta.items() if key != "namespace"}
    elif namespace and not as_text(meta.get("namespace")):
        meta = {**meta, "namespace": namespace}
    return Manifest(KubeObject({**raw, "metadata": meta}, at), start, lines)


class _Loader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: a date is a word."""


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, regex) for tag, regex in known if tag != "tag:yaml.org,2002:timestamp"]
    for letter, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _Reader:
    """Nodes to JSON values; notes the line of each scalar under its JSON pointer."""

    def __init__(self, line: int, lines: dict[str, int]) -> None:
        self.line, self.lines, self.left = line, lines, LIMIT
        self.scalars = _Loader("")

    def value(self, node: yaml.Node, path: str) -> Any:
        """The value of a node at a JSON pointer. Raises `ValueError` where a document is too large."""
        self.left -= 1
        if self.left < 0:
            raise ValueError("too many values")
        if isinstance(node, yaml.MappingNode):
            return {
                key: self.value(member, f"{path}/{key.replace('~', '~0').replace('/', '~1')}")
                for key, member in self._members(node)
            }
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, f"{path}/{i}") for i, item in enumerate(node.value)]
        self.lines[path] = self.line + node.start_mark.line
        made = self.scalars.construct_object(node)
        return made if isinstance(made, (str, int, float, bool, type(None))) else str(node.value)

    def _members(self, node: yaml.MappingNode) -> Iterator[tuple[str, yaml.Node]]:
        self.scalars.flatten_mapping(node)
        for key, member in node.value:
            yield str(key.value), member


def resource_of(item: KubeObject) -> str:
    """The list that an object belongs to: `virtualservices.networking.istio.io`."""
    group, slash, _ = item.api_version.partition("/")
    return f"{plural(item.kind)}.{group}" if slash else plural(item.kind)


def nothing_recorded() -> Bundle:
    """A whole bundle without entries: what files are looked at over where there is no cluster."""
    bundle = Bundle.from_entries(
        {"bundle.json": '{"format": 1}', "manifest.json": '{"format": 1, "entries": [], "gaps": []}'}
    )
    bundle.notes.clear()
    return bundle


class FileKube(Kube):
    """The lists of a bundle with the objects of files in them; without a bundle those of the files alone."""

    def __init__(self, manifests: Iterable[Manifest], under: Bundle | None = None, *, whole: bool = True) -> None:
        super().__init__(under if under is not None else nothing_recorded())
        self.alone = under is None
        self._closed = whole
        self._manifests = list(manifests)
        self._by_place = {found.item.pointer: found for found in self._manifests}

    @functools.cached_property
    def _own(self) -> dict[str, dict[tuple[str, str], KubeObject]]:
        """resource → (namespace, name) → object; the last of a name counts."""
        made: dict[str, dict[tuple[str, str], KubeObject]] = {}
        for found in self._manifests:
            made.setdefault(resource_of(found.item), {})[found.item.namespace, found.item.name] = found.item
        return made

    def resources(self) -> list[str]:
        """Every resource of which there are objects, recorded or in a file."""
        return sorted({*super().resources(), *self._own})

    def recorded(self, resource: str) -> bool:
        """Whether absence means something. `whole` files alone have everything but what only a cluster has."""
        if resource in self._own or super().recorded(resource):
            return True
        return self.alone and self._closed and resource not in OF_CLUSTERS

    def covers(self, resource: str, namespace: str) -> bool:
        """Files alone hold what somebody put there, unless they are `whole`."""
        return self._closed and self.recorded(resource) if self.alone else super().covers(resource, namespace)

    def gap(self, resource: str) -> Gap | None:
        """As of a bundle; files alone lack what only a cluster has."""
        if self.recorded(resource):
            return None
        if not self.alone:
            return super().gap(resource)
        plural, _, group = resource.partition(".")
        path = f"k8s/apis/{group}/…/{plural}.json" if group else f"k8s/api/v1/{plural}.json"
        return Gap(path, reason="the files hold none, and say nothing of the cluster's")

    def unlisted(self, resource: str) -> Gap | None:
        """Files alone that hold no object of a kind say nothing of that kind, whatever istioctl makes of it."""
        if not self.alone or resource in self._own:
            return None
        return Gap(f"k8s/…/{resource.partition('.')[0]}.json", reason="none is among the files")

    def serves(self, resource: str) -> bool | None:
        """Whether there are objects of this resource at all."""
        if resource in self._own or (self.alone and self._closed):
            return True
        return None if self.alone else super().serves(resource)

    def list(self, resource: str) -> list[KubeObject]:
        """The objects of the files and the recorded ones of other names, in the order of a Kubernetes list."""
        own = self._own.get(resource, {})
        if resource not in self._cache:
            kept = [item for item in super().list(resource) if (item.namespace, item.name) not in own]
            self._cache[resource] = sorted([*own.values(), *kept], key=lambda item: (item.namespace, item.name))
        return self._cache[resource]

    def find(self, resource: str, namespace: str, name: str) -> KubeObject | None:
        """As `get`: a file's object may stand for the recorded one."""
        return self.get(resource, namespace, name)

    def near(self, resource: str, *words: str) -> Sequence[KubeObject]:
        """All of them: a file's object may stand for the recorded one."""
        return self.list(resource)

    def reference(self, pointer: Pointer) -> str:
        """`file:line` of a place in a file's object; empty for what was recorded."""
        known = self.manifest(pointer)
        return known[0].reference(known[1]) if known else ""

    def manifest(self, pointer: Pointer) -> tuple[Manifest, str] | None:
        """The object of a file in which a place is, and the place in it."""
        for base in ("", *re.findall("^/items/[0-9]+", pointer.pointer)):
            found = self._by_place.get(Pointer(pointer.entry, base))
            if found:
                return found, pointer.pointer.removeprefix(base)
        return None


def mesh_config_manifest(text: str, namespace: str) -> Manifest:
    """The ConfigMap that a file of MeshConfig stands for (`--meshConfigFile`)."""
    raw = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "istio", "namespace": namespace},
        "data": {"mesh": text},
    }
    return Manifest(KubeObject(raw, Pointer("meshConfigFile")), "", {})
