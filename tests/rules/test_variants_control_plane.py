"""istiod, the way to it, and the proxies that hang on it."""

# ruff: noqa: E501

from __future__ import annotations

import copy
import functools

import pytest
from variants import Case, Json, Scene, check, name_of, register

CASES: list[Case] = []
case = functools.partial(register, CASES)


def istiod(s: Scene) -> None:
    p = s.paths("istiod/.*/debug/syncz.json")[0].split("/")
    return p[1], p[2]


def ilog(s: Scene, *lines: str) -> None:
    ns, n = istiod(s)
    s.log(f"{ns}/{n}/discovery", *lines)


def ipod(s: Scene) -> None:
    return s.objects("pods", *istiod(s))


def unready(pod: Json, reason: str = "", restarts: int = 0, last: Json | None = None) -> None:
    for c in pod["status"]["conditions"]:
        if c["type"] in ("Ready", "ContainersReady"):
            c["status"] = "False"
    cs = pod["status"]["containerStatuses"][0]
    cs["ready"] = False
    cs["restartCount"] = restarts
    if reason:
        cs["state"] = {"waiting": {"reason": reason, "message": "back-off 5m0s restarting failed container"}}
    if last:
        cs["lastState"] = {"terminated": last}


def gone(s: Scene) -> None:
    """istiod answered nothing, and its Service has no endpoint."""
    ns, n = istiod(s)
    for path in s.paths(rf"istiod/{ns}/{n}/.*"):
        del s.files[path]
    for d in s.objects("deployments.apps", "istio-system", "istiod"):
        d["status"]["availableReplicas"] = 0
        d["status"]["readyReplicas"] = 0
        d["status"]["unavailableReplicas"] = 1
    for e in s.objects("endpointslices.discovery.k8s.io", "istio-system", "istiod"):
        for x in e.get("endpoints") or []:
            x["conditions"] = {"ready": False, "serving": False, "terminating": False}
    m = s.json("manifest.json")
    lost = [e for e in m["entries"] if e["path"].startswith(f"istiod/{ns}/{n}/")]
    m["entries"] = [e for e in m["entries"] if e not in lost]
    m["gaps"] = (m.get("gaps") or []) + [
        {"path": e["path"], "target": e["target"], "request": e["request"], "status": 0, "reason": "connection refused"}
        for e in lost
    ]
    for p in s.proxies():
        s.log(
            p + "/istio-proxy",
            '{t}\twarning\tenvoy config\t./source/extensions/config_subscription/grpc/grpc_stream.h:227\tDeltaAggregatedResources gRPC config stream to xds-grpc closed since 200s ago: 14, connection error: desc = "transport: Error while dialing: dial tcp 10.96.238.243:15012: connect: connection refused"',
        )


@case("BB152", "Pod istio-system/istiod-57c6756f8-wtjzj")
def oom(s: Scene) -> None:
    for pod in ipod(s):
        unready(
            pod,
            "CrashLoopBackOff",
            6,
            {"exitCode": 137, "reason": "OOMKilled", "startedAt": s.time(300), "finishedAt": s.time(100)},
        )
    gone(s)


@case("BB102", "Pod istio-system/istiod-57c6756f8-wtjzj")
def forbidden(s: Scene) -> None:
    for pod in ipod(s):
        unready(pod)
    line = '{t}\terror\tkube\tFailed to watch: failed to list *v1.HTTPRoute: httproutes.gateway.networking.k8s.io is forbidden: User "system:serviceaccount:istio-system:istiod" cannot list resource "httproutes" in API group "gateway.networking.k8s.io" at the cluster scope'
    ilog(s, *[line] * 5)
    gone(s)


@case("BB102", "Pod istio-system/istiod-57c6756f8-wtjzj")
def forbidden_running(s: Scene) -> None:
    ilog(
        s,
        *[
            '{t}\terror\tkube\tFailed to watch: failed to list *v1.ServiceEntry: serviceentries.networking.istio.io is forbidden: User "system:serviceaccount:istio-system:istiod" cannot list resource "serviceentries" in API group "networking.istio.io" at the cluster scope'
        ]
        * 5,
    )


