"""Where bundles are: a folder, a place in a cloud, a list. The door to fsspec."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from bugbundle.errors import BugbundleError, UsageError

ENDINGS = (".tar.zst", ".tzst", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".zip")
"""Of files that may be bundles or foreign archives."""

BLOCK = 1 << 20


@dataclass(frozen=True)
class Place:
    """One bundle: its name in the fleet, its address, and a mark that changes when it does."""

    name: str
    url: str
    size: int
    mark: str


class Missing(BugbundleError):
    """A package of the extra is not installed."""


def need(package: str) -> Any:
    """Import a package of the extra. Raises `Missing` with the command that installs it."""
    import importlib

    try:
        return importlib.import_module(package)
    except ImportError:
        raise Missing(
            f"{package.split('.')[0]} is not installed, which fleets need",
            todo="Install it: pip install 'bugbundle[fleet]'",
        ) from None


def find(where: str) -> list[Place]:
    """Every bundle of a folder or cloud place (below it too), or of a list of addresses, by name.

    Raises `BugbundleError` where the place cannot be listed, and `UsageError` where it holds no bundle.
    """
    found = _listed(where) if _is_list(where) else _below(where)
    if not found:
        raise UsageError(
            f"no bundles found (looked for {', '.join(ENDINGS)} and for folders with bundle.json)",
            where=where,
            todo="Name a folder with bundles, s3://… or gs://…, or a text file with one address a line",
        )
    return sorted(found, key=lambda place: place.name)


def _is_list(where: str) -> bool:
    return "://" not in where and Path(where).is_file() and not where.endswith(ENDINGS)


def _listed(where: str) -> list[Place]:
    try:
        lines = Path(where).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UsageError("cannot be read as a list of bundles", where=where, todo="One address a line") from None
    urls = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return [_place(url, url) for url in dict.fromkeys(urls)]


def _place(url: str, name: str) -> Place:
    """A place that is named outright: what is wrong with it is told when it is looked at."""
    try:
        system, path = _system(url)
        info = system.info(path)
    except (BugbundleError, OSError, ValueError):
        return Place(name, url, 0, "")
    return Place(name, url, int(info.get("size") or 0), _mark(info))


def _below(where: str) -> list[Place]:
    system, root = _system(where)
    try:
        if not system.exists(root):
            raise UsageError("no such folder", where=where)
        if system.isfile(root):
            return [_place(where, PurePosixPath(root).name)]
        listing: dict[str, dict[str, Any]] = system.find(root, detail=True)
    except BugbundleError:
        raise
    except Exception as error:
        raise _refused(where, error) from None
    folders = {str(PurePosixPath(path).parent) for path in listing if PurePosixPath(path).name == "bundle.json"}
    found = [
        Place(_name(path, root), system.unstrip_protocol(path), int(info.get("size") or 0), _mark(info))
        for path, info in listing.items()
        if path.endswith(ENDINGS) and not any(path.startswith(folder + "/") for folder in folders)
    ]
    for folder in folders:
        inside = [(path, info) for path, info in listing.items() if path.startswith(folder + "/")]
        size = sum(int(info.get("size") or 0) for _, info in inside)
        mark = hashlib.sha256("\n".join(f"{path} {_mark(info)}" for path, info in sorted(inside)).encode())
        found.append(Place(_name(folder, root), system.unstrip_protocol(folder), size, mark.hexdigest()[:32]))
    return found


def _name(path: str, root: str) -> str:
    """The path below the root; the folder's own name where it is the root."""
    return path.removeprefix(root.rstrip("/")).strip("/") or PurePosixPath(path).name


def _mark(info: dict[str, Any]) -> str:
    """What the store says changes with the contents."""
    told = info.get("ETag") or info.get("etag") or info.get("md5Hash") or info.get("mtime") or info.get("LastModified")
    return f"{info.get('size')}:{told}"


def _system(where: str) -> tuple[Any, str]:
    """(file system, path in it) of an address."""
    fsspec = need("fsspec")
    try:
        system, path = fsspec.core.url_to_fs(where)
    except ImportError as error:
        raise Missing(f"this kind of place needs another package: {error}", where=where) from None
    except ValueError as error:
        raise UsageError(str(error), where=where) from None
    return system, path


def _refused(where: str, error: Exception) -> BugbundleError:
    """What a store's own exception means; its text may hold a key and is not shown."""
    kind = type(error).__name__
    denied = "Credential" in kind or "Permission" in kind or "Auth" in kind or "Forbidden" in kind
    if denied:
        return BugbundleError(
            f"cannot be listed without credentials ({kind})",
            where=where,
            todo="Log in as the store's own tools want it (for s3: AWS_PROFILE or AWS_ACCESS_KEY_ID)",
        )
    return BugbundleError(f"cannot be listed ({kind})", where=where, todo="Check the address and the network")


@contextmanager
def local(place: Place) -> Iterator[Path]:
    """The bundle as a local path; one from elsewhere is brought into a folder that goes away afterwards."""
    system, path = _system(place.url)
    if getattr(system, "local_file", False) or "file" in _protocols(system):
        yield Path(path)
        return
    with TemporaryDirectory(prefix="bugbundle-fleet-") as scratch:
        target = Path(scratch) / PurePosixPath(path).name
        try:
            system.get(path, str(target), recursive=place.mark.find(":") < 0)
        except Exception as error:
            raise BugbundleError(f"cannot be read ({type(error).__name__})", where=place.url) from None
        yield target


def _protocols(system: Any) -> tuple[str, ...]:
    told = system.protocol
    return (told,) if isinstance(told, str) else tuple(told)


def mark_of(place: Place) -> str:
    """The mark as it is now; empty where the bundle is gone. Of a folder the one that is known."""
    if ":" not in place.mark:
        return place.mark
    return _place(place.url, place.name).mark


def digest(path: Path) -> str:
    """SHA-256 of a file; of a folder, of its files' names and contents."""
    whole = hashlib.sha256()
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    for file in files:
        if file != path:
            whole.update(f"{file.relative_to(path).as_posix()}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as opened:
            while block := opened.read(BLOCK):
                whole.update(block)
    return whole.hexdigest()
