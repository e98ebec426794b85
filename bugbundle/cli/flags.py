"""istioctl's flags that many commands have, and those that mean something to a live mesh only."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bugbundle.cli.opening import starts_as_json
from bugbundle.errors import BugbundleError, DumpError, UsageError

Function = Callable[..., Any]
_LIVE = (
    ("--context",), ("-c", "--kubeconfig"), ("--kubeclient-timeout",), ("--proxy-admin-port",), ("--timeout",),
    ("--ctrlz_port",), ("--as",), ("--as-group",), ("--as-uid",), ("--vklog",),
)  # fmt: skip
XDS = (
    ("--authority",), ("--cert-dir",), ("--xds-address",), ("--xds-label",), ("--xds-port",),
)  # fmt: skip
"""How istioctl reaches an istiod over XDS."""
SYSTEM = ("-i", "--istioNamespace")
NAMESPACE = ("-n", "--namespace")


def namespace(function: Function) -> Function:
    """`-n`: the namespace that is asked about."""
    return click.option("-n", "--namespace", default="", help="Kubernetes namespace.")(function)


def system(function: Function) -> Function:
    """`-i`: where istiod lives."""
    name = ("-i", "--istioNamespace", "system")
    return click.option(*name, default="istio-system", show_default=True, help="Istio system namespace.")(function)


def revision(function: Function) -> Function:
    """`-r`: one control plane of several."""
    return click.option("-r", "--revision", default="", help="Control plane revision.")(function)


def live(function: Function) -> Function:
    """Accept, and do without, what only a live mesh needs: a context, ports, timeouts."""
    return unused(*_LIVE)(function)


def unused(*names: tuple[str, ...]) -> Callable[[Function], Function]:
    """Accept flags that a bundle needs no word of."""

    def accept(function: Function) -> Function:
        for words in names:
            function = click.option(*words, _dest(words[-1]), hidden=True, expose_value=False)(function)
        return function

    return accept


def _dest(word: str) -> str:
    return f"unused_{word.strip('-').replace('-', '_')}"


def unused_switches(*names: str) -> Callable[[Function], Function]:
    """Accept boolean flags that a bundle needs no word of."""

    def accept(function: Function) -> Function:
        for word in names:
            both = f"{word}/--no-{word.strip('-')}"
            function = click.option(both, _dest(word), hidden=True, expose_value=False)(function)
        return function

    return accept


def file(function: Function) -> Function:
    """`-f`: one loose dump in place of a bundle. It takes the place of BUNDLE, which need not be given then."""

    @functools.wraps(function)
    def read(*, file: str, bundle: str | None, name: str | None = None, **rest: Any) -> Any:
        if file and (name or (bundle and bundle != file and not _is_known(bundle))):
            raise UsageError("at most one of --file or pod name must be passed")
        if not file and not bundle:
            raise UsageError("Missing argument 'BUNDLE'", todo="Give a bundle, or one loose dump with --file")
        if file and file != "-" and not starts_as_json(file):
            raise DumpError("is no config dump: not JSON", where=file)
        return function(bundle=file or bundle, name=name, **rest)

    text = "One loose dump, - for stdin, in place of BUNDLE."
    return click.option("-f", "--file", "file", type=click.Path(), default="", metavar="DUMP", help=text)(read)


def _is_known(bundle: str) -> bool:
    """Whether a word is a bundle, not a pod behind `--file`."""
    context = click.get_current_context(silent=True)
    return bundle in ((context.find_root().obj if context else None) or {}) or Path(bundle).exists()


def pods(context: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Completion of a pod's name from the bundle, as `pod.namespace`."""
    from bugbundle.cli.opening import open_mesh

    try:
        known = open_mesh(context.params["bundle"]).pods
    except (BugbundleError, KeyError):
        return []
    return sorted(f"{name}.{space}" for space, name in known if f"{name}.{space}".startswith(incomplete))


def output(*forms: str, default: str) -> Callable[[Function], Function]:
    """`-o`, one of `forms`; another is told as istioctl tells it."""

    def check(_context: click.Context, _param: click.Parameter, value: str) -> str:
        if value not in forms:
            raise BugbundleError(f'output format "{value}" not supported', todo=f"One of {'|'.join(forms)}")
        return value

    text = f"Output format: one of {'|'.join(forms)}."
    return click.option("-o", "--output", default=default, show_default=True, callback=check, help=text)


class Aliased(click.Group):
    """A group that knows its commands by short words, too: `aliases` maps them."""

    def __init__(self, *args: Any, aliases: dict[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.aliases = aliases or {}

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a word or of its alias."""
        return super().get_command(ctx, self.aliases.get(cmd_name, cmd_name))
