"""`bugbundle report BUNDLE -o FILE.html`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from bugbundle.cli.opening import GoCommand
from bugbundle.errors import BugbundleError


@click.command(cls=GoCommand)
@click.argument("bundle")
@click.option(
    "-o", "--output", default="", metavar="FILE", help="Where to; - is stdout. Default: BUNDLE's name with .html."
)
@click.option("--force", is_flag=True, help="Write over a file that exists.")
@click.option("-n", "--namespace", default="", help="Only findings about this namespace.")
def report(bundle: str, output: str, force: bool, namespace: str) -> None:
    """Everything about BUNDLE in one HTML page, readable without a network."""
    from bugbundle.analysis import analyze
    from bugbundle.clean import cleaned
    from bugbundle.importers import open_recording
    from bugbundle.report.html import render
    from bugbundle.report.select import select

    target = output or _name(bundle)
    if target != "-":
        check_target(Path(target), force)
    page = render(select(analyze(cleaned(open_recording(bundle))), namespace)).encode("utf-8", "replace")
    if target == "-":
        sys.stdout.buffer.write(page)
        return
    write(Path(target), page, force)
    click.echo(f"Report written to {target} ({len(page) / 1000:,.0f} kB)", err=True)


def _name(bundle: str) -> str:
    """`case.tar.zst` → `case.html`, in the working folder."""
    name = Path(bundle).resolve().name
    for ending in (".tar.zst", ".tzst", ".tar"):
        name = name.removesuffix(ending)
    return f"{name or 'bundle'}.html"


def check_target(target: Path, force: bool) -> None:
    """Before the work: whether the page could be written there."""
    if target.is_dir():
        raise BugbundleError("is a folder", where=str(target), todo="Give the name of a file with -o")
    if target.exists() and not force:
        raise BugbundleError(
            "exists already",
            where=str(target),
            todo="Choose another name with -o, or write over it with --force",
        )


def write(target: Path, page: bytes, force: bool) -> None:
    """Readable by its owner alone, like a bundle; whole or not at all."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
    try:
        with os.fdopen(os.open(target, flags, 0o600), "wb") as file:
            file.write(page)
    except FileExistsError:
        raise BugbundleError("exists already", where=str(target), todo="Write over it with --force") from None
    except OSError as error:
        raise BugbundleError(f"cannot be written ({error.strerror})", where=str(target)) from None
