"""Kubernetes objects in YAML and JSON, as kubectl, oc and Go write them: which kinds; read when asked for.

What a file holds is known without parsing it where it is written as kubectl writes: keys in order, a list's items at
the margin. Anything else is parsed.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from bugbundle.codec import decode
from bugbundle.errors import BugbundleError, BundleError
from bugbundle.plurals import plural

Object = dict[str, Any]

_DIVIDER = re.compile(rb"^---[ \t]*(?:#[^\n]*)?\r?$", re.MULTILINE)
_TOP = re.compile(rb"^(apiVersion|kind): *[\"']?([A-Za-z0-9./-]+)[\"']?[ \t]*\r?$", re.MULTILINE)
_VERSION = re.compile(rb"^(?:- |  )apiVersion: [\"']?([a-z0-9./-]+)[\"']?\r?$", re.MULTILINE)
_KIND = re.compile(rb"^(?:- |  )kind: ([A-Za-z0-9]+)\r?$", re.MULTILINE)
_NAME = re.compile(rb"^  metadata:\r?\n(?:    [^\n]*\n)*?    name: [\"']?([a-z0-9.-]+)[\"']?\r?$", re.MULTILINE)
_START = re.compile(rb"^- ", re.MULTILINE)
_END = re.compile(rb"^[a-zA-Z]", re.MULTILINE)
_ANCHOR = re.compile(rb"[:\[,{-]\s*&[A-Za-z0-9_]")
_ALIAS = re.compile(rb"[:\[,{-]\s*\*[A-Za-z0-9_]")
MAX_DOCUMENTS = 200_000


@dataclass(frozen=True, slots=True)
class Group:
    """Objects of one kind in one file. `listed`: they stood in a list of this kind alone, whose absence of one says
    something. `load` parses them; it raises `BundleError` where they cannot be read."""

    api_version: str
    kind: str
    listed: bool
    load: Callable[[], list[Object]]
    quick: tuple[str, ...] | None = None
    """Their names, where these are known without parsing."""

    def names(self) -> list[str]:
        """The objects' names."""
        if self.quick is not None:
            return list(self.quick)
        return [_text(_object(item.get("metadata")).get("name")) for item in self.load()]

    @property
    def group(self) -> str:
        """The API group; empty for core."""
        return self.api_version.rpartition("/")[0]

    @property
    def folder(self) -> str:
        """Where lists of its group and version lie in a bundle."""
        return folder(self.api_version)

    @property
    def plural(self) -> str:
        """The list's name."""
        return plural(self.kind)


def folder(api_version: str) -> str:
    """`k8s/api/v1`, `k8s/apis/GROUP/VERSION`."""
    return f"k8s/apis/{api_version}" if "/" in api_version else f"k8s/api/{api_version}"


def groups(data: bytes, where: str) -> list[Group]:
    """What kinds stand in a file of YAML or JSON. Raises `BundleError` where it holds no object of Kubernetes."""
    text = data.lstrip(b"\xef\xbb\xbf \t\r\n")
    found = list(_of_json(text, where)) if text[:1] in (b"{", b"[") else list(_of_yaml(text, where))
    if not found:
        raise BundleError("holds no objects of Kubernetes", where=where)
    return found


def bare(data: bytes, api_version: str, kind: str, where: str) -> Group:
    """One object that does not say its kind. Raises `BundleError` where it is none."""
    text = data.lstrip(b"\xef\xbb\xbf \t\r\n")
    if b"metadata" not in text[:65536]:
        raise BundleError("holds no objects of Kubernetes", where=where)
    return Group(api_version, kind, False, functools.cache(lambda: [_object(_parse(text, where))]))


def _of_json(text: bytes, where: str) -> Iterator[Group]:
    for document in json_documents(text, where):
        yield from _whole(document)


def json_documents(text: bytes, where: str) -> Iterator[Any]:
    """The JSON values that follow each other in a text; what stands between them is passed over.

    Raises `BundleError` where the first is not JSON.
    """
    try:
        yield decode(text, where)
        return
    except BugbundleError:
        pass
    reader, place, number = json.JSONDecoder(), 0, 0
    written = text.decode("utf-8", "replace")
    start = re.compile(r"^[{\[]", re.MULTILINE)
    while number < MAX_DOCUMENTS:
        found = start.search(written, place)
        if found is None:
            return
        try:
            value, place = reader.raw_decode(written, found.start())
        except (ValueError, RecursionError):
            if not number:
                raise BundleError("is not JSON", where=where) from None
            place = found.end()
            continue
        number += 1
        yield value


