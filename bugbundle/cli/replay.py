"""`bugbundle replay BUNDLE [-- COMMAND …]`."""

from __future__ import annotations

import click


@click.command()
@click.option("--listen", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="The port; any free one by default.")
@click.option("--plain", is_flag=True, help="HTTP instead of TLS.")
@click.argument("bundle")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def replay(listen: str, port: int, plain: bool, bundle: str, command: tuple[str, ...]) -> int:
    """A read-only Kubernetes API over BUNDLE, for kubectl, istioctl and k9s.

    With COMMAND, runs it with KUBECONFIG set and hands back its exit code; without, prints the line
    that sets KUBECONFIG and stays until Ctrl-C.
    """
    from bugbundle.clean import cleaned
    from bugbundle.importers import open_recording
    from bugbundle.replay.server import Address
    from bugbundle.replay.session import run_command, serve

    recording = cleaned(open_recording(bundle))
    for note in recording.notes:
        click.echo(f"Warning: {note}", err=True)
    address = Address(listen, port, plain)
    if command:
        return run_command(recording, address, command)
    return serve(recording, address, _announce)


def _announce(environment: dict[str, str]) -> None:
    for name, value in environment.items():
        click.echo(f"export {name}={value}")
    click.echo("Listening until Ctrl-C.", err=True)
