"""The one list of rules, by family. A rule that is not here does not exist."""

from __future__ import annotations

import importlib

from bugbundle.rules.model import RULES, Rule

CONTROL_PLANE: tuple[str, ...] = ()
SYNC: tuple[str, ...] = (
    "bb201_nack",
    "bb202_stale",
    "bb203_not_connected",
    "bb204_drift",
    "bb205_ghost_proxy",
    "bb206_warming",
    "bb207_two_istiods",
    "bb208_stream_flapping",
)
PROXY: tuple[str, ...] = (
    "bb301_route_to_missing_cluster",
    "bb302_no_healthy_endpoints",
)
CERTIFICATES: tuple[str, ...] = ()
AMBIENT: tuple[str, ...] = ()
INJECTION: tuple[str, ...] = ()
TRAFFIC: tuple[str, ...] = ()
KUBERNETES: tuple[str, ...] = ()
BUNDLE: tuple[str, ...] = ()
RUNTIME: tuple[str, ...] = ()
ISTIO: tuple[str, ...] = (
    "ist0002_deprecated",
    "ist0101_referenced_resource_not_found",
    "ist0102_namespace_not_injected",
    "ist0103_pod_missing_proxy",
    "ist0106_schema_error",
    "ist0107_misplaced_annotation",
    "ist0108_unknown_annotation",
    "ist0109_conflicting_mesh_gateway_hosts",
    "ist0110_conflicting_sidecar_selectors",
    "ist0111_multiple_sidecars_without_selector",
    "ist0112_destination_port_required",
    "ist0116_deployment_services_protocols",
    "ist0118_port_name_convention",
    "ist0123_namespace_multiple_injection_labels",
    "ist0125_invalid_annotation",
    "ist0127_no_matching_workloads",
    "ist0128_no_server_verification",
    "ist0129_no_server_verification_of_port",
    "ist0130_virtual_service_unreachable_rule",
    "ist0131_virtual_service_ineffective_match",
    "ist0132_virtual_service_host_not_in_gateway",
    "ist0133_schema_warning",
    "ist0134_service_entry_addresses_required",
    "ist0135_deprecated_annotation",
    "ist0137_deployment_services_ports",
    "ist0138_gateway_duplicate_certificate",
    "ist0139_invalid_webhook",
    "ist0140_ingress_route_rules_not_affected",
    "ist0144_invalid_application_uid",
    "ist0145_conflicting_gateways",
    "ist0146_image_auto_of_deployment",
    "ist0147_image_auto_of_pod",
    "ist0148_namespace_injection_enabled_by_default",
    "ist0149_jwt_claim_route_without_authentication",
    "ist0150_external_name_port_name",
    "ist0151_envoy_filter_relative_operation",
    "ist0152_envoy_filter_replace",
    "ist0153_envoy_filter_add",
    "ist0154_envoy_filter_remove",
    "ist0155_envoy_filter_relative_with_version",
    "ist0157_invalid_telemetry_provider",
    "ist0158_proxy_image_mismatch",
    "ist0159_conflicting_telemetry_selectors",
    "ist0160_multiple_telemetries_without_selector",
    "ist0161_invalid_gateway_credential",
    "ist0162_gateway_port_not_on_service",
    "ist0165_referenced_internal_gateway",
    "ist0166_ineffective_selector",
    "ist0167_ineffective_policy",
    "ist0171_negative_condition",
    "ist0173_subset_selects_no_pods",
    "ist0174_unknown_destination_rule_host",
    "ist0175_jwks_fetch_unrestricted",
    "ist0176_gateway_api_version",
    "ist0177_conflicting_service_entry_protocol",
)

MODULES = (
    *CONTROL_PLANE,
    *SYNC,
    *PROXY,
    *CERTIFICATES,
    *AMBIENT,
    *INJECTION,
    *TRAFFIC,
    *KUBERNETES,
    *BUNDLE,
    *RUNTIME,
    *ISTIO,
)


def all_rules() -> list[Rule]:
    """Every rule, in the order of the list."""
    for name in MODULES:
        importlib.import_module(f"bugbundle.rules.{name}")
    return list(RULES.values())
