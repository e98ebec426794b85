"""The kinds of xDS resource, their type URLs, and where a config dump keeps them."""

from __future__ import annotations

from enum import StrEnum

PREFIX = "type.googleapis.com/"


class Xds(StrEnum):
    """A kind of xDS resource, spelled as istioctl prints it."""

    CDS = "CDS"
    LDS = "LDS"
    RDS = "RDS"
    EDS = "EDS"
    ECDS = "ECDS"
    SDS = "SDS"
    SRDS = "SRDS"
    BOOTSTRAP = "BOOTSTRAP"
    OTHER = "OTHER"


URLS: dict[str, Xds] = {
    "envoy.config.cluster.v3.Cluster": Xds.CDS,
    "envoy.config.listener.v3.Listener": Xds.LDS,
    "envoy.config.route.v3.RouteConfiguration": Xds.RDS,
    "envoy.config.endpoint.v3.ClusterLoadAssignment": Xds.EDS,
    "envoy.config.core.v3.TypedExtensionConfig": Xds.ECDS,
    "envoy.extensions.transport_sockets.tls.v3.Secret": Xds.SDS,
    "envoy.config.route.v3.ScopedRouteConfiguration": Xds.SRDS,
}
"""message → kind."""

MESSAGES: dict[Xds, str] = {kind: message for message, kind in URLS.items()}
"""kind → message of a resource."""


def short_url(url: str) -> str:
    """The message of a type URL: what stands behind the last slash."""
    return url.rpartition("/")[2]


def kind_of_url(url: str) -> Xds:
    """The kind of a type URL; `OTHER` for one that is not known."""
    return URLS.get(short_url(url), Xds.OTHER)
