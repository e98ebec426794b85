"""What an ingress gateway exposes of a service, as `describe` prints it at its end.

Source: istioctl/pkg/describe/describe.go of 1.29, printIngressInfo: pods labelled `istio=ingressgateway` only.
"""

from __future__ import annotations

from dataclasses import dataclass

from bugbundle.mesh.kube import KubeObject, as_dict, as_list, as_text, dicts, texts
from bugbundle.mesh.selectors import contains
from bugbundle.views import ports
from bugbundle.views.describe_envoy import EnvoyConfig
from bugbundle.views.describe_rules import Subsets, subsets_of, virtual_service
from bugbundle.views.describe_shared import RULE, Describer, Stop, config_of

GATEWAYS = "gateways.networking.istio.io"


@dataclass(frozen=True, slots=True)
class Entrance:
    """A service in front of gateway pods."""

    service: KubeObject
    pods: tuple[KubeObject, ...]

    @property
    def address(self) -> str:
        """The load balancer's address, else the first pod's host, else `unknown`."""
        given = dicts(as_dict(self.service.status.get("loadBalancer")).get("ingress"))
        if given:
            return as_text(given[0].get("ip"))
        return as_text(self.pods[0].status.get("hostIP")) or "unknown"

    def lines(self) -> list[str]:
        """Its ports `http` and `http2`."""
        out = []
        for port in dicts(self.service.spec.get("ports")):
            if port.get("name") not in ("http", "http2") or ports.port_kind(port) != "TCP":
                continue
            if ports.target_port(self.pods[0], port) is None:
                continue
            scheme = "http" if ports.protocol(port) in ("HTTP", "HTTP2") else ""
            number = port.get("port", 0)
            suffix = "" if scheme and number == 80 else f":{number}"
            out.append(f"Exposed on Ingress Gateway {scheme}://{self.address}{suffix}")
        return out


def ingress(what: Describer, services: list[KubeObject], labels: list[dict[str, str]]) -> None:
    """The block; nothing where no gateway leads to the services."""
    pods = [
        pod
        for pod in what.mesh.kube.list("pods")
        if pod.labels.get("istio") == "ingressgateway" and pod.status.get("phase") == "Running"
    ]
    if not pods:
        what.say("Skipping Gateway information (no ingress gateway pods)")
        return
    entrances = _entrances(what, pods)
    if not entrances:
        what.say("Skipping Gateway information (no ingress gateway service)")
    told: set[tuple[str, str]] = set()
    for pod in pods:
        try:
            config = config_of(what.mesh, pod)
        except Stop as stop:
            raise Stop(f"failed to execute command on ingress gateway sidecar: {stop}") from None
        for service in services if config else []:
            for port in dicts(service.spec.get("ports")):
                assert config is not None
                _exposed(what, config, service, port.get("port") or 0, labels, entrances, told)


def _entrances(what: Describer, pods: list[KubeObject]) -> list[Entrance]:
    spaces = sorted({pod.namespace for pod in pods})
    found = []
    for service in what.mesh.kube.list("services"):
        if service.namespace in spaces:
            selector = texts(service.spec.get("selector"))
            own = tuple(p for p in pods if p.namespace == service.namespace and contains(p.labels, selector))
            if own:
                found.append(Entrance(service, own))
    return found


def _exposed(
    what: Describer,
    config: EnvoyConfig,
    service: KubeObject,
    port: int,
    labels: list[dict[str, str]],
    entrances: list[Entrance],
    told: set[tuple[str, str]],
) -> None:
    subsets = Subsets()
    key = config.destination_rule(service, port)
    if key:
        rule = what.get("destinationrules.networking.istio.io", "destination rule", key)
        subsets = subsets_of(rule, labels, what.name)
    key = config.virtual_service(service, port)
    if not key:
        return
    vs = what.get("virtualservices.networking.istio.io", "virtual service", key)
    for reference in as_list(vs.spec.get("gateways")):
        if not isinstance(reference, str) or reference in ("", "mesh"):
            continue
        namespace, slash, name = reference.partition("/")
        gateway = (namespace, name) if slash else (key[0], reference)
        if gateway in told:
            continue
        told.add(gateway)
        item = what.get(GATEWAYS, "gateway", gateway)
        selector = item.spec.get("selector")
        if not isinstance(selector, dict):
            what.out.parts.append(f"Ingress Gateway {gateway[0]}/{gateway[1]} be applied all workloads")
            continue
        matching = [e for e in entrances if any(contains(p.labels, texts(selector)) for p in e.pods)]
        if matching:
            what.say(RULE)
            for entrance in sorted(matching, key=lambda e: e.address):
                what.say(*entrance.lines())
            what.say(*virtual_service(vs, service, subsets, 0, what.name))
