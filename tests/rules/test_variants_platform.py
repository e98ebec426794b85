"""What goes wrong around a mesh, one thing at a time: is the first diagnosis the cause, and nothing else loud?"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import NamedTuple

import pytest
from cluster_scene import REFUSED, Cluster
from variants import diagnosed, loud, recordings

from bugbundle.analysis import analyze
from bugbundle.bundle import Bundle
from bugbundle.rules import all_rules


class Case(NamedTuple):
    """A thing that goes wrong, and what the first diagnosis must be."""

    name: str
    code: str
    origin: str
    change: Callable[[Cluster], None]


CASES: list[Case] = []
MUTATING = "mutatingwebhookconfigurations.admissionregistration.k8s.io"


def case(code: str, origin: str) -> Callable[[Callable[[Cluster], None]], Callable[[Cluster], None]]:
    def keep(change: Callable[[Cluster], None]) -> Callable[[Cluster], None]:
        CASES.append(Case(change.__name__, code, origin, change))
        return change

    return keep


# injection: the webhooks


def untrusted(scene: Cluster) -> None:
    why = (
        'Post "https://istiod.istio-system.svc:443/inject?timeout=10s": tls: failed to verify certificate: x509: '
        "certificate signed by unknown authority"
    )
    scene.refused("bookinfo", "fresh", REFUSED.format(hook="namespace.sidecar-injector.istio.io", why=why))


@case("BB601", "MutatingWebhookConfiguration istio-revision-tag-default")
def ca_bundle_empty(scene: Cluster) -> None:
    for config in scene.webhooks():
        for hook in config["webhooks"]:
            hook["clientConfig"]["caBundle"] = ""
    untrusted(scene)


@case("BB608", "MutatingWebhookConfiguration istio-revision-tag-default")
def fails_open(scene: Cluster) -> None:
    for config in scene.webhooks():
        for hook in config["webhooks"]:
            hook["failurePolicy"] = "Ignore"
    scene.workload("bookinfo", "plain", pods=2)


@case("BB603", "Namespace bookinfo")
def selector_does_not_fit(scene: Cluster) -> None:
    for config in scene.webhooks():
        text = json.dumps(config["webhooks"]).replace('"enabled"', '"on"')
        config["webhooks"] = json.loads(text)
    scene.workload("bookinfo", "plain")


@case("BB151", "Deployment istio-system/istiod")
def istiod_has_no_replicas(scene: Cluster) -> None:
    for item in scene.objects("deployments.apps", "istio-system", "istiod"):
        item["spec"]["replicas"] = 0
        item["status"] = {"observedGeneration": 3}
    scene.unready(scene.pod("istio-system/istiod"))
    name = scene.pod("istio-system/istiod")["metadata"]["name"]
    scene.remove("pods", "istio-system", name)
    for listed in scene.lists("endpointslices.discovery.k8s.io"):
        for item in listed["items"]:
            if item["metadata"]["name"].startswith("istiod"):
                item["endpoints"] = []
    scene.no_istiod()
    why = 'Post "https://istiod.istio-system.svc:443/inject?timeout=10s": no endpoints available for service "istiod"'
    scene.refused("bookinfo", "fresh", REFUSED.format(hook="namespace.sidecar-injector.istio.io", why=why))


@case("BB607", "MutatingWebhookConfiguration istio-revision-tag-default")
def two_installations(scene: Cluster) -> None:
    scene.another_webhook("istio-sidecar-injector-canary", "canary", "istiod")["webhooks"][0].update(
        namespaceSelector={"matchLabels": {"istio-injection": "enabled"}}, objectSelector={}
    )


@case("BB603", "Namespace harbour")
def revision_nobody_has(scene: Cluster) -> None:
    scene.namespace("harbour", rev="1-28-1")
    scene.workload("harbour", "crane", pods=3)


@case("BB602", "MutatingWebhookConfiguration istio-revision-tag-prod")
def tag_of_a_removed_revision(scene: Cluster) -> None:
    scene.another_webhook("istio-revision-tag-prod", "1-26-2", "istiod-1-26-2", **{"istio.io/tag": "prod"})
    scene.namespace("harbour", rev="prod")
    why = 'Post "https://istiod-1-26-2.istio-system.svc:443/inject?timeout=10s": service "istiod-1-26-2" not found'
    scene.refused("harbour", "crane", REFUSED.format(hook="rev.namespace.sidecar-injector.istio.io", why=why))


@case("BB604", "Namespace harbour")
def disabled_and_revision(scene: Cluster) -> None:
    scene.namespace("harbour", rev="default", istio_injection="disabled")
    scene.workload("harbour", "crane", pods=2)


@case("BB605", "Deployment harbour/crane")
def labelled_after_the_pods(scene: Cluster) -> None:
    scene.namespace("harbour", istio_injection="enabled")
    scene.workload("harbour", "crane", pods=2, ago=7200)
    for item in scene.objects("namespaces", "", "harbour"):
        fields = {"f:metadata": {"f:labels": {"f:istio-injection": {}}}}
        item["metadata"]["managedFields"] = [{"manager": "kubectl-label", "time": scene.time(300), "fieldsV1": fields}]


# injection: the pods


@case("BB612", "Deployment bookinfo/fresh")
def pod_security_refuses(scene: Cluster) -> None:
    scene.refused(
        "bookinfo",
        "fresh",
        'pods "fresh-5d9c7b-x2x" is forbidden: violates PodSecurity "restricted:latest": unrestricted capabilities '
        '(container "istio-init" must not include "NET_ADMIN", "NET_RAW" in securityContext.capabilities.add), '
        'runAsNonRoot != true (container "istio-init" must not set securityContext.runAsNonRoot=false), '
        'runAsUser=0 (container "istio-init" must not set runAsUser=0)',
    )
    scene.label("namespaces", "", "bookinfo", **{"pod_security.kubernetes.io__enforce": "restricted"})


@case("BB804", "Deployment bookinfo/fresh")
def quota(scene: Cluster) -> None:
    scene.refused(
        "bookinfo",
        "fresh",
        'pods "fresh-5d9c7b-x2x" is forbidden: exceeded quota: compute, requested: requests.cpu=110m, used: '
        "requests.cpu=950m, limited: requests.cpu=1",
    )


@case("BB802", "Deployment bookinfo/details-v1")
def proxy_image_not_pulled(scene: Cluster) -> None:
    pod = scene.pod("bookinfo/details-v1")
    image = "registry.example.com/istio/proxyv2:1.29.6"
    scene.waiting(pod, "istio-init", "ImagePullBackOff", f'Back-off pulling image "{image}"', image=image)
    name = pod["metadata"]["name"]
    for one in pod["status"]["initContainerStatuses"][1:]:
        one.update(ready=False, started=False, restartCount=0, state={"waiting": {"reason": "PodInitializing"}})
    scene.silent(f"bookinfo/{name}")
    scene.event("bookinfo", "Pod", name, "Failed", f'Failed to pull image "{image}": not found')


@case("BB613", "Deployment bookinfo/details-v1")
def iptables_not_permitted(scene: Cluster) -> None:
    pod = scene.pod("bookinfo/details-v1")
    name = pod["metadata"]["name"]
    scene.waiting(pod, "istio-init", "CrashLoopBackOff", "back-off 2m40s", exit=255, restarts=6)
    scene.log(
        f"bookinfo/{name}/istio-init",
        "{t}\tinfo\tRunning command (without lock): iptables-restore --noflush",
        "{t}\terror\tCommand error output: xtables other problem: iptables-restore v1.8.7 (nf_tables): "
        "Could not fetch rule set generation id: Permission denied (you must be root)",
        "{t}\terror\texit status 4",
    )
    scene.silent(f"bookinfo/{name}")


@case("BB613", "Deployment bookinfo/details-v1")
def validation_fails(scene: Cluster) -> None:
    pod = scene.pod("bookinfo/details-v1")
    name = pod["metadata"]["name"]
    for container in pod["spec"]["initContainers"]:
        if container["name"] == "istio-init":
            container["name"] = "istio-validation"
    for status in pod["status"]["initContainerStatuses"]:
        if status["name"] == "istio-init":
            status["name"] = "istio-validation"
    scene.waiting(pod, "istio-validation", "CrashLoopBackOff", "back-off 40s", exit=126, restarts=5)
    scene.log(
        f"bookinfo/{name}/istio-validation",
        "{t}\terror\tError connecting to 127.0.0.6:15002: dial tcp 127.0.0.1:0->127.0.0.6:15002: connect: "
        "connection refused",
        "{t}\terror\tvalidation timeout",
    )
    scene.silent(f"bookinfo/{name}")


@case("BB512", "Pod istio-system/istio-cni-node-4sv8c")
def cni_not_ready(scene: Cluster) -> None:
    pod = scene.pod("istio-system/istio-cni-node-4sv8c")
    scene.waiting(pod, "install-cni", "CrashLoopBackOff", "back-off", exit=1, restarts=6)
    scene.cni_says(
        "node-1",
        "{t}\terror\tcni-agent\tInstaller exits with open /host/opt/cni/bin/istio-cni: read-only file system; "
        "hint: some Kubernetes environments require customization of the CNI directory. Ensure you properly set "
        "global.platform=<name> during installation",
    )


@case("BB513", "Node node-1")
def cni_plugin_unauthorized(scene: Cluster) -> None:
    pod = scene.workload("bookinfo", "fresh")[0]
    scene.waiting(pod, "api", "ContainerCreating")
    pod["status"].update(phase="Pending")
    text = (
        'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "5d7": '
        'plugin type="istio-cni" name="istio-cni" failed (add): Unauthorized'
    )
    scene.event("bookinfo", "Pod", pod["metadata"]["name"], "FailedCreatePodSandBox", text, count=40)


@case("BB513", "Node node-1")
def cni_cannot_reach_ztunnel(scene: Cluster) -> None:
    pod = scene.workload("ambient-app", "fresh")[0]
    scene.waiting(pod, "api", "ContainerCreating")
    pod["status"].update(phase="Pending")
    text = (
        'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "5d7": '
        'plugin type="istio-cni" name="istio-cni" failed (add): unable to push CNI event (status code 500): '
        "no ztunnel connection"
    )
    scene.event("ambient-app", "Pod", pod["metadata"]["name"], "FailedCreatePodSandBox", text, count=40)
    for _ in range(6):
        scene.cni_says("node-1", "{t}\terror\tcni-agent\tfailed to add pod to ztunnel: no ztunnel connection")


@case("BB514", "Pod istio-system/istio-cni-node-4sv8c")
def cni_fights(scene: Cluster) -> None:
    for _ in range(4):
        scene.cni_says(
            "node-1",
            "{t}\twarn\tcni-agent\tConfiguration has been reconciled multiple times in a short period of time. "
            "This may be due to a conflicting component constantly reverting our work. Hint: Cilium CNI was "
            "detected; ensure 'cni.exclusive=false' in the Cilium configuration",
        )


@case("BB514", "Pod istio-system/istio-cni-node-4sv8c")
def cni_repairs(scene: Cluster) -> None:
    for name in "abc":
        scene.cni_says("node-1", f"{{t}}\tinfo\trepair\tPod detected as broken, deleting: shop/web-{name}")


@case("BB514", "Pod istio-system/istio-cni-node-4sv8c")
def cni_cannot_write_rules(scene: Cluster) -> None:
    scene.cni_says(
        "node-1",
        "{t}\terror\tcni-agent\tfailed to reconcile inpod rules for pod\tns=ambient-app name=cart-1 "
        "error=failed to restore iptables rules: exit status 1",
    )


# versions


def older(scene: Cluster, proxy: str, version: str) -> None:
    """A proxy of another version: in istiod's page, in Envoy's bootstrap and metadata, in its image."""
    for row in scene.syncz(proxy):
        row["istio_version"] = version
    for path in scene.paths(rf"proxies/{proxy}/(config_dump|server_info|init_dump)\.json"):
        scene.files[path] = scene.files[path].replace(b"1.29.6", version.encode())
    pod = scene.pod(proxy)
    text = json.dumps(pod).replace("proxyv2:1.29.6", f"proxyv2:{version}")
    pod.clear()
    pod.update(json.loads(text))


@case("BB650", "Deployment bookinfo/details-v1")
def proxy_three_versions_behind(scene: Cluster) -> None:
    older(scene, scene.proxy("bookinfo/details-v1"), "1.26.2")


@case("BB813", "CustomResourceDefinition wasmplugins.extensions.istio.io")
def definitions_missing(scene: Cluster) -> None:
    scene.remove("customresourcedefinitions.apiextensions.k8s.io", "", "wasmplugins.extensions.istio.io")


# ambient


@case("BB509", "Deployment ambient-app/late")
def not_captured(scene: Cluster) -> None:
    scene.workload("ambient-app", "late", pods=2, ago=7200)


@case("BB511", "Node node-3")
def no_ztunnel_on_the_node(scene: Cluster) -> None:
    pod = scene.ztunnel("node-3")
    scene.unready(pod)
    name = pod["metadata"]["name"]
    scene.remove("pods", "istio-system", name)
    for path in scene.paths(rf"(ztunnel/istio-system|logs/istio-system)/{name}/.*"):
        del scene.files[path]
    for path in scene.paths("istiod/.*/debug/syncz.json"):
        scene.json(path)[:] = [row for row in scene.json(path) if name not in row["proxy"]]


@case("BB511", "Pod istio-system/ztunnel-q9v6r")
def ztunnel_crashes(scene: Cluster) -> None:
    pod = scene.ztunnel("node-3")
    scene.waiting(pod, "istio-proxy", "CrashLoopBackOff", exit=137, why="OOMKilled", restarts=7)
    name = pod["metadata"]["name"]
    for path in scene.paths(rf"ztunnel/istio-system/{name}/.*"):
        del scene.files[path]
    for path in scene.paths("istiod/.*/debug/syncz.json"):
        scene.json(path)[:] = [row for row in scene.json(path) if name not in row["proxy"]]


@case("BB553", "Pod istio-system/ztunnel-q9v6r")
def ztunnel_not_connected(scene: Cluster) -> None:
    for path in scene.paths("istiod/.*/debug/syncz.json"):
        scene.json(path)[:] = [row for row in scene.json(path) if "ztunnel-q9v6r" not in row["proxy"]]
    scene.tunnel_says(
        "node-3",
        "{t}\twarn\txds::client:xds{id=9}\tXDS client connection error: gRPC connection error connecting to "
        'https://istiod.istio-system.svc:15012: status: Unknown, message: "client error (Connect)", source: '
        "tcp connect error: Connection timed out (os error 110), retrying in 15s",
    )


@case("BB550", "Pod istio-system/ztunnel-q9v6r")
def ztunnel_lacks_workloads(scene: Cluster) -> None:
    dump = scene.json("ztunnel/istio-system/ztunnel-q9v6r/config_dump.json")
    dump["workloads"] = [row for row in dump["workloads"] if not row["name"].startswith("stock")]


@case("BB507", "NetworkPolicy ambient-app/only-http")
def hbone_closed(scene: Cluster) -> None:
    ports = [{"protocol": "TCP", "port": 8080}]
    spec = {"podSelector": {"matchLabels": {"app": "cart"}}, "policyTypes": ["Ingress"], "ingress": [{"ports": ports}]}
    scene.add("networkpolicies.networking.k8s.io", "NetworkPolicy", "ambient-app", "only-http", spec)
    scene.tunnel_says(
        "node-2",
        '{t}\terror\taccess\tconnection complete\tsrc.addr=10.244.2.4:5000 src.workload="stock-77d477847b-pfzzl" '
        'src.namespace="ambient-app" src.identity="spiffe://cluster.local/ns/ambient-app/sa/default" '
        'dst.addr=10.244.3.9:15008 dst.hbone_addr=10.244.3.9:8080 dst.workload="cart-58bc4f86-f6nzh" '
        'dst.namespace="ambient-app" direction="outbound" bytes_sent=0 bytes_recv=0 duration="10003ms" '
        'error="connection timed out, maybe a NetworkPolicy is blocking HBONE port 15008: deadline has elapsed"',
    )


def bound(scene: Cluster, service: str, reason: str, message: str) -> None:
    """What istiod says of a Service's waypoint."""
    for item in scene.objects("services", "ambient-app", service):
        for one in item["status"]["conditions"]:
            if one["type"] == "istio.io/WaypointBound":
                one.update(status="False", reason=reason, message=message)


