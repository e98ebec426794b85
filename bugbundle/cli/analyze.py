"""`bugbundle analyze BUNDLE`: our own form, unless istioctl's is asked for (see `like_istioctl`)."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

import click

from bugbundle.cli.flags import live
from bugbundle.cli.opening import GoCommand
from bugbundle.cli.terminal import styled
from bugbundle.errors import UsageError

if TYPE_CHECKING:
    from bugbundle.analysis import Analysis
    from bugbundle.rules import Level, Rule

FORMATS = ("text", "json", "yaml", "markdown", "sarif", "junit")
ISTIOCTL_FORMS = ("log", "json", "yaml")
THRESHOLD_EXIT = 79
"""istioctl's own exit code for findings at or above the threshold."""

_LEVELS = click.Choice(["Error", "Warning", "Info"], case_sensitive=False)


def _istioctls_form(_context: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is None or value.lower() in ISTIOCTL_FORMS:
        return value and value.lower()
    if value in FORMATS:
        raise click.BadParameter(f"{value} is none of istioctl's {', '.join(ISTIOCTL_FORMS)}; --format {value} is ours")
    raise click.BadParameter(f"{value} not a valid option for format: one of {', '.join(ISTIOCTL_FORMS)}")


@click.command(cls=GoCommand)
@click.argument("paths", nargs=-1, metavar="[BUNDLE] [FILE]...")
@click.option("-n", "--namespace", default="", help="Only findings about this namespace.")
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="All namespaces, also where -n is given.")
@click.option("--rule", "codes", multiple=True, metavar="CODE", help="Run this rule only (repeatable).")
@click.option(
    "--analyzer", "analyzers", multiple=True, metavar="NAME", help="Run istioctl's analyzer of this name only."
)
@click.option("-L", "--list-analyzers", "listed", is_flag=True, help="List istioctl's analyzers, and do nothing else.")
@click.option(
    "-S", "--suppress", multiple=True, metavar="'CODE=Kind ns/name'", help="Leave findings out; * and ? match."
)
@click.option("--format", "form", type=click.Choice(FORMATS), help="Ours: how to print. Default: text.")
@click.option(
    "-o",
    "--output",
    "theirs",
    metavar="|".join(ISTIOCTL_FORMS),
    callback=_istioctls_form,
    help="What istioctl analyze prints, byte for byte. -A and -n alone mean -o log.",
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
@click.option(
    "-k/-K",
    "--use-kube/--no-use-kube",
    "kube",
    default=True,
    help="Take the cluster's objects from BUNDLE. =false: look at the files alone.",
)
@click.option("--meshConfigFile", "mesh_config", default="", metavar="FILE", help="Mesh config instead of the mesh's.")
@click.option("-r", "--revision", default="default", show_default=True, help="Istio objects of this revision only.")
@click.option("--ignore-unknown", is_flag=True, help="Files that cannot be read change no exit code.")
@click.option("-v", "--verbose", is_flag=True, help="Tell on stderr which analyzers ran.")
@click.option("-R", "--recursive", is_flag=True, hidden=True, expose_value=False)
@click.option("--remote-contexts", multiple=True, hidden=True)
@live
def analyze(
    paths: tuple[str, ...],
    namespace: str,
    everywhere: bool,
    codes: tuple[str, ...],
    analyzers: tuple[str, ...],
    listed: bool,
    suppress: tuple[str, ...],
    form: str | None,
    theirs: str | None,
    failure_threshold: str,
    output_threshold: str,
    color: bool | None,
    kube: bool,
    mesh_config: str,
    revision: str,
    ignore_unknown: bool,
    verbose: bool,
    remote_contexts: tuple[str, ...],
) -> int:
    """Say what is wrong in BUNDLE: diagnoses, findings, what could not be looked at.

    FILEs (or folders) of Kubernetes YAML are looked at as if they were applied to the recorded cluster, or alone.

    With -o, -A or -n, and without --format or --rule, it prints what istioctl analyze prints.
    """
    from bugbundle.analysis import analyze as run
    from bugbundle.analysis import examine
    from bugbundle.cli.analyze_inputs import gather
    from bugbundle.report.formats import render
    from bugbundle.report.select import select
    from bugbundle.rules import Level

    if listed:
        from bugbundle.report.analyzers import listing

        click.echo(listing(), nl=False)
        return 0
    if remote_contexts:
        raise UsageError(f'context "{remote_contexts[0]}" not found', todo="A bundle holds one cluster")
    use = colours(color)
    spaces = "" if everywhere else namespace
    failing, least = Level(failure_threshold), Level(output_threshold)
    istioctl = theirs or ("log" if (everywhere or namespace) and not form and not codes else "")
    given = gather(
        paths, spaces or ("default" if istioctl and not everywhere else ""), kube, mesh_config, revision, bool(istioctl)
    )
    if istioctl and not form:
        from bugbundle.cli.analyze_istioctl import Asked, print_as_istioctl

        asked = Asked(
            istioctl, namespace, everywhere, suppress, analyzers, failing, least, use, ignore_unknown, verbose
        )
        return print_as_istioctl(given, asked)
    rules = chosen(codes, analyzers)
    for problem in given.problems:
        click.echo(f"Warning: {problem}", err=True)
    whole = run(given.mesh.bundle, rules) if given.plain else examine(given.mesh, rules)
    seen = select(whole, spaces, suppress, analyzers=() if codes else named(analyzers))
    text = render(select(seen, threshold=least), form or "text", colour=use, width=width(), threshold=failing)
    styled(text) if use and (form or "text") == "text" else click.echo(text, nl=False)
    return THRESHOLD_EXIT if _fails(seen, failing) else 0


def chosen(codes: tuple[str, ...], analyzers: tuple[str, ...]) -> list[Rule] | None:
    """The rules that are asked for; None for all. Raises `UsageError` for a code or name that does not exist."""
    if not codes and not analyzers:
        return None
    from bugbundle.report.analyzers import codes_of
    from bugbundle.rules import all_rules

    every = all_rules()
    found: dict[str, Rule] = {}
    for code in codes:
        matching = [rule for rule in every if rule.code == code.upper() or rule.name == code]
        if not matching:
            raise unknown("--rule", code, [rule.code for rule in every])
        found.update((rule.code, rule) for rule in matching)
    for name in named(analyzers):
        found.update((rule.code, rule) for rule in every if rule.code in codes_of(name))
    return list(found.values())


def named(analyzers: tuple[str, ...]) -> list[str]:
    """istioctl's names of these analyzers, whatever their case. Raises `UsageError` for one that does not exist."""
    from bugbundle.report.analyzers import DESCRIPTIONS

    known = {name.lower(): name for name in DESCRIPTIONS}
    for name in analyzers:
        if name.lower() not in known:
            raise unknown("--analyzer", name, sorted(known.values()))
    return [known[name.lower()] for name in analyzers]


def unknown(option: str, given: str, known: list[str]) -> UsageError:
    """The error for a name that does not exist, with the nearest that do."""
    import difflib

    begun = [name for name in known if name.upper().startswith(given.upper())]
    near = difflib.get_close_matches(given.upper(), [name.upper() for name in known], 3, 0.3)
    names = begun[:3] or [name for name in known if name.upper() in near]
    todo = f"The nearest are {', '.join(names)}" if names else "`bugbundle rules` lists all"
    return UsageError(f"no rule is called {given!r}", where=option, todo=todo)


def _fails(seen: Analysis, threshold: Level) -> bool:
    """Whether a finding is grave enough; what is only unexplained counts as a Warning."""
    if any(finding.level.rank <= threshold.rank for finding in seen.findings):
        return True
    return threshold is not threshold.ERROR and any(one.grave for one in seen.unexplained)


def colours(asked: bool | None) -> bool:
    """Told, else on a terminal that can and does not ask for none (no-color.org)."""
    if asked is not None:
        return asked
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not plain


def width() -> int:
    """Where to fold paragraphs: not at all where nobody looks."""
    return min(shutil.get_terminal_size().columns, 110) if sys.stdout.isatty() else 0
