"""What differs between two recordings of an unchanged mesh: left out, and counted with its reason.

Sources: the API's own words on `managedFields`, `generation`, `resourceVersion`
(https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/), what controllers write into
annotations (https://kubernetes.io/docs/reference/labels-annotations-taints/), and what people who compare objects have
listed: kubernetes/kubernetes#111319, #119747, kubernetes/kubectl#1267, argoproj/argo-cd#17694.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from bugbundle.compare.model import ABSENT, Field, Ignored
from bugbundle.mesh.config.meshconfig import yaml_object
from bugbundle.mesh.kube import as_dict

BOOKKEEPING = "metadata that the API server keeps (managedFields, resourceVersion, generation, uid)"
STATUS = "status: told by findings, workloads and proxies"
HEARTBEAT = "leases and other heartbeats"
DEFAULTS = "zero, empty or the API server's default against absent"
ORDER = "order where it has no meaning"
STANDINS = "stand-ins for redacted values: each bundle has its own key, so whether they changed is unknown"
ASSIGNED = "values that the cluster assigns (cluster IPs, node ports)"

META = frozenset({"labels", "annotations", "finalizers"})
"""Members of `metadata` that people write; the rest are the API server's."""

_KEPT_BY_CONTROLLERS = re.compile(
    r"kubectl\.kubernetes\.io/last-applied-configuration"
    r"|deployment\.kubernetes\.io/.*|deprecated\.daemonset\.template\.generation"
    r"|control-plane\.alpha\.kubernetes\.io/leader|endpoints\.kubernetes\.io/.*"
    r"|autoscaling\.alpha\.kubernetes\.io/.*|batch\.kubernetes\.io/.*|cronjob\.kubernetes\.io/instantiate"
    r"|node\.alpha\.kubernetes\.io/ttl|volumes?\.(?:beta\.)?kubernetes\.io/.*|pv\.kubernetes\.io/.*"
    r"|internal\.config\.kubernetes\.io/.*|kubernetes\.io/config\..*|pod-template-hash|controller-revision-hash"
    r"|controller-uid|job-name|statefulset\.kubernetes\.io/pod-name|apps\.kubernetes\.io/pod-index"
    r"|istio\.io/(?:last-.*|pushes?)|gateway\.istio\.io/controller-version|internal\.istio\.io/.*"
)

_ASSIGNED = {
    "services": {"clusterIP", "clusterIPs", "nodePort", "healthCheckNodePort", "ipFamilies"},
    "jobs.batch": {"batch.kubernetes.io/controller-uid", "controller-uid"},
    "leases.coordination.k8s.io": {"renewTime", "acquireTime", "leaseTransitions"},
}

DEFAULT_VALUES: dict[str, tuple[Any, ...]] = {
    "protocol": ("TCP",), "terminationMessagePath": ("/dev/termination-log",), "terminationMessagePolicy": ("File",),
    "dnsPolicy": ("ClusterFirst",), "restartPolicy": ("Always",), "schedulerName": ("default-scheduler",),
    "terminationGracePeriodSeconds": (30,), "imagePullPolicy": ("IfNotPresent", "Always"), "sessionAffinity": ("None",),
    "type": ("ClusterIP", "RollingUpdate"), "ipFamilyPolicy": ("SingleStack",), "internalTrafficPolicy": ("Cluster",),
    "progressDeadlineSeconds": (600,), "revisionHistoryLimit": (10,), "podManagementPolicy": ("OrderedReady",),
    "timeoutSeconds": (1, 10), "periodSeconds": (10,), "successThreshold": (1,), "failureThreshold": (3,),
    "scheme": ("HTTP",), "defaultMode": (420,), "maxSurge": ("25%",), "maxUnavailable": ("25%", 1),
    "apiVersion": ("v1",), "matchPolicy": ("Equivalent",), "reinvocationPolicy": ("Never",), "backoffLimit": (6,),
    "completionMode": ("NonIndexed",), "parallelism": (1,), "completions": (1,), "group": ("",), "weight": (1,),
    "scope": ("*",), "enableServiceLinks": (True,), "preemptionPolicy": ("PreemptLowerPriority",),
    "concurrencyPolicy": ("Allow",), "podReplacementPolicy": ("TerminatingOrFailed",),
}  # fmt: skip
"""field → what the API server writes where a manifest leaves it out (pkg/apis/*/*/defaults.go of Kubernetes)."""