@case("BB501", "Service ambient-app/cart")
def waypoint_named_wrong(scene: Cluster) -> None:
    scene.label("services", "ambient-app", "cart", istio_io__use_waypoint=None, **{"istio.io__use_waypoint": "wp"})
    bound(scene, "cart", "WaypointIsNotReady", 'waypoint "ambient-app/wp" is not ready')


@case("BB308", "Pod ambient-app/waypoint-6c79fc684c-gmllw")
def waypoint_not_programmed(scene: Cluster) -> None:
    for item in scene.objects("gateways.gateway.networking.k8s.io", "ambient-app", "waypoint"):
        for one in item["status"]["conditions"]:
            if one["type"] == "Programmed":
                one.update(
                    status="False",
                    reason="AddressNotAssigned",
                    message="Failed to assign to any requested "
                    "addresses: no instances found for hostname waypoint.ambient-app.svc.cluster.local",
                )
    pod = scene.pod("ambient-app/waypoint")
    scene.waiting(pod, "istio-proxy", "CrashLoopBackOff", exit=137, why="OOMKilled", restarts=4)
    scene.silent(f"ambient-app/{pod['metadata']['name']}")
    for service in ("cart", "stock"):
        bound(scene, service, "WaypointIsNotReady", 'waypoint "ambient-app/waypoint" is not ready')


