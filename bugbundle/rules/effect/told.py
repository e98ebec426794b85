"""Effects as evidence: what all rules of this family share."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.effect import KINDS, READS, Effect, Reason, Why, concerned, effects, every, shown
from bugbundle.istio import Source
from bugbundle.mesh import Mesh
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.signals.access import Fault
from bugbundle.mesh.signals.failures import called, times
from bugbundle.rules.model import Confidence, Evidence, Level
from bugbundle.words import some

__all__ = ["EXPLAINS", "MESSAGE", "OPTIONAL", "effects", "told"]

MESSAGE = "{object} {text}{requests}"
OPTIONAL: set[Source | str] = {*READS, *KINDS}
EXPLAINS = {
    *(
        "BB517",
        "BB301",
        "BB302",
        "BB304",
        "BB501",
        "BB506",
        "BB555",
        "BB556",
        "BB557",
        "BB701",
        "BB705",
        "BB708",
        "BB709",
    ),
    *("BB710", "BB711", "BB713", "BB717", "BB718", "BB719", "BB720", "BB722", "BB724", "BB725", "BB727", "BB750"),
    *("IST0101", "IST0109", "IST0132", "IST0133", "IST0137", "IST0151", "IST0162", "IST0171", "IST0174", "IST0176"),
    *("IST0177", "BB731"),
}
"""What follows where an object that was counted on does nothing."""


def told(mesh: Mesh, *reasons: Reason) -> Iterator[Evidence]:
    """A finding for each object with one of these reasons that no other rule tells.

    Error where requests that it was meant for fail or go elsewhere now, Warning where none are seen, Info where the
    object may well be meant so.
    """
    for effect in every(mesh):
        for why in effect.why:
            if why.reason in reasons and not why.told:
                yield evidence(mesh, effect, why)


def evidence(mesh: Mesh, effect: Effect, why: Why) -> Evidence:
    """One reason of one object."""
    found = concerned(mesh, why) if not why.seen else []
    return Evidence(
        ref(effect.item),
        {"object": effect.item, "text": why.text, "requests": requests(found)},
        objects=tuple(dict.fromkeys((*why.objects, *things(mesh, found)))),
        proofs=(*(why.proofs or (Proof(effect.item.at(why.part), str(effect.item)),)), *shown(found)),
        affects=tuple(
            dict.fromkeys((*(fault.proxy.id for fault in found), *((why.pods if why.seen or found else ())[:20])))
        ),
        level=level(why, found),
        confidence=Confidence.CERTAIN if why.certain and (found or why.seen) else Confidence.LIKELY,
        at=max((fault.at for fault in found if fault.at), default=None),
        todo=why.todo,
    )


def level(why: Why, found: list[Fault]) -> Level:
    """By what it costs now."""
    if found or why.seen:
        return Level.ERROR
    return Level.INFO if why.advice or not why.certain else Level.WARNING


def requests(found: list[Fault]) -> str:
    """`: 14 requests failed`, with what they were answered; empty where none are seen."""
    if not found:
        return ""
    flags = sorted(
        {flag for fault in found for flag in fault.flags} | {fault.details for fault in found if not fault.flags}
    )
    return f": {some(times(found), 'request')} failed ({', '.join(flags[:3])})"


def things(mesh: Mesh, found: list[Fault]) -> Iterator[Ref]:
    """The proxies that saw failures, and the Services that were called."""
    for fault in found[:20]:
        yield ref(fault.proxy)
        service = called(mesh, fault)
        if service is not None:
            yield ref(service)
