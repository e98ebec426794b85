"""Which request of which port an entry answers, told from its path.

The manifest says it too (`target`, `request`) and comes first; this serves folders without one, gaps that
were written before a request was made, and the pages that are wanted and absent. House layout, section 3.
"""

from __future__ import annotations

import re
from urllib.parse import urlencode

PROXY, ISTIOD, ZTUNNEL = "proxies", "istiod", "ztunnel"

ADMIN, DEBUG, PLAIN_DEBUG, CONTROLZ = 15000, 15014, 8080, 9876
MERGED, HEALTH, ENVOY_METRICS = 15020, 15021, 15090
XDS_PLAIN, XDS_TLS = 15010, 15012

PORTS: dict[str, tuple[int, ...]] = {
    PROXY: (ADMIN, MERGED, HEALTH, ENVOY_METRICS),
    ISTIOD: (PLAIN_DEBUG, CONTROLZ, XDS_PLAIN, XDS_TLS, DEBUG),
    ZTUNNEL: (ADMIN, MERGED, HEALTH),
}
"""The ports of a recorded pod that answer, by kind."""

_FILES: dict[str, dict[str, tuple[int, str]]] = {
    PROXY: {
        "config_dump.json": (ADMIN, "GET /config_dump?include_eds="),
        "clusters.json": (ADMIN, "GET /clusters?format=json"),
        "listeners.json": (ADMIN, "GET /listeners?format=json"),
        "certs.json": (ADMIN, "GET /certs"),
        "server_info.json": (ADMIN, "GET /server_info"),
        "stats.txt": (ADMIN, "GET /stats"),
        "runtime.json": (ADMIN, "GET /runtime"),
        "memory.json": (ADMIN, "GET /memory"),
        "init_dump.json": (ADMIN, "GET /init_dump"),
        "ready.txt": (ADMIN, "GET /ready"),
        "logging.txt": (ADMIN, "POST /logging"),
        "metrics.txt": (MERGED, "GET /stats/prometheus"),
        "healthz_ready.txt": (HEALTH, "GET /healthz/ready"),
    },
    ISTIOD: {
        "metrics.txt": (DEBUG, "GET /metrics"),
        "version.txt": (DEBUG, "GET /version"),
        "ready.txt": (DEBUG, "GET /ready"),
    },
    ZTUNNEL: {
        "config_dump.json": (ADMIN, "GET /config_dump"),
        "logging.txt": (ADMIN, "POST /logging"),
        "metrics.txt": (MERGED, "GET /metrics"),
        "healthz_ready.txt": (HEALTH, "GET /healthz/ready"),
    },
}
_ENTRY = re.compile(r"(proxies|istiod|ztunnel)/([^/]+)/([^/]+)/(.+)")
_DEBUG = re.compile(r"debug/([^/]+)\.(?:json|txt)")
_DEBUG_OF = re.compile(r"debug/([^/]+)/([^/]+)\.json")
_CONTROLZ = re.compile(r"controlz/([a-z]+)\.json")


def owner(path: str) -> tuple[str, str, str, str] | None:
    """Kind, namespace, pod and the rest of an entry's path; None where it is no server's."""
    found = _ENTRY.fullmatch(path)
    return (found[1], found[2], found[3], found[4]) if found else None


def asked(kind: str, name: str) -> tuple[int, str] | None:
    """Port and canonical request that the entry `name` of a server of this kind answers."""
    known = _FILES[kind].get(name)
    if known or kind != ISTIOD:
        return known
    if page := _DEBUG.fullmatch(name):
        return DEBUG, f"GET /debug/{page[1]}"
    if page := _DEBUG_OF.fullmatch(name):
        return DEBUG, f"GET /debug/{page[1]}?{urlencode({'proxyID': page[2]})}"
    if page := _CONTROLZ.fullmatch(name):
        return CONTROLZ, f"GET /{page[1]}j/"
    return None
