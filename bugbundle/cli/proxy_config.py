"""`bugbundle proxy-config SUBCOMMAND BUNDLE [POD.NS]`: istioctl's words, flags and output."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from bugbundle.cli import flags
from bugbundle.cli.opening import GoCommand, loose_file, open_mesh, say, tell_phase
from bugbundle.errors import BugbundleError, UsageError

if TYPE_CHECKING:
    from bugbundle.mesh import Mesh
    from bugbundle.views.proxy_config.source import Page

Decorator = Callable[[Any], Any]
_ALIASES = {
    "a": "all", "b": "bootstrap", "c": "cluster", "clusters": "cluster", "ec": "ecds", "endpoints": "endpoint",
    "ep": "endpoint", "l": "listener", "listeners": "listener", "o": "log", "r": "route", "routes": "route",
    "rc": "rootca-compare", "s": "secret", "secrets": "secret",
}  # fmt: skip


@click.group(cls=flags.Aliased, aliases=_ALIASES)
def proxy_config() -> None:
    """What one proxy was configured with, as `istioctl proxy-config` prints it.

    BUNDLE may be one loose config dump (for `endpoint`: Envoy's clusters?format=json), or - for stdin; there is no
    POD.NS then. POD.NS may be pod, pod.namespace, deployment/name or type/name.namespace.
    """


def _subcommand(
    word: str, *options: Decorator, default: str = "short", hidden: bool = False
) -> Callable[[Callable[..., None]], click.Command]:
    """A subcommand with BUNDLE, POD.NS, -o, -n and its own options."""

    def make(function: Callable[..., None]) -> click.Command:
        function = flags.file(function) if word != "log" else function
        for option in reversed(options):
            function = option(function)
        function = flags.unused(flags.SYSTEM)(flags.live(flags.namespace(function)))
        help_text = "Output format: one of json|yaml|short"
        function = click.option("-o", "--output", default=default, show_default=True, help=help_text)(function)
        function = click.argument("name", required=False, metavar="[POD.NS]", shell_complete=_pods)(function)
        function = click.argument("bundle", required=word == "log")(function)
        return proxy_config.command(word, cls=GoCommand, hidden=hidden)(function)

    return make


def _pods(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Completion of a proxy's name from the bundle."""
    try:
        proxies = open_mesh(ctx.params["bundle"]).proxies
    except (BugbundleError, KeyError):
        return []
    return [proxy.id for proxy in proxies if proxy.id.startswith(incomplete)]


def _option(name: str, text: str, kind: Any = str) -> Decorator:
    return click.option(name, type=kind, default=kind(), help=text)


def _verbose() -> Decorator:
    return click.option("--verbose/--no-verbose", default=True, help="Output more information.")


_FQDN = _option("--fqdn", "Filter clusters by substring of Service FQDN field.")
_DIRECTION = _option("--direction", "Filter clusters by Direction field.")
_SUBSET = _option("--subset", "Filter clusters by substring of Subset field.")
_PORT = _option("--port", "Filter by Port field.", int)
_ADDRESS = _option("--address", "Filter by address field.")
_TYPE = _option("--type", "Filter listeners by type field.")
_NAME = click.option("--name", "route_name", default="", help="Filter routes by route name field.")
_CLUSTER = _option("--cluster", "Filter endpoints by cluster name field.")
_STATUS = _option("--status", "Filter endpoints by status field.")


def _page(bundle: str, name: str | None, namespace: str, file: str = "config_dump.json") -> Page:
    """The page that a command reads: of the proxy in the bundle, or the loose file itself."""
    from bugbundle.views.pages import CLUSTERS, ENVOY, expect
    from bugbundle.views.proxy_config.source import Page, page

    loose = loose_file(bundle)
    if loose is not None:
        if name:
            raise UsageError(f"{bundle} is one loose file", todo="Leave the name away")
        where = "stdin" if bundle == "-" else bundle
        expect(loose, CLUSTERS if file == "clusters.json" else ENVOY, where)
        return Page(loose, where)
    mesh = open_mesh(bundle)
    found = page(mesh, name or _only(mesh), namespace, file)
    pod, _, where = found.owner.rpartition(".")
    tell_phase(mesh, pod, where, file)
    return found


def _only(mesh: Mesh) -> str:
    """The proxy that is meant where none is named: the only one."""
    if len(mesh.proxies) != 1:
        raise UsageError("a pod name is required", todo=f"The bundle has {len(mesh.proxies)} proxies")
    return mesh.proxies[0].id


def _format(output: str) -> str:
    if output not in ("short", "json", "yaml"):
        raise BugbundleError(f'output format "{output}" not supported')
    return output


def _print(output: str, table: Callable[[], Any], tree: Callable[[], Any], style: str = "listed") -> None:
    """A table, or a tree in one of istioctl's ways of writing it."""
    if _format(output) == "short":
        from bugbundle.views.table import render

        say(render(table()))
        return
    from bugbundle.views import gotext

    text: str = getattr(gotext, style)(tree())
    say(f"{gotext.yaml(text) if output == 'yaml' else text}\n")


@_subcommand("cluster", _FQDN, _DIRECTION, _SUBSET, _PORT)
def cluster(bundle: str, name: str | None, output: str, namespace: str, **filters: Any) -> None:
    """Clusters (CDS)."""
    from bugbundle.views.proxy_config import cluster as view

    dump = _page(bundle, name, namespace).dump()
    wanted = view.ClusterFilter(**filters)
    _print(output, lambda: view.summary(dump, wanted), lambda: view.tree(dump, wanted))


_WAYPOINT = click.option("--waypoint/--no-waypoint", default=False, hidden=True)


@_subcommand("listener", _ADDRESS, _TYPE, _PORT, _verbose(), _WAYPOINT)
def listener(
    bundle: str,
    name: str | None,
    output: str,
    namespace: str,
    address: str,
    type: str,
    port: int,
    verbose: bool,
    waypoint: bool,
) -> None:
    """Listeners (LDS)."""
    from bugbundle.views.proxy_config import listener as view

    dump = _page(bundle, name, namespace).dump()
    if waypoint:
        from bugbundle.views.proxy_config.waypoint import summary

        _print("short", lambda: summary(dump), list)
        return
    wanted = view.ListenerFilter(address, port, type)
    _print(output, lambda: view.summary(dump, wanted, verbose=verbose), lambda: view.tree(dump, wanted))


@_subcommand("route", _NAME, _verbose())
def route(bundle: str, name: str | None, output: str, namespace: str, route_name: str, verbose: bool) -> None:
    """Routes (RDS)."""
    from bugbundle.views.proxy_config import route as view

    dump = _page(bundle, name, namespace).dump()
    _print(output, lambda: view.summary(dump, route_name, verbose=verbose), lambda: view.tree(dump, route_name))


@_subcommand("endpoint", _ADDRESS, _PORT, _CLUSTER, _STATUS)
def endpoint(bundle: str, name: str | None, output: str, namespace: str, **filters: Any) -> None:
    """Endpoints, as Envoy sees their health."""
    from bugbundle.views.proxy_config import endpoint as view

    page = _page(bundle, name, namespace, "clusters.json")
    wanted = view.EndpointFilter(**filters)
    _print(
        output,
        lambda: view.summary(page.data, wanted, page.where),
        lambda: view.tree(page.data, wanted, page.where),
    )


@_subcommand("eds", _ADDRESS, _PORT, _CLUSTER, _STATUS, hidden=True)
def eds(bundle: str, name: str | None, output: str, namespace: str, **filters: Any) -> None:
    """Endpoints, as istiod sent them (EDS)."""
    from bugbundle.views.proxy_config import eds as view
    from bugbundle.views.proxy_config.endpoint import EndpointFilter

    dump = _page(bundle, name, namespace).dump()
    if not dump.optional("EndpointsConfigDump"):
        click.echo("Note: the dump has no endpoints: it was asked for without include_eds", err=True)
    wanted = EndpointFilter(**filters)
    _print(output, lambda: view.summary(dump, wanted), lambda: view.tree(dump, wanted))


@_subcommand("bootstrap", default="json")
def bootstrap(bundle: str, name: str | None, output: str, namespace: str) -> None:
    """What Envoy was started with."""
    from bugbundle.views.proxy_config import bootstrap as view

    dump = _page(bundle, name, namespace).dump()
    _print(output, lambda: view.summary(dump), lambda: view.tree(dump), "message")


@_subcommand("secret")
def secret(bundle: str, name: str | None, output: str, namespace: str) -> None:
    """Certificates (SDS); never a key. VALID CERT is as of the recording."""
    from bugbundle.views.proxy_config import secret as view

    page = _page(bundle, name, namespace)
    dump = page.dump()
    _print(output, lambda: view.summary(dump, _now(page)), lambda: view.tree(dump), "message")


def _now(page: Page) -> Any:
    """The time of the recording; of this computer for a loose file, which does not tell its own."""
    from datetime import UTC, datetime

    if page.at is None:
        click.echo("Note: the file does not say when it was taken: VALID CERT is as of now.", err=True)
    return page.at or datetime.now(UTC)


@_subcommand("ecds")
def ecds(bundle: str, name: str | None, output: str, namespace: str) -> None:
    """Typed extension configurations (ECDS)."""
    from bugbundle.views.proxy_config import ecds as view

    dump = _page(bundle, name, namespace).dump()
    _print(output, lambda: view.summary(dump), lambda: view.tree(dump), "extended")


@_subcommand(
    "all",
    _FQDN,
    _DIRECTION,
    _SUBSET,
    _PORT,
    _ADDRESS,
    _TYPE,
    _NAME,
    _verbose(),
    click.option("--with-headers/--no-with-headers", default=False, help="A title before each part."),
)
def everything(bundle: str, name: str | None, output: str, namespace: str, **filters: Any) -> None:
    """All of it; -o json is Envoy's own dump."""
    page = _page(bundle, name, namespace)
    if _format(output) == "json":
        say(page.data.decode("utf-8", "replace") + "\n")
    elif output == "yaml":
        from bugbundle.codec import decode
        from bugbundle.views.goyaml import to_yaml

        say(to_yaml(decode(page.data, page.where)) + "\n")
    else:
        from bugbundle.views.proxy_config.everything import Filters, parts

        for part in parts(page.dump(), Filters(**filters), lambda: _now(page)):
            say(part)


@_subcommand(
    "log",
    _option("--level", "Refused: would change the proxy."),
    click.option("-r", "--reset/--no-reset", default=False, help="Refused: would change the proxy."),
    click.option("-l", "--selector", default="", help="Every proxy whose pod has these labels."),
)
def log(bundle: str, name: str | None, output: str, namespace: str, level: str, reset: bool, selector: str) -> None:
    """Levels of Envoy's loggers."""
    if output != "short":
        raise BugbundleError("--output is not applicable for this command")
    if level or reset:
        raise UsageError("a bundle is read-only: levels can be shown, not changed")
    from bugbundle.views.proxy_config.log import levels

    shown = open_mesh(bundle)
    if selector and name:
        raise BugbundleError("--selector and a pod name are mutually exclusive")
    for one in _selected(shown, selector, namespace) if selector else [name or _only(shown)]:
        say(levels(shown, one, namespace))


def _selected(mesh: Mesh, selector: str, namespace: str) -> list[str]:
    """The proxies of a namespace whose pods have the labels."""
    from bugbundle.mesh.selectors import parse_selector

    fits = parse_selector(selector)
    where = namespace or "default"
    found = [proxy.id for proxy in mesh.proxies if proxy.pod and proxy.namespace == where and fits(proxy.pod.labels)]
    if not found:
        raise BugbundleError("no pods found")
    return found


@proxy_config.command("rootca-compare", cls=GoCommand)
@click.argument("bundle")
@click.argument("first", metavar="POD1.NS")
@click.argument("second", metavar="POD2.NS")
@click.option("-n", "--namespace", default="", help="The namespace of both pods.")
@click.option("-o", "--output", hidden=True, expose_value=False)
@flags.unused(flags.SYSTEM)
@flags.live
def rootca_compare(bundle: str, first: str, second: str, namespace: str) -> None:
    """Whether two proxies trust one root: exit code 0 if they do, 1 if not."""
    from bugbundle.views.proxy_config.secret import root_ca
    from bugbundle.views.proxy_config.source import DUMP, page

    mesh = open_mesh(bundle)
    one, other = (page(mesh, name, namespace, DUMP) for name in (first, second))
    pair = f"Both [{one.owner}] and [{other.owner}] have the"
    if not set(root_ca(one.dump())) & set(root_ca(other.dump())):
        end = "theoretically the connectivity between them is unavailable"
        raise BugbundleError(f"{pair} non identical ROOTCA, {end}")
    end = "theoretically the connectivity between them is available"
    click.echo(f"{pair} identical ROOTCA, {end}", err=True)