MEANT = frozenset(
    {
        "replicas", "minReplicas", "maxUnavailable", "minAvailable", "terminationGracePeriodSeconds", "hostUsers",
        "revisionHistoryLimit", "automountServiceAccountToken", "enableServiceLinks", "allowPrivilegeEscalation",
        "runAsUser", "runAsGroup", "runAsNonRoot", "readOnlyRootFilesystem", "privileged", "optional", "weight",
        "ttlSecondsAfterFinished", "allocateLoadBalancerNodePorts", "enabled", "backoffLimit", "priority", "attempts",
    }
)  # fmt: skip
"""Fields where zero or false is not what absent means."""

HOLLOW = frozenset(
    {
        "annotations", "labels", "securityContext", "resources", "strategy", "updateStrategy", "nodeSelector", "env",
        "creationTimestamp", "status", "finalizers", "volumes", "tolerations", "imagePullSecrets", "args", "command",
        "dnsConfig", "limits", "requests", "data", "binaryData", "stringData", "loadBalancer", "hostAliases",
    }
)  # fmt: skip
"""Fields of which an empty object or list means the same as none; elsewhere (`rules`, `podSelector`) it does not."""

UNORDERED = frozenset(
    {
        "hosts", "exportTo", "gateways", "addresses", "finalizers", "accessModes", "verbs", "resources", "apiGroups",
        "resourceNames", "nonResourceURLs", "operations", "apiVersions", "principals", "notPrincipals", "namespaces",
        "notNamespaces", "ipBlocks", "notIpBlocks", "remoteIpBlocks", "notRemoteIpBlocks", "requestPrincipals",
        "notRequestPrincipals", "methods", "notMethods", "paths", "notPaths", "ports", "notPorts", "values",
        "notValues", "notHosts",
        "policyTypes", "subjectAltNames", "hostnames", "audiences", "topologyKeys", "tolerations", "imagePullSecrets",
        "secrets", "from", "to", "when", "parentRefs", "add", "drop", "categories", "shortNames", "podCIDRs", "egress",
        "externalIPs", "loadBalancerSourceRanges", "serviceAccounts", "allowMethods", "allowHeaders", "remove",
        "subjects",
    }
)  # fmt: skip
"""Lists of the API that are sets: any order means the same."""

_STANDIN = re.compile(r"redacted-[a-z-]{1,40}-[0-9]{1,12}-[0-9a-f]{8}|\[redacted\]")
_STANDIN_64 = re.compile(r"(?:cmVkYWN0ZWQt|W3JlZGFjdGVk)[A-Za-z0-9+/_-]+={0,2}")
_TOKEN_VOLUME = re.compile(r"kube-api-access-[a-z0-9]{5}")
_POD = re.compile(r"-[a-z0-9]{5,10}-[a-z0-9]{5}$")
_RESTARTED = "kubectl.kubernetes.io/restartedAt"


