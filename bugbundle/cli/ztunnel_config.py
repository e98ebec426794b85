"""`bugbundle ztunnel-config SUBCOMMAND BUNDLE [POD.NS]`: istioctl's words, flags and output."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from bugbundle.cli import flags
from bugbundle.cli.opening import GoCommand, loose_file, open_mesh, say
from bugbundle.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from bugbundle.views.table import Table
    from bugbundle.views.ztunnel import Filter
    from bugbundle.views.ztunnel_dump import ZtunnelDump

Function = Callable[..., Any]
_ALIASES = {
    "w": "workload", "workloads": "workload", "s": "service", "svc": "service", "services": "service",
    "p": "policy", "pol": "policy", "policies": "policy", "cert": "certificate", "certs": "certificate",
    "certificates": "certificate", "cons": "connections", "o": "log",
}  # fmt: skip


@click.group("ztunnel-config", cls=flags.Aliased, aliases=_ALIASES)
def ztunnel_config() -> None:
    """What a ztunnel was configured with, as `istioctl ztunnel-config` prints it.

    BUNDLE may be one loose config dump, or - for stdin. POD.NS may be a ztunnel, or a pod of ambient: its node's
    ztunnel answers then, about that pod only. Without it, some ztunnel answers.
    """


def _subcommand(word: str, *options: Function) -> Callable[[Function], click.Command]:
    """A subcommand with BUNDLE, POD.NS and the options that all have."""

    def make(function: Function) -> click.Command:
        for option in reversed(options):
            function = option(function)
        function = flags.file(function)
        function = click.option("--node", default="", help="The ztunnel of this node.")(function)
        shared = (flags.output("short", "json", "yaml", default="short"), flags.namespace, flags.live)
        for option in (*shared, flags.unused(flags.SYSTEM)):
            function = option(function)
        function = click.argument("name", required=False, default="", metavar="[POD.NS]", shell_complete=flags.pods)(
            function
        )
        function = click.argument("bundle", required=False)(function)
        return ztunnel_config.command(word, cls=GoCommand)(function)

    return make


def _open(
    bundle: str, name: str, node: str, namespace: str, *, single: bool = False
) -> tuple[ZtunnelDump, datetime | None, str]:
    """(the dump, its time, the workload that was named); `single` where any ztunnel is not good enough."""
    from bugbundle.views.pages import ZTUNNEL, expect
    from bugbundle.views.ztunnel_dump import ZtunnelDump
    from bugbundle.views.ztunnel_source import find, read

    if name and node:
        raise UsageError("at most one of --node or pod name must be passed")
    loose = loose_file(bundle)
    if loose is not None:
        where = "stdin" if bundle == "-" else bundle
        expect(loose, ZTUNNEL, where)
        return ZtunnelDump(loose, where), None, ""
    mesh = open_mesh(bundle)
    ztunnel, workload = find(mesh, name, node, namespace, single=single)
    return read(ztunnel), mesh.bundle.at(ztunnel.entry("config_dump.json")) or mesh.now, workload


def _at(time: datetime | None) -> datetime:
    """The recording's time; for a loose file, which has none, now, and a note that says so."""
    from datetime import UTC, datetime

    if time is None:
        click.echo("Note: nothing says when this was recorded: VALID CERT is as of now.", err=True)
    return time or datetime.now(UTC)


def _print(output: str, table: Callable[[], Table], items: Callable[[], Any]) -> None:
    from bugbundle.views import gotext
    from bugbundle.views.table import render

    if output == "short":
        say(render(table()))
        return
    text = gotext.listed(items())
    say(f"{gotext.yaml(text) if output == 'yaml' else text}\n")


def _filter(**members: Any) -> Filter:
    from bugbundle.views.ztunnel import Filter

    return Filter(**members)