@case("BB102", "Pod istio-system/istiod-57c6756f8-wtjzj")
def api_down(s: Scene) -> None:
    ilog(
        s,
        *[
            '{t}\terror\tkube\tFailed to watch: Get "https://10.96.0.1:443/api/v1/pods?watch=true": dial tcp 10.96.0.1:443: connect: connection refused'
        ]
        * 9,
    )


@case("BB151", "Deployment istio-system/istiod")
def scaled_zero(s: Scene) -> None:
    ns, n = istiod(s)
    gone(s)
    s.remove("pods", ns, n)
    for d in s.objects("deployments.apps", "istio-system", "istiod"):
        d["spec"]["replicas"] = 0
    s.files.pop(f"logs/{ns}/{n}/discovery.log", None)


@case("BB210", "NetworkPolicy istio-system/istiod-lock")
def netpol(s: Scene) -> None:
    s.add(
        "networkpolicies.networking.k8s.io",
        "NetworkPolicy",
        "istio-system",
        "istiod-lock",
        {
            "podSelector": {"matchLabels": {"app": "istiod"}},
            "policyTypes": ["Ingress"],
            "ingress": [{"ports": [{"port": 15017}, {"port": 15014}]}],
        },
    )
    for path in s.paths("istiod/.*/debug/syncz.json"):
        rows = s.json(path)
        rows[:] = [r for r in rows if "ztunnel" in r["proxy"] and False]
    for p in s.proxies():
        s.log(
            p + "/istio-proxy",
            *[
                '{t}\twarning\tenvoy config\t./source/extensions/config_subscription/grpc/grpc_stream.h:227\tDeltaAggregatedResources gRPC config stream to xds-grpc closed since 200s ago: 14, connection error: desc = "transport: Error while dialing: dial tcp 10.96.238.243:15012: i/o timeout"'
            ]
            * 3,
        )


@case("BB210", "NetworkPolicy bookinfo/egress-lock")
def netpol_egress(s: Scene) -> None:
    s.add(
        "networkpolicies.networking.k8s.io",
        "NetworkPolicy",
        "bookinfo",
        "egress-lock",
        {
            "podSelector": {},
            "policyTypes": ["Egress"],
            "egress": [
                {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "bookinfo"}}}]},
                {"ports": [{"port": 53, "protocol": "UDP"}]},
            ],
        },
    )
    mine = [p.split("/")[1] + ".bookinfo" for p in s.proxies("bookinfo/")]
    for path in s.paths("istiod/.*/debug/syncz.json"):
        rows = s.json(path)
        rows[:] = [r for r in rows if r["proxy"] not in mine]
    for p in s.proxies("bookinfo/"):
        s.log(
            p + "/istio-proxy",
            *[
                '{t}\twarning\tenvoy config\t./source/extensions/config_subscription/grpc/grpc_stream.h:227\tDeltaAggregatedResources gRPC config stream to xds-grpc closed since 200s ago: 14, connection error: desc = "transport: Error while dialing: dial tcp 10.96.238.243:15012: i/o timeout"'
            ]
            * 3,
        )


@case()
def in_flight(s: Scene) -> None:
    for p in s.proxies():
        for r in s.syncz(p):
            t = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
            st = r["resources"][t]
            st["sent"] = s.time(2)[:19] + "Z/77"
            st["sentTime"] = s.time(2)
            r["cluster_sent"] = st["sent"]


