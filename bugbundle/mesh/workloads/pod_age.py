"""Pods at the capture's time: how long they have run, whether they should answer."""

from __future__ import annotations

from datetime import datetime

from bugbundle.bundle.manifest import parse_time
from bugbundle.mesh import KubeObject, Mesh, Proxy
from bugbundle.mesh.kube import as_dict, as_text
from bugbundle.mesh.parts import PROXY_CONTAINER, container_statuses

SETTLING = 30.0
"""Seconds in which a fresh proxy may still be on its way."""


def seconds(now: datetime | None, then: datetime | None) -> float | None:
    """Seconds from `then` to `now`; None where either is unknown."""
    return (now - then).total_seconds() if now and then else None


def span(value: float) -> str:
    """`45 s`, `12 min`, `5 h`, `9 d`."""
    value = abs(value)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if value >= 2 * size:
            return f"{value / size:.0f} {unit}"
    return f"{value:.0f} s"


def running_for(proxy: Proxy) -> float | None:
    """Seconds that the proxy's container has run at the capture; None where it does not run or it is not known."""
    for status in container_statuses(proxy.pod):
        if status.get("name") == PROXY_CONTAINER:
            started = parse_time(as_dict(as_dict(status.get("state")).get("running")).get("startedAt"))
            return seconds(recorded(proxy), started)
    return None


def recorded(proxy: Proxy) -> datetime | None:
    """When the proxy was asked."""
    return proxy.mesh.bundle.at(proxy.entry("config_dump.json")) or proxy.mesh.now


def expected(proxy: Proxy) -> bool:
    """Whether the proxy should be connected: its container runs, its pod is neither finished nor being deleted.

    Where pods were not recorded, an Envoy that answered is one that runs.
    """
    pod = proxy.pod
    if pod is None:
        return not proxy.mesh.kube.recorded("pods") and proxy.dump is not None
    return not finished(pod) and running_for(proxy) is not None


def finished(pod: KubeObject) -> bool:
    """Succeeded, Failed, or being deleted."""
    gone = as_text(pod.status.get("phase")) in ("Succeeded", "Failed")
    return gone or bool(pod.metadata.get("deletionTimestamp"))


def spread(mesh: Mesh) -> float | None:
    """Seconds from the first entry to the last."""
    times = [entry.at for entry in mesh.bundle.manifest.entries.values() if entry.at] if mesh.bundle.manifest else []
    return (max(times) - min(times)).total_seconds() if times else None
