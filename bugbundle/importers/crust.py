"""Captures of crust-gather: a file for each object, `namespaces/NS/apps-v1/deployment/NAME.yaml`,
`cluster/v1/node/NAME.yaml`.

Source: crust-gather src/gather/{representation,reader}.rs, src/scanners. It gathers what its filters let through, so a
kind without objects says nothing.
"""

from __future__ import annotations

import re

from bugbundle.bundle.manifest import parse_time
from bugbundle.codec import decode
from bugbundle.errors import BugbundleError
from bugbundle.importers.draft import Draft
from bugbundle.importers.tree import Tree
from bugbundle.importers.whose import Names

NAME = "crust-gather capture"
_VERSION = r"(?:[a-z0-9.-]+-)?v\d+(?:(?:alpha|beta)\d+)?"
_OBJECT = re.compile(
    rf"(?:^|/)(?:namespaces/(?P<ns>[^/]+)|cluster)/{_VERSION}/(?P<kind>[A-Za-z]+)/(?P<name>[^/]+)\.(?:yaml|json)$"
)
_LOG = re.compile(
    r"(?:^|/)namespaces/(?P<ns>[^/]+)/v1/[Pp]od/(?P<pod>[^/]+)/(?P<c>[^/]+)/(?P<run>current|previous)\.log$"
)
_STAMP = re.compile(r"(?:^|/)collected\.timestamp$")
_DISCOVERY = re.compile(r"(?:^|/)(?P<root>apis|api)\.json$")


def detect(tree: Tree) -> bool:
    """Whether files are laid out so."""
    return sum(1 for name in tree.files if _OBJECT.search(name)) >= 2


def read(draft: Draft, names: Names) -> None:
    """Take objects, logs and discovery."""
    for file in draft.tree.files:
        if match := _LOG.search(file):
            names.know(match["ns"], match["pod"])
            if match["c"] == "discovery":
                names.istiod(match["ns"], match["pod"])
            draft.log(match["ns"], match["pod"], match["c"], file, match["run"] == "previous")
        elif match := _OBJECT.search(file):
            draft.objects(file, match["ns"])
        elif _STAMP.search(file):
            draft.taken.add(file)
            draft.at(parse_time(draft.tree.head(file).decode("utf-8", "replace").strip().strip('"')))
        elif match := _DISCOVERY.search(file):
            _discovery(draft, file, match["root"])


def _discovery(draft: Draft, file: str, root: str) -> None:
    """`apis.json`, `api.json`: aggregated discovery."""
    draft.taken.add(file)
    try:
        said = decode(draft.tree.read(file), file)
    except BugbundleError:
        return
    if isinstance(said, dict) and said.get("kind") == "APIGroupDiscoveryList":
        draft.made(f"k8s/{root}.aggregated.json", file, f"GET /{root}", lambda: draft.tree.read(file))
