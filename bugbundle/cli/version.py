"""`bugbundle version [BUNDLE]`."""

from __future__ import annotations

import click

from bugbundle.cli import flags
from bugbundle.cli.opening import GoCommand, open_mesh, say


@click.command(cls=GoCommand)
@click.argument("bundle", required=False)
@click.option("-o", "--output", type=click.Choice(["", "json", "yaml"]), default="", help="One of yaml or json.")
@click.option("--remote/--no-remote", default=True, help="Use --remote=false to suppress control plane check.")
@click.option("-s", "--short/--no-short", default=True, help="Use --short=false to generate full version information.")
@flags.revision
@flags.unused(flags.NAMESPACE, flags.SYSTEM)
@flags.live
def version(bundle: str | None, output: str, remote: bool, short: bool, revision: str) -> None:
    """The versions of bugbundle (the client), of each istiod and of the proxies connected to them."""
    from bugbundle.bundle import Bundle
    from bugbundle.mesh import Mesh
    from bugbundle.views import versions
    from bugbundle.views.gojson import indented
    from bugbundle.views.goyaml import to_yaml

    mesh = open_mesh(bundle) if bundle else Mesh(Bundle.from_entries({}))
    remote = remote and bool(bundle)
    if output:
        found = versions.as_json(mesh, revision, remote=remote)
        say((to_yaml(found) if output == "yaml" else indented(found, 2)) + "\n")
        return
    if remote and not versions.servers(mesh, revision):
        click.echo("Istio is not present in the bundle: no istiod told its version", err=True)
    say((versions.short if short else versions.long)(mesh, revision, remote=remote))
