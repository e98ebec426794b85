"""`bugbundle proxy-status BUNDLE [POD.NS]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bugbundle.cli import flags
from bugbundle.cli.opening import GoCommand, open_mesh, say, tell_phase

if TYPE_CHECKING:
    from bugbundle.mesh import Mesh

FORMATS = ("table", "wide", "json", "yaml")


@click.command("proxy-status", cls=GoCommand)
@click.argument("bundle")
@click.argument("name", required=False, default="", metavar="[POD.NS]", shell_complete=flags.pods)
@click.option("-v", "--verbosity", type=int, default=0, help="1 shows every type, with its state and the state's age.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", help="How to print the table.")
@click.option("-o", "--output", help="Of no effect, as in istioctl 1.29; see --format.", expose_value=False)
@click.option("--file", default="", help="Envoy's config dump, in place of the recorded one.")
@flags.revision
@flags.namespace
@flags.unused(flags.SYSTEM, *flags.XDS)
@flags.unused_switches("--insecure", "--plaintext")
@flags.live
def proxy_status(
    bundle: str,
    name: str,
    verbosity: int,
    form: str,
    file: str,
    revision: str,
    namespace: str,
) -> None:
    """What istiod knows of each proxy; with POD.NS, istiod's account of it against Envoy's.

    `--format wide` is the layout of istioctl 1.23 to 1.26, with CDS LDS EDS RDS ECDS; `--format json` and `yaml` tell
    nonces and the reasons of rejections, too.
    """
    mesh = open_mesh(bundle)
    if name:
        _one(mesh, name, namespace, revision, file)
        return
    _told_gaps(mesh, revision)
    say(_text(mesh, form, verbosity, revision, namespace))


def _text(mesh: Mesh, form: str, verbosity: int, revision: str, namespace: str) -> str:
    from bugbundle.errors import BugbundleError
    from bugbundle.views import proxy_status
    from bugbundle.views.gojson import indented
    from bugbundle.views.table import render

    if not proxy_status.istiods(mesh, revision):
        where = f" of revision {revision}" if revision else ""
        raise BugbundleError(f"no running Istio pods{where} in the bundle")
    found = proxy_status.rows(mesh, revision, namespace)
    if form == "json":
        return indented(proxy_status.as_json(found), 2) + "\n"
    if form == "yaml":
        from bugbundle.views.goyaml import to_yaml

        return to_yaml(proxy_status.as_json(found))
    if form == "wide":
        return render(proxy_status.wide_table(found))
    return render(proxy_status.verbose_table(found) if verbosity > 0 else proxy_status.table(found))


def _told_gaps(mesh: Mesh, revision: str) -> None:
    """An istiod that was not heard is told, not left out silently."""
    from bugbundle.views.proxy_status import istiods

    for istiod in istiods(mesh, revision):
        if not istiod.has("debug/syncz.json"):
            click.echo(f"Warning: {istiod.id}: {istiod.gap('debug/syncz.json').text}", err=True)


def _one(mesh: Mesh, name: str, namespace: str, revision: str, file: str) -> None:
    from pathlib import Path

    from bugbundle.errors import BundleError
    from bugbundle.views.names import find_pod
    from bugbundle.views.proxy_compare import compare

    envoy = None
    if file:
        try:
            envoy = Path(file).read_bytes()
        except OSError as error:
            raise BundleError(error.strerror or "cannot be read", where=file) from None
    if envoy is None:
        pod, where = find_pod(mesh, name, namespace)
        tell_phase(mesh, pod, where)
    say(compare(mesh, name, namespace, revision=revision, envoy=envoy))
