"""`bugbundle remote-clusters BUNDLE`."""

from __future__ import annotations

import click

from bugbundle.cli import flags
from bugbundle.cli.opening import GoCommand, open_mesh, say
from bugbundle.errors import NotInBundle


@click.command("remote-clusters", cls=GoCommand)
@click.argument("bundle")
@flags.revision
@flags.unused(flags.NAMESPACE, flags.SYSTEM)
@flags.live
def remote_clusters(bundle: str, revision: str) -> None:
    """The clusters that each istiod watches, as `istioctl remote-clusters` prints them."""
    from bugbundle.views import remote_clusters as view
    from bugbundle.views.proxy_status import istiods
    from bugbundle.views.table import render

    mesh = open_mesh(bundle)
    found = istiods(mesh, revision)
    if not found:
        raise NotInBundle("unable to find any Istiod instances")
    for istiod in found:
        if not istiod.has("debug/clusterz.json"):
            click.echo(f"Warning: {istiod.id}: {istiod.gap('debug/clusterz.json').text}", err=True)
    say(render(view.table(mesh, revision)))
