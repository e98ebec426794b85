"""`bugbundle tag list BUNDLE`."""

from __future__ import annotations

import click

from bugbundle.cli import flags
from bugbundle.cli.opening import GoCommand, open_mesh, say


@click.group(cls=flags.Aliased, aliases={"show": "list"})
def tag() -> None:
    """Revision tags, as `istioctl tag` prints them."""


@tag.command("list", cls=GoCommand)
@click.argument("bundle")
@flags.output("table", "json", "yaml", default="table")
@flags.system
@flags.unused(flags.NAMESPACE)
@flags.live
def list_(bundle: str, output: str, system: str) -> None:
    """Each tag, its revision, and the namespaces that use it."""
    from bugbundle.views import tags
    from bugbundle.views.gojson import indented
    from bugbundle.views.goyaml import to_yaml
    from bugbundle.views.table import render

    found = tags.tags(open_mesh(bundle), system)
    if not found:
        say(tags.NONE)
    elif output == "table":
        say(render(tags.table(found)))
    else:
        say((to_yaml(found) if output == "yaml" else indented(found, "\t")) + "\n")
