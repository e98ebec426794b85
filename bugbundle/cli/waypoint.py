"""`bugbundle waypoint list|status BUNDLE`."""

from __future__ import annotations

import sys

import click

from bugbundle.cli import flags
from bugbundle.cli.opening import GoCommand, open_mesh, say


@click.group()
def waypoint() -> None:
    """The waypoints of ambient, as `istioctl waypoint` prints them."""


_ALL = click.option(
    "-A", "--all-namespaces/--no-all-namespaces", default=False, help="The waypoints of all namespaces."
)


@waypoint.command("list", cls=GoCommand)
@click.argument("bundle")
@_ALL
@flags.namespace
@flags.unused(flags.SYSTEM, ("--name",))
@flags.live
def list_(bundle: str, all_namespaces: bool, namespace: str) -> None:
    """Revision, traffic type and whether it is programmed."""
    from bugbundle.views.waypoints import waypoint_list

    say(waypoint_list(open_mesh(bundle), None if all_namespaces else namespace or "default"))


@waypoint.command("status", cls=GoCommand)
@click.argument("bundle")
@_ALL
@click.option("-w", "--wait/--no-wait", default=True, help="Fail where one is not programmed; nothing waits.")
@click.option("--waypoint-timeout", hidden=True, expose_value=False)
@flags.namespace
@flags.unused(flags.SYSTEM, ("--name",))
@flags.live
def status(bundle: str, all_namespaces: bool, wait: bool, namespace: str) -> int:
    """The condition that says whether each is programmed."""
    from bugbundle.views.waypoints import waypoint_status

    text, waiting = waypoint_status(open_mesh(bundle), None if all_namespaces else namespace or "default")
    say(text)
    if waiting and wait:
        sys.stdout.flush()
        click.echo(f"Error: not programmed when recorded: {', '.join(waiting)}", err=True)
        return 1
    return 0
