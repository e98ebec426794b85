"""BB517: Cilium is set in a way that breaks the mesh's redirection."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.effect import cilium_sockets
from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import texts
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.index import index, proxied, pure_proxy
from bugbundle.rules.model import Confidence, Evidence, Level, rule


@rule(
    "BB517",
    per=Mesh,
    level=Level.WARNING,
    reads={res.CONFIG_MAP, res.POD},
    message="Cilium is configured with {setting}: {effect}",
    explains={"BB508", "BB509", "BB514", "BB555"},
)
def cilium_settings(mesh: Mesh) -> Iterator[Evidence]:
    """Cilium is set in a way that breaks the mesh's redirection (ConfigMap kube-system/cilium-config).

    ## Why it matters
    With `cni-exclusive` Cilium takes istio-cni's entry out of the CNI configuration; with BPF masquerading the
    kubelet's probes to ambient pods are lost; with socket load balancing inside of pods a Service's address never
    reaches ztunnel, so that no policy or waypoint of the Service applies.

    ## What to do
    Set `cni.exclusive=false`, `bpf.masquerade=false` and `socketLB.hostNamespaceOnly=true` in Cilium's chart (istio.io,
    «Platform-specific prerequisites»).
    """
    config = mesh.kube.get(res.CONFIG_MAP, "kube-system", "cilium-config")
    data = texts(config.raw.get("data")) if config else {}
    agents = index(mesh).select({"k8s-app": "istio-cni-node"})
    tunnels = index(mesh).select({"app": "ztunnel"})
    wrong = [
        ("cni-exclusive", agents, data.get("cni-exclusive") == "true", "it removes istio-cni's plugin"),
        ("enable-bpf-masquerade", tunnels, data.get("enable-bpf-masquerade") == "true", "probes of ambient pods fail"),
        (
            "bpf-lb-sock-hostns-only",
            tunnels or [pod for pod in mesh.kube.list(res.POD) if proxied(pod) and not pure_proxy(pod)],
            cilium_sockets(mesh) is not None,
            "socket load balancing (by itself, or as part of the kube-proxy replacement) replaces Services' addresses "
            "inside of pods, before ztunnel or the sidecar sees them",
        ),
    ]
    for key, concerned, bad, effect in wrong:
        if config and bad and concerned:
            yield Evidence(
                ref(config),
                {"setting": f"{key}: {data.get(key, 'false')}", "effect": effect},
                objects=tuple(dict.fromkeys(Ref("Node", "", str(pod.spec.get("nodeName"))) for pod in concerned[:50])),
                proofs=(Proof(config.at(f"/data/{key}" if key in data else "/data"), data.get(key, "absent")),),
                confidence=Confidence.LIKELY,
            )
