"""The vocabulary: the kinds of entry that a bundle can hold, each with its path and its request.

`Source` is the spine: the collector asks it, a gap names it, a rule declares it, the documentation lists it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import cached_property


@dataclass(frozen=True)
class Spec:
    """`folder/<namespace>/<pod>/name` answered by `port` of the pod to `request`; port 0 = the Kubernetes API."""

    folder: str
    name: str
    port: int
    request: str


class Source(Enum):
    """A kind of entry. `name` may hold `*` for what varies (a proxy's id, a container)."""

    ENVOY_CONFIG_DUMP = Spec("proxies", "config_dump.json", 15000, "GET /config_dump?include_eds")
    ENVOY_CLUSTERS = Spec("proxies", "clusters.json", 15000, "GET /clusters?format=json")
    ENVOY_LISTENERS = Spec("proxies", "listeners.json", 15000, "GET /listeners?format=json")
    ENVOY_CERTS = Spec("proxies", "certs.json", 15000, "GET /certs")
    ENVOY_SERVER_INFO = Spec("proxies", "server_info.json", 15000, "GET /server_info")
    ENVOY_STATS = Spec("proxies", "stats.txt", 15000, "GET /stats")
    ENVOY_RUNTIME = Spec("proxies", "runtime.json", 15000, "GET /runtime")
    ENVOY_MEMORY = Spec("proxies", "memory.json", 15000, "GET /memory")
    ENVOY_INIT_DUMP = Spec("proxies", "init_dump.json", 15000, "GET /init_dump")
    ENVOY_READY = Spec("proxies", "ready.txt", 15000, "GET /ready")
    ENVOY_LOGGING = Spec("proxies", "logging.txt", 15000, "POST /logging")
    AGENT_METRICS = Spec("proxies", "metrics.txt", 15020, "GET /stats/prometheus")
    AGENT_READY = Spec("proxies", "healthz_ready.txt", 15021, "GET /healthz/ready")
    ZTUNNEL_CONFIG_DUMP = Spec("ztunnel", "config_dump.json", 15000, "GET /config_dump")
    ZTUNNEL_METRICS = Spec("ztunnel", "metrics.txt", 15020, "GET /metrics")
    ZTUNNEL_READY = Spec("ztunnel", "healthz_ready.txt", 15021, "GET /healthz/ready")
    ZTUNNEL_LOGGING = Spec("ztunnel", "logging.txt", 15000, "POST /logging")
    ISTIOD_SYNCZ = Spec("istiod", "debug/syncz.json", 15014, "GET /debug/syncz")
    ISTIOD_CONFIG_DUMP = Spec("istiod", "debug/config_dump/*.json", 15014, "GET /debug/config_dump?proxyID=*")
    ISTIOD_EDSZ = Spec("istiod", "debug/edsz/*.json", 15014, "GET /debug/edsz?proxyID=*")
    ISTIOD_NDSZ = Spec("istiod", "debug/ndsz/*.json", 15014, "GET /debug/ndsz?proxyID=*")
    ISTIOD_DEBUG = Spec("istiod", "debug/*", 15014, "GET /debug/*")
    ISTIOD_METRICS = Spec("istiod", "metrics.txt", 15014, "GET /metrics")
    ISTIOD_VERSION = Spec("istiod", "version.txt", 15014, "GET /version")
    ISTIOD_READY = Spec("istiod", "ready.txt", 8080, "GET /ready")
    ISTIOD_CONTROLZ = Spec("istiod", "controlz/*", 9876, "GET /*j/")
    LOG = Spec("logs", "*.log", 0, "GET /api/v1/namespaces/*/pods/*/log")
    KUBERNETES = Spec("k8s", "*", 0, "GET /*")
    BUNDLE = Spec("", "*.json", 0, "")

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches the entries of this source."""
        spec = self.value
        head = {"k8s": "k8s/", "": ""}.get(spec.folder, f"{spec.folder}/[^/]+/[^/]+/")
        return re.compile(head + re.escape(spec.name).replace(r"\*", ".*"))

    def entry(self, namespace: str, pod: str, item: str = "") -> str:
        """The path for one pod; `item` stands for the `*`."""
        return f"{self.value.folder}/{namespace}/{pod}/{self.value.name.replace('*', item)}"


def source_of(path: str) -> Source:
    """The source of an entry: the first that matches, most special first."""
    return next((source for source in Source if source.pattern.fullmatch(path)), Source.BUNDLE)
