"""istiod could not make or send configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Istiod, KubeObject, Mesh
from bugbundle.mesh.config.meshconfig import root_namespace
from bugbundle.mesh.kinds import CONFIG_MAP, ENVOY_FILTER, REQUEST_AUTHENTICATION
from bugbundle.mesh.kube import as_text, dicts
from bugbundle.mesh.ref import Ref, ref
from bugbundle.mesh.signals.logs import Line, istiod_log
from bugbundle.rules.model import Confidence, Evidence, Level, rule

KINDS = {
    "patch_panic": "an EnvoyFilter's patch made istiod panic, and none of its patches took effect",
    "filter_value": "an EnvoyFilter's value cannot be read",
    "send": "a push could not be sent",
    "rate_limit": "new connections of proxies were turned away (rate limit)",
    "credential": "a gateway's secret could not be read",
    "credential_access": "a gateway asked for a secret of another namespace",
    "jwks": "the keys of a JWT issuer could not be fetched, so its tokens are rejected",
    "ca_incomplete": "the secret cacerts lacks a file",
    "ca_ignored": "a change of the root in cacerts was ignored",
    "ca_failed": "new CA certificates could not be loaded",
    "vips": "no address is left for ServiceEntries",
    "policy_ignored": "a policy was ignored",
    "wasm_secret": "the pull secret of a Wasm module could not be read",
    "tracing": "a tracing provider could not be configured",
    "telemetry": "a telemetry provider's Service is not known",
}


@rule(
    "BB103",
    per=Istiod,
    level=Level.WARNING,
    reads={Source.LOG},
    optional={ENVOY_FILTER, REQUEST_AUTHENTICATION, CONFIG_MAP},
    explains={"BB406", "BB203", "BB401"},
    message="{what} ({istiod}, {count}× within the last 10 minutes): {text}",
)
def istiod_push_errors(istiod: Istiod) -> Iterator[Evidence]:
    """istiod's log tells, near the capture, of configuration that it could not generate or send.

    ## Why it matters
    What istiod leaves out has no effect in any proxy, and nothing but its log says so.

    ## What to do
    Correct the object that the line names. A rate limit right after a restart of istiod passes by itself.
    """
    log = istiod_log(istiod.mesh, istiod.namespace, istiod.name)
    for kind, what in KINDS.items() if log else ():
        lines = log.recent(kind) if log else []
        if not lines:
            continue
        yield Evidence(
            origin=ref(istiod),
            values={"istiod": istiod.id, "what": what, "count": len(lines), "text": lines[-1].said},
            objects=tuple(_named(istiod.mesh, lines[-1])),
            proofs=(lines[-1].proof,),
            level=Level.INFO if kind == "rate_limit" and len(lines) < 5 else Level.WARNING,
            confidence=Confidence.LIKELY,
            at=lines[-1].at,
        )


def _named(mesh: Mesh, line: Line) -> Iterator[Ref]:
    """Secrets, EnvoyFilters and RequestAuthentications that a line names."""
    match = re.search(r"kubernetes(?:-gateway)?://(?:([\w.-]+)/)?([\w.-]+)", line.text)
    if match:
        told = re.search(rf"([\w.-]+)/{re.escape(match[2])}\b", line.text.replace(match[0], ""))
        yield Ref("Secret", match[1] or (told[1] if told else root_namespace(mesh)), match[2])
    for policy in mesh.kube.list(REQUEST_AUTHENTICATION):
        if any(uri and uri in line.text for uri in _key_addresses(policy)):
            yield ref(policy)
    for item in mesh.kube.list(ENVOY_FILTER):
        if re.search(rf"\b{re.escape(item.name)}\b", line.text):
            yield ref(item)


def _key_addresses(policy: KubeObject) -> list[str]:
    """The addresses of the keys that it trusts: `jwksUri`, else the issuer (whose OpenID document names one)."""
    return [as_text(one.get("jwksUri")) or as_text(one.get("issuer")) for one in dicts(policy.spec.get("jwtRules"))]
