"""What the commands that answer from a bundle share: opening it, loose files, Go's flags, colour on terminals."""

from __future__ import annotations

import functools
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from bugbundle.cli.terminal import styled
from bugbundle.errors import BundleError
from bugbundle.quoting import clean

if TYPE_CHECKING:
    from bugbundle.mesh import Mesh

_TRUE = frozenset({"1", "t", "true"})
_FALSE = frozenset({"0", "f", "false"})
_BAD = re.compile(r"\b(STALE|ERROR|UNHEALTHY|FAILED|MISSING|NOT SENT)\b")


class GoCommand(click.Command):
    """A command whose boolean flags take `=true` and `=false`, as Go's do.

    A flag that can be turned off is declared `--name/--no-name`; help shows `--name` alone. BUNDLE is completed as a
    path.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for param in self.params:
            if isinstance(param, click.Argument) and param.name in ("bundle", "paths"):
                param.type = click.Path()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Turn `--name=false` into `--no-name` before click reads the line."""
        flags = {
            name: option
            for option in self.params
            if isinstance(option, click.Option) and option.is_flag
            for name in option.opts
        }
        stop = args.index("--") if "--" in args else len(args)
        plain = [_plain_flag(word, flags) for word in args[:stop]]
        return super().parse_args(ctx, [*(word for word in plain if word is not None), *args[stop:]])


def _plain_flag(word: str, flags: dict[str, click.Option]) -> str | None:
    """The word as click wants it; None where it says what holds anyway."""
    name, equals, value = word.partition("=")
    if not equals or name not in flags:
        return word
    value = value.lower()
    if value in _TRUE:
        return name
    if value in _FALSE:
        off = flags[name].secondary_opts
        return off[0] if off else None
    raise click.UsageError(f'invalid argument "{value}" for "{name}" flag: not a boolean')


def open_mesh(bundle: str) -> Mesh:
    """The mesh in a bundle; what must be known of the bundle itself goes to stderr.

    The context's object may hold meshes that are open already, by the path that the command line names.
    """
    from bugbundle.bundle.layout import READ_FROM
    from bugbundle.clean import cleaned
    from bugbundle.importers import open_recording
    from bugbundle.mesh import Mesh

    context = click.get_current_context(silent=True)
    known: dict[str, Any] = (context.find_root().obj if context else None) or {}
    if bundle in known:
        mesh: Mesh = known[bundle]
        return mesh
    mesh = Mesh(cleaned(open_recording(bundle, stdin_bytes)))
    for note in mesh.bundle.notes:
        click.echo(f"{'Note' if note.startswith(READ_FROM) else 'Warning'}: {note}", err=True)
    return mesh


STDIN = "-"


def stdin_bytes() -> bytes:
    """All of standard input, read once."""
    return _all_of(sys.stdin)


@functools.lru_cache(maxsize=1)
def _all_of(stream: TextIO) -> bytes:
    return stream.buffer.read()


def loose_file(path: str) -> bytes | None:
    """The bytes of one loose JSON file, `-` being stdin; None where the path names a bundle."""
    if path == STDIN:
        return stdin_bytes()
    file = Path(path)
    return file.read_bytes().lstrip() if file.is_file() and starts_as_json(path) else None


def starts_as_json(path: str) -> bool:
    """Whether a file begins as JSON does. Raises `BundleError` where it cannot be read."""
    try:
        with Path(path).open("rb") as opened:
            return opened.read(64).lstrip()[:1] in (b"{", b"[")
    except OSError as error:
        raise BundleError(f"cannot be read ({error.strerror})", where=path) from None


def tell_phase(mesh: Mesh, pod: str, namespace: str, file: str = "config_dump.json") -> None:
    """A note where a pod's recorded page is printed that a live istioctl would not have asked for.

    istioctl forwards no port to a pod that is not Running, though its Envoy may run and answer.
    """
    from bugbundle.views.names import phase_of

    phase = phase_of(mesh.pod(namespace, pod))
    if phase and f"proxies/{namespace}/{pod}/{file}" in mesh.bundle:
        said = f"pod {pod}.{namespace} is not running ({phase}): istioctl would refuse"
        click.echo(f"Note: {said}. This is what its Envoy answered all the same", err=True)


def say(text: str) -> None:
    """Data to stdout, as it stands; on a terminal with what is wrong in red, unless NO_COLOR is set."""
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        styled(_BAD.sub(lambda found: click.style(found[0], fg="red"), clean(text)))
        return
    click.echo(text, nl=False)
