"""`bugbundle rules [CODE]`."""

from __future__ import annotations

import click


@click.command()
@click.argument("code", required=False)
@click.option(
    "-o",
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    help="How to print.",
)
def rules(code: str | None, form: str) -> None:
    """List the rules, or print the documentation of the one with this CODE (or name)."""
    from bugbundle.cli.analyze import chosen
    from bugbundle.report import cards
    from bugbundle.rules import all_rules

    asked = chosen((code,), ()) if code else None
    shown = all_rules() if asked is None else asked
    write = {"text": cards.as_text, "json": cards.as_json, "markdown": cards.as_markdown}[form]
    click.echo(write(shown), nl=False)
