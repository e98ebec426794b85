"""A ztunnel's config dump as istioctl reads it.

Source: istioctl/pkg/writer/ztunnel/configdump/api.go of 1.29; older ztunnels write maps where newer write lists.
"""

from __future__ import annotations

import functools
from typing import Any

from bugbundle.codec import decode
from bugbundle.errors import DumpError
from bugbundle.mesh.kube import as_dict
from bugbundle.mesh.parts import listed
from bugbundle.views.gojson import Field, shaped

GATEWAY = (Field("destination"),)
LOCALITY = (Field("region", omit=True), Field("zone", omit=True), Field("subzone", omit=True))
TUNNEL = (Field("protocol"), Field("port", object, omit=True))

WORKLOAD = (
    Field("uid"),
    Field("workloadIps", many="list"),
    Field("waypoint", GATEWAY, omit=True, pointer=True),
    Field("networkGateway", GATEWAY, omit=True, pointer=True),
    Field("protocol"),
    Field("name"),
    Field("namespace"),
    Field("serviceAccount"),
    Field("workloadName"),
    Field("workloadType"),
    Field("canonicalName"),
    Field("canonicalRevision"),
    Field("clusterId"),
    Field("trustDomain", omit=True),
    Field("locality", LOCALITY),
    Field("node"),
    Field("network", omit=True),
    Field("status"),
    Field("hostname"),
    Field("capacity", int),
    Field("applicationTunnel", TUNNEL),
    Field("authorizationPolicies", many="list", omit=True),
)

ENDPOINT = (
    Field("workloadUid"),
    Field("service"),
    Field("address", omit=True),
    Field("port", int, "map"),
)
BALANCER = (Field("mode"), Field("routingPreferences", many="list"), Field("healthPolicy"))

SERVICE = (
    Field("name"),
    Field("namespace"),
    Field("hostname"),
    Field("vips", many="list"),
    Field("cidrVips", object, "list", omit=True),
    Field("ports", int, "map"),
    Field("loadBalancer", BALANCER, omit=True, pointer=True),
    Field("waypoint", GATEWAY, omit=True, pointer=True),
    Field("endpoints", ENDPOINT, "map", pointer=True),
    Field("subjectAltNames", many="list", omit=True),
    Field("ipFamilies"),
    Field("canonical", bool, omit=True),
    Field("visibility", omit=True),
)

_STRING_MATCH = (
    Field("Exact", omit=True),
    Field("Suffix", omit=True),
    Field("Prefix", omit=True),
    Field("Presence", object, omit=True),
)
_ACCOUNT = (Field("namespace"), Field("serviceAccount"))
_MATCH = (
    Field("namespaces", _STRING_MATCH, "list", omit=True),
    Field("notNamespaces", _STRING_MATCH, "list", omit=True),
    Field("principals", _STRING_MATCH, "list", omit=True),
    Field("notPrincipals", _STRING_MATCH, "list", omit=True),
    Field("sourceIps", many="list", omit=True),
    Field("notSourceIps", many="list", omit=True),
    Field("destinationIps", many="list", omit=True),
    Field("notDestinationIps", many="list", omit=True),
    Field("destinationPorts", int, "list", omit=True),
    Field("notDestinationPorts", int, "list", omit=True),
    Field("serviceAccounts", _ACCOUNT, "list", omit=True),
    Field("notServiceAccounts", _ACCOUNT, "list", omit=True),
)
POLICY = (Field("name"), Field("namespace"), Field("scope"), Field("action"), Field("rules", object))

_CERT = (Field("pem"), Field("serialNumber"), Field("validFrom"), Field("expirationTime"))
CERTIFICATE = (
    Field("identity"),
    Field("state"),
    Field("certChain", _CERT, "list"),
    Field("rootCerts", _CERT, "list"),
)

_CONNECTION = (Field("src"), Field("originalDst"), Field("actualDst"), Field("protocol"))
STATE = (
    Field("state", omit=True),
    Field("connections", (Field("inbound", _CONNECTION, "list"), Field("outbound", _CONNECTION, "list"))),
    Field("info", (Field("name"), Field("namespace"), Field("trustDomain"), Field("serviceAccount"))),
)


class ZtunnelDump:
    """The five lists of a dump, each as istioctl's structs. Raises `DumpError` for what is not a dump."""

    def __init__(self, data: bytes, where: str) -> None:
        value = decode(data, where)
        if not isinstance(value, dict):
            raise DumpError("not a ztunnel's config dump", where=where)
        self.raw = data.decode("utf-8", "replace")
        self.value: dict[str, Any] = value

    def _list(self, name: str) -> list[Any]:
        return listed(self.value.get(name)) or []

    @functools.cached_property
    def workloads(self) -> list[dict[str, Any]]:
        """Workloads, in the dump's order."""
        return [shaped(item, WORKLOAD) for item in self._list("workloads")]

    @functools.cached_property
    def services(self) -> list[dict[str, Any]]:
        """Services, by namespace, name, host."""
        found = [shaped(item, SERVICE) for item in self._list("services")]
        return sorted(found, key=lambda item: (item["namespace"], item["name"], item["hostname"]))

    @functools.cached_property
    def policies(self) -> list[dict[str, Any]]:
        """Policies, by namespace and name."""
        found = [_policy(item) for item in self._list("policies")]
        return sorted(found, key=lambda item: (item["namespace"], item["name"]))

    @functools.cached_property
    def certificates(self) -> list[dict[str, Any]]:
        """Certificates, in the dump's order (by identity)."""
        return [shaped(item, CERTIFICATE) for item in self._list("certificates")]

    @functools.cached_property
    def states(self) -> list[dict[str, Any]]:
        """What ztunnel does for each local workload, by namespace and name."""
        found = [shaped(item, STATE) for item in as_dict(self.value.get("workloadState")).values()]
        return sorted(found, key=lambda item: (item["info"]["namespace"], item["info"]["name"]))


def _policy(value: Any) -> dict[str, Any]:
    out = shaped(value, POLICY)
    rules = out["rules"]
    if not isinstance(rules, list):
        out["rules"] = None
        return out
    out["rules"] = [
        [[shaped(match, _MATCH) for match in clause] for clause in rule if isinstance(clause, list)]
        for rule in rules
        if isinstance(rule, list)
    ]
    return out
