"""Captures of k8shark (`.kshrk`): answers of the API server under their paths, the last of each counts.

Source: k8shark docs/archive-format.md, format versions 1 and 2.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

from bugbundle.bundle.manifest import parse_time
from bugbundle.bundle.model import Gap
from bugbundle.codec import decode, encode
from bugbundle.errors import BugbundleError, BundleError
from bugbundle.importers.draft import Draft
from bugbundle.importers.tree import Tree
from bugbundle.importers.whose import Names

NAME = "k8shark capture"
NEWEST = 2
_INDEX = re.compile(r"^(?P<root>.*?)index\.json$")
_POD_LOG = re.compile(r"/api/v1/namespaces/([^/]+)/pods/([^/]+)/log$")
_LIST = re.compile(
    r"/(?:api/v1|apis/[^/]+/[^/]+)(?:/namespaces/[^/]+)?/[a-z0-9-]+|/(?:api|apis|version)|/api/v1|/apis/[^/]+/[^/]+"
)


def _root(tree: Tree) -> str | None:
    for name in tree.files:
        match = _INDEX.fullmatch(name)
        if match and f"{match['root']}metadata.json" in tree.files and not name.endswith("watch-index.json"):
            return match["root"]
    return None


def detect(tree: Tree) -> bool:
    """Whether it is such a capture."""
    root = _root(tree)
    return root is not None and b"capture_id" in tree.head(f"{root}metadata.json")


def read(draft: Draft, names: Names) -> None:
    """Take the last answer of each path. Raises `BundleError` where the capture is of a newer format."""
    root = _root(draft.tree) or ""
    head = _object(decode(draft.tree.read(f"{root}metadata.json"), "metadata.json"))
    version = head.get("format_version", 1)
    if isinstance(version, int) and version > NEWEST:
        raise BundleError(
            f"is a k8shark capture of format {version}; {NEWEST} is the newest that is read", where=draft.tree.origin
        )
    draft.at(parse_time(head.get("captured_until")) or parse_time(head.get("captured_at")))
    index = _object(_json(draft, f"{root}index.json"))
    entries = _object(index.get("entries", index))
    for path, row in entries.items():
        seqs = _object(row).get("seqs")
        if isinstance(seqs, list) and seqs and "?" not in path:
            _answer(draft, root, path, seqs[-1])
    draft.taken.update(draft.tree.files)


def _answer(draft: Draft, root: str, path: str, seq: Any) -> None:
    place = hashlib.sha256(path.encode()).hexdigest()[:16]
    file = f"{root}records/{place}/{seq}.json"
    if log := _POD_LOG.fullmatch(path):
        if file in draft.tree:
            draft.log(log[1], log[2], "app", file, convert=_body_of(draft, file, text=True))
        return
    if not _LIST.fullmatch(path) or file not in draft.tree:
        return
    entry = f"k8s{path}.json"
    try:
        record = _object(_json(draft, file))
    except BugbundleError as error:
        draft.problems.append(error.text)
        return
    status = record.get("response_code", 200)
    if isinstance(status, int) and status >= 400:
        said = _object(record.get("response_body")).get("message", "")
        draft.gaps.setdefault(entry, Gap(entry, "kubernetes", f"GET {path}", status, str(said)[:300]))
        return
    body = encode(record.get("response_body"))
    draft.made(entry, "", f"GET {path}", lambda: body)


def _body_of(draft: Draft, file: str, text: bool) -> Callable[[bytes], bytes]:
    def convert(_: bytes) -> bytes:
        body = _object(_json(draft, file)).get("response_body")
        return body.encode() if isinstance(body, str) and text else encode(body)

    return convert


def _json(draft: Draft, name: str) -> Any:
    if name not in draft.tree:
        raise BundleError("is not in the capture", where=f"{draft.tree.origin}: {name}")
    return decode(draft.tree.read(name), name)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
