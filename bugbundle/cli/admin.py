"""`bugbundle admin log BUNDLE [ISTIOD]`."""

from __future__ import annotations

import click

from bugbundle.cli import flags
from bugbundle.cli.opening import GoCommand, open_mesh, say


@click.group(cls=flags.Aliased, aliases={"l": "log"})
def admin() -> None:
    """Istiod's own settings, as `istioctl admin` prints them."""


@admin.command("log", cls=GoCommand)
@click.argument("bundle")
@click.argument("name", required=False, default="", metavar="[ISTIOD]")
@flags.output("short", "json", "yaml", default="short")
@click.option("-l", "--selector", default="app=istiod", help="The istiod whose pod has these labels.")
@click.option("--level", default="", help="Refused: would change istiod.")
@click.option("--stack-trace-level", default="", help="Refused: would change istiod.")
@click.option("--reset/--no-reset", default=False, help="Refused: would change istiod.")
@flags.unused_switches("--log-reset", "--stack-trace-reset")
@flags.revision
@flags.system
@flags.unused(flags.NAMESPACE)
@flags.live
def log(
    bundle: str,
    name: str,
    output: str,
    selector: str,
    level: str,
    stack_trace_level: str,
    reset: bool,
    revision: str,
    system: str,
) -> None:
    """The logging scopes of an istiod; of the first of its revision where none is named."""
    from bugbundle.errors import NotInBundle, UsageError
    from bugbundle.mesh.selectors import parse_selector
    from bugbundle.views import scopes
    from bugbundle.views.gojson import indented
    from bugbundle.views.goyaml import to_yaml
    from bugbundle.views.proxy_status import istiods
    from bugbundle.views.table import render

    if level or stack_trace_level or reset:
        raise UsageError("a bundle is read-only: levels can be shown, not changed")
    mesh = open_mesh(bundle)
    fits = parse_selector(selector)
    if name:
        found = [i for i in mesh.istiods if name in (i.name, i.id)]
    else:
        found = [i for i in istiods(mesh, revision) if i.pod is None or fits(i.pod.labels)]
    if not found:
        known = ", ".join(istiod.name for istiod in mesh.istiods) or "none"
        raise NotInBundle("no pods found", todo=f"Istiods in the bundle: {known}")
    if not found[0].has(scopes.ENTRY):
        raise NotInBundle("could not get scopes information: " + found[0].gap(scopes.ENTRY).text)
    rows = scopes.scopes(found[0])
    if output == "short":
        say(render(scopes.table(rows)))
    else:
        say(to_yaml(rows) if output == "yaml" else indented(rows, 2) + "\n")
