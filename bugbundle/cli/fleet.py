"""`bugbundle fleet PLACE -o FLEET`, and `bugbundle fleet query FLEET …`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bugbundle.cli.opening import GoCommand, say
from bugbundle.errors import UsageError

if TYPE_CHECKING:
    from bugbundle.fleet.model import Done
    from bugbundle.fleet.query import Answer


class FleetGroup(click.Group):
    """`fleet query …` asks; `fleet PLACE …` analyzes."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The first word names a command, or else it is a place."""
        if args and args[0] in self.commands:
            return super().resolve_command(ctx, args)
        return "run", self.commands["run"], args

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Options of `run` may stand before the place."""
        if args and args[0] not in (*self.commands, "-h", "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(cls=FleetGroup, invoke_without_command=False)
def fleet() -> None:
    """Analyze many bundles at once, and ask all of them.

    \b
    bugbundle fleet PLACE -o FLEET           analyze every bundle of a folder, s3://…, gs://… or list
    bugbundle fleet query FLEET who BB202    ask the result

    `fleet PLACE` is short for `fleet run PLACE`.
    """


@fleet.command("run", cls=GoCommand)
@click.argument("place")
@click.option("-o", "--output", required=True, metavar="FLEET", help="Folder for the tables; made if it is not there.")
@click.option("--scheduler", default="", metavar="ADDRESS", help="Use this Dask scheduler. Default: local processes.")
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Local processes. Default: one per CPU.")
@click.option("--memory", default="", metavar="SIZE", help="Memory of each local process, such as 2GB.")
@click.option("--reports", is_flag=True, help="Write each bundle's HTML report too, linked from the overview.")
def run_command(place: str, output: str, scheduler: str, workers: int | None, memory: str, reports: bool) -> None:
    """Analyze every bundle in PLACE: a folder, s3://…, gs://…, or a text file with one address per line.

    Writes tables (Parquet) and an overview (HTML) to FLEET. Only bundles that are new since the last run are analyzed.
    """
    from bugbundle.fleet.overview import write
    from bugbundle.fleet.run import Options, run

    into = Path(output)
    done = run(place, into, Options(scheduler, workers or 0, memory, reports), _told)
    page = write(into)
    failed = [one for one in done if one.look.failure]
    for one in failed:
        click.echo(f"Warning: {one.name}: {one.look.failure}", err=True)
    known = sum(one.known for one in done)
    click.echo(
        f"{len(done)} bundles: {len(done) - known} analyzed, {known} known before, {len(failed)} failed", err=True
    )
    click.echo(f"Overview written to {page}", err=True)


def _told(one: Done, number: int, total: int) -> None:
    if sys.stderr.isatty() or number == total or number % 50 == 0:
        click.echo(f"{number}/{total} {one.name}", err=True)


@fleet.command("query", cls=GoCommand)
@click.argument("folder", metavar="FLEET")
@click.argument("question", nargs=-1, required=True, metavar="QUESTION")
@click.option("--days", type=click.IntRange(0), default=30, show_default=True, metavar="N", help="For `expiring`.")
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True)
def query(folder: str, question: tuple[str, ...], days: int, form: str) -> None:
    """Ask FLEET. QUESTION is one of these, or SQL over its tables (docs/fleet.md).

    \b
    who CODE         the bundles with a finding of this rule
    since CODE       when each cluster got it: the first bundle that has it
    expiring         certificates that end within --days, but for identities that renew themselves
    skew             clusters whose istiods and proxies are of different minor versions
    changed CLUSTER  what changed between consecutive bundles of a cluster
    worst            clusters by trouble, the worst first
    """
    _print(_answer(Path(folder), question, days), form)


def _answer(folder: Path, question: tuple[str, ...], days: int) -> Answer:
    from bugbundle.fleet.query import QUESTIONS, ask

    word, rest = question[0], question[1:]
    if word in ("who", "since"):
        return ask(folder, QUESTIONS[word], {"code": _one(word, rest, "CODE").upper()})
    if word == "changed":
        from bugbundle.fleet.changed import changed

        return changed(folder, _one(word, rest, "CLUSTER"))
    if word in ("expiring", "skew", "worst") and not rest:
        return ask(folder, QUESTIONS[word], {"days": days} if word == "expiring" else None)
    return ask(folder, " ".join(question))


def _one(word: str, rest: tuple[str, ...], what: str) -> str:
    if len(rest) != 1:
        raise UsageError(f"{word} takes one {what}", todo=f"bugbundle fleet query FLEET {word} {what}")
    return rest[0]


def _print(answer: Answer, form: str) -> None:
    from bugbundle.fleet.query import cell
    from bugbundle.report.words import line
    from bugbundle.views.table import Table, render

    if form == "json":
        click.echo(json.dumps(answer.plain(), indent=2, ensure_ascii=False, default=_text))
        return
    rows = [[cell(value) for value in row] for row in answer.rows]
    if form == "csv":
        import csv

        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(answer.columns)
        writer.writerows(rows)
        return
    heads = tuple(line(name).upper().replace("_", " ") for name in answer.columns)
    say(render(Table(heads, tuple(tuple(line(value) or "-" for value in row) for row in rows), padding=3)))
    if not rows:
        click.echo("No rows", err=True)


def _text(value: Any) -> str:
    return str(value)
