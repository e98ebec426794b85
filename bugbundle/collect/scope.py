"""Which pods and containers: the grammar of `istioctl bug-report --include/--exclude`, and what else narrows them.

`NS,…/DEPLOYMENT,…/POD,…/LABEL=VALUE,…/ANNOTATION=VALUE,…/CONTAINER,…`, all parts optional, `*` in each but in keys
(istio/istio tools/bug-report/pkg/config/config.go, pkg/filter/filter.go). A container is in if it matches any include
and no exclude. The mesh's own components (istiod, ztunnel, istio-cni) are always in: bug-report takes them, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from bugbundle.collect.pods import Pod
from bugbundle.errors import UsageError

PARTS = 6


@dataclass(frozen=True, slots=True)
class Spec:
    """One `--include` or `--exclude`. Raises `UsageError` where it is none."""

    names: tuple[tuple[str, ...], ...]
    """Namespaces, deployments, pods, containers; empty for all."""
    maps: tuple[Mapping[str, str], ...]
    """Labels, annotations."""

    @classmethod
    def parse(cls, text: str) -> Spec:
        """Of its text."""
        parts = text.strip().split("/")
        if len(parts) > PARTS:
            raise UsageError(f"{text!a} has more than {PARTS} parts", todo="Write it as ns/deployment/pod/label=value")
        parts += [""] * (PARTS - len(parts))
        namespaces, deployments, pods, labels, annotations, containers = parts
        names = tuple(_names(part) for part in (namespaces, deployments, pods, containers))
        return cls(names, (_pairs(labels), _pairs(annotations)))

    def matches(self, pod: Pod, container: str = "") -> bool:
        """Whether it means this pod, and of it this container (empty: any)."""
        values = (pod.namespace, pod.workload, pod.name, container)
        wanted = self.names if container else (*self.names[:3], ())
        if not all(not globs or _matches(value, globs) for value, globs in zip(values, wanted, strict=True)):
            return False
        return all(
            all(fnmatchcase(there.get(key, ""), value) for key, value in pairs.items())
            for there, pairs in zip((pod.labels, pod.annotations), self.maps, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """What narrows a collection. `labels` is a test of a pod's labels; `revision` that of the proxies and istiods."""

    include: tuple[Spec, ...] = ()
    exclude: tuple[Spec, ...] = ()
    proxies: tuple[str, ...] = ()
    revision: str = ""
    labels: Callable[[dict[str, str]], bool] | None = field(default=None, compare=False)

    def pod(self, pod: Pod) -> bool:
        """Whether anything of this pod is asked for."""
        if pod.kind in ("ztunnel", "cni"):
            return True
        if self.revision and pod.kind and (pod.labels.get("istio.io/rev") or "default") != self.revision:
            return False
        if pod.kind:
            return pod.kind == "istiod" or self._chosen(pod)
        return not self.proxies and self._chosen(pod)

    def container(self, pod: Pod, container: str) -> bool:
        """Whether the log of this container is asked for."""
        if pod.kind in ("istiod", "ztunnel", "cni"):
            return True
        return self._listed(pod, container)

    def _chosen(self, pod: Pod) -> bool:
        if self.proxies and pod.id not in self.proxies:
            return False
        if self.labels is not None and not self.labels(dict(pod.labels)):
            return False
        return self._listed(pod, "")

    def _listed(self, pod: Pod, container: str) -> bool:
        whole = [spec for spec in self.exclude if container or not spec.names[3]]
        if any(spec.matches(pod, container) for spec in whole):
            return False
        return not self.include or any(spec.matches(pod, container) for spec in self.include)


def _names(part: str) -> tuple[str, ...]:
    return () if part.strip() in ("", "*") else tuple(part.split(","))


def _matches(value: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(value, glob) for glob in globs)


def _pairs(part: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in filter(None, part.split(",")) if part.strip() != "*" else ():
        key, equals, value = word.partition("=")
        if not equals or "=" in value:
            raise UsageError(f"bad label/annotation selection {word!a}", todo="Write it as key=value")
        if "*" in key:
            raise UsageError(f"bad label/annotation selection {word!a}: no * in its key")
        found[key] = value
    return found