@case("BB726", "Gateway ambient-app/waypoint")
def waypoint_class_missing(scene: Cluster) -> None:
    scene.remove("gatewayclasses.gateway.networking.k8s.io", "", "istio-waypoint")
    for item in scene.objects("gateways.gateway.networking.k8s.io", "ambient-app", "waypoint"):
        message = "Waiting for controller"
        item["status"] = {
            "conditions": [
                {"type": kind, "status": "Unknown", "reason": "Pending", "message": message}
                for kind in ("Accepted", "Programmed")
            ]
        }
    pod = scene.pod("ambient-app/waypoint")["metadata"]["name"]
    scene.silent(f"ambient-app/{pod}")
    scene.remove("pods", "ambient-app", pod)
    scene.remove("deployments.apps", "ambient-app", "waypoint")
    scene.remove("services", "ambient-app", "waypoint")
    for service in ("cart", "stock"):
        bound(scene, service, "WaypointIsNotReady", 'waypoint "ambient-app/waypoint" is not ready')


@case("BB515", "Namespace harbour")
def waypoint_of_another_namespace(scene: Cluster) -> None:
    more = {"istio.io/use-waypoint": "waypoint", "istio.io/use-waypoint-namespace": "ambient-app"}
    scene.namespace("harbour", mode="ambient", **more)
    scene.ambient("harbour", "crane")
    message = 'we are not permitted to attach to waypoint "ambient-app/waypoint" (missing allowedRoutes?)'
    for item in scene.objects("services", "harbour", "crane"):
        item["status"]["conditions"] = [
            {"type": "istio.io/WaypointBound", "status": "False", "reason": "AttachmentDenied", "message": message}
        ]


@case("BB502", "Service ambient-app/cart")
def waypoint_for_workloads(scene: Cluster) -> None:
    for item in scene.objects("gateways.gateway.networking.k8s.io", "ambient-app", "waypoint"):
        item["metadata"]["labels"]["istio.io/waypoint-for"] = "workload"
    scene.label("services", "ambient-app", "cart", **{"istio.io__use_waypoint": "waypoint"})
    bound(
        scene,
        "cart",
        "UnsupportedTrafficType",
        'attempting to bind to traffic type "service" which the waypoint "ambient-app/waypoint" does not support',
    )


@case("BB504", "AuthorizationPolicy ambient-app/readers")
def http_rules_at_ztunnel(scene: Cluster) -> None:
    spec = {
        "selector": {"matchLabels": {"app": "cart"}},
        "action": "ALLOW",
        "rules": [{"to": [{"operation": {"methods": ["GET"]}}]}],
    }
    message = "ztunnel does not support HTTP attributes (found: methods). ..."
    condition = {"type": "ZtunnelAccepted", "status": "True", "reason": "UnsupportedValue", "message": message}
    scene.add(
        "authorizationpolicies.security.istio.io",
        "AuthorizationPolicy",
        "ambient-app",
        "readers",
        spec,
        status={"conditions": [condition]},
    )
    scene.tunnel_says(
        "node-3",
        '{t}\terror\taccess\tconnection complete\tsrc.addr=10.244.2.4:5000 src.workload="stock-77d477847b-pfzzl" '
        'src.namespace="ambient-app" dst.addr=10.244.3.9:15008 dst.workload="cart-58bc4f86-f6nzh" '
        'dst.namespace="ambient-app" direction="inbound" error="connection closed due to policy rejection: '
        'allow policies exist, but none allowed"',
    )


