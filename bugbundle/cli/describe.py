"""`bugbundle describe pod|service BUNDLE NAME.NS`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from bugbundle.cli import flags
from bugbundle.cli.opening import GoCommand, open_mesh, say, tell_phase

if TYPE_CHECKING:
    from bugbundle.mesh import KubeObject, Mesh


@click.group(cls=flags.Aliased, aliases={"po": "pod", "svc": "service"})
def describe() -> None:
    """A pod or a service, and the Istio objects that act on it, as `istioctl experimental describe` prints it."""


def _command(word: str, metavar: str) -> Callable[[flags.Function], click.Command]:
    def make(function: flags.Function) -> click.Command:
        for option in (
            click.option("--more/--no-more", default=False, help="And what istioctl leaves out."),
            click.option(
                "--ignoreUnmeshed/--no-ignoreUnmeshed",
                "ignore",
                default=False,
                help="Suppress warnings for unmeshed pods.",
            ),
            flags.namespace,
            flags.system,
            flags.live,
        ):
            function = option(function)
        function = click.argument("name", metavar=metavar, shell_complete=flags.pods if word == "pod" else None)(
            function
        )
        return describe.command(word, cls=GoCommand)(click.argument("bundle")(function))

    return make


@_command("pod", "POD[.NS]")
def pod(bundle: str, name: str, namespace: str, system: str, ignore: bool, more: bool) -> int:
    """Ports, services, DestinationRules, VirtualServices, policies, gateways of one pod.

    With --more, after istioctl's part: ambient, waypoints, Gateway API routes, Sidecars, every rule of every port.
    """
    return _describe("pods", bundle, name, namespace, system, ignore, more)


@_command("service", "SERVICE[.NS]")
def service(bundle: str, name: str, namespace: str, system: str, ignore: bool, more: bool) -> int:
    """The same of one service, seen from its first pod."""
    return _describe("services", bundle, name, namespace, system, ignore, more)


def _describe(resource: str, bundle: str, name: str, namespace: str, system: str, ignore: bool, more: bool) -> int:
    from bugbundle.views.describe import describe_pod, describe_service
    from bugbundle.views.describe_shared import Describer

    mesh = open_mesh(bundle)
    found = _find(mesh, resource, name, namespace)
    what = Describer(mesh, namespace or "default", system, ignore)
    answer = describe_pod(what, found) if resource == "pods" else describe_service(what, found)
    if resource == "pods":
        tell_phase(mesh, found.name, found.namespace)
    say(answer.text)
    sys.stdout.flush()
    for warning in answer.warnings:
        click.echo(f"Warning: {warning}", err=True)
    if answer.problem:
        hint = "" if more else ". --more tells of ambient, waypoints and routes"
        click.echo(f"Error: {answer.problem}{hint}", err=True)
    if more:
        from bugbundle.views.describe_more import more_of_pod, more_of_service

        say((more_of_pod if resource == "pods" else more_of_service)(mesh, found))
    return 1 if answer.problem and not more else 0


def _find(mesh: Mesh, resource: str, text: str, namespace: str) -> KubeObject:
    """The object of a name. Raises `NotInBundle` with the nearest names."""
    from bugbundle.views.objects import find_object

    return find_object(mesh, resource, text, namespace)