def _of_yaml(text: bytes, where: str) -> Iterator[Group]:
    place = 0
    ends = [match.span() for match in _DIVIDER.finditer(text)][:MAX_DOCUMENTS]
    for start, end in [*ends, (len(text), len(text))]:
        document = text[place:start]
        place = end
        if document.strip():
            yield from _document(document, where)


def _document(text: bytes, where: str) -> Iterator[Group]:
    top = {key: value.decode() for key, value in _TOP.findall(text)}
    kind, version = top.get(b"kind", ""), top.get(b"apiVersion", "")
    if not kind or not version:
        yield from _whole(_parse(text, where))
    elif kind == "List":
        yield from _mixed(text, where)
    elif kind.endswith("List"):
        yield Group(version, kind.removesuffix("List"), True, functools.cache(lambda: _items(_parse(text, where))))
    else:
        yield Group(version, kind, False, functools.cache(lambda: [_object(_parse(text, where))]))


def _mixed(text: bytes, where: str) -> Iterator[Group]:
    """A `List` of any kinds: cut at its items where each says its kind as kubectl writes it."""
    starts = [match.start() for match in _START.finditer(text)]
    if not starts:
        return
    last = _END.search(text, starts[-1])
    pieces: dict[tuple[str, str], list[bytes]] = {}
    for start, end in zip(starts, [*starts[1:], last.start() if last else len(text)], strict=True):
        piece = text[start:end]
        version, kind = _VERSION.search(piece), _KIND.search(piece)
        if version is None or kind is None:
            yield from _whole(_parse(text, where))
            return
        pieces.setdefault((version[1].decode(), kind[1].decode()), []).append(piece)
    for (version_text, kind_text), parts in pieces.items():
        found = [match[1].decode() for match in map(_NAME.search, parts) if match]
        quick = tuple(found) if len(found) == len(parts) else None
        yield Group(version_text, kind_text, False, _loader(parts, where), quick)


def _loader(parts: list[bytes], where: str) -> Callable[[], list[Object]]:
    return functools.cache(lambda: [item for item in _list(_parse(b"".join(parts), where)) if isinstance(item, dict)])


def _whole(value: Any) -> Iterator[Group]:
    """The groups of a value that is parsed already."""
    if isinstance(value, list):
        yield from _sorted([item for item in value if isinstance(item, dict)])
        return
    if not isinstance(value, dict):
        return
    kind, version = _text(value.get("kind")), _text(value.get("apiVersion"))
    items = value.get("items")
    if isinstance(items, list) and (kind.endswith("List") or not kind):
        if kind in ("List", ""):
            yield from _sorted([item for item in items if isinstance(item, dict)])
        else:
            yield Group(version or "v1", kind.removesuffix("List"), True, lambda: _items(value))
    elif kind and version:
        yield Group(version, kind, False, lambda: [value])


def _sorted(items: list[Object]) -> Iterator[Group]:
    found: dict[tuple[str, str], list[Object]] = {}
    for item in items:
        kind, version = _text(item.get("kind")), _text(item.get("apiVersion"))
        if kind and version:
            found.setdefault((version, kind), []).append(item)
    for (version, kind), members in found.items():
        yield Group(version, kind, False, lambda members=members: members)  # type: ignore[misc]


def _items(value: Any) -> list[Object]:
    return [item for item in _list(_object(value).get("items")) if isinstance(item, dict)]


def _object(value: Any) -> Object:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML as Kubernetes reads it: a date is a word."""


class _Wary(yaml.SafeLoader):
    """The same, in Python: refuses an alias, for a few of them make a file of any size."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """As the loader's own; raises `YAMLError` at an alias."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)


_Wary.yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers = {
    letter: [(tag, regex) for tag, regex in known if tag != "tag:yaml.org,2002:timestamp"]
    for letter, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _parse(text: bytes, where: str) -> Any:
    try:
        return yaml.load(text, Loader=_Wary if _ANCHOR.search(text) and _ALIAS.search(text) else _Loader)
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise BundleError(f"is not YAML that can be read{line}", where=where) from None
