"""istioctl's flags that many commands have, and those that mean something to a live mesh only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from bugbundle.errors import BugbundleError

Function = Callable[..., Any]
_LIVE = ("--context", "--kubeconfig", "--kubeclient-timeout", "--proxy-admin-port", "--timeout", "--ctrlz_port")


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
    for name in _LIVE:
        function = click.option(name, hidden=True, expose_value=False)(function)
    return function


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
