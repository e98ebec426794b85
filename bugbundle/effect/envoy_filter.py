"""EnvoyFilter: which of its patches find something to change, in which proxies.

Sources: pilot/pkg/model/push_context.go `getMatchedEnvoyFilters` (root namespace: every proxy; else the proxies of
its own), pilot/pkg/networking/core/envoyfilter. A patch that fits nothing is dropped without a word.
"""

from __future__ import annotations

import difflib
from collections import Counter
from typing import Any

from bugbundle.effect.envoy_match import Outcome, look, takes
from bugbundle.effect.model import Effect, Reason, Trace, Why
from bugbundle.effect.scope import selection
from bugbundle.effect.traces import traces
from bugbundle.mesh import KubeObject, Mesh, Proxy
from bugbundle.mesh.config.filter_names import PRESENT_NAMES, deprecated_matches
from bugbundle.mesh.config.revisions import proxy_version
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.once import once
from bugbundle.mesh.pointer import Pointer
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.selectors import workload_selector
from bugbundle.mesh.workloads.index import index, pod_id
from bugbundle.xds import Xds

UNCONDITIONAL = frozenset({("CLUSTER", "ADD"), ("LISTENER", "ADD")})
"""What is added wherever the context fits."""


def envoy_filter(mesh: Mesh, item: KubeObject) -> Effect:
    """The effect of one EnvoyFilter."""
    chosen = selection(mesh, item, "workloadSelector")
    proxies = [proxy for pod in chosen.envoys if (proxy := mesh.proxy(pod_id(pod)))]
    effect = Effect(item, should=tuple(proxy.id for proxy in proxies))
    if not proxies:
        text = "selects no pod with an Envoy" + (", only pods of ambient without a sidecar" if chosen.ambient else "")
        text, todo, objects = _elsewhere(mesh, item, text)
        effect.why = (Why(Reason.NO_TARGET, text, todo, objects=objects),)
        return effect
    known = traces(mesh).readable
    readable = [proxy for proxy in proxies if proxy.id in known]
    if len(readable) < len(proxies):
        effect.blind = (f"{len(proxies) - len(readable)} of {len(proxies)} proxies without a config dump",)
    why: list[Why] = []
    acts: dict[str, str] = {}
    for number, entry in enumerate(dicts(item.spec.get("configPatches"))):
        found, missed = _patch(entry, readable)
        acts |= {proxy: f"patch {number}: {what}" for proxy, what in found.items() if proxy not in acts}
        if missed and not found and not effect.blind:
            why.append(_why(item, number, entry, missed, len(dicts(item.spec.get("configPatches")))))
    effect.acts = tuple(Trace(proxy, what) for proxy, what in acts.items())
    effect.why = tuple(why)
    return effect


def _elsewhere(mesh: Mesh, item: KubeObject, text: str) -> tuple[str, str, tuple[Ref, ...]]:
    """The reason, what to do, the pods that are meant, where the labels fit pods of another namespace."""
    wanted = workload_selector(item.spec, "workloadSelector")
    others = [pod for pod in index(mesh).select(wanted) if pod.namespace != item.namespace] if wanted else []
    spaces = sorted({pod.namespace for pod in others})
    if not others:
        return text, "Correct its workloadSelector, or bind it by targetRefs.", ()
    text = (
        f"{text} in namespace {item.namespace}; its labels fit pods in {', '.join(spaces[:3])}, where it does not act"
    )
    return text, f"Move it to namespace {spaces[0]}.", tuple(ref(pod) for pod in others[:5])


def _patch(entry: dict[str, Any], proxies: list[Proxy]) -> tuple[dict[str, str], dict[Proxy, Outcome]]:
    """(proxy id → what shows that a patch acts there, proxy → why its match fits nothing there)."""
    found: dict[str, str] = {}
    missed: dict[Proxy, Outcome] = {}
    operation = as_text(as_dict(entry.get("patch")).get("operation"))
    target = as_text(entry.get("applyTo"))
    known: dict[tuple[object, ...], Outcome] = {}
    for proxy in proxies:
        out = takes(entry, proxy, proxy_version(proxy))
        if not out.stage:
            key = _content(proxy)
            if key not in known:
                known[key] = look(entry, proxy)
            out = known[key]
        gone = operation in ("REMOVE", "REPLACE") and out.stage not in ("proxy version", "context")
        if out.stage and gone and out.wanted not in PRESENT_NAMES:
            found[proxy.id] = f"{operation} leaves no trace"
        elif out.stage and (target, operation) not in UNCONDITIONAL:
            missed[proxy] = out
        else:
            found[proxy.id] = "its match fits"
    return found, missed


