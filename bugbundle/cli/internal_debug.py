"""`bugbundle internal-debug BUNDLE PATH`."""

from __future__ import annotations

import click

from bugbundle.cli import flags
from bugbundle.cli.opening import GoCommand, open_mesh, say
from bugbundle.errors import UsageError


@click.command("internal-debug", cls=GoCommand)
@click.argument("bundle")
@click.argument("path", required=False, default="")
@click.option("--all", "every", is_flag=True, help="The answers of all istiods, by name.")
@click.option("-L", "--list", "listed", is_flag=True, help="The pages that istiod offers.")
@flags.revision
@flags.unused(flags.NAMESPACE, flags.SYSTEM, *flags.XDS)
@flags.unused_switches("--insecure", "--plaintext")
@flags.live
def internal_debug(bundle: str, path: str, every: bool, listed: bool, revision: str) -> None:
    """A debug page of istiod as it was recorded: syncz, configz, registryz, config_dump?proxyID=POD.NS …"""
    from bugbundle.views.internal_debug import internal_debug as view

    if not path and not listed:
        raise UsageError("debug type is required")
    say(view(open_mesh(bundle), "list" if listed else path, revision, every=every))
