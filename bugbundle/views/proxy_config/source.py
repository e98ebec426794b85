"""Where a view's bytes come from: a proxy in a bundle, or one loose file. An absent page is told with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bugbundle.errors import NotInBundle
from bugbundle.mesh import Mesh, Proxy
from bugbundle.views.names import find_proxy, split_name
from bugbundle.views.proxy_config.dump import ConfigDump

DUMP = "config_dump.json"
CLUSTERS = "clusters.json"
LOGGING = "logging.txt"


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of Envoy: its bytes, its place, and when it was given (None for a loose file)."""

    data: bytes
    where: str
    at: datetime | None = None
    owner: str = ""

    def dump(self) -> ConfigDump:
        """The page as a config dump."""
        return ConfigDump(self.data, self.where, whole=self.at is None and not self.owner)


def page(mesh: Mesh, name: str, namespace: str, file: str) -> Page:
    """A page of the proxy that a name means.

    Raises `NotInBundle` where there is no such proxy, or with the gap's reason where the page was not recorded;
    `BundleError` where the entry is damaged. A name that an entry has needs no list of pods, which may be long.
    """
    pod, where = split_name(name, namespace)
    path = f"{Proxy.folder}/{where}/{pod}/{file}"
    if not where or path not in mesh.bundle:
        path = find_proxy(mesh, name, namespace).entry(file)
    _, where, pod, _ = path.split("/", 3)
    try:
        data = mesh.bundle[path]
    except KeyError:
        reason = mesh.bundle.gap(path).reason or "it was not recorded"
        raise NotInBundle(f"no {file} of {pod}.{where} in the bundle: {reason}", where=path) from None
    return Page(data, path, mesh.bundle.at(path) or mesh.now, f"{pod}.{where}")
