"""The analyzers of `istioctl analyze` 1.29: their names, in the order in which they run, and what each says.

Source: Istio's `pkg/config/analysis/analyzers/all.go` and the metadata of each analyzer.
"""

from __future__ import annotations

from bugbundle.rules import Finding

SCHEMA = "schema.ValidationAnalyzer."
SCHEMA_CODES = frozenset({"IST0106", "IST0130", "IST0131", "IST0133"})
SCHEMA_KINDS = (
    "AuthorizationPolicy", "DestinationRule", "EnvoyFilter", "Gateway", "PeerAuthentication", "ProxyConfig",
    "RequestAuthentication", "ServiceEntry", "Sidecar", "Telemetry", "VirtualService", "WasmPlugin", "WorkloadEntry",
    "WorkloadGroup", "MeshNetworks", "MeshConfig",
)  # fmt: skip

_OWN = (
    ("annotations.K8sAnalyzer", "IST0107 IST0108 IST0125 IST0135",
     "Checks for misplaced and invalid Istio annotations in Kubernetes resources"),
    ("authn.BlockedCIDRsAnalyzer", "IST0175",
     "Checks that BLOCKED_CIDRS_IN_JWKS_URIS is configured on istiod when RequestAuthentication resources exist"),
    ("auth.AuthorizationPoliciesAnalyzer", "IST0101 IST0127", "Checks the validity of authorization policies"),
    ("conditions.ConditionAnalyzer", "IST0171", "Checks for negative status conditions on resources"),
    ("deployment.MultiServiceAnalyzer", "IST0116 IST0137", "Checks association between services and pods"),
    ("applicationUID.Analyzer", "IST0144", "Checks invalid application UID"),
    ("destinationrule.CaCertificateAnalyzer", "IST0128 IST0129",
     "Checks if caCertificates is set when TLS mode is SIMPLE/MUTUAL"),
    ("destinationrule.SubsetSelectPodAnalyzer", "IST0173 IST0174",
     "Checks if pods are selected by subsets in destination rules."),
    ("deprecation.DeprecationAnalyzer", "IST0002", "Checks for deprecated Istio types and fields"),
    ("envoyfilter.EnvoyPatchAnalyzer", "IST0151 IST0152 IST0153 IST0154 IST0155", "Checks an envoyFilters "),
    ("externalcontrolplane.ExternalControlPlaneAnalyzer", "IST0163 IST0164",
     "Checks that the remote IstioOperator resources reference an external control plane"),
    ("gateway.IngressGatewayPortAnalyzer", "IST0101 IST0162",
     "Checks a gateway's ports against the gateway's Kubernetes service ports"),
    ("gateway.CertificateAnalyzer", "IST0138", "Checks a gateway certificate"),
    ("gateway.SecretAnalyzer", "IST0101 IST0161", "Checks a gateway's referenced secrets for correctness"),
    ("gateway.ConflictingGatewayAnalyzer", "IST0101 IST0145", "Checks a gateway's selector, port number and hosts"),
    ("injection.Analyzer", "IST0102 IST0103 IST0123 IST0148",
     "Checks conditions related to Istio sidecar injection"),
    ("injection.ImageAnalyzer", "IST0158",
     "Checks the image of auto-injection configured with the running proxies on pods"),
    ("injection.ImageAutoAnalyzer", "IST0146 IST0147",
     "Makes sure that Pods and Deployments with `image: auto` are going to be injected"),
    ("k8sgateway.SelectorAnalyzer", "IST0166", "Check that selectors are effective for Kubernetes gateway"),
    ("meshnetworks.MeshNetworksAnalyzer", "IST0126", "Check the validity of MeshNetworks in the cluster"),
    ("services.MultiClusterServiceAnalyzer", "IST0170",
     "Check the validity of services in the multi-cluster environment"),
    ("service.PortNameAnalyzer", "IST0118 IST0150", "Checks the port names associated with each service"),
    ("sidecar.SelectorAnalyzer", "IST0101 IST0110 IST0111 IST0167",
     "Validates that sidecars that define a workload selector match at least one pod, and that there aren't multiple"
     " sidecar resources that select overlapping pods"),
    ("virtualservice.ConflictingMeshGatewayHostsAnalyzer", "IST0109",
     "Checks if multiple virtual services associated with the mesh gateway have conflicting hosts"),
    ("virtualservice.DestinationHostAnalyzer", "IST0101 IST0112 IST0140",
     "Checks the destination hosts associated with each virtual service"),
    ("virtualservice.DestinationRuleAnalyzer", "IST0101",
     "Checks the destination rules associated with each virtual service"),
    ("virtualservice.GatewayAnalyzer", "IST0101 IST0132 IST0165",
     "Checks the gateways associated with each virtual service"),
    ("virtualservice.JWTClaimRouteAnalyzer", "IST0149",
     "Checks the VirtualService using JWT claim based routing has corresponding RequestAuthentication"),
    ("serviceentry.Analyzer", "IST0134", "Checks the validity of ServiceEntry"),
    ("webhook.Analyzer", "IST0139", "Checks the validity of Istio webhooks"),
    ("telemetry.ProviderAnalyzer", "IST0157", "Validates that providers in telemetry resource is valid"),
    ("telemetry.SelectorAnalyzer", "IST0101 IST0159",
     "Validates that telemetries that define a selector match at least one pod, and that there aren't multiple"
     " telemetry resources that select overlapping pods"),
    ("telemetry.DefaultSelectorAnalyzer", "IST0160",
     "Validates that there aren't multiple telemetry resources that have no selector"),
    ("telemetry.LightstepAnalyzer", "IST0002", "Validates that lightstep provider is still used"),
)  # fmt: skip

