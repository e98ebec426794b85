"""Columns of what makes pods: deployments, replica sets, stateful sets, daemon sets, jobs, autoscalers.

Source: k8s.io/kubernetes/pkg/printers/internalversion/printers.go.
"""

from __future__ import annotations

from typing import Any

from bugbundle.replay.ages import Clock
from bugbundle.replay.shape import Object, dig, mapping, number, objects, scalar, text
from bugbundle.replay.tables.columns import (
    NONE,
    UNSET,
    age_of,
    containers,
    label_selector,
    labels,
    name_of,
    table,
)

TEMPLATE = ("spec", "template", "spec")


def _desired(obj: Object) -> int:
    """`spec.replicas`, which the API server defaults to 1."""
    return number(obj, "spec", "replicas") if dig(obj, "spec", "replicas") is not None else 1


@table("Name|Ready|Up-to-date|Available|Age|Containers+|Images+|Selector+", "deployments.apps")
def deployment(obj: Object, clock: Clock) -> list[Any]:
    """One Deployment."""
    selector = label_selector(dig(obj, "spec", "selector"))
    return [
        name_of(obj),
        f"{number(obj, 'status', 'readyReplicas')}/{_desired(obj)}",
        number(obj, "status", "updatedReplicas"),
        number(obj, "status", "availableReplicas"),
        age_of(obj, clock),
        *containers(obj, *TEMPLATE),
        "" if selector == NONE else selector,
    ]


def _replicas(obj: Object, clock: Clock) -> list[Any]:
    return [
        name_of(obj),
        _desired(obj),
        number(obj, "status", "replicas"),
        number(obj, "status", "readyReplicas"),
        age_of(obj, clock),
        *containers(obj, *TEMPLATE),
    ]


REPLICAS = "Name|Desired:integer|Current:integer|Ready:integer|Age|Containers+|Images+|Selector+"


@table(REPLICAS, "replicasets.apps")
def replica_set(obj: Object, clock: Clock) -> list[Any]:
    """One ReplicaSet."""
    return [*_replicas(obj, clock), label_selector(dig(obj, "spec", "selector"))]


@table(REPLICAS, "replicationcontrollers")
def replication_controller(obj: Object, clock: Clock) -> list[Any]:
    """One ReplicationController, whose selector is plain labels."""
    return [*_replicas(obj, clock), labels(dig(obj, "spec", "selector"))]


@table("Name|Ready|Age|Containers+|Images+", "statefulsets.apps")
def stateful_set(obj: Object, clock: Clock) -> list[Any]:
    """One StatefulSet."""
    ready = f"{number(obj, 'status', 'readyReplicas')}/{_desired(obj)}"
    return [name_of(obj), ready, age_of(obj, clock), *containers(obj, *TEMPLATE)]


@table(
    "Name|Desired:integer|Current:integer|Ready:integer|Up-to-date:integer|Available:integer|Node Selector"
    "|Age|Containers+|Images+|Selector+",
    "daemonsets.apps",
)
def daemon_set(obj: Object, clock: Clock) -> list[Any]:
    """One DaemonSet."""
    counts = (
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    )
    return [
        name_of(obj),
        *(number(obj, "status", count) for count in counts),
        labels(dig(obj, *TEMPLATE, "nodeSelector")),
        age_of(obj, clock),
        *containers(obj, *TEMPLATE),
        label_selector(dig(obj, "spec", "selector")),
    ]


@table("Name|Status|Completions|Duration|Age|Containers+|Images+|Selector+", "jobs.batch")
def job(obj: Object, clock: Clock) -> list[Any]:
    """One Job."""
    start, end = dig(obj, "status", "startTime"), dig(obj, "status", "completionTime")
    duration = "" if start is None else clock.since(start) if end is None else clock.between(start, end)
    return [
        name_of(obj),
        _job_status(obj),
        _completions(obj),
        duration,
        age_of(obj, clock),
        *containers(obj, *TEMPLATE),
        label_selector(dig(obj, "spec", "selector")),
    ]


def _job_status(obj: Object) -> str:
    true = {
        text(item, "type") for item in reversed(objects(obj, "status", "conditions")) if text(item, "status") == "True"
    }
    for condition, word in (("Complete", "Complete"), ("Failed", "Failed")):
        if condition in true:
            return word
    if dig(obj, "metadata", "deletionTimestamp") is not None:
        return "Terminating"
    return next((word for word in ("Suspended", "FailureTarget") if word in true), "Running")


def _completions(obj: Object) -> str:
    done = number(obj, "status", "succeeded")
    if dig(obj, "spec", "completions") is not None:
        return f"{done}/{number(obj, 'spec', 'completions')}"
    parallel = number(obj, "spec", "parallelism")
    return f"{done}/1 of {parallel}" if parallel > 1 else f"{done}/1"


