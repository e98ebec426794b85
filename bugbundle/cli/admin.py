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
@flags.revision
@flags.live
def log(bundle: str, name: str, output: str, revision: str) -> None:
    """The logging scopes of an istiod; of the first of its revision where none is named."""
    from bugbundle.errors import NotInBundle
    from bugbundle.views import scopes
    from bugbundle.views.gojson import indented
    from bugbundle.views.goyaml import to_yaml
    from bugbundle.views.proxy_status import istiods
    from bugbundle.views.table import render

    mesh = open_mesh(bundle)
    found = [i for i in mesh.istiods if name in (i.name, i.id)] if name else istiods(mesh, revision)
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
