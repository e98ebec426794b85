"""`bugbundle analyze BUNDLE`."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

import click

from bugbundle.cli.flags import live
from bugbundle.cli.opening import GoCommand
from bugbundle.errors import UsageError

if TYPE_CHECKING:
    from bugbundle.rules import Finding, Level, Rule

FORMATS = ("text", "json", "yaml", "markdown", "sarif", "junit")
THRESHOLD_EXIT = 79
"""istioctl's own exit code for findings at or above the threshold."""

_LEVELS = click.Choice(["Error", "Warning", "Info"], case_sensitive=False)


@click.command(cls=GoCommand)
@click.argument("bundle")
@click.option("-n", "--namespace", default="", help="Only findings about this namespace.")
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="All namespaces, also where -n is given.")
@click.option("--rule", "codes", multiple=True, metavar="CODE", help="Run this rule only (repeatable).")
@click.option(
    "--analyzer", "analyzers", multiple=True, metavar="NAME", help="Run istioctl's analyzer of this name only."
)
@click.option(
    "-S", "--suppress", multiple=True, metavar="'CODE=Kind ns/name'", help="Leave findings out; * and ? match."
)
@click.option(
    "-o",
    "--format",
    "--output",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="How to print.",
)
@click.option(
    "--failure-threshold",
    type=_LEVELS,
    default="Error",
    show_default=True,
    help="Exit with 79 for findings at least this grave.",
)
@click.option(
    "--output-threshold", type=_LEVELS, default="Info", show_default=True, help="Print findings at least this grave."
)
@click.option("--color/--no-color", default=None, help="Colours; by default on a terminal.")
@live
def analyze(
    bundle: str,
    namespace: str,
    everywhere: bool,
    codes: tuple[str, ...],
    analyzers: tuple[str, ...],
    suppress: tuple[str, ...],
    form: str,
    failure_threshold: str,
    output_threshold: str,
    color: bool | None,
) -> int:
    """Say what is wrong in BUNDLE: diagnoses, findings, what could not be looked at."""
    from bugbundle.analysis import analyze as run
    from bugbundle.bundle import open_bundle
    from bugbundle.report.formats import render
    from bugbundle.report.select import select
    from bugbundle.rules import Level

    rules = chosen(codes, analyzers)
    opened = open_bundle(bundle)
    asked = select(run(opened, rules), "" if everywhere else namespace, suppress)
    failing = Level(failure_threshold)
    shown = select(asked, threshold=Level(output_threshold))
    use = _colours(color)
    text = render(shown, form, colour=use, width=_width(), threshold=failing)
    click.echo(text, nl=False, color=use or None)
    return THRESHOLD_EXIT if _fails(asked.findings, failing) else 0


def chosen(codes: tuple[str, ...], analyzers: tuple[str, ...]) -> list[Rule] | None:
    """The rules that are asked for; None for all. Raises `UsageError` for a code or name that does not exist."""
    if not codes and not analyzers:
        return None
    from bugbundle.rules import all_rules

    every = all_rules()
    found: dict[str, Rule] = {}
    for code in codes:
        matching = [rule for rule in every if rule.code == code.upper() or rule.name == code]
        if not matching:
            raise unknown("--rule", code, [rule.code for rule in every])
        found.update((rule.code, rule) for rule in matching)
    for name in analyzers:
        matching = [rule for rule in every if rule.analyzer and rule.analyzer.lower() == name.lower()]
        if not matching:
            raise unknown("--analyzer", name, sorted({rule.analyzer for rule in every if rule.analyzer}))
        found.update((rule.code, rule) for rule in matching)
    return list(found.values())


def unknown(option: str, given: str, known: list[str]) -> UsageError:
    """The error for a name that does not exist, with the nearest that do."""
    import difflib

    near = difflib.get_close_matches(given.upper(), [name.upper() for name in known], 3, 0.3)
    names = [name for name in known if name.upper() in near]
    todo = f"The nearest are {', '.join(names)}" if names else "`bugbundle rules` lists all"
    return UsageError(f"no rule is called {given!r}", where=option, todo=todo)


def _fails(findings: list[Finding], threshold: Level) -> bool:
    return any(finding.level.rank <= threshold.rank for finding in findings)


def _colours(asked: bool | None) -> bool:
    """Told, else on a terminal that can and does not ask for none (no-color.org)."""
    if asked is not None:
        return asked
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not plain


def _width() -> int:
    """Where to fold paragraphs: not at all where nobody looks."""
    return min(shutil.get_terminal_size().columns, 110) if sys.stdout.isatty() else 0
