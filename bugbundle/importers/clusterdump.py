"""`kubectl cluster-info dump`: with `--output-directory`, a folder of lists and logs; without, one stream of both.

Source: kubectl pkg/cmd/clusterinfo/clusterinfo_dump.go. It asks for pods, events, replicationcontrollers, services,
daemonsets, deployments and replicasets of each namespace that it was told, and for the nodes.
"""

from __future__ import annotations

import re

from bugbundle.errors import BugbundleError
from bugbundle.importers.draft import Draft
from bugbundle.importers.objects import groups
from bugbundle.importers.tree import Tree
from bugbundle.importers.whose import Names

NAME = "kubectl cluster-info dump"
_LIST = re.compile(
    r"(?:^|/)(?P<ns>[a-z0-9-]+)/(?:pods|events|replication-controllers?|services|daemonsets|deployments|replicasets)\.(?:json|yaml)$"
)
_NODES = re.compile(r"(?:^|/)nodes\.(?:json|yaml)$")
_LOGS = re.compile(r"(?:^|/)(?P<ns>[a-z0-9-]+)/(?P<pod>[a-z0-9.-]+)/logs\.txt$")
_START = re.compile(
    rb"^==== START logs for container ([a-z0-9.-]+) of pod ([a-z0-9.-]+)/([a-z0-9.-]+) ====\r?\n", re.MULTILINE
)
_END = rb"==== END logs for container "


def detect(tree: Tree) -> bool:
    """Whether files are laid out so, or one file is such a stream."""
    if tree.form == "file" or len(tree.files) == 1:
        return any(_is_stream(tree, name) for name in tree.files)
    lists = sum(1 for name in tree.files if _LIST.search(name))
    return lists >= 2 and any(_LOGS.search(name) or _NODES.search(name) for name in tree.files) and _rooted(tree)


def _rooted(tree: Tree) -> bool:
    """Whether the lists are not those of another layout, which have a folder in common below the namespace."""
    return not any("cluster-resources/" in name or "/core/" in name for name in tree.files)


def _is_stream(tree: Tree, name: str) -> bool:
    if tree.head(name).lstrip()[:1] not in (b"{", b"a"):
        return False
    return _START.search(tree.read(name)) is not None


def read(draft: Draft, names: Names) -> None:
    """Take the lists and the logs."""
    for file in draft.tree.files:
        if match := _LOGS.search(file):
            _split(draft, names, file)
        elif (match := _LIST.search(file)) or _NODES.search(file):
            draft.objects(file, match["ns"] if match else None, whole=True)
        elif _is_stream(draft.tree, file):
            _stream(draft, names, file)


def _stream(draft: Draft, names: Names, file: str) -> None:
    """Lists of each namespace in turn, then its logs."""
    _split(draft, names, file)
    data = draft.tree.read(file)
    text = re.sub(rb"(?ms)^==== START logs .*?^==== END logs [^\n]*$", b"", data)
    try:
        found = groups(text, file)
    except BugbundleError as error:
        draft.problems.append(error.text)
        return
    for group in found:
        try:
            items = group.load()
        except BugbundleError:
            continue
        first = items[0].get("metadata") if items else None
        namespace = first.get("namespace") if isinstance(first, dict) else None
        if items:
            draft.group(group, namespace if isinstance(namespace, str) else None, whole=True)


def _split(draft: Draft, names: Names, file: str) -> None:
    """The logs of all containers of a pod, one after the other."""
    for match in _START.finditer(draft.tree.read(file)):
        container, namespace, pod = (part.decode() for part in match.groups())
        names.know(namespace, pod)
        if container == "discovery":
            names.istiod(namespace, pod)
        draft.log(namespace, pod, container, file, convert=_between(match.end()))
    draft.taken.add(file)


def _between(start: int):  # type: ignore[no-untyped-def]
    def cut(data: bytes) -> bytes:
        end = data.find(_END, start)
        return data[start : end if end >= 0 else len(data)]

    return cut
