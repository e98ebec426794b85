"""Tables as the API server computes them, kind by kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from recording import TABLE, Client, items, pod, recording

from bugbundle.bundle import Bundle

Serve = Callable[[Bundle], Client]
NATIVE = {"name": "istio-proxy", "restartPolicy": "Always"}


def _state(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "ready": False, "restartCount": 0, **more}


def _ended(reason: str = "", code: int = 0, at: str = "2026-01-02T03:03:00Z", signal: int = 0) -> dict[str, Any]:
    return {"terminated": {"reason": reason, "exitCode": code, "finishedAt": at, "signal": signal}}


SIDECAR_UP = _state("istio-proxy", ready=True, started=True, state={"running": {}})
RUNS = _state("app", ready=True, state={"running": {}})
PODS: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "plain": (pod("p"), ["1/1", "Running", "0"]),
    "native sidecar": (
        pod(
            "p",
            spec={"initContainers": [NATIVE]},
            status={"initContainerStatuses": [SIDECAR_UP], "containerStatuses": [RUNS]},
        ),
        ["2/2", "Running", "0"],
    ),
    "first init container runs": (
        pod(
            "p",
            spec={"initContainers": [{"name": "i"}, NATIVE]},
            status={
                "phase": "Pending",
                "initContainerStatuses": [_state("i", state={"running": {}}), _state("istio-proxy")],
                "containerStatuses": [_state("app", state={"waiting": {"reason": "PodInitializing"}})],
            },
        ),
        ["0/2", "Init:0/2", "0"],
    ),
    "init container crashes": (
        pod(
            "p",
            spec={"initContainers": [{"name": "i"}]},
            status={
                "phase": "Pending",
                "initContainerStatuses": [
                    _state(
                        "i",
                        restartCount=4,
                        state={"waiting": {"reason": "CrashLoopBackOff"}},
                        lastState=_ended("Error", 1),
                    )
                ],
            },
        ),
        ["0/1", "Init:CrashLoopBackOff", "4 (65s ago)"],
    ),
    "init container failed without reason": (
        pod(
            "p",
            spec={"initContainers": [{"name": "i"}]},
            status={"phase": "Failed", "initContainerStatuses": [_state("i", state=_ended(code=3))]},
        ),
        ["0/1", "Init:ExitCode:3", "0"],
    ),
    "crash loop": (
        pod(
            "p",
            status={
                "containerStatuses": [
                    _state(
                        "app",
                        restartCount=2,
                        state={"waiting": {"reason": "CrashLoopBackOff"}},
                        lastState=_ended("Error", 1),
                    )
                ]
            },
        ),
        ["0/1", "CrashLoopBackOff", "2 (65s ago)"],
    ),
    "completed": (
        pod(
            "p",
            status={"phase": "Succeeded", "containerStatuses": [_state("app", state=_ended("Completed"))]},
        ),
        ["0/1", "Completed", "0"],
    ),
    "one of two completed, not ready": (
        pod(
            "p",
            spec={"containers": [{"name": "app"}, {"name": "b"}]},
            status={"containerStatuses": [_state("app", state=_ended("Completed")), RUNS]},
        ),
        ["1/2", "NotReady", "0"],
    ),
    "killed by a signal": (
        pod(
            "p",
            status={
                "phase": "Failed",
                "containerStatuses": [_state("app", state=_ended(signal=9, code=137))],
            },
        ),
        ["0/1", "Signal:9", "0"],
    ),
    "evicted": (
        pod("p", status={"phase": "Failed", "reason": "Evicted", "containerStatuses": []}),
        ["0/1", "Evicted", "0"],
    ),
    "gated": (
        pod(
            "p",
            status={
                "phase": "Pending",
                "containerStatuses": [],
                "conditions": [{"type": "PodScheduled", "reason": "SchedulingGated"}],
            },
        ),
        ["0/1", "SchedulingGated", "0"],
    ),
}


@pytest.mark.parametrize("case", PODS)
def test_pod(case: str, serve: Serve) -> None:
    obj, expected = PODS[case]
    client = serve(recording({"k8s/api/v1/pods.json": items("Pod", obj)}))
    row = client.row("/api/v1/pods")
    assert [row["Ready"], row["Status"], row["Restarts"]] == expected
    assert [row["Age"], row["IP"], row["Node"]] == ["4m5s", "10.0.0.1", "node-1"]


def test_terminating_pod(serve: Serve) -> None:
    obj = pod("p")
    obj["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:00Z"
    client = serve(recording({"k8s/api/v1/pods.json": items("Pod", obj)}))
    assert client.row("/api/v1/pods")["Status"] == "Terminating"


META = {"name": "x", "namespace": "shop", "creationTimestamp": "2026-01-02T02:04:05Z"}
TEMPLATE = {"spec": {"containers": [{"name": "a", "image": "i:1"}, {"name": "b", "image": "j:2"}]}}
KINDS: dict[str, tuple[str, str, dict[str, Any], list[Any]]] = {
    "deployments": (
        "apps/v1",
        "Deployment",
        {
            "spec": {"replicas": 3, "selector": {"matchLabels": {"b": "2", "a": "1"}}, "template": TEMPLATE},
            "status": {"readyReplicas": 2, "updatedReplicas": 3},
        },
        ["x", "2/3", 3, 0, "60m", "a,b", "i:1,j:2", "a=1,b=2"],
    ),
    "statefulsets": (
        "apps/v1",
        "StatefulSet",
        {"spec": {"template": TEMPLATE}, "status": {}},
        ["x", "0/1", "60m", "a,b", "i:1,j:2"],
    ),
    "daemonsets": (
        "apps/v1",
        "DaemonSet",
        {"spec": {"template": TEMPLATE}, "status": {"desiredNumberScheduled": 2, "numberReady": 1}},
        ["x", 2, 0, 1, 0, 0, "<none>", "60m", "a,b", "i:1,j:2", "<none>"],
    ),
    "jobs": (
        "batch/v1",
        "Job",
        {
            "spec": {"completions": 2, "template": TEMPLATE},
            "status": {
                "succeeded": 2,
                "startTime": "2026-01-02T02:04:05Z",
                "completionTime": "2026-01-02T02:06:15Z",
                "conditions": [{"type": "Complete", "status": "True"}],
            },
        },
        ["x", "Complete", "2/2", "2m10s", "60m", "a,b", "i:1,j:2", "<none>"],
    ),
    "cronjobs": (
        "batch/v1",
        "CronJob",
        {
            "spec": {
                "schedule": "* * * * *",
                "suspend": False,
                "jobTemplate": {"spec": {"template": TEMPLATE}},
            }
        },
        ["x", "* * * * *", "<none>", "False", 0, "<none>", "60m", "a,b", "i:1,j:2", "<none>"],
    ),
    "horizontalpodautoscalers": (
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        {
            "spec": {
                "scaleTargetRef": {"kind": "Deployment", "name": "web"},
                "maxReplicas": 5,
                "metrics": [
                    {
                        "type": "Resource",
                        "resource": {
                            "name": "cpu",
                            "target": {"type": "Utilization", "averageUtilization": 80},
                        },
                    },
                    {"type": "Pods", "pods": {"target": {"averageValue": "10"}}},
                    {"type": "External", "external": {"target": {"value": "3"}}},
                ],
            },
            "status": {"currentMetrics": [{"resource": {"current": {"averageUtilization": 7}}}]},
        },
        ["x", "Deployment/web", "cpu: 7%/80%, <unknown>/10 + 1 more...", "<unset>", 5, 0, "60m"],
    ),
    "services": (
        "v1",
        "Service",
        {
            "spec": {
                "type": "LoadBalancer",
                "clusterIPs": ["10.0.0.9"],
                "ports": [
                    {"port": 80, "nodePort": 30080, "protocol": "TCP"},
                    {"port": 53, "protocol": "UDP"},
                ],
                "selector": {"app": "web"},
            },
            "status": {"loadBalancer": {"ingress": [{"hostname": "lb.example.com"}, {"ip": "203.0.113.7"}]}},
        },
        [
            "x",
            "LoadBalancer",
            "10.0.0.9",
            "203.0.113.7,lb.example.com",
            "80:30080/TCP,53/UDP",
            "60m",
            "app=web",
        ],
    ),
    "endpoints": (
        "v1",
        "Endpoints",
        {"subsets": [{"addresses": [{"ip": f"10.0.0.{n}"} for n in range(5)], "ports": [{"port": 80}]}]},
        ["x", "10.0.0.0:80,10.0.0.1:80,10.0.0.2:80 + 2 more...", "60m"],
    ),
    "endpointslices": (
        "discovery.k8s.io/v1",
        "EndpointSlice",
        {"addressType": "IPv4", "ports": None, "endpoints": [{"addresses": ["10.0.0.1"]}]},
        ["x", "IPv4", "<unset>", "10.0.0.1", "60m"],
    ),
    "ingresses": (
        "networking.k8s.io/v1",
        "Ingress",
        {"spec": {"rules": [{"host": "a"}, {}, {"host": "b"}], "tls": [{}]}},
        ["x", "<none>", "a,b", "", "80, 443", "60m"],
    ),
    "networkpolicies": (
        "networking.k8s.io/v1",
        "NetworkPolicy",
        {"spec": {"podSelector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["2", "1"]}]}}},
        ["x", "a in (1,2)", "60m"],
    ),
    "poddisruptionbudgets": (
        "policy/v1",
        "PodDisruptionBudget",
        {"spec": {"minAvailable": "50%"}, "status": {"disruptionsAllowed": 1}},
        ["x", "50%", "N/A", 1, "60m"],
    ),
    "resourcequotas": (
        "v1",
        "ResourceQuota",
        {"status": {"hard": {"pods": "9", "limits.cpu": "2"}, "used": {"pods": "3"}}},
        ["x", "pods: 3/9", "limits.cpu: 0/2", "60m"],
    ),
    "persistentvolumeclaims": (
        "v1",
        "PersistentVolumeClaim",
        {
            "spec": {"volumeName": "pv-1", "storageClassName": "fast", "volumeMode": "Filesystem"},
            "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]},
        },
        ["x", "Bound", "pv-1", "1Gi", "RWO", "fast", "<unset>", "60m", "Filesystem"],
    ),
    "rolebindings": (
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        {
            "roleRef": {"kind": "Role", "name": "r"},
            "subjects": [
                {"kind": "User", "name": "u"},
                {"kind": "ServiceAccount", "name": "s", "namespace": "n"},
            ],
        },
        ["x", "Role/r", "60m", "u", "", "n/s"],
    ),
    "roles": ("rbac.authorization.k8s.io/v1", "Role", {}, ["x", "2026-01-02T02:04:05Z"]),
    "limitranges": ("v1", "LimitRange", {}, ["x", "2026-01-02T02:04:05Z"]),
    "configmaps": ("v1", "ConfigMap", {"data": {"a": ""}, "binaryData": {"b": ""}}, ["x", 2, "60m"]),
    "serviceaccounts": ("v1", "ServiceAccount", {"secrets": [{}]}, ["x", 1, "60m"]),
    "leases": ("coordination.k8s.io/v1", "Lease", {"spec": {"holderIdentity": "h"}}, ["x", "h", "60m"]),
    "controllerrevisions": (
        "apps/v1",
        "ControllerRevision",
        {"revision": 4},
        ["x", "<none>", 4, "60m"],
    ),
}


@pytest.mark.parametrize("plural", KINDS)
def test_built_in_kind(plural: str, serve: Serve) -> None:
    version, kind, body, expected = KINDS[plural]
    folder = f"apis/{version}" if "/" in version else f"api/{version}"
    listed = items(kind, {"metadata": META, **body}, api_version=version)
    client = serve(recording({f"k8s/{folder}/{plural}.json": listed}))
    assert client.rows(f"/{folder}/namespaces/shop/{plural}")[1] == [expected]


def test_node(serve: Serve) -> None:
    node = {
        "metadata": {
            "name": "n",
            "labels": {"node-role.kubernetes.io/worker": "", "kubernetes.io/role": "db"},
        },
        "spec": {"unschedulable": True},
        "status": {
            "conditions": [{"type": "Ready", "status": "False"}],
            "nodeInfo": {"kubeletVersion": "v1.30.1"},
            "addresses": [{"type": "InternalIP", "address": "10.9.9.9"}],
        },
    }
    row = serve(recording({"k8s/api/v1/nodes.json": items("Node", node)})).row("/api/v1/nodes")
    assert list(row.values()) == [
        "n",
        "NotReady,SchedulingDisabled",
        "db,worker",
        "<unknown>",
        "v1.30.1",
        "10.9.9.9",
        "<none>",
        "<unknown>",
        "<unknown>",
        "<unknown>",
    ]


def test_events_of_both_groups_show_the_same(serve: Serve) -> None:
    core = {
        "metadata": {"name": "e", "namespace": "shop"},
        "involvedObject": {"kind": "Pod", "name": "p"},
        "firstTimestamp": "2026-01-02T03:03:05Z",
        "lastTimestamp": "2026-01-02T03:04:00Z",
        "count": 3,
        "type": "Warning",
        "reason": "BackOff",
        "message": "again\n",
        "source": {"component": "kubelet", "host": "node-1"},
    }
    new = {
        "metadata": core["metadata"],
        "regarding": core["involvedObject"],
        "deprecatedFirstTimestamp": core["firstTimestamp"],
        "deprecatedLastTimestamp": core["lastTimestamp"],
        "deprecatedCount": 3,
        "type": "Warning",
        "reason": "BackOff",
        "note": "again\n",
        "deprecatedSource": core["source"],
    }
    client = serve(
        recording(
            {
                "k8s/api/v1/events.json": items("Event", core),
                "k8s/apis/events.k8s.io/v1/events.json": items("Event", new, api_version="events.k8s.io/v1"),
            }
        )
    )
    expected = ["5s", "Warning", "BackOff", "pod/p", "", "kubelet, node-1", "again", "60s", 3, "e"]
    assert client.rows("/api/v1/events")[1] == [expected]
    assert client.rows("/apis/events.k8s.io/v1/events")[1] == [expected]


CRD = {
    "metadata": {"name": "shirts.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "shirts", "kind": "Shirt"},
        "versions": [
            {
                "name": "v1",
                "selectableFields": [{"jsonPath": ".spec.color"}],
                "additionalPrinterColumns": [
                    {"name": "Sizes", "type": "string", "jsonPath": ".spec.sizes"},
                    {
                        "name": "Ready",
                        "type": "string",
                        "jsonPath": '.status.conditions[?(@.type=="Ready")].status',
                    },
                    {"name": "First", "type": "integer", "jsonPath": ".spec.numbers[0]"},
                    {"name": "Ip", "type": "string", "jsonPath": ".status.addresses[*].value", "priority": 1},
                    {
                        "name": "Note",
                        "type": "string",
                        "jsonPath": r".metadata.annotations.example\.com/note",
                    },
                    {"name": "On", "type": "boolean", "jsonPath": ".spec.on"},
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                    {"name": "Broken", "type": "string", "jsonPath": ".spec[?"},
                ],
            },
            {"name": "v1alpha1"},
        ],
    },
}
SHIRT = {
    "apiVersion": "example.com/v1",
    "kind": "Shirt",
    "metadata": {**META, "annotations": {"example.com/note": "blue"}},
    "spec": {"sizes": ["s", "m"], "numbers": [7, 8], "on": True, "color": "red"},
    "status": {
        "conditions": [{"type": "Other", "status": "No"}, {"type": "Ready", "status": "True"}],
        "addresses": [{"value": "10.1.1.1"}, {"value": "10.1.1.2"}],
    },
}


def _shirts() -> Bundle:
    empty = {"apiVersion": "example.com/v1", "kind": "Shirt", "metadata": {"name": "y", "namespace": "shop"}}
    crds = items("CustomResourceDefinition", CRD, api_version="apiextensions.k8s.io/v1")
    resources = [{"name": "shirts", "namespaced": True, "kind": "Shirt", "verbs": ["get", "list"]}]
    return recording(
        {
            "k8s/apis/apiextensions.k8s.io/v1/customresourcedefinitions.json": crds,
            "k8s/apis/example.com/v1alpha1.json": {"resources": resources},
            "k8s/apis/example.com/v1.json": {"resources": resources},
            "k8s/apis/example.com/v1/shirts.json": items("Shirt", SHIRT, empty, api_version="example.com/v1"),
        }
    )


def test_columns_of_a_crd(serve: Serve) -> None:
    names, rows = serve(_shirts()).rows("/apis/example.com/v1/shirts")
    assert names == ["Name", "Sizes", "Ready", "First", "Ip", "Note", "On", "Age"]
    assert rows == [
        ["x", '["s","m"]', "True", 7, "10.1.1.1", "blue", True, "60m"],
        ["y", None, None, None, None, None, None, None],
    ]


def test_crd_without_columns_shows_age_and_another_version_is_converted(serve: Serve) -> None:
    client = serve(_shirts())
    assert client.rows("/apis/example.com/v1alpha1/shirts") == (
        ["Name", "Age"],
        [["x", "60m"], ["y", "<unknown>"]],
    )
    answer = client.ask("/apis/example.com/v1alpha1/namespaces/shop/shirts/x").json
    assert answer == {**SHIRT, "apiVersion": "example.com/v1alpha1"}


def test_selectable_field(serve: Serve) -> None:
    answer = serve(_shirts()).ask("/apis/example.com/v1/shirts?fieldSelector=spec.color%3Dred").json
    assert [item["metadata"]["name"] for item in answer["items"]] == ["x"]


def test_what_a_row_carries(serve: Serve) -> None:
    obj = pod("p")
    obj["metadata"]["managedFields"] = [{"manager": "m"}]
    client = serve(recording({"k8s/api/v1/pods.json": items("Pod", obj)}))
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
    carried = {
        include: client.ask(f"/api/v1/pods?includeObject={include}", accept=TABLE).json["rows"][0]["object"]
        for include in ("None", "Metadata", "Object")
    }
    assert carried == {
        "None": None,
        "Metadata": partial,
        "Object": {"kind": "Pod", "apiVersion": "v1", **obj},
    }
    assert client.ask("/api/v1/pods?includeObject=All", accept=TABLE).status == 400


def test_service_accounts_since_1_35(serve: Serve) -> None:
    account = {"metadata": META}
    version = {"major": "1", "minor": "35"}
    entries = {
        "k8s/version.json": version,
        "k8s/api/v1/serviceaccounts.json": items("ServiceAccount", account),
    }
    assert serve(recording(entries)).rows("/api/v1/serviceaccounts") == (["Name", "Age"], [["x", "60m"]])