@case("BB505", "AuthorizationPolicy ambient-app/cart-only")
def policy_target_missing(scene: Cluster) -> None:
    spec = {"targetRefs": [{"group": "", "kind": "Service", "name": "basket"}], "action": "ALLOW", "rules": [{}]}
    message = "Service ambient-app/basket was not found"
    condition = {"type": "WaypointAccepted", "status": "False", "reason": "TargetNotFound", "message": message}
    scene.add(
        "authorizationpolicies.security.istio.io",
        "AuthorizationPolicy",
        "ambient-app",
        "cart-only",
        spec,
        status={"conditions": [condition]},
    )


@case("BB506", "VirtualService harbour/crane")
def routes_without_waypoint(scene: Cluster) -> None:
    scene.namespace("harbour", mode="ambient")
    scene.ambient("harbour", "crane", pods=2)
    spec = {
        "hosts": ["crane.harbour.svc.cluster.local"],
        "http": [
            {
                "match": [{"uri": {"prefix": "/v2"}}],
                "rewrite": {"uri": "/"},
                "route": [{"destination": {"host": "crane.harbour.svc.cluster.local"}}],
            },
            {"route": [{"destination": {"host": "crane.harbour.svc.cluster.local"}}]},
        ],
    }
    scene.add("virtualservices.networking.istio.io", "VirtualService", "harbour", "crane", spec)


@case("BB554", "Pod istio-system/ztunnel-q9v6r")
def ztunnel_certificate(scene: Cluster) -> None:
    identity = "spiffe://cluster.local/ns/ambient-app/sa/cart"
    dump = scene.json("ztunnel/istio-system/ztunnel-q9v6r/config_dump.json")
    why = "signing gRPC error (The request does not have valid authentication credentials): impersonation failed"
    for row in dump["certificates"]:
        if row["identity"] == identity:
            row.update(state=f"Unavailable: {why}", certChain=[], rootCerts=[])
    scene.tunnel_says(
        "node-3",
        f"{{t}}\twarn\tidentity::manager\tcertificate fetch failed ({identity}): {why}, retrying in 1m",
    )


@case("BB557", "Pod istio-system/ztunnel-x56fp")
def identity_not_expected(scene: Cluster) -> None:
    scene.tunnel_says(
        "node-2",
        '{t}\terror\taccess\tconnection complete\tsrc.addr=10.244.2.4:5000 src.workload="stock-77d477847b-pfzzl" '
        'src.namespace="ambient-app" dst.addr=10.244.3.9:15008 dst.workload="cart-58bc4f86-f6nzh" '
        'dst.namespace="ambient-app" direction="outbound" error="http status: 503, identity verification error: '
        "peer did not present the expected SAN (spiffe://cluster.local/ns/ambient-app/sa/cart), got "
        'spiffe://cluster.local/ns/ambient-app/sa/stock"',
    )


@case("BB556", "AuthorizationPolicy ambient-app/no-stock")
def ztunnel_denies(scene: Cluster) -> None:
    source = {"principals": ["cluster.local/ns/ambient-app/sa/stock"]}
    spec = {"action": "DENY", "rules": [{"from": [{"source": source}]}], "selector": {"matchLabels": {"app": "cart"}}}
    scene.add("authorizationpolicies.security.istio.io", "AuthorizationPolicy", "ambient-app", "no-stock", spec)
    refuse(scene, "stock-77d477847b-pfzzl", "ambient-app", "explicitly denied by: ambient-app/no-stock")


@case("BB556", "PeerAuthentication ambient-app/strict")
def plain_client_of_ambient(scene: Cluster) -> None:
    spec = {"mtls": {"mode": "STRICT"}}
    scene.add("peerauthentications.security.istio.io", "PeerAuthentication", "ambient-app", "strict", spec)
    why = "explicitly denied by: istio-system/istio_converted_static_strict"
    refuse(scene, "legacy-curl", "legacy", why)


def refuse(scene: Cluster, pod: str, namespace: str, why: str) -> None:
    scene.tunnel_says(
        "node-3",
        f'{{t}}\terror\taccess\tconnection complete\tsrc.addr=10.244.3.4:5000 src.workload="{pod}" '
        f'src.namespace="{namespace}" dst.addr=10.244.3.9:8080 dst.workload="cart-58bc4f86-f6nzh" '
        f'dst.namespace="ambient-app" direction="inbound" error="connection closed due to policy rejection: {why}"',
    )


# Kubernetes around it


@case("BB814", "Deployment kube-system/coredns")
def dns_down(scene: Cluster) -> None:
    pods = scene.workload("kube-system", "coredns", pods=2, labels={"k8s-app": "kube-dns"}, service=False)
    addresses = [pod["status"]["podIP"] for pod in pods]
    for pod in pods:
        pod["spec"]["containers"][0]["ports"] = [
            {"containerPort": 53, "protocol": p, "name": p.lower()} for p in ("UDP", "TCP")
        ]
    for listed in scene.lists("endpointslices.discovery.k8s.io"):
        meta = {"name": "kube-dns-x", "namespace": "kube-system", "labels": {"kubernetes.io/service-name": "kube-dns"}}
        endpoints = [{"addresses": [one], "conditions": {"ready": True}} for one in addresses]
        listed["items"].append({"metadata": meta, "addressType": "IPv4", "endpoints": endpoints, "ports": []})
    for pod in pods:
        scene.waiting(pod, "api", "CrashLoopBackOff", exit=1, restarts=9)
    for proxy in scene.proxies("bookinfo/")[:3]:
        scene.log(
            f"{proxy}/istio-proxy",
            "{t}\twarn\txdsproxy\tfailed to connect to upstream istiod.istio-system.svc:15012: rpc error: code = "
            "Unavailable desc = dns: A record lookup error: lookup istiod.istio-system.svc on 10.96.0.10:53: read udp "
            "10.244.1.5:50000->10.96.0.10:53: read: connection refused",
        )
        namespace, name = proxy.split("/")
        for path in scene.paths("istiod/.*/debug/syncz.json"):
            scene.json(path)[:] = [row for row in scene.json(path) if row["proxy"] != f"{name}.{namespace}"]


@case("BB812", "Node node-3")
def node_down(scene: Cluster) -> None:
    for node in scene.objects("nodes", "", "node-3"):
        for one in node["status"]["conditions"]:
            if one["type"] == "Ready":
                one.update(status="Unknown", reason="NodeStatusUnknown", message="Kubelet stopped posting node status.")
    for pod in scene.json("k8s/api/v1/pods.json")["items"]:
        if pod["spec"].get("nodeName") == "node-3":
            scene.unready(pod)


