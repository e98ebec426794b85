"""What Envoy's response flags, response code details and transport failures mean, in plain words.

Source: https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
"""

from __future__ import annotations

from bugbundle.mesh.signals.access import Fault

MEANINGS = {
    "NR": "no route or filter chain matches",
    "NC": "the cluster of the route is unknown",
    "UH": "no healthy endpoint",
    "UF": "the connection to the endpoint failed",
    "UC": "the endpoint closed the connection",
    "UO": "a circuit breaker is open",
    "UT": "the endpoint took too long",
    "URX": "retries or connection attempts are used up",
    "UR": "the endpoint reset the stream",
    "LR": "the proxy reset the stream",
    "DPE": "the client broke the protocol",
    "UPE": "the endpoint broke the protocol",
    "DF": "the name could not be resolved",
    "NFCF": "no filter configuration arrived",
    "UAEX": "the external authorization refused",
    "RL": "rate limited",
    "RLSE": "the rate limit service failed",
    "FI": "fault injection",
    "DI": "fault injection (delay)",
    "DC": "the client went away",
    "RBAC": "an AuthorizationPolicy refused",
    "JWT": "the token was refused",
}
DETAILS = {
    "filter_chain_not_found": "no filter chain matches: plain text to a port that takes mTLS only, or an unknown SNI",
    "cluster_not_found": "the cluster of the route is unknown",
}
"""Envoy's response code details that tell more than the flag."""

REASONS = {
    "CERTIFICATE_VERIFY_FAILED": "the server's certificate was not accepted: another root, out of date, another name",
    "CERTIFICATE_EXPIRED": "a certificate has expired",
    "UNKNOWN_CA": "the other side does not know the root of the certificate",
    "WRONG_VERSION_NUMBER": "TLS was sent where plain text is spoken",
    "Secret_is_not_supplied_by_SDS": "Envoy still waits for its certificate",
    "Secret is not supplied by SDS": "Envoy still waits for its certificate",
    "Connection_refused": "nothing listens on the endpoint's port",
    "Connection refused": "nothing listens on the endpoint's port",
    "connection_timeout": "no answer from the endpoint: a NetworkPolicy, a firewall, a pod that is gone",
}
"""Pieces of Envoy's transport failure reason (BoringSSL's and the socket's errors)."""


def flag_of(fault: Fault) -> str:
    """The flag that tells most: of `URX,UF` the inner one."""
    if fault.details.startswith("rbac_access_denied"):
        return "RBAC"
    if fault.details.startswith("jwt_authn_access_denied"):
        return "JWT"
    return next((flag for flag in fault.flags if flag != "URX"), fault.flags[0] if fault.flags else "RBAC")


def meaning(fault: Fault) -> str:
    """What Envoy's details or its transport's error say, else what the flag means."""
    told = next((words for text, words in REASONS.items() if text in fault.reason), "")
    return told or DETAILS.get(fault.details) or MEANINGS.get(flag_of(fault), "see Envoy's response flags")