DESCRIPTIONS: dict[str, str] = {
    **{name: text for name, _, text in _OWN},
    **{f"{SCHEMA}{kind}": f"Runs schema validation as an analyzer on '{kind}' resources" for kind in SCHEMA_KINDS},
}
"""name → description, in the order in which they run."""

_CODES = {name: frozenset(codes.split()) for name, codes, _ in _OWN}

OF_CLUSTERS = (
    "annotations.K8sAnalyzer", "auth.AuthorizationPoliciesAnalyzer", "conditions.ConditionAnalyzer",
    "deployment.MultiServiceAnalyzer", "applicationUID.Analyzer", "destinationrule.SubsetSelectPodAnalyzer",
    "gateway.IngressGatewayPortAnalyzer", "gateway.SecretAnalyzer", "gateway.ConflictingGatewayAnalyzer",
    "injection.Analyzer", "injection.ImageAnalyzer", "injection.ImageAutoAnalyzer", "k8sgateway.SelectorAnalyzer",
    "meshnetworks.MeshNetworksAnalyzer", "services.MultiClusterServiceAnalyzer", "service.PortNameAnalyzer",
    "sidecar.SelectorAnalyzer", "virtualservice.DestinationHostAnalyzer", "virtualservice.JWTClaimRouteAnalyzer",
    "webhook.Analyzer", "telemetry.SelectorAnalyzer",
)  # fmt: skip
"""Those that istioctl skips where it has files only: they read pods, services, namespaces, nodes or Secrets."""

_REFERENCES = {
    "auth.AuthorizationPoliciesAnalyzer": ("AuthorizationPolicy", ""),
    "gateway.IngressGatewayPortAnalyzer": ("Gateway", "selector"),
    "gateway.SecretAnalyzer": ("Gateway", ""),
    "gateway.ConflictingGatewayAnalyzer": ("Gateway", "selector"),
    "sidecar.SelectorAnalyzer": ("Sidecar", ""),
    "telemetry.SelectorAnalyzer": ("Telemetry", ""),
    "virtualservice.DestinationHostAnalyzer": ("VirtualService", "host host:port mirror"),
    "virtualservice.DestinationRuleAnalyzer": ("VirtualService", "host+subset mirror+subset"),
    "virtualservice.GatewayAnalyzer": ("VirtualService", "gateway"),
}
"""What IST0101 says by analyzer: the kind of its origin, and the first word of what is missing (empty: any)."""


def codes_of(name: str) -> frozenset[str]:
    """The codes that an analyzer emits; none for a name that does not exist."""
    return SCHEMA_CODES if name.startswith(SCHEMA) else _CODES.get(name, frozenset())


def emits(name: str, finding: Finding) -> bool:
    """Whether the analyzer of this name says what the finding says."""
    if name.startswith(SCHEMA):
        return finding.code in SCHEMA_CODES and finding.origin.kind == name.removeprefix(SCHEMA)
    if finding.code not in codes_of(name):
        return False
    if finding.code == "IST0002":
        return (finding.origin.kind == "Telemetry") == (name == "telemetry.LightstepAnalyzer")
    if finding.code != "IST0101":
        return True
    kind, words = _REFERENCES[name]
    word = finding.message.removeprefix("Referenced ").split(" ", 1)[0]
    return finding.origin.kind == kind and (not words or word in words.split())


def listing() -> str:
    """What `istioctl analyze --list-analyzers` prints."""
    return "".join(f"* {name}:\n    {text}\n" for name, text in sorted(DESCRIPTIONS.items()))