@case("BB803", "Deployment bookinfo/fresh")
def no_room(scene: Cluster) -> None:
    for pod in scene.workload("bookinfo", "fresh", node=""):
        pod["status"] = {
            "phase": "Pending",
            "conditions": [
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "Unschedulable",
                    "message": "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available",
                }
            ],
        }


@case("BB801", "Deployment legacy/batch")
def application_out_of_memory(scene: Cluster) -> None:
    pod = scene.workload("legacy", "batch")[0]
    scene.waiting(pod, "api", "CrashLoopBackOff", exit=137, why="OOMKilled", restarts=7)


@case("BB308", "Pod bookinfo/details-v1-889b75dd6-b6dst")
def proxy_out_of_memory(scene: Cluster) -> None:
    pod = scene.pod("bookinfo/details-v1")
    scene.waiting(pod, "istio-proxy", "CrashLoopBackOff", exit=137, why="OOMKilled", restarts=7)
    name = pod["metadata"]["name"]
    scene.silent(f"bookinfo/{name}")
    scene.log(
        f"bookinfo/{name}/istio-proxy",
        "{t}\twarn\tEnvoy may have been out of memory killed. Check memory usage and limits.",
    )


@case("BB805", "Deployment bookinfo/reviews-v3")
def readiness_fails(scene: Cluster) -> None:
    pod = scene.pod("bookinfo/reviews-v3")
    for one in pod["status"]["containerStatuses"]:
        one.update(ready=False)
    pod["status"]["containerStatuses"][0]["state"] = {"running": {"startedAt": scene.time(3600)}}
    scene.unready(pod)
    text = "Readiness probe failed: HTTP probe failed with statuscode: 500"
    scene.event("bookinfo", "Pod", pod["metadata"]["name"], "Unhealthy", text, count=60)


@case("BB806", "Node node-2")
def evicted(scene: Cluster) -> None:
    for node in scene.objects("nodes", "", "node-2"):
        for one in node["status"]["conditions"]:
            if one["type"] == "MemoryPressure":
                one.update(
                    status="True",
                    reason="KubeletHasInsufficientMemory",
                    message="kubelet has insufficient memory available",
                )
    for pod in scene.workload("legacy", "batch", pods=4, node="node-2", service=False):
        pod["status"] = {
            "phase": "Failed",
            "reason": "Evicted",
            "startTime": scene.time(900),
            "message": "The node was low on resource: memory. Threshold quantity: 100Mi, available: 80Mi.",
        }


@case("BB152", "Pod istio-system/istiod-57c6756f8-wtjzj")
def istiod_out_of_memory(scene: Cluster) -> None:
    pod = scene.pod("istio-system/istiod")
    status = pod["status"]["containerStatuses"][0]
    end = {"exitCode": 137, "reason": "OOMKilled", "finishedAt": scene.time(240), "startedAt": scene.time(900)}
    status.update(restartCount=6, lastState={"terminated": end})


@case("BB815", "Deployment istio-system/istio-ingressgateway")
def gateway_without_replicas(scene: Cluster) -> None:
    pod = scene.pod("istio-system/istio-ingressgateway")
    name = pod["metadata"]["name"]
    scene.unready(pod)
    scene.remove("pods", "istio-system", name)
    scene.silent(f"istio-system/{name}")
    for item in scene.objects("deployments.apps", "istio-system", "istio-ingressgateway"):
        item["spec"]["replicas"] = 0
        item["status"] = {"observedGeneration": 5}
    for listed in scene.lists("endpointslices.discovery.k8s.io"):
        for item in listed["items"]:
            if item["metadata"]["name"].startswith("istio-ingressgateway"):
                item["endpoints"] = []


@case("BB816", "Service istio-system/istio-ingressgateway")
def load_balancer_pending(scene: Cluster) -> None:
    for item in scene.objects("services", "istio-system", "istio-ingressgateway"):
        item["status"] = {"loadBalancer": {}}
    scene.event(
        "istio-system",
        "Service",
        "istio-ingressgateway",
        "SyncLoadBalancerFailed",
        "Error syncing load balancer: failed to ensure load balancer: no public subnets found",
    )


# the same, less often met


@case("BB610", "Deployment bookinfo/fresh")
def webhook_times_out(scene: Cluster) -> None:
    why = 'Post "https://istiod.istio-system.svc:443/inject?timeout=10s": context deadline exceeded'
    scene.refused("bookinfo", "fresh", REFUSED.format(hook="namespace.sidecar-injector.istio.io", why=why))


@case("BB610", "Deployment bookinfo/fresh")
def webhook_through_a_proxy(scene: Cluster) -> None:
    why = 'Post "https://istiod.istio-system.svc:443/inject?timeout=10s": Service Unavailable'
    scene.refused("bookinfo", "fresh", REFUSED.format(hook="namespace.sidecar-injector.istio.io", why=why))


@case("BB610", "Deployment bookinfo/fresh")
def webhook_refuses(scene: Cluster) -> None:
    text = (
        'admission webhook "namespace.sidecar-injector.istio.io" denied the request: failed to run injection template: '
        'could not parse configuration values: "sidecar.istio.io/proxyCPU": quantities must match'
    )
    scene.refused("bookinfo", "fresh", text)


@case("BB611", "ValidatingWebhookConfiguration istio-validator-istio-system")
def validation_untrusted(scene: Cluster) -> None:
    for listed in scene.lists("validatingwebhookconfigurations.admissionregistration.k8s.io"):
        for config in listed["items"]:
            if config["metadata"]["name"] == "istio-validator-istio-system":
                for hook in config["webhooks"]:
                    hook["clientConfig"]["caBundle"] = ""


@case("BB804", "Deployment bookinfo/fresh")
def service_account_missing(scene: Cluster) -> None:
    text = 'pods "fresh-5d9c7b-" is forbidden: error looking up service account bookinfo/fresh: serviceaccount "fresh"'
    scene.refused("bookinfo", "fresh", f"{text} not found")


@case("BB612", "Deployment bookinfo/fresh")
def openshift_refuses(scene: Cluster) -> None:
    scene.refused(
        "bookinfo",
        "fresh",
        'pods "fresh-5d9c7b-" is forbidden: unable to validate against any security context constraint: [provider '
        '"anyuid": Forbidden: not usable by user or serviceaccount, spec.initContainers[0].securityContext.'
        'capabilities.add: Invalid value: "NET_ADMIN": capability may not be added]',
    )


@case("BB803", "Deployment istio-system/istiod")
def istiod_finds_no_node(scene: Cluster) -> None:
    pod = scene.pod("istio-system/istiod")
    scene.unready(pod)
    pod["spec"].pop("nodeName")
    pod["status"] = {
        "phase": "Pending",
        "conditions": [
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": "0/3 nodes are available: 3 Insufficient memory. preemption: 0/3 nodes are available",
            }
        ],
    }
    scene.no_istiod()