@once
def _content(proxy: Proxy) -> tuple[object, ...]:
    """What tells the configurations of two proxies apart: replicas share one look."""
    kinds = (Xds.CDS, Xds.LDS, Xds.RDS)
    return (proxy.kind, *(proxy.dump.column(kind) for kind in kinds)) if proxy.dump else (proxy.kind,)


def _why(item: KubeObject, number: int, entry: dict[str, Any], missed: dict[Proxy, Outcome], count: int) -> Why:
    """The reason that most proxies share."""
    out, _ = Counter(missed.values()).most_common(1)[0]
    first = next(proxy for proxy, one in missed.items() if one == out)
    place = f"/spec/configPatches/{number}"
    which = (
        f"patch {number} ({as_text(as_dict(entry.get('patch')).get('operation'))} on {as_text(entry.get('applyTo'))})"
    )
    text = f"has {which}, which matches nothing: {_have(missed)} no {out.stage} {out.wanted}{_instead(out)}"
    if out.stage == "context":
        text = f"has {which} for context {out.wanted}, and {_some(missed)} have {out.there[0]}"
    if out.stage == "proxy version":
        text = f"has {which} for proxies of version {out.wanted}, and {_some(missed)} run {out.there[0]}"
    reason = Reason.VERSION if out.stage == "proxy version" else Reason.NO_MATCH
    proofs = [Proof(item.at(place + "/match"), f"{out.stage}: {out.wanted}")]
    proofs.append(Proof(Pointer(first.entry("config_dump.json")), _there(out)))
    return Why(
        reason,
        text,
        _todo(item, out, place),
        part=place if count > 1 else "",
        objects=tuple(ref(proxy) for proxy in list(missed)[:20]),
        proofs=tuple(proofs),
        pods=tuple(proxy.id for proxy in missed),
    )


def _have(missed: dict[Proxy, Outcome]) -> str:
    return f"{_some(missed)} {'has' if len(missed) == 1 else 'have'}"


def _there(out: Outcome) -> str:
    return f"{out.stage}s there: " + (", ".join(out.there[:8]) or "none") + (", …" if len(out.there) > 8 else "")


def _some(missed: dict[Proxy, Outcome]) -> str:
    first = next(iter(missed))
    return first.id if len(missed) == 1 else f"the {len(missed)} proxies that it selects"


def nearest(out: Outcome) -> str:
    """The name that was probably meant: the new one of an old filter, else the most alike of those there."""
    renamed = PRESENT_NAMES.get(out.wanted, "")
    if renamed:
        return renamed
    return next(iter(difflib.get_close_matches(out.wanted, out.there, 1, 0.6)), "")


def _instead(out: Outcome) -> str:
    meant = nearest(out)
    if out.wanted in PRESENT_NAMES:
        return f" (the filter's name is {meant} since Envoy 1.14)"
    if meant:
        return f" (there is {meant})"
    return f" (there: {', '.join(out.there[:4])}{', …' if len(out.there) > 4 else ''})" if out.there else ""


def _todo(item: KubeObject, out: Outcome, place: str) -> str:
    meant = nearest(out)
    renamed = [
        f"{new} in place of {old}" for pointer, old, new in deprecated_matches(item) if pointer.startswith(place + "/")
    ]
    if renamed:
        return f"Write {', and '.join(renamed)}, in {place}/match."
    if out.stage == "context":
        return f"Set {place}/match/context to one of {out.there[0]}, or select other pods."
    if out.stage == "proxy version":
        return f"Write a match.proxy.proxyVersion that fits {out.there[0]}, and check the patch against that version."
    if meant:
        return f"Write {meant} in place of {out.wanted} in {place}/match."
    return f"Compare {place}/match with `bugbundle proxy-config listener POD -o json`."
