"""`proxy-config log`: the levels of Envoy's loggers, as Envoy listed them."""

from __future__ import annotations

from bugbundle.errors import NotInBundle
from bugbundle.mesh import Mesh, Proxy
from bugbundle.mesh.kube import as_dict, as_text
from bugbundle.views.names import find_proxy
from bugbundle.views.proxy_config.source import LOGGING, page


def levels(mesh: Mesh, name: str, namespace: str = "") -> str:
    """`POD.NS:` and Envoy's list.

    Raises `NotInBundle` where it was not recorded, telling the levels that Envoy was started with, which anybody may
    have changed since.
    """
    proxy = find_proxy(mesh, name, namespace)
    if not proxy.has(LOGGING):
        reason = mesh.bundle.gap(proxy.entry(LOGGING)).reason or "it was not recorded"
        what = f"no {LOGGING} of {proxy.id} in the bundle: {reason}"
        raise NotInBundle(what, where=proxy.entry(LOGGING), todo=_started(proxy))
    found = page(mesh, proxy.id, "", LOGGING)
    return f"{proxy.id}:\n{found.data.decode('utf-8', 'replace')}"


def _started(proxy: Proxy) -> str:
    options = as_dict(as_dict(proxy.json("server_info.json")).get("command_line_options"))
    words = [
        f"{flag} {level}"
        for flag, option in (("--log-level", "log_level"), ("--component-log-level", "component_log_level"))
        if (level := as_text(options.get(option)))
    ]
    return f"Envoy was started with {' '.join(words)}" if words else ""
