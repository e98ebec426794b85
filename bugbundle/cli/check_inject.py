"""`bugbundle check-inject BUNDLE [[TYPE/]NAME[.NS]]`."""

from __future__ import annotations

import os

import click

from bugbundle.cli import flags
from bugbundle.cli.opening import GoCommand, open_mesh
from bugbundle.errors import NotInBundle, UsageError

KINDS = ("pod", "deployment", "namespace")


@click.command("check-inject", cls=GoCommand)
@click.argument("bundle")
@click.argument("words", nargs=-1, metavar="[[TYPE/]NAME[.NS]]", shell_complete=flags.pods)
@click.option("-l", "--labels", default="", help="Labels of a pod that may come, as a=b,c=d, in the namespace of -n.")
@flags.namespace
@flags.unused(flags.SYSTEM)
@flags.live
def check_inject(bundle: str, words: tuple[str, ...], labels: str, namespace: str) -> None:
    """Whether a sidecar is injected into a pod, and why, by every webhook's selectors.

    Colours as istioctl writes them, into pipes too, unless NO_COLOR is set.

    As istioctl's argument, or with a word before it: `check-inject BUNDLE pod NAME.NS`, `deployment NAME.NS`,
    `namespace NAME` (a pod without labels).
    """
    from bugbundle.views import check_inject as view
    from bugbundle.views.names import find_pod

    mesh = open_mesh(bundle)
    kind, name = _words(words)
    if kind == "namespace":
        pod, where = _labels(labels), name
    elif name:
        text = f"{kind}/{name}" if kind and "/" not in name else name
        found, where = find_pod(mesh, text, namespace)
        item = mesh.pod(where, found)
        if item is None:
            from bugbundle.views.objects import find_object

            item = find_object(mesh, "pods", found, where)
        pod = item.labels
    elif labels:
        pod, where = _labels(labels), namespace or "default"
    else:
        raise UsageError(
            "check-inject requires only [<resource-type>/]<resource-name>[.<namespace>], or specify labels flag"
        )
    space = view.namespace_labels(mesh, where)
    if space is None:
        raise NotInBundle(f'namespaces "{where}" not found')
    gap = mesh.kube.gap(view.WEBHOOKS)
    if gap is not None:
        raise NotInBundle(f"the webhooks were not recorded: {gap.reason}", where=gap.path)
    text = view.text(view.verdicts(mesh, pod, space))
    plain = bool(os.environ.get("NO_COLOR"))
    click.echo(click.unstyle(text) if plain else text, nl=False, color=not plain)


def _words(words: tuple[str, ...]) -> tuple[str, str]:
    """(kind, name): both, one or none."""
    if len(words) == 2 and words[0] in KINDS:
        return words[0], words[1]
    if len(words) > 1:
        raise UsageError("check-inject takes one name")
    return "", words[0] if words else ""


def _labels(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(",") if part.strip())
    return {key.strip(): value.strip() for key, equals, value in pairs if equals}
