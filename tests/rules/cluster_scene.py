"""Kubernetes around a mesh, to be broken: workloads that come, wait, are refused; nodes, webhooks, ztunnels.

Each change stands where the API server, the kubelet and the controllers write it: the workload's status, its
ReplicaSet, its pods, events, EndpointSlices.
"""

from __future__ import annotations

import copy
import json
import re
from typing import Any

from variants import Json, Scene

TUNNEL = "istio-system"
REFUSED = 'Internal error occurred: failed calling webhook "{hook}": failed to call webhook: {why}'


class Cluster(Scene):
    """A scene with the Kubernetes objects of workloads."""

    def namespace(self, name: str, **labels: str) -> None:
        """A namespace made an hour ago; `istio_injection="enabled"` stands for `istio-injection: enabled`."""
        known = {"istio_injection": "istio-injection", "rev": "istio.io/rev", "mode": "istio.io/dataplane-mode"}
        found = {"kubernetes.io/metadata.name": name} | {known.get(key, key): value for key, value in labels.items()}
        meta = {"labels": found, "creationTimestamp": self.time(3600)[:19] + "Z"}
        self.add("namespaces", "Namespace", "", name, {}, metadata=meta, status={"phase": "Active"})

    def label(self, resource: str, namespace: str, name: str, **labels: str | None) -> None:
        """Labels of an object changed, None takes one away; `__` in a name is `/`, `_` is `-`, `.` is itself."""
        for item in self.objects(resource, namespace, name):
            found = item["metadata"].setdefault("labels", {})
            for key, value in labels.items():
                key = key.replace("__", "/").replace("_", "-")
                found.pop(key, None)
                if value is not None:
                    found[key] = value

    def workload(
        self,
        namespace: str,
        name: str,
        *,
        pods: int = 1,
        labels: dict[str, str] | None = None,
        annotations: dict[str, str] | None = None,
        ago: float = 600,
        node: str = "node-1",
        like: str = "legacy/legacy-api",
        service: bool = True,
        pod_spec: Json | None = None,
    ) -> list[Json]:
        """A Deployment with its ReplicaSet, pods, Service and EndpointSlice, without sidecar; gives the pods."""
        space, old = like.split("/")
        labels = {"app": name, **(labels or {})}
        for resource, marked in (("deployments.apps", False), ("replicasets.apps", True)):
            for listed in self.lists(resource):
                item = copy.deepcopy(next(i for i in self.objects(resource, space, old)))
                item = self._renamed(item, old, name, namespace, ago)
                item["spec"]["selector"] = {"matchLabels": dict(labels)}
                item["spec"]["template"]["metadata"]["labels"] = dict(labels)
                item["spec"]["replicas"] = pods
                item["status"].update(replicas=pods, readyReplicas=pods, availableReplicas=pods)
                if marked:
                    item["metadata"]["name"] = f"{name}-5d9c7b"
                listed["items"].append(item)
        found = []
        for number in range(pods):
            pod = self._renamed(copy.deepcopy(self.objects("pods", space, old)[0]), old, name, namespace, ago)
            pod["metadata"].update(
                name=f"{name}-5d9c7b-{number:05d}",
                uid=f"00000000-{namespace}-{name}-{number}",
                labels={**labels, "pod-template-hash": "5d9c7b"},
                annotations=dict(annotations or {}),
                ownerReferences=[
                    {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{name}-5d9c7b", "controller": True}
                ],
            )
            pod["spec"].update(nodeName=node, **(pod_spec or {}))
            address = f"10.244.9.{len(self.json('k8s/api/v1/pods.json')['items'])}"
            pod["status"].update(podIP=address, podIPs=[{"ip": address}], startTime=self.time(ago))
            self.json("k8s/api/v1/pods.json")["items"].append(pod)
            found.append(pod)
        if service:
            self._service(namespace, name, labels, [pod["status"]["podIP"] for pod in found])
        return found

    def _renamed(self, item: Json, old: str, name: str, namespace: str, ago: float) -> Json:
        item = json.loads(json.dumps(item).replace(old, name))
        item["metadata"].update(namespace=namespace, creationTimestamp=self.time(ago)[:19] + "Z")
        item["metadata"].pop("managedFields", None)
        return dict(item)

    def _service(self, namespace: str, name: str, labels: dict[str, str], addresses: list[str]) -> None:
        ports = [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}]
        spec = {"type": "ClusterIP", "clusterIP": "10.96.9.9", "selector": {"app": labels["app"]}, "ports": ports}
        self.add("services", "Service", namespace, name, spec, status={"loadBalancer": {}})
        ready = {"ready": True, "serving": True, "terminating": False}
        endpoints = [{"addresses": [address], "conditions": ready} for address in addresses]
        for listed in self.lists("endpointslices.discovery.k8s.io"):
            meta = {"name": f"{name}-x", "namespace": namespace, "labels": {"kubernetes.io/service-name": name}}
            listed["items"].append({"metadata": meta, "addressType": "IPv4", "endpoints": endpoints, "ports": []})

    def unready(self, *pods: Json) -> None:
        """The pods are not ready any more: so their conditions, workloads and EndpointSlices say."""
        for pod in pods:
            for condition in pod["status"]["conditions"]:
                if condition["type"] in ("Ready", "ContainersReady"):
                    condition.update(status="False", reason="ContainersNotReady")
            address = pod["status"].get("podIP")
            for listed in self.lists("endpointslices.discovery.k8s.io"):
                for item in listed["items"]:
                    for endpoint in item.get("endpoints") or []:
                        if address in endpoint["addresses"]:
                            endpoint["conditions"].update(ready=False, serving=False)
            owner = next(iter(pod["metadata"].get("ownerReferences", [])), {"kind": "", "name": ""})
            space = pod["metadata"]["namespace"]
            name = owner["name"] if owner["kind"] != "ReplicaSet" else owner["name"].rpartition("-")[0]
            kind = {"ReplicaSet": "deployments.apps", "DaemonSet": "daemonsets.apps"}.get(owner["kind"])
            for item in self.objects(kind, space, name) if kind else ():
                if item["metadata"]["name"] == name:
                    for field in ("readyReplicas", "availableReplicas", "numberReady", "numberAvailable"):
                        if item["status"].get(field):
                            item["status"][field] -= 1

    def waiting(self, pod: Json, container: str, reason: str, text: str = "", **more: Any) -> None:
        """A container waits: CrashLoopBackOff with `exit`/`why` of its last end, ImagePullBackOff …"""
        status = {
            "name": container, "ready": False, "started": False, "restartCount": more.get("restarts", 0),
            "state": {"waiting": {"reason": reason, "message": text}}, "lastState": {},
            "image": more.get("image", "example/app:1"), "imageID": "",
        }  # fmt: skip
        if "exit" in more:
            end = {"exitCode": more["exit"], "reason": more.get("why", "Error"), "finishedAt": self.time(30)}
            status["lastState"] = {"terminated": {**end, "startedAt": self.time(33)}}
        for field in ("initContainerStatuses", "containerStatuses"):
            known = pod["status"].get(field, [])
            for number, one in enumerate(known):
                if one["name"] == container:
                    known[number] = status
                    if field == "initContainerStatuses":
                        pod["status"]["phase"] = "Pending"
                        self._behind(pod, known[number + 1 :])
        self.unready(pod)

    def _behind(self, pod: Json, later: list[Json]) -> None:
        for one in [*later, *pod["status"].get("containerStatuses", [])]:
            one.update(ready=False, started=False, state={"waiting": {"reason": "PodInitializing"}})

    def silent(self, proxy: str, *, connected: bool = False) -> None:
        """Nothing was recorded of a proxy; istiod does not list it."""
        namespace, name = proxy.split("/")
        for path in self.paths(rf"proxies/{proxy}/.*"):
            del self.files[path]
        if connected:
            return
        for path in self.paths("istiod/.*/debug/syncz.json"):
            rows = self.json(path)
            rows[:] = [row for row in rows if row["proxy"] != f"{name}.{namespace}"]
        for path in self.paths(rf"istiod/.*/debug/.*{re.escape(name)}\.{namespace}.*"):
            del self.files[path]

    def no_istiod(self) -> None:
        """Nothing was recorded of any istiod."""
        for path in self.paths("istiod/.*"):
            del self.files[path]

    def refused(self, namespace: str, name: str, text: str) -> None:
        """A Deployment without pods: its ReplicaSet's creations fail."""
        self.workload(namespace, name, pods=0)
        failure = {
            "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": text,
            "lastTransitionTime": self.time(120),
        }  # fmt: skip
        for resource in ("replicasets.apps", "deployments.apps"):
            for item in self.objects(resource, namespace, name):
                item["spec"]["replicas"] = 1
                item["status"] = {"replicas": 0, "observedGeneration": 1, "conditions": [failure]}
        self.event(namespace, "ReplicaSet", f"{name}-5d9c7b", "FailedCreate", f"Error creating: {text}", count=12)

    def event(self, namespace: str, kind: str, name: str, reason: str, text: str, count: int = 5) -> None:
        """A Warning of the last minutes."""
        for item in self.lists("events"):
            item["items"].append(
                {
                    "metadata": {
                        "name": f"{name}.18e9",
                        "namespace": namespace,
                        "creationTimestamp": self.time(300)[:19] + "Z",
                    },
                    "involvedObject": {"kind": kind, "namespace": namespace, "name": name},
                    "reason": reason,
                    "message": text,
                    "type": "Warning",
                    "count": count,
                    "firstTimestamp": self.time(300)[:19] + "Z",
                    "lastTimestamp": self.time(30)[:19] + "Z",
                }
            )

    def pod(self, start: str) -> Json:
        """A pod by `ns/start of its name`."""
        namespace, name = start.split("/")
        return self.objects("pods", namespace, name)[0]

    def webhooks(self) -> list[Json]:
        """The webhook configurations that inject and are not deactivated."""
        return [
            item
            for listed in self.lists("mutatingwebhookconfigurations.admissionregistration.k8s.io")
            for item in listed["items"]
            if "deactivated" not in json.dumps(item)
        ]

    def another_webhook(self, name: str, revision: str, service: str, **labels: str) -> Json:
        """The webhook configuration of a revision, as the chart makes it, with the right caBundle."""
        item = copy.deepcopy(self.webhooks()[0])
        item["metadata"].update(name=name, labels={"app": "sidecar-injector", "istio.io/rev": revision, **labels})
        item["webhooks"] = [one for one in item["webhooks"] if one["name"].startswith("rev.")]
        wanted = labels.get("istio.io/tag", revision)
        for hook in item["webhooks"]:
            hook["clientConfig"]["service"]["name"] = service
            for selector in (hook["namespaceSelector"], hook["objectSelector"]):
                for one in selector["matchExpressions"]:
                    if one["key"] == "istio.io/rev" and "values" in one:
                        one["values"] = [wanted]
        for listed in self.lists("mutatingwebhookconfigurations.admissionregistration.k8s.io"):
            listed["items"].append(item)
        return dict(item)

    # ambient

    def ambient(self, namespace: str, name: str, **more: Any) -> list[Json]:
        """A workload in ambient, known to every ztunnel, in the namespace given."""
        pods = self.workload(namespace, name, annotations={"ambient.istio.io/redirection": "enabled"}, **more)
        for pod in pods:
            self.known(pod)
        return pods

    def known(self, pod: Json) -> None:
        """ztunnels and istiod know an ambient pod."""
        meta, uid = pod["metadata"], f"Kubernetes//Pod/{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        row = {
            "uid": uid, "name": meta["name"], "namespace": meta["namespace"], "node": pod["spec"]["nodeName"],
            "workloadIps": [pod["status"]["podIP"]], "protocol": "HBONE", "status": "Healthy",
            "serviceAccount": "default", "trustDomain": "cluster.local", "clusterId": "Kubernetes",
        }  # fmt: skip
        for path in self.paths("ztunnel/.*/config_dump.json"):
            dump = self.json(path)
            dump["workloads"].append(row)
            if self.node_of(path) == pod["spec"]["nodeName"]:
                dump["workloadState"][meta["uid"]] = {"state": "Up", "info": {"name": meta["name"]}}
        for path in self.paths("istiod/.*/debug/ambientz.json"):
            self.json(path)["workloads"].append(row)

    def node_of(self, path: str) -> str:
        """The node of a recording of a ztunnel."""
        return str(self.pod(f"{TUNNEL}/{path.split('/')[2]}")["spec"]["nodeName"])

    def ztunnel(self, node: str) -> Json:
        """The pod of a node's ztunnel."""
        pods = self.json("k8s/api/v1/pods.json")["items"]
        return dict(
            next(
                p
                for p in pods
                if p["metadata"].get("labels", {}).get("app") == "ztunnel" and p["spec"]["nodeName"] == node
            )
        )

    def tunnel_says(self, node: str, *lines: str, times: int = 5) -> None:
        """Lines in the log of a node's ztunnel."""
        name = self.ztunnel(node)["metadata"]["name"]
        for number in range(times):
            self.log(f"{TUNNEL}/{name}/istio-proxy", *lines, ago=60 - number)

    def cni_says(self, node: str, *lines: str) -> None:
        """Lines in the log of a node's CNI agent."""
        pods = self.json("k8s/api/v1/pods.json")["items"]
        name = next(
            p["metadata"]["name"]
            for p in pods
            if p["metadata"].get("labels", {}).get("k8s-app") == "istio-cni-node" and p["spec"]["nodeName"] == node
        )
        self.log(f"{TUNNEL}/{name}/install-cni", *lines)
