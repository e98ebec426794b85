"""`proxy-config all`: every summary one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from bugbundle.views.proxy_config import bootstrap, cluster, eds, listener, route, secret
from bugbundle.views.proxy_config.dump import ConfigDump
from bugbundle.views.proxy_config.endpoint import EndpointFilter
from bugbundle.views.table import Table, render


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of all parts, empty and 0 letting everything through, and whether each part has a title."""

    fqdn: str = ""
    direction: str = ""
    subset: str = ""
    port: int = 0
    address: str = ""
    type: str = ""
    route_name: str = ""
    verbose: bool = True
    with_headers: bool = False


def parts(dump: ConfigDump, wanted: Filters, now: Callable[[], datetime]) -> Iterator[str]:
    """The text, part by part: what was printed before an error stays printed."""
    clusters = cluster.ClusterFilter(wanted.fqdn, wanted.port, wanted.subset, wanted.direction)
    listeners = listener.ListenerFilter(wanted.address, wanted.port, wanted.type)
    endpoints = EndpointFilter(wanted.address, wanted.port)
    verbose = wanted.verbose
    makers: tuple[tuple[str, Callable[[], Table]], ...] = (
        ("BOOTSTRAP", lambda: bootstrap.summary(dump)),
        ("CLUSTER", lambda: cluster.summary(dump, clusters, typed=True)),
        ("LISTENER", lambda: listener.summary(dump, listeners, verbose=verbose, typed=True)),
        ("ROUTE", lambda: route.summary(dump, wanted.route_name, verbose=verbose, typed=True)),
        ("SECRET", lambda: secret.summary(dump, now(), typed=True)),
        ("ENDPOINTS", lambda: eds.summary(dump, endpoints, typed=True)),
    )
    gap = ""
    for title, make in makers:
        yield gap + (f"------ {title} INFO ------\n\n" if wanted.with_headers else "")
        yield render(make())
        gap = "\n"
