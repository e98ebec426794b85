"""Columns of configuration, rights, events, policies and the API server's own kinds.

Source: k8s.io/kubernetes/pkg/printers/internalversion/printers.go; for API services
k8s.io/kube-aggregator/pkg/registry/apiservice/etcd/etcd.go.
"""

from __future__ import annotations

from typing import Any

from bugbundle.durations import human
from bugbundle.replay.ages import UNKNOWN, Clock
from bugbundle.replay.shape import Object, dig, mapping, number, objects, scalar, text
from bugbundle.replay.tables.columns import NONE, UNSET, age_of, label_selector, name_of, table


@table("Name|Status|Age", "namespaces")
def namespace(obj: Object, clock: Clock) -> list[Any]:
    """One Namespace."""
    return [name_of(obj), text(obj, "status", "phase"), age_of(obj, clock)]


@table("Name|Data|Age", "configmaps")
def config_map(obj: Object, clock: Clock) -> list[Any]:
    """One ConfigMap: how many keys."""
    return [name_of(obj), len(mapping(obj, "data")) + len(mapping(obj, "binaryData")), age_of(obj, clock)]


@table("Name|Type|Data|Age", "secrets")
def secret(obj: Object, clock: Clock) -> list[Any]:
    """One Secret: how many keys, never a value."""
    return [name_of(obj), text(obj, "type"), len(mapping(obj, "data")), age_of(obj, clock)]


@table("Name|Secrets|Age", "serviceaccounts")
def service_account(obj: Object, clock: Clock) -> list[Any]:
    """One ServiceAccount, before Kubernetes 1.35."""
    return [name_of(obj), len(objects(obj, "secrets")), age_of(obj, clock)]


@table(
    "Last Seen|Type|Reason|Object|Subobject+|Source+|Message|First Seen+|Count+|Name+",
    "events",
    "events.events.k8s.io",
)
def event(obj: Object, clock: Clock) -> list[Any]:
    """One Event, of `v1` or of `events.k8s.io/v1`, whose fields have other names."""
    about = mapping(obj, "involvedObject") or mapping(obj, "regarding")
    source = mapping(obj, "source") or mapping(obj, "deprecatedSource")
    first = clock.since(_either(obj, "firstTimestamp", "deprecatedFirstTimestamp"))
    if first == UNKNOWN:
        first = clock.since(obj.get("eventTime"))
    last = clock.since(_either(obj, "lastTimestamp", "deprecatedLastTimestamp"))
    count = number(obj, "count") or number(obj, "deprecatedCount") or 1
    if isinstance(obj.get("series"), dict):
        last, count = clock.since(dig(obj, "series", "lastObservedTime")), number(obj, "series", "count")
    kind, name = text(about, "kind").lower(), text(about, "name")
    component = text(source, "component") or text(obj, "reportingComponent") or text(obj, "reportingController")
    instance = text(source, "host") or text(obj, "reportingInstance")
    return [
        first if last == UNKNOWN else last,
        text(obj, "type"),
        text(obj, "reason"),
        f"{kind}/{name}" if name else kind,
        text(about, "fieldPath"),
        f"{component}, {instance}" if instance else component,
        (text(obj, "message") or text(obj, "note")).strip(),
        first,
        count,
        name_of(obj),
    ]


def _either(obj: Object, first: str, second: str) -> Any:
    return obj.get(first) or obj.get(second)


@table(
    "Name|Role|Age|Users+|Groups+|ServiceAccounts+",
    "rolebindings.rbac.authorization.k8s.io",
    "clusterrolebindings.rbac.authorization.k8s.io",
)
def role_binding(obj: Object, clock: Clock) -> list[Any]:
    """One RoleBinding or ClusterRoleBinding."""
    who: dict[str, list[str]] = {"User": [], "Group": [], "ServiceAccount": []}
    for subject in objects(obj, "subjects"):
        kind, name = text(subject, "kind"), text(subject, "name")
        if kind in who:
            account = kind == "ServiceAccount"
            who[kind].append(f"{text(subject, 'namespace')}/{name}" if account else name)
    role = f"{text(obj, 'roleRef', 'kind')}/{text(obj, 'roleRef', 'name')}"
    return [name_of(obj), role, age_of(obj, clock), *(", ".join(names) for names in who.values())]


