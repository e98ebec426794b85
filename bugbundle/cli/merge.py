"""`bugbundle merge PART… -o FILE`."""

from __future__ import annotations

import click


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PART...", type=click.Path())
@click.option("-o", "--output", "target", required=True, help="The bundle to write (.tar.zst).")
def merge(paths: tuple[str, ...], target: str) -> None:
    """Join the parts that `bugbundle collect --shard I/N` has made of one cluster.

    What several have is taken from the first that is named; a gap of one part is none where another has the answer.
    """
    from bugbundle.bundle import open_bundle
    from bugbundle.convert import merge as write

    parts = [open_bundle(path) for path in paths]
    path = write(parts, target)
    made = open_bundle(path)
    click.echo(f"{path}: {len(made)} entries, {len(made.gaps)} gaps, of {len(parts)} parts", err=True)
    for part, name in zip(parts, paths, strict=True):
        for note in part.notes:
            click.echo(f"note: {name}: {note}", err=True)