@case("BB802", "DaemonSet istio-system/ztunnel")
def ztunnel_image_not_pulled(scene: Cluster) -> None:
    for node in ("node-1", "node-2", "node-3"):
        pod = scene.ztunnel(node)
        image = "registry.example.com/istio/ztunnel:1.29.6"
        scene.waiting(pod, "istio-proxy", "ErrImagePull", "not found", image=image)
        name = pod["metadata"]["name"]
        for path in scene.paths(rf"(ztunnel/istio-system|logs/istio-system)/{name}/.*"):
            del scene.files[path]
        for path in scene.paths("istiod/.*/debug/syncz.json"):
            scene.json(path)[:] = [row for row in scene.json(path) if name not in row["proxy"]]


@case("BB815", "Deployment ambient-app/waypoint")
def waypoint_scaled_to_zero(scene: Cluster) -> None:
    pod = scene.pod("ambient-app/waypoint")
    name = pod["metadata"]["name"]
    scene.unready(pod)
    scene.remove("pods", "ambient-app", name)
    scene.silent(f"ambient-app/{name}")
    for item in scene.objects("deployments.apps", "ambient-app", "waypoint"):
        item["spec"]["replicas"] = 0
        item["status"] = {"observedGeneration": 5}


@case("BB509", "Deployment ambient-app/late")
def half_captured(scene: Cluster) -> None:
    scene.workload("ambient-app", "late", ago=7200, annotations={"ambient.istio.io/redirection": "pending"})
    scene.cni_says(
        "node-1", "{t}\terror\tcni-agent\tpod partially added, annotating with pending status\tns=ambient-app"
    )


@case("BB550", "Pod istio-system/ztunnel-q9v6r")
def ztunnel_lacks_a_service(scene: Cluster) -> None:
    dump = scene.json("ztunnel/istio-system/ztunnel-q9v6r/config_dump.json")
    dump["services"] = [row for row in dump["services"] if row["name"] != "stock"]


@case("BB508", "NetworkPolicy ambient-app/strict-peers")
def probes_closed(scene: Cluster) -> None:
    ports = [{"protocol": "TCP", "port": 8080}, {"protocol": "TCP", "port": 15008}]
    peers = [{"namespaceSelector": {}}]
    spec = {
        "podSelector": {"matchLabels": {"app": "cart"}},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": peers, "ports": ports}],
    }
    scene.add("networkpolicies.networking.k8s.io", "NetworkPolicy", "ambient-app", "strict-peers", spec)
    pod = scene.pod("ambient-app/cart")
    pod["spec"]["containers"][0]["readinessProbe"] = {"httpGet": {"port": 8080, "path": "/"}}
    pod["status"]["containerStatuses"][0].update(ready=False, state={"running": {"startedAt": scene.time(600)}})
    scene.unready(pod)
    text = 'Readiness probe failed: Get "http://10.244.3.9:8080/": context deadline exceeded'
    scene.event("ambient-app", "Pod", pod["metadata"]["name"], "Unhealthy", text, count=60)


@case("BB812", "Node node-1")
def network_plugin_down(scene: Cluster) -> None:
    for node in scene.objects("nodes", "", "node-1"):
        for one in node["status"]["conditions"]:
            if one["type"] == "Ready":
                one.update(
                    status="False",
                    reason="KubeletNotReady",
                    message="container runtime network not ready: "
                    "NetworkReady=false reason:NetworkPluginNotReady message: cni plugin not initialized",
                )
    for pod in scene.json("k8s/api/v1/pods.json")["items"]:
        if pod["spec"].get("nodeName") == "node-1":
            scene.unready(pod)


@case("BB613", "Deployment bookinfo/details-v1")
def no_cni_on_the_node(scene: Cluster) -> None:
    validation_fails(scene)
    pods = scene.json("k8s/api/v1/pods.json")["items"]
    for pod in list(pods):
        if pod["metadata"]["name"] == "istio-cni-node-4sv8c":
            pods.remove(pod)


# sidecars that start beside the application


def older_kind(scene: Cluster, start: str) -> dict[str, object]:
    """A pod with its sidecar as an ordinary container."""
    pod = scene.pod(start)
    for place, statuses in (("spec", False), ("status", True)):
        head, tail = ("initContainerStatuses", "containerStatuses") if statuses else ("initContainers", "containers")
        moved = [one for one in pod[place][head] if one["name"] == "istio-proxy"]
        pod[place][head] = [one for one in pod[place][head] if one["name"] != "istio-proxy"]
        for one in moved:
            one.pop("restartPolicy", None)
        pod[place][tail] = [*pod[place][tail], *moved]
    return pod


@case("BB614", "Job shop/migrate")
def job_does_not_end(scene: Cluster) -> None:
    pod = older_kind(scene, "shop/migrate")
    for one in pod["status"]["containerStatuses"]:
        if one["name"] != "istio-proxy":
            end = {"exitCode": 0, "reason": "Completed", "finishedAt": scene.time(300)}
            one.update(ready=False, started=False, state={"terminated": end})
    scene.unready(pod)


@case("BB615", "Deployment bookinfo/details-v1")
def init_container_without_network(scene: Cluster) -> None:
    pod = older_kind(scene, "bookinfo/details-v1")
    name = pod["metadata"]["name"]
    pod["spec"]["initContainers"].append({"name": "wait-for-db", "image": "example/app:1"})
    pod["status"]["initContainerStatuses"].append({"name": "wait-for-db"})
    scene.waiting(pod, "wait-for-db", "CrashLoopBackOff", exit=1, restarts=6)
    scene.log(f"bookinfo/{name}/wait-for-db", "{t} dial tcp 10.96.0.7:5432: connect: connection refused")
    scene.silent(f"bookinfo/{name}")


@case("BB618", "Namespace bookinfo")
def root_not_published(scene: Cluster) -> None:
    scene.remove("configmaps", "bookinfo", "istio-ca-root-cert")
    pod = scene.pod("bookinfo/details-v1")
    name = pod["metadata"]["name"]
    for field in ("initContainerStatuses", "containerStatuses"):
        for one in pod["status"][field]:
            one.update(ready=False, started=False, restartCount=0, state={"waiting": {"reason": "PodInitializing"}})
    pod["status"]["phase"] = "Pending"
    scene.unready(pod)
    scene.silent(f"bookinfo/{name}")
    text = 'MountVolume.SetUp failed for volume "istiod-ca-cert" : configmap "istio-ca-root-cert" not found'
    scene.event("bookinfo", "Pod", name, "FailedMount", text)


