"""What `analyze` looks at: a bundle, files of Kubernetes YAML, or both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bugbundle.cli.opening import STDIN, open_mesh, stdin_bytes
from bugbundle.errors import BugbundleError, UsageError

if TYPE_CHECKING:
    from bugbundle.mesh import Mesh

EXTENSIONS = (".json", ".yaml", ".yml")
"""Files that istioctl reads."""

LOOSE = ("file", "collection of files")
"""What files of no tool's layout are called (`bugbundle.importers`)."""


@dataclass(frozen=True, slots=True)
class Given:
    """The mesh to look at; the names of the files in it; what could not be read; whether there is no cluster."""

    mesh: Mesh
    files: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    alone: bool = False
    plain: bool = True


def gather(
    paths: tuple[str, ...], namespace: str, kube: bool, mesh_config: str, revision: str, whole: bool = False
) -> Given:
    """The mesh that the words of the command line mean. `namespace` is for objects of files that name none.

    `whole`: files alone are all that there is, as istioctl takes them; else a kind that they lack was not seen.

    Raises `UsageError` where nothing is named, `BugbundleError` for what is not there.
    """
    from bugbundle.mesh import Mesh
    from bugbundle.mesh.manifests import FileKube, mesh_config_manifest, nothing_recorded, read_files

    if not paths:
        raise UsageError("Missing argument 'BUNDLE'", todo="Give a bundle, or files of Kubernetes YAML")
    under, names = _bundle(paths)
    files = list(_files(names))
    if under is not None and kube and not names and not mesh_config and revision == "default":
        return Given(under)
    read = read_files(files, namespace)
    extra = []
    if mesh_config and Path(mesh_config).is_file():
        home = _mesh_namespace(under) if kube else "istio-system"
        extra.append(mesh_config_manifest(Path(mesh_config).read_text("utf-8", "replace"), home))
    bundle = under.bundle if under is not None and kube else None
    lists = FileKube([*extra, *read.manifests], bundle, whole=whole)
    mesh = Mesh(nothing_recorded() if bundle is None else bundle, lists, revision)
    return Given(mesh, tuple(name for name, _ in files), tuple(read.problems), bundle is None, plain=False)


def _bundle(paths: tuple[str, ...]) -> tuple[Mesh | None, tuple[str, ...]]:
    """The recording where the first path is one, and the other paths.

    Files and folders that hold objects of Kubernetes and nothing else are no recording: they are what somebody wrote.
    """
    first = Path(paths[0])
    if paths[0] != STDIN and first.is_file() and first.suffix in EXTENSIONS and _written(first.read_bytes(), paths[0]):
        return None, paths
    if paths[0] == STDIN and _written(stdin_bytes(), STDIN):
        return None, paths
    mesh = open_mesh(paths[0])
    if mesh.bundle.foreign in LOOSE and first.is_dir() and all(path.startswith("k8s/") for path in mesh.bundle):
        return None, paths
    return mesh, paths[1:]


def _written(data: bytes, name: str) -> bool:
    """Whether a file holds objects of Kubernetes, or something that only looks so."""
    from bugbundle.importers.content import KUBERNETES, look

    found = look(data, name)
    return found is None or found.kind == KUBERNETES


def _mesh_namespace(mesh: Mesh | None) -> str:
    """Where the cluster's own mesh config lies: the file takes its place."""
    items = mesh.kube.list("configmaps") if mesh else []
    return next((item.namespace for item in items if item.name == "istio"), "istio-system")


def _in_folder(folder: Path) -> Iterator[Path]:
    """Every file below a folder, by name, as Go walks it."""
    for path in sorted(folder.iterdir(), key=lambda item: item.name):
        if path.is_dir() and not path.is_symlink():
            yield from _in_folder(path)
        elif path.is_file():
            yield path


def _files(names: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of each file that is named or lies in a named folder."""
    for name in names:
        if name == STDIN:
            yield name, stdin_bytes()
            continue
        path = Path(name)
        if not path.exists():
            raise BugbundleError(f"stat {name}: no such file or directory")
        for file in _in_folder(path) if path.is_dir() else [path]:
            if file.suffix not in EXTENSIONS:
                click.echo(f"Skipping file {file}, recognized file extensions are: [{' '.join(EXTENSIONS)}]", err=True)
                continue
            try:
                yield str(file), file.read_bytes()
            except OSError as error:
                raise BugbundleError(f"cannot be read ({error.strerror})", where=str(file)) from None
