"""`bugbundle authz check BUNDLE POD.NS`."""

from __future__ import annotations

import click

from bugbundle.cli import flags
from bugbundle.cli.opening import GoCommand, loose_file, open_mesh, say, tell_phase


@click.group()
def authz() -> None:
    """Authorization, as `istioctl experimental authz` prints it."""


@authz.command("check", cls=GoCommand)
@click.argument("bundle", required=False)
@click.argument("name", required=False, default="", metavar="[TYPE/]NAME[.NS]", shell_complete=flags.pods)
@flags.namespace
@flags.unused(flags.SYSTEM)
@flags.live
@flags.file
def check(bundle: str, name: str, namespace: str) -> None:
    """The AuthorizationPolicies in a proxy's listeners. BUNDLE may be one loose config dump."""
    from bugbundle.bundle import Bundle
    from bugbundle.errors import BugbundleError, NotInBundle, UsageError
    from bugbundle.mesh import Mesh
    from bugbundle.views import authz as view
    from bugbundle.views.names import find_proxy
    from bugbundle.views.pages import ENVOY, expect
    from bugbundle.views.table import render

    loose = loose_file(bundle)
    if loose is not None:
        expect(loose, ENVOY, "stdin" if bundle == "-" else bundle)
        dump = Mesh(Bundle.from_entries({"config_dump.json": loose})).dump("config_dump.json")
        assert dump is not None
    elif not name:
        raise UsageError("check takes the name of a pod")
    else:
        mesh = open_mesh(bundle)
        proxy = find_proxy(mesh, name, namespace)
        dump = proxy.dump
        if dump is None:
            reason = proxy.gap("config_dump.json").text
            raise NotInBundle(f"failed to get config dump from pod {proxy.name} in {proxy.namespace}: {reason}")
        tell_phase(mesh, proxy.name, proxy.namespace)
    if dump.problem:
        raise BugbundleError(dump.problem, where=bundle)
    say(render(view.table(dump)))