@case("BB516", "AuthorizationPolicy ambient-app/cart-clients")
def waypoint_locked_out(scene: Cluster) -> None:
    source = {"principals": ["cluster.local/ns/ambient-app/sa/stock"]}
    spec = {"selector": {"matchLabels": {"app": "cart"}}, "rules": [{"from": [{"source": source}]}]}
    scene.add("authorizationpolicies.security.istio.io", "AuthorizationPolicy", "ambient-app", "cart-clients", spec)
    scene.tunnel_says(
        "node-3",
        '{t}\terror\taccess\tconnection complete\tsrc.addr=10.244.2.4:5000 src.workload="waypoint-6c79fc684c-gmllw" '
        'src.namespace="ambient-app" dst.addr=10.244.3.9:15008 dst.workload="cart-58bc4f86-f6nzh" '
        'dst.namespace="ambient-app" direction="inbound" error="connection closed due to policy rejection: '
        'allow policies exist, but none allowed"',
    )
    waypoint, address = scene.proxy("ambient-app/waypoint"), scene.pod("ambient-app/cart")["status"]["podIP"]
    scene.access(
        waypoint,
        5,
        flags="UF,URX",
        details="upstream_reset_before_response_started{remote_connection_failure}",
        authority="cart",
        host=f"envoy://connect_originate/{address}:8080",
        cluster="inbound-vip|80|http|cart.ambient-app.svc.cluster.local",
    )


@case("BB517", "ConfigMap kube-system/cilium-config")
def cilium_takes_all(scene: Cluster) -> None:
    for listed in scene.lists("configmaps"):
        data = {"cni-exclusive": "true"}
        listed["items"].append({"metadata": {"name": "cilium-config", "namespace": "kube-system"}, "data": data})


@case("BB617", "Deployment bookinfo/details-v1")
def reserved_port(scene: Cluster) -> None:
    scene.pod("bookinfo/details-v1")["spec"]["containers"][0]["ports"].append({"containerPort": 15020})


# pods that ask for a sidecar themselves


@case("BB620", "MutatingWebhookConfiguration istio-sidecar-injector")
def no_webhook_at_all(scene: Cluster) -> None:
    for listed in scene.lists(MUTATING):
        listed["items"] = []
    scene.workload("bookinfo", "plain", pods=2)


@case("BB619", "Deployment legacy/asking")
def asks_by_annotation(scene: Cluster) -> None:
    scene.workload("legacy", "asking", pods=2, annotations={"sidecar.istio.io/inject": "true"})


@case("BB619", "Deployment legacy/asking")
def asks_for_a_revision_nobody_has(scene: Cluster) -> None:
    labels = {"istio.io/rev": "1-28-9", "sidecar.istio.io/inject": "true"}
    scene.workload("legacy", "asking", pods=2, labels=labels)


@case("BB605", "Deployment legacy/asking")
def asks_by_label_and_was_missed(scene: Cluster) -> None:
    scene.workload("legacy", "asking", pods=2, labels={"sidecar.istio.io/inject": "true"})


@case("BB307", "Deployment shop/web")
def revision_removed_under_a_proxy(scene: Cluster) -> None:
    """The namespace was moved to another revision, its old control plane deleted, the workload never restarted."""
    proxy = scene.proxy("shop/web")
    old = "istiod-1-26-2.istio-system.svc:15012"
    for path in scene.paths(rf"proxies/{proxy}/(config_dump|server_info)\.json"):
        scene.files[path] = scene.files[path].replace(b"istiod.istio-system.svc:15012", old.encode())
    namespace, name = proxy.split("/")
    for path in scene.paths("istiod/.*/debug/syncz.json"):
        scene.json(path)[:] = [row for row in scene.json(path) if row["proxy"] != f"{name}.{namespace}"]
    for path in scene.paths(rf"istiod/.*/debug/.*{name}\.{namespace}.*"):
        del scene.files[path]
    for ago in (500, 300, 100, 20):
        scene.log(
            f"{proxy}/istio-proxy",
            f"{{t}}\twarn\txdsproxy\tfailed to connect to upstream {old}: rpc error: code = Unavailable desc = dns: A "
            "record lookup error: lookup istiod-1-26-2.istio-system.svc on 10.96.0.10:53: no such host",
            ago=ago,
        )


# what holds up Istio's own workloads


@case("BB802", "DaemonSet istio-system/istio-cni-node")
def cni_image_not_pulled(scene: Cluster) -> None:
    for name in ("4sv8c", "ptr9b", "vtkkn"):
        pod = scene.pod(f"istio-system/istio-cni-node-{name}")
        scene.waiting(pod, "install-cni", "ImagePullBackOff", "back-off", image="example/install-cni:9")


def held_back(scene: Cluster, namespace: str, name: str, text: str) -> None:
    """A Deployment that is there loses its pods, and gets no new ones."""
    pod = scene.pod(f"{namespace}/{name}")
    scene.unready(pod)
    scene.remove("pods", namespace, pod["metadata"]["name"])
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": text}
    for resource in ("replicasets.apps", "deployments.apps"):
        for item in scene.objects(resource, namespace, name):
            item["status"] = {"replicas": 0, "conditions": [failure]}


@case("BB804", "Deployment ambient-app/waypoint")
def waypoint_over_quota(scene: Cluster) -> None:
    proxy = scene.proxy("ambient-app/waypoint")
    held_back(scene, "ambient-app", "waypoint", 'pods "waypoint-6c79fc684c-x" is forbidden: exceeded quota: compute')
    scene.silent(proxy)


@case("BB804", "Deployment istio-system/istiod")
def istiod_over_quota(scene: Cluster) -> None:
    held_back(scene, "istio-system", "istiod", 'pods "istiod-57c6756f8-x" is forbidden: exceeded quota: compute')
    scene.no_istiod()


@pytest.mark.parametrize("one", CASES, ids=[one.name for one in CASES])
def test_first_diagnosis(one: Case) -> None:
    scene = Cluster()
    one.change(scene)
    found = diagnosed(scene)
    first = found.diagnoses[0].cause if found.diagnoses else None
    assert first is not None
    assert (first.code, str(first.origin)) == (one.code, one.origin)
    assert [finding.line for finding in loud(found)] == []


PAIRS = (
    ("ca_bundle_empty", "readiness_fails"),
    ("node_down", "waypoint_named_wrong"),
    ("istiod_out_of_memory", "application_out_of_memory"),
    ("hbone_closed", "quota"),
    ("ztunnel_crashes", "labelled_after_the_pods"),
    ("dns_down", "application_out_of_memory"),
    ("gateway_without_replicas", "no_room"),
)


@pytest.mark.parametrize("names", PAIRS, ids=map("+".join, PAIRS))
def test_two_causes_are_kept_apart(names: tuple[str, str]) -> None:
    """The trouble of the mesh comes first, that of an application behind it; no symptom stands by itself."""
    cases = [one for name in names for one in CASES if one.name == name]
    scene = Cluster()
    for one in cases:
        one.change(scene)
    told = diagnosed(scene).diagnoses
    found = [(one.cause.code, str(one.cause.origin)) for one in told]
    errors = [one for one in told if one.cause.level == "Error"]
    assert found[:2] == [(one.code, one.origin) for one in cases]
    assert {one.cause.code for one in errors} <= {one.code for one in cases}


