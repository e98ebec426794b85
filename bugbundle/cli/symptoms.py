"""`bugbundle symptoms BUNDLE`."""

from __future__ import annotations

import click

from bugbundle.cli.opening import GoCommand


@click.command(cls=GoCommand)
@click.argument("bundle")
@click.option("-n", "--namespace", default="", help="Only symptoms about this namespace.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to print.")
def symptoms(bundle: str, namespace: str, form: str) -> None:
    """Everything in BUNDLE that shows trouble, and the finding that explains each.

    Failed requests and connections, counters, conditions, replicas and pods, events, complaints in logs, last words of
    containers: each with its subject, count, time and evidence, and whether it is over or known as harmless.
    """
    from bugbundle.analysis import analyze
    from bugbundle.clean import cleaned
    from bugbundle.importers import open_recording
    from bugbundle.report.select import select
    from bugbundle.report.symptoms import as_json, as_text

    seen = select(analyze(cleaned(open_recording(bundle))), namespace)
    click.echo((as_json if form == "json" else as_text)(seen), nl=False)
