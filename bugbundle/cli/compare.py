"""`bugbundle compare BEFORE AFTER [MORE…]`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bugbundle.cli.analyze import THRESHOLD_EXIT, colours, width
from bugbundle.cli.opening import GoCommand
from bugbundle.errors import UsageError

if TYPE_CHECKING:
    from bugbundle.compare import Comparison

FORMATS = ("text", "json", "yaml", "markdown", "html")
FAIL_ON = ("diagnoses", "drift", "any", "nothing")


@click.command(cls=GoCommand)
@click.argument("bundles", nargs=-1, type=click.Path(), metavar="BEFORE AFTER [MORE]...")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="How to print it."
)
@click.option("-o", "--output", default="-", metavar="FILE", help="Where to; - is stdout (default).")
@click.option("--force", is_flag=True, help="Write over a file that exists.")
@click.option(
    "--fail-on", type=click.Choice(FAIL_ON), default="diagnoses", show_default=True,
    help="Exit with 79 where a diagnosis appeared, objects or versions changed (drift), or anything did.",
)  # fmt: skip
@click.option("--only", multiple=True, metavar="PATTERN", help="Only this: Kind[/namespace[/name]], namespace=, path=.")
@click.option("--ignore", multiple=True, metavar="PATTERN", help="Not this (as --only, repeatable, with wildcards).")
@click.option("--anyway", is_flag=True, help="Compare bundles of different clusters, by names alone.")
@click.option("--color/--no-color", default=None, help="Colours; by default on a terminal.")
def compare(
    bundles: tuple[str, ...],
    form: str,
    output: str,
    force: bool,
    fail_on: str,
    only: tuple[str, ...],
    ignore: tuple[str, ...],
    anyway: bool,
    color: bool | None,
) -> int:
    """What changed between two bundles of one mesh, and what followed; of more than two also when it began.

    The first line names the change that explains most. Differences that say nothing are counted, not shown.
    """
    if len(bundles) < 2:
        raise UsageError("needs two bundles", where="compare", todo="bugbundle compare BEFORE AFTER")
    from bugbundle.clean import cleaned
    from bugbundle.cli.report import check_target, write
    from bugbundle.compare import Filter, check, over_time
    from bugbundle.importers import open_recording
    from bugbundle.report.compared import render

    wanted = Filter(only, ignore)
    if output != "-":
        check_target(Path(output), force)
    opened = [cleaned(open_recording(path)) for path in bundles]
    notes = check(opened, anyway)
    result, line = over_time(opened, wanted)
    result.notes = notes
    use = colours(color)
    text = render(result, form, line, colour=use and output == "-", width=width())
    if output != "-":
        write(Path(output), text.encode("utf-8", "replace"), force)
        click.echo(f"Comparison written to {output} ({len(text) / 1000:,.0f} kB)", err=True)
    else:
        sys.stdout.flush()
        click.echo(text, nl=False, color=use or None)
    return THRESHOLD_EXIT if _fails(result, fail_on) else 0


def _fails(result: Comparison, fail_on: str) -> bool:
    if fail_on == "any":
        return bool(result.changes)
    if fail_on == "drift":
        return any(change.kind in ("object", "version", "certificate") for change in result.changes)
    return fail_on == "diagnoses" and any(item.id in result.causes for item in result.appeared)
