"""`bugbundle authz check BUNDLE POD.NS`."""

from __future__ import annotations

import click

from bugbundle.cli import flags
from bugbundle.cli.opening import GoCommand, loose_file, open_mesh, say


@click.group()
def authz() -> None:
    """Authorization, as `istioctl experimental authz` prints it."""


@authz.command("check", cls=GoCommand)
@click.argument("bundle")
@click.argument("name", required=False, default="", metavar="[TYPE/]NAME[.NS]", shell_complete=flags.pods)
@click.option("--force/--no-force", default=False, help="Check a pod that is not Running, too.")
@flags.namespace
@flags.live
def check(bundle: str, name: str, namespace: str, force: bool) -> None:
    """The AuthorizationPolicies in a proxy's listeners. BUNDLE may be one loose config dump."""
    from bugbundle.bundle import Bundle
    from bugbundle.errors import BugbundleError, NotInBundle, UsageError
    from bugbundle.mesh import Mesh
    from bugbundle.views import authz as view
    from bugbundle.views.names import find_proxy
    from bugbundle.views.proxy_compare import running
    from bugbundle.views.table import render

    loose = loose_file(bundle)
    if loose is not None:
        dump = Mesh(Bundle.from_entries({"config_dump.json": loose})).dump("config_dump.json")
        assert dump is not None
    elif not name:
        raise UsageError("check takes the name of a pod")
    else:
        proxy = find_proxy(open_mesh(bundle), name, namespace)
        found = proxy.dump
        reason = "" if found else f": {proxy.gap('config_dump.json').text}"
        if found is None or not (force or running(proxy)):
            raise NotInBundle(
                f"failed to get config dump from pod {proxy.name} in {proxy.namespace}{reason}",
                todo="" if found is None else "The pod is not Running; its Envoy was recorded: --force checks it",
            )
        dump = found
    if dump.problem:
        raise BugbundleError(dump.problem, where=bundle)
    say(render(view.table(dump)))