@table(
    "Name|Schedule|Timezone|Suspend:boolean|Active:integer|Last Schedule|Age|Containers+|Images+|Selector+",
    "cronjobs.batch",
)
def cron_job(obj: Object, clock: Clock) -> list[Any]:
    """One CronJob."""
    last, suspend = dig(obj, "status", "lastScheduleTime"), dig(obj, "spec", "suspend")
    return [
        name_of(obj),
        text(obj, "spec", "schedule"),
        text(obj, "spec", "timeZone", default=NONE),
        {True: "True", False: "False"}.get(suspend, UNSET) if isinstance(suspend, bool) else UNSET,
        len(objects(obj, "status", "active")),
        NONE if last is None else clock.since(last),
        age_of(obj, clock),
        *containers(obj, "spec", "jobTemplate", *TEMPLATE),
        label_selector(dig(obj, "spec", "jobTemplate", "spec", "selector")),
    ]


@table("Name|Reference|Targets|MinPods|MaxPods|Replicas|Age", "horizontalpodautoscalers.autoscaling")
def autoscaler(obj: Object, clock: Clock) -> list[Any]:
    """One HorizontalPodAutoscaler, of `autoscaling/v1` or `v2`."""
    least = dig(obj, "spec", "minReplicas")
    return [
        name_of(obj),
        f"{text(obj, 'spec', 'scaleTargetRef', 'kind')}/{text(obj, 'spec', 'scaleTargetRef', 'name')}",
        _targets(obj),
        UNSET if least is None else scalar(least),
        number(obj, "spec", "maxReplicas"),
        number(obj, "status", "currentReplicas"),
        age_of(obj, clock),
    ]


def _targets(obj: Object) -> str:
    metrics, known = objects(obj, "spec", "metrics"), objects(obj, "status", "currentMetrics")
    if dig(obj, "spec", "targetCPUUtilizationPercentage") is not None:
        now = dig(obj, "status", "currentCPUUtilizationPercentage")
        wanted = number(obj, "spec", "targetCPUUtilizationPercentage")
        return f"cpu: {'<unknown>' if now is None else f'{scalar(now)}%'}/{wanted}%"
    if not metrics:
        return NONE
    shown = [_metric(item, known[place] if place < len(known) else {}) for place, item in enumerate(metrics)]
    rest = f" + {len(shown) - 2} more..." if len(shown) > 2 else ""
    return ", ".join(shown[:2]) + rest


_FIELD = {
    "External": "external",
    "Pods": "pods",
    "Object": "object",
    "Resource": "resource",
    "ContainerResource": "containerResource",
}


def _metric(spec: Object, status: Object) -> str:
    kind = text(spec, "type")
    if kind not in _FIELD:
        return "<unknown type>"
    wanted, current = mapping(spec, _FIELD[kind], "target"), mapping(status, _FIELD[kind], "current")
    if kind in ("Resource", "ContainerResource"):
        head = f"{text(spec, _FIELD[kind], 'name')}: "
        if "averageValue" in wanted:
            return f"{head}{_quantity(current, 'averageValue')}/{scalar(wanted['averageValue'])}"
        used, limit = current.get("averageUtilization"), wanted.get("averageUtilization")
        left = "<unknown>" if used is None else f"{scalar(used)}%"
        return f"{head}{left}/{'<auto>' if limit is None else f'{scalar(limit)}%'}"
    if "averageValue" in wanted:
        tail = "" if kind == "Pods" else " (avg)"
        return f"{_quantity(current, 'averageValue')}/{scalar(wanted['averageValue'])}{tail}"
    return f"{_quantity(current, 'value')}/{scalar(wanted.get('value'))}"


def _quantity(current: Object, key: str) -> str:
    return scalar(current.get(key)) or "<unknown>"


@table(
    "Name|Min Available|Max Unavailable|Allowed Disruptions:integer|Age",
    "poddisruptionbudgets.policy",
)
def disruption_budget(obj: Object, clock: Clock) -> list[Any]:
    """One PodDisruptionBudget."""
    least, most = dig(obj, "spec", "minAvailable"), dig(obj, "spec", "maxUnavailable")
    return [
        name_of(obj),
        "N/A" if least is None else scalar(least),
        "N/A" if most is None else scalar(most),
        number(obj, "status", "disruptionsAllowed"),
        age_of(obj, clock),
    ]


@table("Name|Controller|Revision|Age", "controllerrevisions.apps")
def controller_revision(obj: Object, clock: Clock) -> list[Any]:
    """One ControllerRevision."""
    owners = [item for item in objects(obj, "metadata", "ownerReferences") if item.get("controller") is True]
    shown = NONE
    if owners:
        group = text(owners[0], "apiVersion").rpartition("/")[0]
        kind = text(owners[0], "kind").lower()
        shown = f"{kind}.{group}/{text(owners[0], 'name')}" if group else f"{kind}/{text(owners[0], 'name')}"
    return [name_of(obj), shown, number(obj, "revision"), age_of(obj, clock)]
