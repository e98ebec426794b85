"""Columns of pods: readiness, the one word of STATUS, restarts.

Source: `printPod` in k8s.io/kubernetes/pkg/printers/internalversion/printers.go
(with restartable init containers).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bugbundle.codec import Raw, decode, split_array, split_object
from bugbundle.replay.ages import Clock, parse
from bugbundle.replay.shape import Object, dig, mapping, number, objects, text
from bugbundle.replay.tables.columns import NONE, age_of, containers, labels, name_of, table


@dataclass(slots=True)
class _Count:
    """What is added up over the containers of one pod."""

    reason: str
    ready: int = 0
    restarts: int = 0
    last: str = ""
    initializing: bool = False


def _spec(raw: Raw) -> Object:
    """What the columns need of a pod's spec: environments and volumes, most of its bytes, stay unread."""
    top = split_object(raw)
    spec: Object = {key: decode(top[key]) for key in ("nodeName", "readinessGates") if key in top}
    for key, wanted in (("containers", ()), ("initContainers", ("name", "restartPolicy"))):
        parts = map(split_object, split_array(top[key])) if key in top else ()
        spec[key] = [{name: decode(part[name]) for name in wanted if name in part} for part in parts]
    return spec


@table(
    "Name|Ready|Status|Restarts|Age|IP+|Node+|Nominated Node+|Readiness Gates+",
    "pods",
    spec=_spec,
)
def pod(obj: Object, clock: Clock) -> list[Any]:
    """One pod."""
    inits = objects(obj, "spec", "initContainers")
    restartable = {text(item, "name") for item in inits if text(item, "restartPolicy") == "Always"}
    count = _Count(_first_reason(obj))
    side = _Count("")
    _init_containers(obj, restartable, len(inits), count, side)
    if not count.initializing or _condition(obj, "Initialized"):
        count.restarts, count.last = side.restarts, side.last
        _app_containers(obj, count)
    total = len(objects(obj, "spec", "containers")) + sum(text(item, "name") in restartable for item in inits)
    restarts = str(count.restarts)
    if count.restarts and count.last:
        restarts = f"{count.restarts} ({clock.since(count.last)} ago)"
    return [
        name_of(obj),
        f"{count.ready}/{total}",
        _last_reason(obj, count.reason),
        restarts,
        age_of(obj, clock),
        _address(obj) or NONE,
        text(obj, "spec", "nodeName", default=NONE),
        text(obj, "status", "nominatedNodeName", default=NONE),
        _gates(obj),
    ]


def _address(obj: Object) -> str:
    """The first address; `podIP` alone where an old server wrote no `podIPs`."""
    found = objects(obj, "status", "podIPs")
    return text(found[0], "ip") if found else text(obj, "status", "podIP")


def _first_reason(obj: Object) -> str:
    for condition in objects(obj, "status", "conditions"):
        gated = text(condition, "reason") == "SchedulingGated"
        if gated and text(condition, "type") == "PodScheduled":
            return "SchedulingGated"
    return text(obj, "status", "reason") or text(obj, "status", "phase")


def _init_containers(obj: Object, restartable: set[str], total: int, count: _Count, side: _Count) -> None:
    for place, status in enumerate(objects(obj, "status", "initContainerStatuses")):
        _restarts(status, count)
        native = text(status, "name") in restartable
        if native:
            _restarts(status, side)
        ended, waiting = mapping(status, "state", "terminated"), mapping(status, "state", "waiting")
        if "terminated" in mapping(status, "state") and number(ended, "exitCode") == 0:
            continue
        if native and status.get("started") is True:
            count.ready += status.get("ready") is True
            continue
        count.initializing = True
        if ended:
            count.reason = "Init:" + _ended(ended)
        elif text(waiting, "reason") not in ("", "PodInitializing"):
            count.reason = "Init:" + text(waiting, "reason")
        else:
            count.reason = f"Init:{place}/{total}"
        return


def _app_containers(obj: Object, count: _Count) -> None:
    running = False
    for status in reversed(objects(obj, "status", "containerStatuses")):
        _restarts(status, count)
        state = mapping(status, "state")
        if waiting := text(state, "waiting", "reason"):
            count.reason = waiting
        elif isinstance(state.get("terminated"), dict):
            count.reason = _ended(mapping(state, "terminated"))
        elif status.get("ready") is True and "running" in state:
            running = True
            count.ready += 1
    if count.reason == "Completed" and running:
        count.reason = "Running" if _condition(obj, "Ready") else "NotReady"


def _restarts(status: Object, count: _Count) -> None:
    count.restarts += number(status, "restartCount")
    finished = text(status, "lastState", "terminated", "finishedAt")
    when, known = parse(finished), parse(count.last)
    if when and (known is None or known < when):
        count.last = finished


def _ended(state: Object) -> str:
    if reason := text(state, "reason"):
        return reason
    if signal := number(state, "signal"):
        return f"Signal:{signal}"
    return f"ExitCode:{number(state, 'exitCode')}"


def _last_reason(obj: Object, reason: str) -> str:
    if dig(obj, "metadata", "deletionTimestamp") is None:
        return reason
    if text(obj, "status", "reason") == "NodeLost":
        return "Unknown"
    return reason if text(obj, "status", "phase") in ("Succeeded", "Failed") else "Terminating"


def _condition(obj: Object, kind: str) -> bool:
    found = (item for item in objects(obj, "status", "conditions") if text(item, "type") == kind)
    return text(next(found, {}), "status") == "True"


def _gates(obj: Object) -> str:
    gates = objects(obj, "spec", "readinessGates")
    if not gates:
        return NONE
    return f"{sum(_condition(obj, text(gate, 'conditionType')) for gate in gates)}/{len(gates)}"


@table("Name|Containers|Images|Pod Labels", "podtemplates")
def pod_template(obj: Object, clock: Clock) -> list[Any]:
    """One pod template."""
    shown = labels(dig(obj, "template", "metadata", "labels"))
    return [name_of(obj), *containers(obj, "template", "spec"), shown]
