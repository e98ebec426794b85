"""What was found on the two sides, each as a `Change`: objects, resources, proxies, findings, logs and their kin."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bugbundle.compare.counters import Faster
from bugbundle.compare.findings import owner_of
from bugbundle.compare.links import hosts_of
from bugbundle.compare.logs import Said
from bugbundle.compare.look import Look, ProxyLook
from bugbundle.compare.model import ABSENT, Change, Field
from bugbundle.compare.noise import restarted
from bugbundle.compare.objects import ObjectChange
from bugbundle.compare.resources import ResourceChange
from bugbundle.compare.wording import fields_line
from bugbundle.mesh.ref import Ref
from bugbundle.rules import Finding
from bugbundle.words import clip, some

_HOST = re.compile(r"(?<![\w.-])[a-z0-9-]+(?:\.[a-z0-9-]+){2,}")

BAD = ("NOT CONNECTED", "STALE", "ERROR")
"""What istiod says of a proxy that does not follow, worst first."""


def of_object(one: ObjectChange) -> Change:
    """A Kubernetes object."""
    if one.change != "changed":
        told = f"{one.ref} {one.change}"
    elif restarted(one.fields):
        told = f"{one.ref} restarted"
    elif [item.path for item in one.fields] == ["renewTime"]:
        told = f"{one.ref}: nobody renews this lock any more, last {one.fields[0].after}"
    else:
        told = f"{one.ref}: {fields_line(one.fields)}"
    return Change(
        f"object:{_slug(one.ref)}", "object", one.ref, one.change, told, root=True, fields=one.fields,
        by=one.by, at=one.at, hosts=hosts_of(one.ref, one.before) | hosts_of(one.ref, one.after), resource=one.resource,
    )  # fmt: skip


def of_resource(one: ResourceChange, total: int) -> Change:
    """An xDS resource."""
    told = f"{one.kind} {one.name} {one.change} in {len(one.proxies)} of {total} {'proxy' if total == 1 else 'proxies'}"
    if one.old:
        told += f"; {len(one.old)} still {'has' if len(one.old) == 1 else 'have'} the old configuration"
    return Change(
        f"resource:{one.kind}/{one.name}/{one.change}", "resource", Ref(one.kind, "", one.name), one.change, told,
        fields=one.fields, affects=tuple(sorted(one.proxies)), objects=tuple(sorted(one.refs)),
        hosts=frozenset(one.hosts),
    )  # fmt: skip


def of_proxies(before: Look, after: Look) -> Iterator[Change]:
    """Proxies that no longer follow istiod, and those that follow again."""
    for ident, proxy in after.proxies.items():
        now = _trouble(proxy)
        was = _was(before, ident, proxy)
        if was is None or proxy.connected is None or now == was:
            continue
        name, _, namespace = ident.rpartition(".")
        field = Field("sync", was or "SYNCED", now or "SYNCED")
        told = f"proxy {ident}: {field.before} → {field.after}"
        if now == "NOT CONNECTED":
            told = f"proxy {ident} lost its connection to istiod and runs on its old configuration"
        elif now == "STALE":
            told = f"proxy {ident} no longer acknowledges what istiod sends ({_types(proxy, now)} STALE)"
        elif now == "ERROR":
            told = f"proxy {ident} rejects what istiod sends ({_types(proxy, now)})"
        yield Change(
            f"proxy:{ident}", "proxy", Ref("Pod", namespace, name), "changed", told, root=bool(now), fields=(field,),
            affects=(ident,), level="Error" if now else "", objects=(proxy.workload,),
        )  # fmt: skip


def _types(proxy: ProxyLook, verdict: str) -> str:
    return ", ".join(kind for kind, said in proxy.verdicts.items() if said == verdict)


def _trouble(proxy: ProxyLook) -> str:
    if proxy.connected is False:
        return "NOT CONNECTED"
    return next((bad for bad in BAD if bad in proxy.verdicts.values()), "")


def _was(before: Look, ident: str, proxy: ProxyLook) -> str | None:
    """The trouble that it, or any proxy of its workload, had; None where that cannot be told."""
    same = before.proxies.get(ident)
    if same is not None:
        return None if same.connected is None else _trouble(same)
    others = [one for one in before.proxies.values() if one.workload == proxy.workload and one.connected is not None]
    if not others or proxy.connected is None:
        return None
    return next((_trouble(one) for one in others if _trouble(one) == _trouble(proxy)), "")


def of_finding(finding: Finding, look: Look) -> Change:
    """A finding that appeared."""
    things = tuple(dict.fromkeys(owner_of(look, thing) for thing in finding.objects))
    return Change(
        f"finding:{finding.id}", "finding", finding.origin, "added",
        f"new finding {finding.code}: {clip(finding.message)}", at=finding.at, level=finding.level.value,
        affects=finding.affects, objects=things,
    )  # fmt: skip


def of_log(said: Said) -> Change:
    """A template that is new in a log, or comes far more often."""
    line = clip(" ".join(said.sample.split()), 300)
    if said.often:
        told = f"{said.workload} logs {said.after} times a minute (before at most {said.before}): {line}"
        fields = (Field("lines a minute", said.before, said.after),)
    else:
        told = f"{said.workload} ({said.container}) now logs, {some(said.after, 'time')}: {line}"
        fields = (Field("lines", said.before, said.after),)
    change = "changed" if said.often else "added"
    ident = f"log:{_slug(said.workload)}/{said.container}/{said.level or 'line'}/{clip(said.text, 80)}"
    return Change(
        ident, "log", said.workload, change, told, fields=fields, at=said.at, level=said.level,
        objects=(said.workload,),
        hosts=frozenset(_HOST.findall(said.sample)),
    )  # fmt: skip


def of_counter(one: Faster) -> Change:
    """A counter of istiod."""
    told = f"{one.workload}: {one.name} counts {one.after:,.0f} a minute, before {one.before:,.0f}"
    fields = (Field("per minute", round(one.before, 1), round(one.after, 1)),)
    return Change(
        f"counter:{_slug(one.workload)}/{one.name}", "counter", one.workload, "changed", told, fields=fields,
        objects=(one.workload,),
    )  # fmt: skip


def of_certificates(before: Look, after: Look) -> Iterator[Change]:
    """Root certificates that proxies no longer trust, or newly trust. New leaves are everyday."""
    groups: dict[tuple[frozenset[str], frozenset[str]], list[str]] = {}
    for ident, proxy in after.proxies.items():
        old = [one.roots for key, one in before.proxies.items() if key == ident or one.workload == proxy.workload]
        if proxy.roots and any(old) and not any(roots == proxy.roots for roots in old):
            first = next(roots for roots in old if roots)
            groups.setdefault((first, proxy.roots), []).append(ident)
    for (old_roots, new_roots), idents in groups.items():
        gone, come = sorted(old_roots - new_roots), sorted(new_roots - old_roots)
        words = "trusts another root certificate" if len(idents) == 1 else "trust another root certificate"
        who = idents[0] if len(idents) == 1 else f"{len(idents)} proxies"
        yield Change(
            f"certificate:{'+'.join(come) or 'none'}", "certificate", Ref("Certificate", "", (come or gone)[0]),
            "changed", f"{who} {words}: serial {', '.join(gone) or 'none'} → {', '.join(come) or 'none'}", root=True,
            fields=(Field("serials", gone or ABSENT, come or ABSENT),), affects=tuple(idents),
        )  # fmt: skip


def of_versions(before: Look, after: Look) -> Iterator[Change]:
    """Versions of what both sides have."""
    for name in sorted(before.versions.keys() & after.versions.keys()):
        one, two = before.versions[name], after.versions[name]
        if one != two:
            yield Change(
                f"version:{name}", "version", _who(name), "changed", f"{name}: version {one} → {two}",
                root=True, fields=(Field("version", one, two),),
            )  # fmt: skip


def _who(name: str) -> Ref:
    kind, _, rest = name.removeprefix("the proxies of ").partition(" ")
    namespace, _, own = rest.rpartition("/")
    return Ref(kind, namespace, own) if own else Ref("Cluster", "", name)


def of_pods(before: Look, after: Look) -> Iterator[Change]:
    """Workloads with another number of pods."""
    if "pods" not in before.listings or "pods" not in after.listings:
        return
    one, two = _tally(before.owners.values()), _tally(after.owners.values())
    for ref in sorted(one):
        was, now = one[ref], two.get(ref, 0)
        if was != now and ref.kind not in ("Pod", "Job", "ReplicaSet") and _exists(after, ref):
            yield Change(
                f"workload:{_slug(ref)}", "workload", ref, "changed", f"{ref}: {was} → {some(now, 'pod')}",
                fields=(Field("pods", was, now),), objects=(ref,), level="Error" if 2 * now < was else "",
            )  # fmt: skip


def _exists(look: Look, ref: Ref) -> bool:
    return any((ref.namespace, ref.name) in one.items for one in look.listings.values() if one.kind == ref.kind)


def _tally(refs: Iterable[Ref]) -> dict[Ref, int]:
    found: dict[Ref, int] = {}
    for ref in refs:
        found[ref] = found.get(ref, 0) + 1
    return found


def _slug(ref: Ref) -> str:
    return "/".join(part for part in ref if part)