@table("Name|Holder|Age", "leases.coordination.k8s.io")
def lease(obj: Object, clock: Clock) -> list[Any]:
    """One Lease."""
    return [name_of(obj), text(obj, "spec", "holderIdentity"), age_of(obj, clock)]


@table(
    "Name|Webhooks:integer|Age",
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
)
def webhooks(obj: Object, clock: Clock) -> list[Any]:
    """One webhook configuration."""
    return [name_of(obj), len(objects(obj, "webhooks")), age_of(obj, clock)]


@table("Name|Validations:integer|ParamKind|Age", "validatingadmissionpolicies.admissionregistration.k8s.io")
def validating_policy(obj: Object, clock: Clock) -> list[Any]:
    """One ValidatingAdmissionPolicy."""
    rules = objects(obj, "spec", "validations")
    return [name_of(obj), len(rules), _param_kind(obj), age_of(obj, clock)]


@table("Name|Mutations:integer|ParamKind|Age", "mutatingadmissionpolicies.admissionregistration.k8s.io")
def mutating_policy(obj: Object, clock: Clock) -> list[Any]:
    """One MutatingAdmissionPolicy."""
    return [name_of(obj), len(objects(obj, "spec", "mutations")), _param_kind(obj), age_of(obj, clock)]


def _param_kind(obj: Object) -> str:
    kind = mapping(obj, "spec", "paramKind")
    return f"{text(kind, 'apiVersion')}/{text(kind, 'kind')}" if kind else UNSET


@table(
    "Name|PolicyName|ParamRef|Age",
    "validatingadmissionpolicybindings.admissionregistration.k8s.io",
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io",
)
def policy_binding(obj: Object, clock: Clock) -> list[Any]:
    """One binding of an admission policy."""
    given = mapping(obj, "spec", "paramRef")
    shown = UNSET
    if text(given, "name"):
        shown = f"{text(given, 'namespace', default='*')}/{text(given, 'name')}"
    elif given.get("selector") is not None:
        shown = label_selector(given["selector"])
    return [name_of(obj), text(obj, "spec", "policyName"), shown, age_of(obj, clock)]


@table("Name|Service|Available|Age", "apiservices.apiregistration.k8s.io")
def api_service(obj: Object, clock: Clock) -> list[Any]:
    """One APIService."""
    behind = mapping(obj, "spec", "service")
    where = f"{text(behind, 'namespace')}/{text(behind, 'name')}" if behind else "Local"
    return [name_of(obj), where, _available(obj), age_of(obj, clock)]


def _available(obj: Object) -> str:
    for condition in objects(obj, "status", "conditions"):
        if text(condition, "type") == "Available":
            status = text(condition, "status")
            return "True" if status == "True" else f"{status} ({text(condition, 'reason')})"
    return "Unknown"


@table(
    "Name|Age|SignerName|Requestor|RequestedDuration|Condition",
    "certificatesigningrequests.certificates.k8s.io",
)
def signing_request(obj: Object, clock: Clock) -> list[Any]:
    """One CertificateSigningRequest."""
    seconds = dig(obj, "spec", "expirationSeconds")
    return [
        name_of(obj),
        age_of(obj, clock),
        text(obj, "spec", "signerName", default=NONE),
        text(obj, "spec", "username"),
        NONE if seconds is None else human(number(obj, "spec", "expirationSeconds")),
        _signing_state(obj),
    ]


def _signing_state(obj: Object) -> str:
    kinds = {text(item, "type") for item in objects(obj, "status", "conditions")}
    word = "Denied" if "Denied" in kinds else "Approved" if "Approved" in kinds else "Pending"
    failed = ",Failed" if "Failed" in kinds else ""
    return word + failed + (",Issued" if text(obj, "status", "certificate") else "")


@table("Name|SignerName", "clustertrustbundles.certificates.k8s.io")
def trust_bundle(obj: Object, clock: Clock) -> list[Any]:
    """One ClusterTrustBundle."""
    return [name_of(obj), text(obj, "spec", "signerName", default=NONE)]


@table("Name|Value:integer|Global-Default:boolean|Age|PreemptionPolicy", "priorityclasses.scheduling.k8s.io")
def priority_class(obj: Object, clock: Clock) -> list[Any]:
    """One PriorityClass."""
    default = obj.get("globalDefault") is True
    return [
        name_of(obj),
        number(obj, "value"),
        default,
        age_of(obj, clock),
        text(obj, "preemptionPolicy"),
    ]


