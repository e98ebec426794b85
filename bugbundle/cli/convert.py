"""`bugbundle convert BUNDLE -o FILE`."""

from __future__ import annotations

import click


@click.command()
@click.argument("bundle")
@click.option("-o", "--output", "target", required=True, help="The bundle to write (.tar.zst).")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@click.option(
    "--encrypt-to",
    multiple=True,
    metavar="WHO",
    help="Encrypt with age as it is written, to age1…, 'ssh-ed25519 …' or a file of them (repeat for more).",
)
@click.option("--sign", "key", default="", metavar="KEY", help="Sign FILE with an Ed25519 key of OpenSSH: FILE.sig.")
def convert(bundle: str, target: str, force: bool, encrypt_to: tuple[str, ...], key: str) -> None:
    """Write BUNDLE (an unpacked folder, another bundle, a bug-report, a must-gather, …) as one compressed file.

    Secret values, private keys, tokens and passwords are taken out; the rest stays byte for byte.
    """
    from bugbundle.bundle import open_bundle
    from bugbundle.bundle.sealed import recipients
    from bugbundle.bundle.signature import sign
    from bugbundle.convert import convert as write
    from bugbundle.importers import open_recording

    source = open_recording(bundle)
    path = write(source, target, force=force, encrypt_to=recipients(encrypt_to))
    if key:
        click.echo(f"signature: {sign(path, key)}", err=True)
    if encrypt_to:
        click.echo(f"{path}: encrypted, {path.stat().st_size / 1e6:.2f} MB; opens with --identity FILE", err=True)
        return
    made = open_bundle(path)
    redacted = made.manifest.redacted if made.manifest else {}
    raw = sum(made.store.size(name) for name in made)
    size = path.stat().st_size
    click.echo(
        f"{path}: {len(made)} entries, {raw / 1e6:.1f} MB in {size / 1e6:.2f} MB ({raw / size:.0f}×)",
        err=True,
    )
    if redacted:
        counts = ", ".join(f"{number} {kind}" for kind, number in sorted(redacted.items()))
        click.echo(f"taken out: {counts}", err=True)
    for note in [*source.notes, *(f"gap {gap.path}: {gap.reason}" for gap in made.gaps.values())]:
        click.echo(f"note: {note}", err=True)
