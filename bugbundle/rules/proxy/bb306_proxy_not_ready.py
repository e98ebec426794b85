"""Envoy is not ready, and why."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Pointer, Proxy
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.signals.logs import Log, proxy_log
from bugbundle.mesh.workloads.owners import control_plane, workload
from bugbundle.mesh.workloads.pod_age import SETTLING, finished, running_for, span
from bugbundle.rules.lib.aggregate import together
from bugbundle.rules.model import Blind, Confidence, Evidence, Level, rule
from bugbundle.words import clip

REASONS = {
    "config not received from XDS server": "it has received no configuration from istiod",
    "config received from XDS server, but was rejected": "Envoy rejected its first configuration",
    "config not fully received from XDS server": "its configuration has not arrived whole",
    "workers have not yet started": "Envoy's workers have not started",
    "server is not live": "Envoy is not live",
}
"""The agent's readiness probe (pilot/cmd/pilot-agent/status/ready/probe.go)."""

STATES = {
    "PRE_INITIALIZING": "Envoy waits for its first clusters (CDS)",
    "INITIALIZING": "Envoy waits for its first listeners, routes or secrets (LDS, RDS, SDS)",
    "DRAINING": "Envoy is draining: it is being stopped",
}
"""Envoy's `ready` (envoy.admin.v3.ServerInfo.State)."""


@rule(
    "BB306",
    per=Mesh,
    level=Level.ERROR,
    reads={"pods"},
    optional={Source.LOG, Source.ENVOY_READY, Source.AGENT_READY, Source.ENVOY_INIT_DUMP},
    explains={"BB302"},
    message="the proxy of {proxy} was not ready{age}: {reason}{waits}",
)
def proxy_not_ready(mesh: Mesh) -> Iterator[Evidence | Blind]:
    """The kubelet finds the proxy's container not ready, or Envoy says that it is not live.

    The reason is the agent's own («Envoy proxy is NOT ready: …»), else Envoy's state; beside it what Envoy's init
    manager waits for.

    ## Why it matters
    The pod gets no traffic. Where the proxy is a native sidecar, the application's containers do not even start.

    ## What to do
    «config not received»: the proxy cannot reach istiod, see its discovery address and port 15012. «rejected»: see the
    NACK. «not fully received»: find the listener, route or secret that it waits for.
    """
    yield from together(one for proxy in mesh.proxies for one in _not_ready(proxy))


def _not_ready(proxy: Proxy) -> Iterator[Evidence]:
    if proxy.pod is None or finished(proxy.pod) or proxy.ready() is not False:
        return
    age = running_for(proxy)
    if age is None or _live(proxy):
        return
    log = proxy_log(proxy.mesh, proxy.namespace, proxy.name)
    said = log.last("not_ready") if log else None
    proofs = [Proof(proxy.pod.pointer, "istio-proxy: ready false")]
    if said:
        proofs.append(said.proof)
    for name in ("ready.txt", "healthz_ready.txt"):
        if proxy.has(name):
            proofs.append(Proof(Pointer(proxy.entry(name)), clip(proxy.text(name).strip(), 200)))
    waits = _targets(proxy)
    yield Evidence(
        origin=ref(proxy),
        values={
            "proxy": proxy.id,
            "age": f" after {span(age)}",
            "reason": _reason(proxy, log),
            "waits": f"; waits for {', '.join(waits[:3])}" if waits else "",
        },
        objects=(workload(proxy.mesh, proxy.pod), *control_plane(proxy)),
        proofs=tuple(proofs),
        affects=(proxy.id,),
        level=Level.ERROR if age >= SETTLING else Level.INFO,
        confidence=Confidence.CERTAIN,
    )


def _live(proxy: Proxy) -> bool:
    """Both Envoy and the agent said ready when they were asked: the kubelet has not looked yet."""
    return proxy.text("ready.txt").strip() == "LIVE" and proxy.text("healthz_ready.txt").strip() == "ready"


def _reason(proxy: Proxy, log: Log | None) -> str:
    said = log.last("not_ready") if log else None
    known = next((words for text, words in REASONS.items() if said and text in said.text), "")
    state = proxy.text("ready.txt").strip()
    if known:
        return known
    return STATES.get(state) or (f"Envoy says {state[:60]}" if state else "Envoy did not answer")


def _targets(proxy: Proxy) -> list[str]:
    """What Envoy's init managers wait for."""
    dumps = dicts(as_dict(proxy.json("init_dump.json")).get("unready_targets_dumps"))
    return [str(name) for dump in dumps for name in dump.get("target_names") or [] if as_text(name)]
