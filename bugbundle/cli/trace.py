"""`bugbundle trace BUNDLE POD.NS URL`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bugbundle.cli import flags
from bugbundle.cli.opening import GoCommand, open_mesh, say

if TYPE_CHECKING:
    from bugbundle.mesh import Mesh
    from bugbundle.trace import Request

FORMATS = ("text", "json", "mermaid", "pointers")


@click.command(cls=GoCommand)
@click.argument("bundle")
@click.argument("words", nargs=-1, required=True, metavar="[POD[.NS]] URL")
@click.option("--gateway", default="", metavar="NAME.NS", help="Enter by this gateway, from outside of the mesh.")
@click.option("--method", "-X", default="GET", show_default=True, help="Method of the request.")
@click.option("--header", "-H", "headers", multiple=True, metavar="NAME:VALUE", help="A header; may be repeated.")
@click.option("--from-ip", default="", metavar="ADDRESS", help="The client's address.")
@click.option("--to-ip", default="", metavar="ADDRESS", help="Where the client connects to, in place of its DNS.")
@click.option(
    "--with",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Try the policies of a YAML file in place of the recorded ones.",
)
@click.option("--format", "-o", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="Output.")
@flags.namespace
def trace(
    bundle: str,
    words: tuple[str, ...],
    gateway: str,
    method: str,
    headers: tuple[str, ...],
    from_ip: str,
    to_ip: str,
    files: tuple[str, ...],
    form: str,
    namespace: str,
) -> None:
    """Where a request would go, and which object decided it: each step through the recorded configuration.

    From a pod: `trace BUNDLE web-0.shop http://reviews.bookinfo:9080/`. From outside: `trace BUNDLE --gateway
    ingress.istio-system https://shop.example.com/`. The URL's scheme is http, https, grpc, tls or tcp; https and tls
    are encrypted by the client itself, so that its sidecar sees the server name only.
    """
    from bugbundle.trace import walk
    from bugbundle.views import trace as view

    mesh = open_mesh(bundle)
    request = _request(mesh, words, gateway, method, headers, from_ip, to_ip, namespace)
    found = walk(_tried(mesh, files, namespace), request)
    if form == "json":
        from bugbundle.codec import encode, reindent

        say(reindent(encode(found.as_dict()), 2).decode() + "\n")
        return
    say({"text": view.ladder, "mermaid": view.mermaid, "pointers": view.pointers}[form](found))


def _tried(mesh: Mesh, files: tuple[str, ...], namespace: str) -> Mesh:
    """The mesh with the objects of files in place of the recorded ones. Raises `UsageError`."""
    if not files:
        return mesh
    from pathlib import Path

    from bugbundle.errors import UsageError
    from bugbundle.mesh.manifests import read_files
    from bugbundle.trace import with_objects

    read = read_files([(name, Path(name).read_bytes()) for name in files], namespace or "default")
    if read.problems:
        raise UsageError("; ".join(read.problems))
    return with_objects(mesh, read.manifests)


def _request(
    mesh: Mesh,
    words: tuple[str, ...],
    gateway: str,
    method: str,
    headers: tuple[str, ...],
    from_ip: str,
    to_ip: str,
    namespace: str,
) -> Request:
    """What the command line asks. Raises `UsageError` and `NotInBundle`."""
    from bugbundle.errors import UsageError
    from bugbundle.trace import Request
    from bugbundle.views.names import find_pod

    if len(words) > 2 or (gateway and len(words) > 1):
        raise UsageError("too many words", todo="Give POD.NS and URL, or --gateway NAME.NS and URL")
    if len(words) == 1 and not gateway and not from_ip:
        raise UsageError("no sender", todo="Give POD.NS before the URL, or --gateway NAME.NS, or --from-ip ADDRESS")
    source = ""
    if len(words) == 2:
        name, space = find_pod(mesh, words[0], namespace)
        source = f"{name}.{space}"
    pairs = [(name.strip(), value.strip()) for name, _, value in (one.partition(":") for one in headers)]
    return Request.of(source, words[-1], method=method, headers=pairs, gateway=gateway, from_ip=from_ip, to_ip=to_ip)
