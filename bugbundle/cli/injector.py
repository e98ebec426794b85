"""`bugbundle injector list BUNDLE`."""

from __future__ import annotations

import click

from bugbundle.cli import flags
from bugbundle.cli.opening import GoCommand, open_mesh, say


@click.group()
def injector() -> None:
    """Sidecar injectors, as `istioctl experimental injector` prints them."""


@injector.command("list", cls=GoCommand)
@click.argument("bundle")
@flags.namespace
@flags.system
@flags.live
def list_(bundle: str, namespace: str, system: str) -> None:
    """The revision that injects into each namespace, the revisions of its pods, and the hooks."""
    from bugbundle.views.injectors import injector_list

    say(injector_list(open_mesh(bundle), namespace, system))
