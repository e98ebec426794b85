"""`describe --more`: what istioctl leaves out, behind istioctl's own part."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bugbundle.bundle import Bundle
from bugbundle.cli import main
from bugbundle.mesh import Mesh

KEY = "istio.io/use-waypoint"


def meta(name: str, namespace: str = "shop", labels: dict[str, str] | None = None, **more: object) -> dict[str, object]:
    return {"metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}", "labels": labels or {}, **more}}


def pod(name: str, node: str, labels: dict[str, str], **more: object) -> dict[str, object]:
    spec = {"nodeName": node, "containers": [{"name": "app"}]}
    return {**meta(name, labels=labels, **more), "spec": spec, "status": {"phase": "Running"}}


LISTS: dict[str, list[dict[str, object]]] = {
    "api/v1/namespaces": [
        {"metadata": {"name": "shop", "labels": {"istio.io/dataplane-mode": "ambient", KEY: "wp"}}},
        {"metadata": {"name": "istio-system"}},
    ],
    "api/v1/pods": [
        pod("web-1", "n1", {"app": "web"}, annotations={"ambient.istio.io/redirection": "enabled"}),
        pod("out-1", "n1", {"app": "out", "istio.io/dataplane-mode": "none"}),
        {
            **pod("zt-1", "n1", {"app": "ztunnel"}),
            "metadata": {"name": "zt-1", "namespace": "istio-system", "labels": {"app": "ztunnel"}},
        },
    ],
    "api/v1/services": [
        {
            **meta("web"),
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
            "status": {
                "conditions": [
                    {
                        "type": "istio.io/WaypointBound",
                        "status": "False",
                        "reason": "WaypointIsNotReady",
                        "message": "not ready",
                    }
                ]
            },
        },
    ],
    "apis/gateway.networking.k8s.io/v1/gateways": [
        {**meta("wp", labels={"istio.io/waypoint-for": "workload"}), "spec": {"gatewayClassName": "istio-waypoint"}},
    ],
    "apis/gateway.networking.k8s.io/v1/httproutes": [
        {
            **meta("split"),
            "kind": "HTTPRoute",
            "spec": {
                "parentRefs": [{"kind": "Gateway", "name": "edge"}],
                "rules": [{"backendRefs": [{"name": "web", "port": 80}]}],
            },
            "status": {
                "parents": [
                    {
                        "parentRef": {"name": "edge"},
                        "conditions": [{"type": "Accepted", "status": "False", "reason": "NoMatch"}],
                    }
                ]
            },
        },
        {
            **meta("other"),
            "kind": "HTTPRoute",
            "spec": {"rules": [{"backendRefs": [{"name": "web", "namespace": "far"}]}]},
        },
    ],
    "apis/networking.istio.io/v1/sidecars": [
        {**meta("own"), "spec": {"workloadSelector": {"labels": {"app": "web"}}, "egress": [{"hosts": ["./*"]}]}},
        {**meta("default"), "spec": {"egress": [{"hosts": ["*/*"]}]}},
    ],
}
ZTUNNEL = {
    "workloads": [{"name": "web-1", "namespace": "shop", "protocol": "HBONE", "authorizationPolicies": ["shop/p"]}],
    "workloadState": {"uid-web-1": {"state": "Pending"}},
}


def mesh(lists: dict[str, object] = LISTS) -> dict[str, Mesh]:  # type: ignore[assignment]
    entries = {
        f"k8s/{path}.json": json.dumps({"kind": "List", "apiVersion": "v1", "items": items})
        for path, items in lists.items()
    }
    entries["ztunnel/istio-system/zt-1/config_dump.json"] = json.dumps(ZTUNNEL)
    return {"B": Mesh(Bundle.from_entries(entries))}


def test_ambient_waypoint_routes_and_sidecar_of_a_pod(capsys: pytest.CaptureFixture[str]):
    code = main(["describe", "pod", "B", "web-1.shop", "--more"], mesh())
    out, err = capsys.readouterr()
    assert (code, out.partition("====================\n")[2].splitlines()) == (
        0,
        [
            "Ambient: wanted by the namespace's label istio.io/dataplane-mode=ambient",
            "   Redirection: enabled",
            "   Ztunnel zt-1.istio-system: state Pending",
            "   Ztunnel speaks HBONE to it; policies: shop/p",
            "Waypoint: wp.shop (for workload), by the namespace's label",
            "   WARNING: it has no address: it is not ready",
            "Sidecar: own.shop",
            "   Egress: ./*",
            "Service: web.shop",
            "   Waypoint: wp.shop (for workload), by the namespace's label",
            "      WARNING: it does not serve traffic to a service",
            "      WARNING: it has no address: it is not ready",
            "      istio.io/WaypointBound: False (WaypointIsNotReady) not ready",
            "   HTTPRoute: split.shop, to port 80",
            "      Gateway edge.shop: WARNING: Accepted=False NoMatch",
        ],
    )
    assert err.startswith("Error: failed to execute command on sidecar: web-1.shop has no Envoy in this bundle")


def test_without_more_istioctls_exit_code_stands(capsys: pytest.CaptureFixture[str]):
    assert main(["describe", "pod", "B", "web-1.shop"], mesh()) == 1
    out, err = capsys.readouterr()
    assert (out.splitlines()[-1], "--more tells of ambient" in err) == ("--------------------", True)


def test_a_pod_may_opt_out_and_a_waypoint_be_missing(capsys: pytest.CaptureFixture[str]):
    lists = {**LISTS, "apis/gateway.networking.k8s.io/v1/gateways": []}
    main(["describe", "pod", "B", "out-1.shop", "--more"], mesh(lists))
    assert capsys.readouterr().out.partition("====================\n")[2].splitlines() == [
        "Waypoint: wp.shop, by the namespace's label",
        "   WARNING: there is no such Gateway; L7 rules do not apply",
        "Sidecar: default.shop",
        "   Egress: */*",
    ]


def test_nothing_more_is_said_too(capsys: pytest.CaptureFixture[str]):
    lists = {**LISTS, "apis/gateway.networking.k8s.io/v1/httproutes": [], "api/v1/namespaces": []}
    main(["describe", "service", "B", "web.shop", "--more"], mesh(lists))
    assert capsys.readouterr().out.splitlines()[-1].startswith("Nothing more: ")


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
SPEC = (
    "containers",
    "ports",
    "selector",
    "egress",
    "rules",
    "parentRefs",
    "workloadSelector",
    "http",
    "tcp",
    "subsets",
)
STATUS = ("phase", "conditions", "parents", "containerStatuses")
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "metadata": st.fixed_dictionaries(
            {"name": st.just("web-1") | st.just("web"), "namespace": st.just("shop")},
            optional={"labels": JUNK, "annotations": JUNK},
        ),
        "spec": st.fixed_dictionaries({}, optional=dict.fromkeys(SPEC, JUNK)),
        "status": st.fixed_dictionaries({}, optional=dict.fromkeys(STATUS, JUNK)),
        "webhooks": JUNK,
    },
)


@settings(max_examples=40, deadline=None)
@given(st.fixed_dictionaries({path: st.lists(FIELDS, max_size=2) for path in LISTS}))
def test_odd_objects_give_an_answer_or_one_error(lists: dict[str, object]):
    known = mesh(lists)
    hooks = {"kind": "List", "items": lists["api/v1/services"]}
    entries = {
        **known["B"].bundle,
        "k8s/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations.json": json.dumps(hooks),
    }
    known = {"B": Mesh(Bundle.from_entries(entries))}
    for words in (
        ("describe", "pod", "B", "web-1.shop", "--more"),
        ("describe", "service", "B", "web.shop", "--more"),
        ("check-inject", "B", "web-1.shop"),
        ("injector", "list", "B"),
        ("tag", "list", "B"),
        ("waypoint", "status", "B", "-A"),
        ("waypoint", "list", "B", "-n", "shop"),
    ):
        assert main(list(words), known) in (0, 1)
