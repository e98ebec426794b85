"""istiod refuses to sign."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Istiod, Pointer
from bugbundle.mesh.kube import as_text
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.signals.logs import Line, istiod_log
from bugbundle.mesh.signals.metrics import samples
from bugbundle.mesh.workloads.index import fronts
from bugbundle.rules.model import Confidence, Evidence, Level, rule

COUNTERS = ("citadel_server_csr_sign_err_count", "citadel_server_authentication_failure_count")
MANY = 5
_IDENTITY = re.compile(r"(?:/ns/|system:serviceaccount:)([\w-]+)(?:/sa/|:)([\w-]+)")
_POD = re.compile(r"\bpod ([\w-]+)/([\w.-]+) not found")
_CLIENT = re.compile(r"client from \[?([0-9a-f.:]+?)\]?:\d+:")


@rule(
    "BB408",
    per=Istiod,
    level=Level.WARNING,
    reads={Source.LOG},
    optional={Source.ISTIOD_METRICS, "pods", "services"},
    explains={"BB203", "BB306", "BB401", "BB402", "BB410", "BB553", "BB554"},
    message="{istiod} refused certificates or connections{whose} {count}× within the last 10 minutes, last: {text}",
)
def csr_refused(istiod: Istiod) -> Iterator[Evidence]:
    """istiod's log tells, near the capture, of tokens that it did not accept or certificates that it could not sign.

    ## Why it matters
    The proxies concerned get no certificate and no configuration; running ones stop when their certificate ends.

    ## What to do
    Token not authenticated: compare the token's audience and expiry with what the API server accepts (TokenReview).
    Impersonation: ztunnel's ServiceAccount is not among the trusted node accounts. Signing: the CA's key or lifetime.
    """
    log = istiod_log(istiod.mesh, istiod.namespace, istiod.name)
    lines = log.recent("token", "authenticate", "signing", "impersonation", "unauthorized") if log else []
    if not lines:
        return
    clients = _clients(istiod, lines)
    yield Evidence(
        origin=ref(istiod),
        values={"istiod": istiod.id, "whose": _whose(clients), "count": len(lines), "text": lines[-1].said},
        objects=(*(clients or fronts(istiod)), *_accounts(lines)),
        proofs=(lines[-1].proof, *_counters(istiod)),
        level=Level.ERROR if len(lines) >= MANY else Level.WARNING,
        confidence=Confidence.LIKELY,
        at=lines[-1].at,
    )


def _counters(istiod: Istiod) -> Iterator[Proof]:
    text = istiod.text("metrics.txt")
    for name in COUNTERS:
        for sample in samples(text, name):
            if sample.value > 0:
                yield Proof(Pointer(istiod.entry("metrics.txt"), f"line {sample.line}"), f"{name} {sample.value:.0f}")


def _clients(istiod: Istiod, lines: list[Line]) -> tuple[Ref, ...]:
    """The pods that were refused, by the addresses in the lines; empty where they cannot be told."""
    known = {as_text(pod.status.get("podIP")): pod for pod in istiod.mesh.kube.list("pods")}
    found = [known.get(match[1]) for line in lines if (match := _CLIENT.search(line.whole))]
    return tuple(dict.fromkeys(ref(pod) for pod in found if pod is not None))


def _accounts(lines: list[Line]) -> tuple[Ref, ...]:
    """The ServiceAccounts that the lines name, as identities or as users, and the pods that asked for them."""
    found = [Ref("ServiceAccount", *match) for line in lines for match in _IDENTITY.findall(line.whole)]
    found += [Ref("Pod", *match) for line in lines for match in _POD.findall(line.whole)]
    return tuple(dict.fromkeys(found))[:50]


def _whose(pods: tuple[Ref, ...]) -> str:
    """` of web-1.shop`; empty where it is not known."""
    names = [f"{pod.name}.{pod.namespace}" for pod in pods]
    return "" if not names else f" of {names[0]}" if len(names) == 1 else f" of {len(names)} pods ({names[0]}, …)"
