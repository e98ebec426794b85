"""BB309: a proxy cannot fetch or load a Wasm module."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from bugbundle.codec import encode
from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh, Proxy
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_text
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.signals.failures import failures, proof
from bugbundle.mesh.signals.logs import Line, proxy_log
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.words import some

_MODULE = re.compile(r"(?:oci|https?|file)://[^\s:]+(?::[\w.-]+)?|/[\w./-]+\.wasm")
DENIES = "applying deny RBAC filter"
CLOSED = "fail closed"


@rule(
    "BB309",
    per=Mesh,
    level=Level.WARNING,
    reads={res.POD, Source.LOG},
    optional={res.WASM_PLUGIN, res.ENVOY_FILTER},
    explains={"BB750", "BB727", "BB201", "BB306"},
    message="{origin} does not work in {proxies}: the Wasm module cannot be loaded{then}; the proxy says: {said}",
)
def wasm_not_loaded(mesh: Mesh) -> Iterator[Evidence]:
    """A proxy cannot fetch a Wasm module from its registry, or Envoy cannot load it.

    Where the plugin fails closed, the agent puts a filter that denies every request in its place, or Envoy rejects
    the listener (Istio, pkg/wasm).

    ## Why it matters
    The plugin does not run. If it fails closed, every request to the workload gets 403, or new configuration is not
    accepted.

    ## What to do
    Read what the proxy says. 401 or 403 from a registry: set `imagePullSecret` of the WasmPlugin to a Secret in its
    namespace. Not found, or no such host: correct `url`. A file or runtime that Envoy does not have: remove what still
    refers to it.
    """
    groups: dict[Ref, list[tuple[Proxy, Line]]] = defaultdict(list)
    makers: dict[Ref, KubeObject] = {}
    for proxy in mesh.proxies:
        log = proxy_log(mesh, proxy.namespace, proxy.name)
        for line in (log.recent("wasm", "wasm_load") if log else [])[-1:]:
            maker = _maker(mesh, line.whole)
            origin = ref(maker) if maker else ref(proxy)
            groups[origin].append((proxy, line))
            if maker:
                makers[origin] = maker
    for origin, found in groups.items():
        yield _evidence(mesh, origin, makers.get(origin), found)


def _maker(mesh: Mesh, said: str) -> KubeObject | None:
    """The WasmPlugin or EnvoyFilter that names the module which a line is about."""
    for name in _MODULE.findall(said):
        module = name.rstrip(".:,")
        for plugin in mesh.kube.list(res.WASM_PLUGIN):
            url = as_text(plugin.spec.get("url"))
            if url and module.removeprefix("oci://") == url.removeprefix("oci://"):
                return plugin
        for item in mesh.kube.list(res.ENVOY_FILTER):
            if encode(module) in encode(item.spec):
                return item
    return None


def _evidence(mesh: Mesh, origin: Ref, maker: KubeObject | None, found: list[tuple[Proxy, Line]]) -> Evidence:
    proxies = {proxy.id for proxy, _ in found}
    last = found[-1][1]
    denies = any(DENIES in line.whole for _, line in found)
    refused = [fault for fault in failures(mesh).refused() if fault.proxy.id in proxies and fault.recent]
    closed = denies or any(CLOSED in line.whole for _, line in found)
    then = ", and every request is denied" if denies else ", and it fails closed" if closed else ""
    places = (Proof(maker.at("/spec"), str(maker)),) if maker else ()
    return Evidence(
        origin,
        {"origin": origin, "proxies": some(len(proxies), "proxy").replace("proxys", "proxies"), "then": then}
        | {"said": last.said},
        objects=(*(ref(proxy) for proxy, _ in found[:20]),),
        proofs=(*places, *(line.proof for _, line in found[-2:]), *(proof(fault) for fault in refused[-1:])),
        affects=tuple(sorted(proxies)),
        level=Level.ERROR if closed else Level.WARNING,
        confidence=Confidence.CERTAIN if maker else Confidence.LIKELY,
    )
