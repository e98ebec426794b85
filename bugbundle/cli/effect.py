"""`bugbundle effect BUNDLE [KIND [NAME[.NS]]]`."""

from __future__ import annotations

import click

from bugbundle.cli import flags
from bugbundle.cli.opening import GoCommand, open_mesh, say


@click.command(cls=GoCommand)
@click.argument("bundle")
@click.argument("kind", required=False, default="")
@click.argument("name", required=False, default="", metavar="[NAME[.NS]]")
@flags.namespace
def effect(bundle: str, kind: str, name: str, namespace: str) -> None:
    """Where an object acts, where it should and does not, and why.

    KIND is a kind of Istio's or of the Gateway API, a NetworkPolicy, a MutatingWebhookConfiguration or a Service with a
    waypoint: `virtualservice`, `vs`, `destinationrules.networking.istio.io`. Without NAME all objects of the kind,
    without KIND all objects are listed.
    """
    from bugbundle.views import effect as view
    from bugbundle.views.objects import find_object
    from bugbundle.views.table import render

    mesh = open_mesh(bundle)
    mesh.prefetch()
    resource = view.list_of(kind) if kind else ""
    if not name:
        say(render(view.overview(mesh, resource, namespace)))
        return
    found = mesh.kube.get(resource, "", name) if resource in view.CLUSTER_WIDE else None
    item = found or find_object(mesh, resource, name, namespace)
    say(view.of_object(mesh, resource, item))
