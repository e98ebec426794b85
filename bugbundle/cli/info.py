"""`bugbundle info BUNDLE [--verify]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bugbundle.bundle import Bundle


@click.command()
@click.argument("bundle")
@click.option("--verify", is_flag=True, help="Read every entry and hold it against the manifest's hashes.")
@click.option(
    "--signer", default="", metavar="KEY", help="With --verify: who must have signed, a public SSH key or its file."
)
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
def info(bundle: str, verify: bool, signer: str, style: str) -> int:
    """What BUNDLE holds: header, entries by kind, gaps, what was taken out; with --verify, whether it is whole."""
    from bugbundle.bundle.describe import describe
    from bugbundle.clean import cleaned
    from bugbundle.importers import open_recording

    opened = open_recording(bundle)
    problems = _verify(opened) if verify else []
    signed = _signed(bundle, signer) if verify else ""
    facts = describe(cleaned(opened))
    if style == "json":
        from bugbundle.codec import encode

        facts["damaged"] = [list(item) for item in problems]
        click.echo(encode(facts).decode())
    else:
        _print(facts)
        if verify:
            _print_verified(opened, problems)
            click.echo(f"signed by {signed}" if signed else "not signed")
    return 1 if problems else 0


def _signed(bundle: str, signer: str) -> str:
    """The fingerprint of the key that signed the file; empty where nobody did."""
    from pathlib import Path

    from bugbundle.bundle.signature import verify

    path = Path(bundle)
    return verify(path, signer) if path.is_file() else ""


def _verify(opened: Bundle) -> list[tuple[str, str]]:
    from bugbundle.bundle.verify import verify

    return list(verify(opened))


def _print(facts: dict[str, object]) -> None:
    rows = facts["summary"]
    assert isinstance(rows, dict)
    width = max(len(key) for key in rows)
    for key, value in rows.items():
        click.echo(f"{key:<{width}}  {value}")
    for title in ("contents", "redacted", "gaps", "notes"):
        lines = facts[title]
        assert isinstance(lines, list)
        if lines:
            click.echo(f"\n{title.upper()}")
            for line in lines:
                click.echo(f"  {line}")


def _print_verified(opened: Bundle, problems: list[tuple[str, str]]) -> None:
    click.echo()
    if not problems:
        click.echo(f"verified: all {len(opened)} entries are what was written")
    for path, reason in problems:
        click.echo(f"DAMAGED  {path}: {reason}")
