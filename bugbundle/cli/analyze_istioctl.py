"""`bugbundle analyze` where istioctl's answer is asked for: its stdout, its words on stderr, its exit codes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from bugbundle.cli.analyze_inputs import Given

if TYPE_CHECKING:
    from bugbundle.rules import Level

FOUND, NOT_PARSED = 79, 65
"""istioctl's exit codes: messages at or above the threshold; a file that cannot be read."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The flags, in istioctl's meaning. `form` is log, json or yaml."""

    form: str
    namespace: str
    everywhere: bool
    suppress: tuple[str, ...]
    analyzers: tuple[str, ...]
    failure: Level
    output: Level
    colour: bool
    ignore_unknown: bool
    verbose: bool

    @property
    def space(self) -> str:
        """The namespace that is looked at; empty for all."""
        return "" if self.everywhere else self.namespace or "default"

    @property
    def target(self) -> str:
        """What is looked at, in istioctl's words."""
        return f"namespace: {self.space}" if self.space else "all namespaces"


def print_as_istioctl(given: Given, asked: Asked) -> int:
    """Print the answer; returns istioctl's exit code."""
    from bugbundle.analysis import examine
    from bugbundle.report.istioctl import RELEASE, docs, messages, render
    from bugbundle.rules import all_rules

    release = _release(given) or RELEASE
    if not given.alone and asked.namespace and _no_such_namespace(given, asked.namespace):
        click.echo(f'namespace "{asked.namespace}" not found', err=True)
        return 0
    rules = [rule for rule in all_rules() if rule.code.startswith("IST")]
    _warn_of_codes(asked.suppress)
    if given.problems:
        click.echo("Error(s) adding files:\n\t* " + "\n\t* ".join(given.problems), err=True)
    outcome = examine(given.mesh, rules).outcome
    found = messages(
        given.mesh.kube,
        outcome.findings,
        namespace=asked.space,
        suppress=asked.suppress,
        analyzers=asked.analyzers,
        files_only=given.alone,
    )
    if asked.verbose:
        _tell_analyzers(given, asked)
    _tell_unseen(given, len(outcome.not_evaluated), [broken.code for broken in outcome.broken])
    shown = [item for item in found if item.level.rank <= asked.output.rank]
    click.echo(render(shown, asked.form, asked.colour, release=release), nl=False, color=asked.colour or None)
    if not shown:
        _tell_nothing(given, asked)
    if sys.stdout.isatty():
        click.echo("Note: this is istioctl's answer; --format text tells the diagnoses, and what ours found", err=True)
    if asked.form != "log":
        return 0
    if any(item.level.rank <= asked.failure.rank for item in found):
        click.echo(f"Error: Analyzers found issues when analyzing {asked.target}.", err=True)
        click.echo(f"See {docs(release)} for more information about causes and resolutions.", err=True)
        return FOUND
    if given.problems and not asked.ignore_unknown:
        click.echo("Error: Some files couldn't be parsed.", err=True)
        return NOT_PARSED
    return 0


def _release(given: Given) -> str:
    """`1.29`: the release of the recorded istiod, whose documentation istioctl links; empty where none is known."""
    from bugbundle.mesh.config.istiod_version import newest_version

    return "" if given.alone else ".".join(map(str, newest_version(given.mesh)[:2]))


def _no_such_namespace(given: Given, name: str) -> bool:
    known = given.mesh.kube
    return known.recorded("namespaces") and known.get("namespaces", "", name) is None


def _warn_of_codes(suppress: tuple[str, ...]) -> None:
    from bugbundle.rules import all_rules

    known = {rule.code for rule in all_rules()}
    for text in suppress:
        code, mark, _ = text.partition("=")
        if mark and code not in known:
            said = f"Supplied message code '{code}' is an unknown message code and will not have any effect."
            click.echo(f"Warning: {said}", err=True)


def _tell_analyzers(given: Given, asked: Asked) -> None:
    from bugbundle.report.analyzers import DESCRIPTIONS, OF_CLUSTERS

    ran = [name for name in asked.analyzers if name in DESCRIPTIONS] or list(DESCRIPTIONS)
    click.echo(f"Analyzed resources in {asked.target}", err=True)
    skipped = [name for name in OF_CLUSTERS if given.alone and name in ran]
    for title, names in (("Skipped", skipped), ("Executed", ran)):
        if names:
            click.echo(f"{title} analyzers:\n" + "\n".join(f"\t {name}" for name in names), err=True)
    click.echo(err=True)


def _tell_unseen(given: Given, unseen: int, broken: list[str]) -> None:
    """istioctl cannot say what it did not see; stderr does."""
    if unseen and not given.alone:
        click.echo(f"Note: {unseen} checks lacked an input; `--format text` says which", err=True)
    for code in broken:
        click.echo(f"Warning: rule {code} failed; `--format text` says more", err=True)


def _tell_nothing(given: Given, asked: Asked) -> None:
    if given.problems:
        said = f"when analyzing {asked.target} (but 1 file could not be parsed)."
        click.echo(f"No validation issues found {said}", err=True)
        return
    what = "\n".join(given.files) if given.files else asked.target
    click.echo(f"✔ No validation issues found when analyzing {what}.", err=True)