@case("BB202", "Pod bookinfo/ratings-v1-6557bbc494-mgn86")
def stale_two(s: Scene) -> None:
    ns, n = istiod(s)
    other = n[:-5] + "zzzzz"
    for path in s.paths(rf"istiod/{ns}/{n}/.*"):
        s.files[path.replace(n, other)] = s.files[path]
    s.files[f"logs/{ns}/{other}/discovery.log"] = s.files[f"logs/{ns}/{n}/discovery.log"]
    for listed in s.lists("pods"):
        it = next(i for i in listed["items"] if i["metadata"]["name"] == n)
        c = copy.deepcopy(it)
        c["metadata"]["name"] = other
        c["metadata"]["uid"] = "x"
        c["status"]["podIP"] = "10.244.9.77"
        c["status"]["podIPs"] = [{"ip": "10.244.9.77"}]
        listed["items"].append(c)
    for d in s.objects("deployments.apps", "istio-system", "istiod"):
        d["spec"]["replicas"] = 2
        d["status"].update(replicas=2, readyReplicas=2, availableReplicas=2)
    a = s.json(f"istiod/{ns}/{n}/debug/syncz.json")
    b = s.json(f"istiod/{ns}/{other}/debug/syncz.json")
    half = [r["proxy"] for r in a][::2]
    a[:] = [r for r in a if r["proxy"] in half]
    b[:] = [r for r in b if r["proxy"] not in half]
    for r in b:
        if r["proxy"].startswith("reviews") or r["proxy"].startswith("web") or r["proxy"].startswith("ratings"):
            for st in r["resources"].values():
                st["sent"] = s.time(200)[:19] + "Z/77"
                st["sentTime"] = s.time(200)
            for k in list(r):
                if k.endswith("_sent"):
                    r[k] = s.time(200)[:19] + "Z/77"
            break
    for r in a + b:
        for st in r["resources"].values():
            if "77" not in st.get("sent", "") and st.get("sent"):
                st["sent"] = st["acked"] = s.time(199)[:19] + "Z/88"
                st["sentTime"] = s.time(199)


@case("BB307", "Service istio-system/istiod-1-28-3")
def old_revision(s: Scene) -> None:
    for p in s.proxies("reviews"):
        ns, n = p.split("/")
        for o in s.objects("pods", ns, n):
            o["metadata"].setdefault("annotations", {})["istio.io/rev"] = "1-28-3"
            o["metadata"].setdefault("labels", {})["istio.io/rev"] = "1-28-3"
        for path in s.paths("istiod/.*/debug/syncz.json"):
            rows = s.json(path)
            rows[:] = [r for r in rows if r["proxy"] != f"{n}.{ns}"]
        d = s.dump(p)
        m = d["configs"][0]["bootstrap"]["node"]["metadata"]
        m["PROXY_CONFIG"]["discoveryAddress"] = "istiod-1-28-3.istio-system.svc:15012"
        s.log(
            p + "/istio-proxy",
            '{t}\twarning\tenvoy config\t./source/x.h:227\tDeltaAggregatedResources gRPC config stream to xds-grpc closed since 200s ago: 14, connection error: desc = "transport: Error while dialing: dial tcp: lookup istiod-1-28-3.istio-system.svc on 10.96.0.10:53: no such host"',
        )


@case("BB308", "Pod bookinfo/reviews-v1-5d88858ffd-xcm6z")
def sidecar_oom(s: Scene) -> None:
    p = s.proxy("reviews-v1")
    for o in s.objects("pods", *p.split("/")):
        for c in (o["status"].get("initContainerStatuses") or []) + o["status"]["containerStatuses"]:
            if c["name"] == "istio-proxy":
                c["restartCount"] = 4
                c["lastState"] = {
                    "terminated": {
                        "exitCode": 137,
                        "reason": "OOMKilled",
                        "startedAt": s.time(300)[:19] + "Z",
                        "finishedAt": s.time(100)[:19] + "Z",
                    }
                }


@case("BB306", "Pod bookinfo/reviews-v1-5d88858ffd-xcm6z")
def not_ready(s: Scene) -> None:
    p = s.proxy("reviews-v1")
    ns, n = p.split("/")
    for o in s.objects("pods", ns, n):
        for c in o["status"]["conditions"]:
            if c["type"] in ("Ready", "ContainersReady"):
                c["status"] = "False"
        for c in (o["status"].get("initContainerStatuses") or []) + o["status"]["containerStatuses"]:
            if c["name"] == "istio-proxy":
                c["ready"] = False
                c["started"] = True
    s.files[f"proxies/{p}/ready.txt"] = b"INITIALIZING\n"
    s.files[f"proxies/{p}/healthz_ready.txt"] = b""
    s.log(
        p + "/istio-proxy",
        *[
            "{t}\tinfo\tEnvoy proxy is NOT ready: config not fully received from XDS server: cds updates: 1 successful, 0 rejected; lds updates: 0 successful, 0 rejected"
        ]
        * 5,
    )


@pytest.mark.parametrize("one", CASES, ids=map(name_of, CASES))
def test_the_first_diagnosis(one: Case) -> None:
    check(one)
