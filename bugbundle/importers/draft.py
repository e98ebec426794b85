"""A bundle in the making, of somebody else's files: which file becomes which entry, read when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bugbundle.bundle.layout import check_name
from bugbundle.bundle.model import Damage, Gap
from bugbundle.codec import encode
from bugbundle.errors import BugbundleError, BundleError
from bugbundle.importers.objects import Group, Object, folder, groups
from bugbundle.importers.tree import Tree
from bugbundle.istio import Source
from bugbundle.xds.index import XdsIndex

APART = timedelta(hours=12)
"""Times that are further from each other are not of one recording: the files were copied later."""

Convert = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Piece:
    """One entry: the file that it comes from, what was asked of whom, how its bytes are made of the file's."""

    file: str
    target: str = ""
    request: str = ""
    at: datetime | None = None
    convert: Convert | None = None
    make: Callable[[], bytes] | None = None


@dataclass
class Lists:
    """The objects of one resource: cluster-wide or of one namespace. `whole`: nothing is missing in it."""

    api_version: str
    kind: str
    groups: list[Group] = field(default_factory=list)
    whole: bool = False


class Draft:
    """Entries, gaps and lists as they are found. The first file of an entry counts."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.entries: dict[str, Piece] = {}
        self.gaps: dict[str, Gap] = {}
        self.lists: dict[str, Lists] = {}
        self.taken: set[str] = set()
        self.problems: list[str] = []
        self.now: datetime | None = None
        """When it was recorded."""
        self.said: datetime | None = None
        """The last time in its logs."""
        self.cluster = ""

    def at(self, told: datetime | None) -> None:
        """The time that the recording gives itself. It cannot be before the last line of its logs."""
        if told is not None:
            self.now = told if self.said is None else max(told, self.said)

    def when(self, file: str) -> datetime | None:
        """When a file was written; None where it was copied long after the recording was made."""
        at = self.tree.files[file].at if file in self.tree else None
        return at if at and self.now and abs(at - self.now) < APART else None

    def page(
        self, source: Source, namespace: str, pod: str, file: str, item: str = "", convert: Convert | None = None
    ) -> None:
        """A page of a proxy, an istiod or a ztunnel; one in whose place an error was written is a gap."""
        path = source.entry(namespace, pod, item)
        request = source.value.request.replace("*", item.removesuffix(".json").removesuffix(".txt"))
        kind = {"proxies": "proxy"}.get(source.value.folder, source.value.folder)
        target = f"{kind} {pod}.{namespace}:{source.value.port}"
        self.taken.add(file)
        if not _sound(path):
            return
        if path.endswith(".json") and convert is None:
            said, convert = json_or_error(self.tree.head(file))
            if said is not None:
                self.gaps.setdefault(path, Gap(path, target, request, 0, said))
                return
        self.entries.setdefault(path, Piece(file, target, request, self.when(file), convert))

    def log(
        self,
        namespace: str,
        pod: str,
        container: str,
        file: str,
        previous: bool = False,
        convert: Convert | None = None,
    ) -> None:
        """The log of a container."""
        path = f"logs/{namespace}/{pod}/{container}{'.previous' if previous else ''}.log"
        query = f"?container={container}{'&previous=true' if previous else ''}"
        request = f"GET /api/v1/namespaces/{namespace}/pods/{pod}/log{query}"
        self.taken.add(file)
        if _sound(path):
            self.entries.setdefault(path, Piece(file, "kubernetes", request, self.when(file), convert))

    def made(self, path: str, file: str, request: str, make: Callable[[], bytes]) -> None:
        """An entry of the Kubernetes API that is worked out of a file."""
        self.taken.add(file)
        self.entries.setdefault(path, Piece(file, "kubernetes", request, self.when(file), None, make))

    def objects(
        self,
        file: str,
        namespace: str | None = None,
        *,
        whole: bool = False,
        only: Callable[[Group], bool] | None = None,
    ) -> list[Group]:
        """The objects of Kubernetes in a file; those of one namespace, or of the cluster where that is None.

        `whole`: the file was asked for all of each kind. A file without such objects is told as a problem.
        """
        self.taken.add(file)
        try:
            found = groups(self.tree.read(file), file)
        except BugbundleError as error:
            self.problems.append(error.text)
            return []
        kept = [group for group in found if only is None or only(group)]
        for group in kept:
            self.group(group, namespace, whole=whole)
        return kept

    def group(self, group: Group, namespace: str | None, *, whole: bool = False, plural: str = "") -> None:
        """Objects of one kind."""
        place = f"namespaces/{namespace}/" if namespace else ""
        path = f"{group.folder}/{place}{plural or group.plural}.json"
        if not _sound(path):
            return
        known = self.lists.setdefault(path, Lists(group.api_version, group.kind))
        known.groups.append(group)
        known.whole |= whole

    def nothing(self, api_version: str, kind: str, plural: str, namespace: str = "") -> None:
        """An empty list: it was asked for, and there was nothing."""
        place = f"namespaces/{namespace}/" if namespace else ""
        self.lists.setdefault(f"{folder(api_version)}/{place}{plural}.json", Lists(api_version, kind, [], True))

    def store(self) -> DraftStore:
        """The entries as a store."""
        for path, known in self.lists.items():
            made = Piece("", "kubernetes", f"GET /{path[4:-5]}", None, None, _joined(known))
            self.entries.setdefault(path, made)
        for path in self.entries:
            self.gaps.pop(path, None)
        return DraftStore(self)


def _joined(known: Lists) -> Callable[[], bytes]:
    def made() -> bytes:
        items: dict[tuple[str, str], Object] = {}
        for group in known.groups:
            for number, item in enumerate(group.load()):
                meta = item.get("metadata")
                meta = meta if isinstance(meta, dict) else {}
                name = str(meta.get("name") or f"({len(items)}-{number})")
                items.setdefault((str(meta.get("namespace") or ""), name), item)
        return _list(known.api_version, known.kind, list(items.values()))

    return made


def _list(api_version: str, kind: str, items: list[Object]) -> bytes:
    named = [{"apiVersion": api_version, "kind": kind, **item} for item in items]
    try:
        return encode({"kind": f"{kind}List", "apiVersion": api_version, "metadata": {}, "items": named})
    except (TypeError, OverflowError, ValueError, RecursionError):
        raise BundleError(f"holds a value that JSON has not ({kind})", where=api_version) from None


def _sound(path: str) -> bool:
    try:
        check_name(path)
    except BundleError:
        return False
    return True


ERROR = 300
"""Characters that are kept of an error that stands where an answer should."""


def json_or_error(head: bytes) -> tuple[str | None, Convert | None]:
    """(what went wrong, None) where no JSON begins in a file; (None, how to leave out the warnings before it)."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] in (b"{", b"["):
        return None, None
    for number, line in enumerate(text.splitlines()):
        if line[:1] in (b"{", b"["):
            return None, _without(number)
    if text.strip() in (b"null", b""):
        return ("the file is empty" if not text.strip() else None), None
    said = text.decode("utf-8", "replace").strip().splitlines()[0][:ERROR]
    return f"the recording holds an error in its place: {said}", None


def _without(lines: int) -> Convert:
    return lambda data: b"\n".join(data.lstrip(b"\xef\xbb\xbf \t\r\n").split(b"\n")[lines:])


class DraftStore:
    """The entries of a draft, each made when it is read."""

    def __init__(self, draft: Draft) -> None:
        self.origin = draft.tree.origin
        self.damage: list[Damage] = []
        self.notes: list[str] = []
        self._tree = draft.tree
        self._pieces = draft.entries
        self._made: dict[str, bytes] = {}

    def names(self) -> list[str]:
        """Every entry."""
        return list(self._pieces)

    def size(self, path: str) -> int:
        """Bytes of one entry; one that is made of others is made for it."""
        piece = self._pieces[path]
        if piece.make is None and piece.convert is None:
            size = self._tree.files[piece.file].size
            if size >= 0:
                return size
        try:
            return len(self.read(path))
        except BugbundleError:
            return 0

    def read(self, path: str) -> bytes:
        """One entry. Raises KeyError where it is absent, `BundleError` where its file cannot be read."""
        piece = self._pieces[path]
        if path in self._made:
            return self._made[path]
        if piece.make is not None:
            self._made[path] = piece.make()
            return self._made[path]
        data = self._tree.read(piece.file)
        return piece.convert(data) if piece.convert else data

    def chunks(self, path: str) -> Iterator[bytes]:
        """One entry in pieces of a MiB."""
        piece = self._pieces[path]
        if piece.make is None and piece.convert is None:
            yield from self._tree.chunks(piece.file)
        else:
            yield self.read(path)

    def xds_index(self, read: Callable[[str], bytes]) -> XdsIndex | None:
        """None: only archives of our own carry one."""
        return None
