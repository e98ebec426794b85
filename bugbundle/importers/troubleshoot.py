"""Support bundles of Troubleshoot (replicatedhq/troubleshoot): `cluster-resources/`, `cluster-info/`, logs.

Source: its pkg/collect/{cluster_resources,cluster_info,logs}.go and pkg/constants. A list that could not be had stands
in `<name>-errors.json`, namespace → error.
"""

from __future__ import annotations

import re

from bugbundle.bundle.manifest import parse_time
from bugbundle.bundle.model import Gap
from bugbundle.codec import decode, encode
from bugbundle.errors import BugbundleError
from bugbundle.importers import expected
from bugbundle.importers.draft import Draft
from bugbundle.importers.objects import Group, folder
from bugbundle.importers.tree import Tree
from bugbundle.importers.whose import Names

NAME = "Troubleshoot support bundle"
_ROOT = r"(?:^|/)cluster-resources/"
_LOG = re.compile(_ROOT + r"pods/logs/(?P<ns>[^/]+)/(?P<pod>[^/]+)/(?P<c>[^/]+?)(?P<prev>-previous)?\.log$")
_ERRORS = re.compile(_ROOT + r"(?:custom-resources/)?(?P<what>[a-z-]+)-errors\.json$")
_CUSTOM = re.compile(_ROOT + r"custom-resources/(?P<crd>[^/]+?)(?:/(?P<ns>[^/]+))?\.json$")
_OF_NAMESPACE = re.compile(_ROOT + r"(?P<what>[a-z-]+)/(?P<ns>[^/]+)\.json$")
_OF_CLUSTER = re.compile(_ROOT + r"(?P<what>[a-z-]+)\.json$")
_VERSION = re.compile(r"(?:^|/)cluster-info/cluster_version\.json$")
_STAMP = re.compile(r"(20\d\d-\d\d-\d\dT)(\d\d)_(\d\d)_(\d\d)")
_NO_OBJECTS = frozenset({"auth-cani-list", "groups", "resources", "license"})
_PLURALS = {
    "ingress": "ingresses", "network-policy": "networkpolicies", "resource-quota": "resourcequotas",
    "pod-disruption-budgets": "poddisruptionbudgets", "custom-resource-definitions": "customresourcedefinitions",
    "validating-webhook-configurations": "validatingwebhookconfigurations",
    "mutating-webhook-configurations": "mutatingwebhookconfigurations",
}  # fmt: skip


def detect(tree: Tree) -> bool:
    """Whether files are laid out so."""
    return sum(1 for name in tree.files if re.search(_ROOT, name)) >= 2


def read(draft: Draft, names: Names) -> None:
    """Take lists, logs, the version, and what could not be had."""
    if stamp := _STAMP.search(draft.tree.origin + "".join(list(draft.tree.files)[:1])):
        draft.at(parse_time(f"{stamp[1]}{stamp[2]}:{stamp[3]}:{stamp[4]}Z"))
    for file in draft.tree.files:
        if match := _LOG.search(file):
            names.know(match["ns"], match["pod"])
            draft.log(match["ns"], match["pod"], match["c"], file, bool(match["prev"]))
        elif match := _ERRORS.search(file):
            _errors(draft, file, match["what"])
        elif match := _CUSTOM.search(file):
            _objects(draft, file, match["ns"])
        elif match := _OF_NAMESPACE.search(file):
            _namespaced(draft, file, match)
        elif match := _OF_CLUSTER.search(file):
            if match["what"] not in _NO_OBJECTS:
                _objects(draft, file, None)
        elif _VERSION.search(file):
            _version(draft, file)


def _namespaced(draft: Draft, file: str, match: re.Match[str]) -> None:
    if match["what"] in _NO_OBJECTS or match["what"] == "image-pull-secrets":
        draft.taken.add(file)
    elif not _objects(draft, file, match["ns"]):
        row = _row(match["what"])
        if row:
            draft.nothing(row[0], row[2], row[1], match["ns"])


def _objects(draft: Draft, file: str, namespace: str | None) -> list[Group]:
    """A list, typed or bare. An empty one is no problem: there was nothing."""
    if draft.tree.head(file, 64).strip() in (b"null", b"[]", b"{}", b"", b"\xff"):
        draft.taken.add(file)
        return []
    return draft.objects(file, namespace, whole=True)


def _row(what: str) -> tuple[str, str, str, bool] | None:
    plural = _PLURALS.get(what, what)
    return next((row for row in expected.BUILT_IN if row[1] == plural), None)


def _errors(draft: Draft, file: str, what: str) -> None:
    """What could not be had, and why: a gap of each namespace."""
    draft.taken.add(file)
    row = _row(what)
    try:
        said = decode(draft.tree.read(file), file)
    except BugbundleError:
        return
    if row is None or not said:
        return
    pairs = said.items() if isinstance(said, dict) else [("", text) for text in said] if isinstance(said, list) else []
    for namespace, error in pairs:
        if isinstance(error, str) and error:
            place = f"namespaces/{namespace}/" if namespace and row[3] else ""
            path = f"{folder(row[0])}/{place}{row[1]}.json"
            status = 403 if "forbidden" in error else 0
            draft.gaps.setdefault(path, Gap(path, "kubernetes", f"GET /{path[4:-5]}", status, error[:300]))


def _version(draft: Draft, file: str) -> None:
    try:
        said = decode(draft.tree.read(file), file)
    except BugbundleError:
        return
    info = said.get("info") if isinstance(said, dict) else None
    if isinstance(info, dict):
        draft.made("k8s/version.json", file, "GET /version", lambda: encode(info))
