"""What went wrong, as the Kubernetes API says it: a `Status` object with the sentence that kubectl prints."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from bugbundle.bundle import Gap
from bugbundle.bundle.layout import GAP
from bugbundle.codec import JSONError, decode, encode

REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    410: "Expired",
    413: "RequestEntityTooLarge",
    421: "Forbidden",
    429: "TooManyRequests",
    503: "ServiceUnavailable",
    504: "Timeout",
}
"""HTTP code → `reason`, metav1.StatusReason in k8s.io/apimachinery."""


class Refusal(Exception):
    """An answer that is a `Status` with this code, sentence and details; `recorded` is one as it was recorded.

    `unasked`: the recording holds neither an answer nor a gap.
    """

    unasked = False
    gap: Gap | None = None
    """The gap that it tells of."""

    def __init__(self, code: int, message: str, details: dict[str, Any] | None = None, recorded: bytes = b"") -> None:
        self.code = code
        self.message = message
        self.details = details
        self.recorded = recorded
        super().__init__(message)

    def body(self) -> bytes:
        """The `Status` object as JSON."""
        return self.recorded or encode(
            {
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Failure",
                "message": self.message,
                "reason": REASONS.get(self.code, "Unknown"),
                **({"details": self.details} if self.details else {}),
                "code": self.code,
            }
        )


def not_found(group: str, plural: str, name: str) -> Refusal:
    """`pods "x" not found`, as the API server words it."""
    resource = f"{plural}.{group}" if group else plural
    details = {"name": name, **({"group": group} if group else {}), "kind": plural}
    return Refusal(404, f'{resource} "{name}" not found', details)


def no_such_resource() -> Refusal:
    """The API has no such path; the words are those that kubectl knows."""
    return Refusal(404, "the server could not find the requested resource", {})


def from_gap(gap: Gap) -> Refusal:
    """What the recording says of a question without an answer: its status, 503 where there was none.

    Where the reason is the API server's own `Status`, that is the answer, byte for byte.
    """
    code = gap.status if 400 <= gap.status < 600 and gap.status != 500 else 503
    if message := _recorded_status(gap.reason):
        refusal = Refusal(code, message, recorded=gap.reason.encode(errors="replace"))
    else:
        refusal = Refusal(code, gap.reason or f"{gap.path} got no answer when this bundle was recorded")
    refusal.gap = gap
    return refusal


def gap_header(gap: Gap) -> dict[str, str]:
    """What tells a recorder that an answer stands for this gap."""
    return {GAP: f"{gap.status} {quote(_recorded_status(gap.reason) or gap.reason, errors='replace')}"}


def unrecorded(what: str) -> Refusal:
    """The API has it, the recording does not, and does not tell why."""
    refusal = Refusal(404, f"{what}: not recorded in this bundle", {})
    refusal.unasked = True
    return refusal


def _recorded_status(reason: str) -> str:
    """The message, where the recorded reason is a whole `Status`."""
    if not reason.lstrip().startswith("{"):
        return ""
    try:
        body = decode(reason.encode(errors="replace"))
    except JSONError:
        return ""
    if not isinstance(body, dict) or body.get("kind") != "Status":
        return ""
    message = body.get("message")
    return message if isinstance(message, str) else ""