@table("Name|Handler|Age", "runtimeclasses.node.k8s.io")
def runtime_class(obj: Object, clock: Clock) -> list[Any]:
    """One RuntimeClass."""
    return [name_of(obj), text(obj, "handler"), age_of(obj, clock)]


@table("Name|Request|Limit|Age", "resourcequotas")
def resource_quota(obj: Object, clock: Clock) -> list[Any]:
    """One ResourceQuota: used of hard."""
    hard, used = mapping(obj, "status", "hard"), mapping(obj, "status", "used")
    sides: dict[bool, list[str]] = {False: [], True: []}
    for name in sorted(hard):
        sides[name.startswith("limits.")].append(f"{name}: {scalar(used.get(name)) or '0'}/{scalar(hard[name])}")
    return [name_of(obj), ", ".join(sides[False]), ", ".join(sides[True]), age_of(obj, clock)]


@table("Name|Status|Message|Error", "componentstatuses")
def component_status(obj: Object, clock: Clock) -> list[Any]:
    """One ComponentStatus."""
    for condition in objects(obj, "conditions"):
        if text(condition, "type") == "Healthy":
            word = "Healthy" if text(condition, "status") == "True" else "Unhealthy"
            return [name_of(obj), word, text(condition, "message"), text(condition, "error")]
    return [name_of(obj), "Unknown", "", ""]


@table(
    "Name|PriorityLevel|MatchingPrecedence|DistinguisherMethod|Age|MissingPL",
    "flowschemas.flowcontrol.apiserver.k8s.io",
)
def flow_schema(obj: Object, clock: Clock) -> list[Any]:
    """One FlowSchema."""
    dangling = [item for item in objects(obj, "status", "conditions") if text(item, "type") == "Dangling"]
    return [
        name_of(obj),
        text(obj, "spec", "priorityLevelConfiguration", "name"),
        number(obj, "spec", "matchingPrecedence"),
        text(obj, "spec", "distinguisherMethod", "type", default=NONE),
        age_of(obj, clock),
        text(dangling[0], "status") if dangling else "?",
    ]


@table(
    "Name|Type|NominalConcurrencyShares|Queues|HandSize|QueueLengthLimit|Age",
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
)
def priority_level(obj: Object, clock: Clock) -> list[Any]:
    """One PriorityLevelConfiguration."""
    limited = mapping(obj, "spec", "limited")
    queuing = mapping(limited, "limitResponse", "queuing")
    keys = ("queues", "handSize", "queueLengthLimit")
    return [
        name_of(obj),
        text(obj, "spec", "type"),
        number(limited, "nominalConcurrencyShares") if limited else NONE,
        *(number(queuing, key) if queuing else NONE for key in keys),
        age_of(obj, clock),
    ]


@table("Name|Node|Driver|Pool|Age", "resourceslices.resource.k8s.io")
def resource_slice(obj: Object, clock: Clock) -> list[Any]:
    """One ResourceSlice."""
    spec = mapping(obj, "spec")
    pool = text(spec, "pool", "name")
    return [name_of(obj), text(spec, "nodeName"), text(spec, "driver"), pool, age_of(obj, clock)]


@table("Name|State|Age", "resourceclaims.resource.k8s.io")
def resource_claim(obj: Object, clock: Clock) -> list[Any]:
    """One ResourceClaim."""
    deleted = dig(obj, "metadata", "deletionTimestamp") is not None
    states = ["deleted"] if deleted else []
    if dig(obj, "status", "allocation") is None:
        states += [] if deleted else ["pending"]
    else:
        states += ["allocated", "reserved"] if objects(obj, "status", "reservedFor") else ["allocated"]
    return [name_of(obj), ",".join(states), age_of(obj, clock)]


@table("Name|Age", "deviceclasses.resource.k8s.io", "resourceclaimtemplates.resource.k8s.io")
def name_and_age(obj: Object, clock: Clock) -> list[Any]:
    """Kinds that show nothing else."""
    return [name_of(obj), age_of(obj, clock)]


@table("Name|LeaseName|BinaryVersion|EmulationVersion|Age", "leasecandidates.coordination.k8s.io")
def lease_candidate(obj: Object, clock: Clock) -> list[Any]:
    """One LeaseCandidate."""
    spec = mapping(obj, "spec")
    keys = ("leaseName", "binaryVersion", "emulationVersion")
    return [name_of(obj), *(text(spec, key) for key in keys), age_of(obj, clock)]