@_subcommand(
    "workload",
    click.option("--address", default="", help="Filter workloads by address field."),
    click.option("--workload-namespace", default="", help="Filter workloads by namespace field."),
    click.option("--workload-node", default="", help="Filter workloads by node."),
)
def workload(
    bundle: str,
    name: str,
    node: str,
    namespace: str,
    output: str,
    address: str,
    workload_namespace: str,
    workload_node: str,
) -> None:
    """The workloads that a ztunnel knows."""
    from bugbundle.views import ztunnel

    dump, _, named = _open(bundle, name, node, namespace)
    keep = _filter(namespace=workload_namespace, address=address, node=workload_node, name=named)
    _print(output, lambda: ztunnel.workload_table(dump, keep), lambda: ztunnel.workloads(dump, keep))


@_subcommand("service", click.option("--service-namespace", default="", help="Filter services by namespace field."))
def service(bundle: str, name: str, node: str, namespace: str, output: str, service_namespace: str) -> None:
    """The services that a ztunnel knows."""
    from bugbundle.views import ztunnel

    dump, _, _ = _open(bundle, name, node, namespace)
    keep = _filter(namespace=service_namespace)
    _print(output, lambda: ztunnel.service_table(dump, keep), lambda: ztunnel.services(dump, keep))


@_subcommand("policy", click.option("--policy-namespace", default="", help="Filter policies by namespace field."))
def policy(bundle: str, name: str, node: str, namespace: str, output: str, policy_namespace: str) -> None:
    """The policies that a ztunnel enforces."""
    from bugbundle.views import ztunnel

    dump, _, _ = _open(bundle, name, node, namespace)
    keep = _filter(namespace=policy_namespace)
    _print(output, lambda: ztunnel.policy_table(dump, keep), lambda: ztunnel.policies(dump, keep))


@_subcommand("certificate")
def certificate(bundle: str, name: str, node: str, namespace: str, output: str) -> None:
    """The certificates that a ztunnel holds for its workloads."""
    from bugbundle.views import ztunnel

    dump, at, _ = _open(bundle, name, node, namespace, single=True)
    _print(output, lambda: ztunnel.certificate_table(dump, _at(at)), lambda: dump.certificates)


@_subcommand(
    "connections",
    click.option("--direction", default="", help="Filter by direction: inbound or outbound."),
    click.option("--raw/--no-raw", default=False, help="Show IP addresses instead of names."),
    click.option("--workload-namespace", default="", help="Filter workloads by namespace field."),
)
def connections(
    bundle: str,
    name: str,
    node: str,
    namespace: str,
    output: str,
    direction: str,
    raw: bool,
    workload_namespace: str,
) -> None:
    """The connections that were open when a ztunnel was recorded."""
    from bugbundle.views import ztunnel

    dump, _, named = _open(bundle, name, node, namespace, single=True)
    keep = _filter(namespace=workload_namespace, name=named, direction=direction, raw=raw)
    _print(output, lambda: ztunnel.connection_table(dump, keep), lambda: ztunnel.states(dump, keep))


@_subcommand("all", click.option("--with-headers/--no-with-headers", default=False, help="Print summary with headers."))
def every(bundle: str, name: str, node: str, namespace: str, output: str, with_headers: bool) -> None:
    """All of it; as JSON the dump itself."""
    from bugbundle.views import gotext, ztunnel

    dump, at, _ = _open(bundle, name, node, namespace)
    if output == "short":
        say(ztunnel.summary(dump, _at(at), headers=with_headers))
    else:
        say(f"{gotext.yaml(dump.raw) if output == 'yaml' else dump.raw}\n")


@_subcommand(
    "log",
    click.option("--level", default="", help="Refused: would change the ztunnel."),
    click.option("-r", "--reset/--no-reset", default=False, help="Refused: would change the ztunnel."),
)
def log(bundle: str, name: str, node: str, namespace: str, output: str, level: str, reset: bool) -> None:
    """The logging levels of a ztunnel, where they were recorded."""
    from bugbundle.views.ztunnel_source import find, logging

    if level or reset:
        raise UsageError("a bundle is read-only: levels can be shown, not changed")
    mesh = open_mesh(bundle)
    every_one = [find(mesh, name, node, namespace)[0]] if name or node else mesh.ztunnels
    for ztunnel in every_one:
        say(f"{ztunnel.id}:\n{logging(ztunnel)}\n")
