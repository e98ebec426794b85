"""Telemetry, WasmPlugin, ProxyConfig: whom they are for.

Sources: pilot/pkg/model/telemetry.go and extensions.go (selection as of policies), pilot/pkg/model/proxy_config.go
(read when a proxy starts: a change reaches a pod with its next start).
"""

from __future__ import annotations

from bugbundle.effect.model import Effect, Reason, Trace, Why
from bugbundle.effect.policy import no_waypoint
from bugbundle.effect.scope import Selection, age, selection
from bugbundle.effect.traces import traces
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.policies import target_refs
from bugbundle.mesh.kube import as_text
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.selectors import workload_selector
from bugbundle.mesh.workloads.index import pod_id


def _nobody(item: KubeObject, chosen: Selection, told: str = "IST0127") -> Why:
    if chosen.lost:
        text = f"is bound to {', '.join(chosen.lost)}, which does not exist"
        return Why(Reason.NO_TARGET, text, "Correct targetRefs.", "", (), (Proof(item.at("/spec"), text),))
    ambient = bool(chosen.ambient)
    text = (
        "selects pods of ambient only, and ztunnel takes none of it" if ambient else "selects no workload of the mesh"
    )
    todo = (
        "Bind it to the waypoint by targetRefs." if ambient else "Write labels that the pods have into spec.selector."
    )
    reason = Reason.BYPASSED if ambient else Reason.NO_TARGET
    told = "" if ambient else told
    return Why(reason, text, todo, "", (), (Proof(item.at("/spec"), str(item)),), told=told, advice=not ambient)


def telemetry(mesh: Mesh, item: KubeObject) -> Effect:
    """The effect of one Telemetry; it leaves no name in a dump."""
    chosen = selection(mesh, item)
    effect = Effect(item, should=tuple(map(pod_id, chosen.envoys)), visible=False)
    if not effect.should:
        effect.why = (_nobody(item, chosen),) if not chosen.ambient or chosen.bound else ()
        return effect
    wanted = workload_selector(item.spec) or None
    same = [
        one
        for one in mesh.kube.list(res.TELEMETRY)
        if one is not item and one.namespace == item.namespace and age(one) < age(item)
        and not any(target_refs(one)) and not any(target_refs(item))
        and (workload_selector(one.spec) or None) == wanted
    ]  # fmt: skip
    if same:
        first = min(same, key=age)
        text = f"is for the same workloads as the older {first}, which counts alone"
        told = "IST0159" if wanted else "IST0160"
        effect.why = (Why(Reason.OVERRULED, text, "Write both into one Telemetry.", "", (ref(first),), told=told),)
    return effect


def wasm_plugin(mesh: Mesh, item: KubeObject) -> Effect:
    """The effect of one WasmPlugin: the proxies that have its filter."""
    chosen = selection(mesh, item)
    effect = Effect(item, should=tuple(map(pod_id, chosen.envoys)))
    if not effect.should:
        effect.why = no_waypoint(mesh, item) or (_nobody(item, chosen),)
        return effect
    effect.acts = tuple(Trace(*one) for one in traces(mesh).of("WasmPlugin", item.namespace, item.name).items())
    unread = [one for one in effect.should if one not in traces(mesh).readable]
    effect.blind = (f"{len(unread)} of {len(effect.should)} proxies without a config dump",) if unread else ()
    return effect


def proxy_config(mesh: Mesh, item: KubeObject) -> Effect:
    """The effect of one ProxyConfig: the proxies that started after it was made."""
    chosen = selection(mesh, item)
    effect = Effect(item, should=tuple(map(pod_id, chosen.envoys)), visible=False)
    if not effect.should:
        effect.why = (_nobody(item, chosen),)
        return effect
    older = [pod for pod in chosen.envoys if pod.created and item.created and pod.created < item.created]
    if older:
        text = (
            f"was created {as_text(item.metadata.get('creationTimestamp'))}, and {len(older)} of "
            f"{len(chosen.envoys)} pods that it selects are older ({pod_id(older[0])})"
        )
        todo = "Restart the workloads: a proxy reads its ProxyConfig when it starts."
        part = "/spec" if len(older) < len(chosen.envoys) else ""
        proofs = (
            Proof(item.at("/metadata/creationTimestamp"), as_text(item.metadata.get("creationTimestamp"))),
            Proof(older[0].at("/metadata/creationTimestamp"), as_text(older[0].metadata.get("creationTimestamp"))),
        )
        effect.why = (Why(Reason.NOT_READ, text, todo, part, tuple(map(ref, older[:20])), proofs),)
    return effect
