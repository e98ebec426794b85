"""`bugbundle precheck BUNDLE`."""

from __future__ import annotations

import os

import click

from bugbundle.cli import flags
from bugbundle.cli.opening import GoCommand, open_mesh
from bugbundle.errors import BugbundleError

FORMS = ("log", "json", "yaml")
SAFE = """ No issues found when checking the cluster. Istio is safe to install or upgrade!
  To get started, check out https://istio.io/latest/docs/setup/getting-started/."""


@click.command(cls=GoCommand)
@click.argument("bundle")
@click.option("-f", "--from-version", "since", default="", help="Check changes since this version.")
@click.option("-o", "--output", "form", default="log", show_default=True, help="log, json or yaml.")
@click.option(
    "--output-threshold",
    type=click.Choice(["Error", "Warning", "Info"], case_sensitive=False),
    default="Warning",
    show_default=True,
    help="Print messages at least this grave.",
)
@click.option("--skip-controlplane", "skip", is_flag=True, help="Do not check the control plane.")
@flags.namespace
@flags.system
@flags.revision
@flags.live
def precheck(
    bundle: str,
    since: str,
    form: str,
    output_threshold: str,
    skip: bool,
    namespace: str,
    system: str,
    revision: str,
) -> int:
    """Say whether Istio could be installed or upgraded in the recorded cluster.

    The rights of whoever would install are not in a recording. Colours as istioctl writes them, into pipes too,
    unless NO_COLOR is set.
    """
    from bugbundle.precheck import precheck as run
    from bugbundle.report.istioctl import docs, render
    from bugbundle.rules import Level

    found = run(open_mesh(bundle), namespace, since, not skip)
    shown = [item for item in found if item.level.rank <= Level(output_threshold).rank]
    if form not in FORMS:
        raise BugbundleError(f'invalid format, expected one of [{" ".join(FORMS)}] but got "{form}"')
    if not skip:
        click.echo("Note: whether you may install (IST0141) only the cluster itself can tell", err=True)
    if shown:
        click.echo(render(shown, form, not os.environ.get("NO_COLOR"), ""), nl=False, color=True)
    else:
        click.echo(f"✔{SAFE}", err=True)
    if not any(item.level.rank <= Level.WARNING.rank for item in found):
        return 0
    click.echo("Error: Issues found when checking the cluster. Istio may not be safe to install or upgrade.", err=True)
    click.echo(f"See {docs()} for more information about causes and resolutions.", err=True)
    return 1
