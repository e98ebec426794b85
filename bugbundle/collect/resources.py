"""Which resources the API serves, and which of them are worth a recording of a mesh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bugbundle.codec import JSONError, decode
from bugbundle.collect.ask import Ask, kubernetes

AGGREGATED = ",".join(
    f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList" for version in ("v2", "v2beta1")
)
_METRICS = ("custom.metrics.k8s.io", "external.metrics.k8s.io")
"""Lists of whatever somebody measures, of any size."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One listable resource of one group and version."""

    group: str
    version: str
    plural: str
    namespaced: bool

    @property
    def root(self) -> str:
        """`api/v1`, `apis/apps/v1`."""
        return f"apis/{self.group}/{self.version}" if self.group else f"api/{self.version}"

    def ask(self, namespace: str = "") -> Ask:
        """The question for its list, of one namespace or of all."""
        place = f"{self.root}/namespaces/{namespace}/{self.plural}" if namespace else f"{self.root}/{self.plural}"
        return kubernetes(f"k8s/{place}.json", f"/{place}")


PODS = Resource("", "v1", "pods", True)
NAMESPACES = Resource("", "v1", "namespaces", False)


def group_versions(groups: bytes) -> list[tuple[str, str]]:
    """(group, version) of an APIGroupList, in its order. Raises `JSONError`."""
    found = []
    for group in _dicts(_dict(decode(groups)).get("groups")):
        for version in _dicts(group.get("versions")):
            pair = (group.get("name"), version.get("version"))
            if all(isinstance(word, str) and word and "/" not in word for word in pair):
                found.append((str(pair[0]), str(pair[1])))
    return found


def resources(group: str, version: str, document: bytes) -> list[Resource]:
    """What can be listed, of an APIResourceList; none where it is not one."""
    try:
        rows = _dicts(_dict(decode(document)).get("resources"))
    except JSONError:
        return []
    found = []
    for row in rows:
        name, verbs = row.get("name"), row.get("verbs")
        if isinstance(name, str) and name and "/" not in name and isinstance(verbs, list) and "list" in verbs:
            found.append(Resource(group, version, name, row.get("namespaced") is True))
    return found


def is_secrets(resource: Resource) -> bool:
    """Whether these are Kubernetes' Secrets."""
    return (resource.group, resource.plural) == ("", "secrets")


def of_mesh(group: str) -> bool:
    """Whether every recording has this group: Kubernetes' own, Istio's, the Gateway API's."""
    if group in _METRICS:
        return False
    return "." not in group or group.endswith((".k8s.io", "istio.io", "networking.x-k8s.io"))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
