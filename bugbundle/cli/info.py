"""`bugbundle info BUNDLE [--verify]`."""

from __future__ import annotations

import click

from bugbundle.bundle import open_bundle


@click.command()
@click.argument("bundle")
def info(bundle: str) -> None:
    """Header, gaps and hashes of BUNDLE."""
    click.echo(open_bundle(bundle).origin)