QUIET: list[Callable[[Cluster], None]] = []


def quiet(change: Callable[[Cluster], None]) -> Callable[[Cluster], None]:
    QUIET.append(change)
    return change


@quiet
def a_canary_revision(scene: Cluster) -> None:
    """A second revision, installed as the documentation says, whose istiod is not asked here but runs."""
    scene.another_webhook("istio-sidecar-injector-canary", "canary", "istiod-canary")
    like = scene.objects("services", "istio-system", "istiod")[0]
    for name in ("istiod-canary",):
        scene.add(
            "services",
            "Service",
            "istio-system",
            name,
            {**like["spec"], "selector": {"app": "istiod", "istio.io/rev": "canary"}},
        )
    pod = copy.deepcopy(scene.pod("istio-system/istiod"))
    pod["metadata"]["name"] = "istiod-canary-5d9c7b-abcde"
    pod["metadata"]["labels"]["istio.io/rev"] = "canary"
    pod["metadata"]["ownerReferences"] = []
    scene.json("k8s/api/v1/pods.json")["items"].append(pod)
    for listed in scene.lists("endpointslices.discovery.k8s.io"):
        own = next(item for item in listed["items"] if item["metadata"]["name"].startswith("istiod"))
        new = copy.deepcopy(own)
        new["metadata"].update(name="istiod-canary-x")
        new["metadata"]["labels"]["kubernetes.io/service-name"] = "istiod-canary"
        listed["items"].append(new)
    for path in scene.paths("istiod/istio-system/istiod-[^/]+/.*"):
        scene.files[re.sub(r"istiod-57c6756f8-wtjzj", "istiod-canary-5d9c7b-abcde", path)] = scene.files[path]
    for path in scene.paths("istiod/istio-system/istiod-canary-.*/debug/syncz.json"):
        scene.files[path] = b"[]"
    for path in scene.paths("istiod/istio-system/istiod-canary-.*/debug/(config_dump|edsz|ndsz)/.*"):
        del scene.files[path]


@quiet
def opted_out(scene: Cluster) -> None:
    scene.workload("bookinfo", "plain", labels={"sidecar.istio.io/inject": "false"})
    scene.workload("bookinfo", "host", pod_spec={"hostNetwork": True})
    scene.workload("ambient-app", "outside", labels={"istio.io/dataplane-mode": "none"}, ago=7200)


@quiet
def nothing_wanted(scene: Cluster) -> None:
    scene.workload("bookinfo", "asleep", pods=0, service=False)
    scene.namespace("empty", istio_injection="enabled")
    scene.namespace("both", istio_injection="enabled", mode="none")


@quiet
def a_waypoint_for_all(scene: Cluster) -> None:
    for item in scene.objects("gateways.gateway.networking.k8s.io", "ambient-app", "waypoint"):
        item["spec"]["listeners"][0]["allowedRoutes"] = {"namespaces": {"from": "All"}}
    more = {"istio.io/use-waypoint": "waypoint", "istio.io/use-waypoint-namespace": "ambient-app"}
    scene.namespace("harbour", mode="ambient", **more)
    scene.ambient("harbour", "crane")
    scene.label("services", "harbour", "crane", **{"istio.io__use_waypoint": "none"})


@quiet
def a_policy_with_hbone(scene: Cluster) -> None:
    ports = [{"protocol": "TCP", "port": 8080}, {"protocol": "TCP", "port": 15008}]
    spec = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"ports": ports}]}
    scene.add("networkpolicies.networking.k8s.io", "NetworkPolicy", "ambient-app", "http-and-hbone", spec)


@quiet
def what_is_over(scene: Cluster) -> None:
    """Pods that finished or were evicted long ago, restarts of yesterday, refusals that were overcome."""
    for pod in scene.workload("legacy", "batch", pods=2, service=False, ago=90000):
        pod["status"] = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}
    for pod in scene.workload("legacy", "done", service=False, ago=90000):
        pod["status"]["phase"] = "Succeeded"
        scene.unready(pod)
    pod = scene.pod("bookinfo/ratings-v1")
    end = {"exitCode": 137, "reason": "OOMKilled", "finishedAt": scene.time(86000)}
    pod["status"]["containerStatuses"][0].update(restartCount=12, lastState={"terminated": end})
    scene.event("bookinfo", "ReplicaSet", "ratings-v1-6557bbc494", "FailedCreate", "Error creating: exceeded quota")


@quiet
def a_load_balancer_of_another(scene: Cluster) -> None:
    scene.workload("legacy", "database")
    for item in scene.objects("services", "legacy", "database"):
        item["spec"]["type"] = "LoadBalancer"


@quiet
def sidecar_and_ambient(scene: Cluster) -> None:
    scene.label("namespaces", "", "bookinfo", **{"istio.io__dataplane_mode": "ambient"})


@quiet
def tight_pod_security(scene: Cluster) -> None:
    scene.label("namespaces", "", "ambient-app", **{"pod_security.kubernetes.io__enforce": "restricted"})


@pytest.mark.parametrize("change", QUIET, ids=[one.__name__ for one in QUIET])
def test_nothing_is_loud(change: Callable[[Cluster], None]) -> None:
    scene = Cluster()
    change(scene)
    found = diagnosed(scene)
    assert [one.cause.line for one in found.diagnoses] == []
    assert [one.line for one in found.findings if one.level == "Error"] == []


NAMES = {
    "bookinfo": "kontor",
    "ambient-two": "harbour",
    "ambient-app": "quay",
    "inj-": "zz-",
    "ratings": "scores",
    "reviews": "essays",
    "shop": "mall",
    "ghost": "gespenst",
    "istiod-gone": "istiod-2-4",
    "istio-sidecar-injector-gone": "istio-sidecar-injector-2-4",
    "1-27": "0-99",
    "offers": "bids",
    "prices": "quotes",
    "wl-only": "narrow",
}


@pytest.mark.parametrize("name", ["injection-broken", "waypoint-missing", "stale-proxy", "nack-envoyfilter"])
def test_names_do_not_decide(name: str) -> None:
    """The same diagnoses, in the same order of severity, whatever namespaces, pods and revisions are called."""

    def other(text: str) -> str:
        for old, new in NAMES.items():
            text = text.replace(old, new)
        return text

    files = {other(path): other(body.decode("latin-1")).encode("latin-1") for path, body in recordings(name).items()}
    rules = [rule for rule in all_rules() if not rule.code.startswith("BB4")]  # certificates keep their names
    here = analyze(Bundle.from_entries(recordings(name)), rules)
    there = analyze(Bundle.from_entries(files), rules)
    assert there.broken == []
    expected = sorted((one.cause.code, other(str(one.cause.origin)), len(one.consequences)) for one in here.diagnoses)
    assert sorted((one.cause.code, str(one.cause.origin), len(one.consequences)) for one in there.diagnoses) == expected
    assert there.diagnoses[0].cause.code == here.diagnoses[0].cause.code