class Noise:
    """Counts what is left out."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, kind: str, reason: str, count: int = 1) -> None:
        """One more difference of this kind that says nothing."""
        if count:
            self._counts[kind, reason] += count

    def told(self) -> list[Ignored]:
        """All of it, most first."""
        found = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        return [Ignored(kind, count, reason) for (kind, reason), count in found]


def stood_in(text: str) -> str:
    """The text with every stand-in for a secret as `(redacted)`."""
    if "redacted" not in text and "cmVkYWN0ZWQ" not in text and "W3JlZGFjdGVk" not in text:
        return text
    return _STANDIN_64.sub("(redacted)", _STANDIN.sub("(redacted)", text))


def _unknown(before: str, after: str) -> bool:
    """Whether two texts differ in stand-ins alone, or one side is nothing but a stand-in."""
    left, right = stood_in(before), stood_in(after)
    return left == right or "(redacted)" in (left, right)


def bare(resource: str, raw: dict[str, Any], same: bool = True) -> dict[str, Any]:
    """The object as somebody wants it to be: no status, and of the metadata what people write.

    Of one that was made again (not the `same`) also without the place that the scheduler chose for it.
    """
    kept = {key: value for key, value in raw.items() if key not in ("status", "metadata", "apiVersion", "kind")}
    written = {key: _kept(value) for key, value in as_dict(raw.get("metadata")).items() if key in META}
    meta = {key: value for key, value in written.items() if value not in ({}, [])}
    if resource == "serviceaccounts":
        kept.pop("secrets", None)
    if resource == "pods":
        if as_dict(raw.get("metadata")).get("ownerReferences"):
            meta.pop("annotations", None)
        kept = _without_token_volumes(kept)
        if not same:
            kept["spec"] = {key: value for key, value in as_dict(kept.get("spec")).items() if key != "nodeName"}
            meta = {key: _without_place(value) for key, value in meta.items()}
    return {"metadata": meta, **kept}


def _without_place(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: item for key, item in value.items() if not key.startswith("topology.kubernetes.io/")}
    return value


def _without_token_volumes(value: Any) -> Any:
    """A pod without the random ends of the names of the volumes that hold its token."""
    if isinstance(value, dict):
        return {key: _without_token_volumes(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_token_volumes(item) for item in value]
    return _TOKEN_VOLUME.sub("kube-api-access", value) if isinstance(value, str) else value


def _kept(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: item for key, item in value.items() if not _KEPT_BY_CONTROLLERS.fullmatch(key)}
    return value


def restarted(fields: Sequence[Field]) -> bool:
    """Whether all that changed is what `kubectl rollout restart` writes."""
    return bool(fields) and all(_RESTARTED in one.path or _only_restart(one) for one in fields)


def _only_restart(one: Field) -> bool:
    there = one.after if one.before is ABSENT else one.before
    return one.path.endswith(".annotations") and isinstance(there, dict) and set(there) == {_RESTARTED}


class Settler:
    """Makes two versions of one object alike where their difference says nothing; counts what it settled."""

    def __init__(self, resource: str, kind: str, noise: Noise, same: bool = True) -> None:
        self._same = same
        self._assigned = _ASSIGNED.get(resource, set())
        self._kind = kind
        self._noise = noise
        self.settled = 0

    def _say(self, reason: str) -> None:
        self.settled += 1
        self._noise.add(self._kind, reason)

    def settle(self, before: Any, after: Any, name: str = "") -> tuple[Any, Any]:
        """The pair, with `before`'s value in both where the difference has no meaning."""
        if before == after and type(before) is type(after):
            return before, after
        reason = self._reason(before, after, name)
        if reason:
            self._say(reason)
            return ABSENT, ABSENT
        if self._kind == "ConfigMap" and isinstance(before, str) and isinstance(after, str):
            before, after = _structured(before, after)
        if isinstance(before, dict) and isinstance(after, dict):
            return self._members(before, after)
        if isinstance(before, list) and isinstance(after, list):
            return self._items(before, after, name)
        return before, after

    def _reason(self, before: Any, after: Any, name: str) -> str:
        if name in self._assigned and not (before == "None" or after == "None"):
            if name.endswith("Time") or name == "leaseTransitions":
                return HEARTBEAT
            if not self._same or before is ABSENT or after is ABSENT:
                return ASSIGNED
        if name == "holderIdentity" and _POD.sub("", str(before)) == _POD.sub("", str(after)):
            return HEARTBEAT
        if before is ABSENT or after is ABSENT:
            there = after if before is ABSENT else before
            return DEFAULTS if _says_nothing(name, there) else ""
        if isinstance(before, str) and isinstance(after, str) and _unknown(before, after):
            return STANDINS
        if before in (None, "") and after in (None, "") and type(before) is not bool:
            return DEFAULTS
        return ""

    def _members(self, before: dict[str, Any], after: dict[str, Any]) -> tuple[Any, Any]:
        left: dict[str, Any] = {}
        right: dict[str, Any] = {}
        for key in dict.fromkeys([*before, *after]):
            one, other = self.settle(before.get(key, ABSENT), after.get(key, ABSENT), key)
            if one is not ABSENT:
                left[key] = one
            if other is not ABSENT:
                right[key] = other
        return left, right

    def _items(self, before: list[Any], after: list[Any], name: str) -> tuple[Any, Any]:
        if name in UNORDERED and len(before) == len(after):
            rest = list(after)
            for item in before:
                if item not in rest:
                    break
                rest.remove(item)
            else:
                self._say(ORDER)
                return before, before
        if len(before) != len(after) or _named(before) != _named(after):
            return before, after
        pairs = [self.settle(one, other) for one, other in zip(before, after, strict=True)]
        return [None if one is ABSENT else one for one, _ in pairs], [None if o is ABSENT else o for _, o in pairs]


def _structured(before: str, after: str) -> tuple[Any, Any]:
    """The YAML or JSON in two texts of a ConfigMap, where both hold an object; else the texts."""
    if "\n" not in before and "\n" not in after:
        return before, after
    left, right = yaml_object(before), yaml_object(after)
    return (left, right) if left and right else (before, after)


def _named(items: list[Any]) -> list[Any]:
    return [item.get("name") if isinstance(item, dict) else None for item in items]


def _says_nothing(name: str, value: Any) -> bool:
    if value is None:
        return True
    if value in ({}, []):
        return name in HOLLOW
    if name in MEANT:
        return False
    if value is False or value == "" or (value == 0 and not isinstance(value, bool)):
        return True
    return any(value == default and type(value) is type(default) for default in DEFAULT_VALUES.get(name, ()))
