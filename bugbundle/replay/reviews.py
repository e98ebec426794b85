"""The create-only APIs that change nothing: who am I, what may I do, a token for a ServiceAccount.

They answer truthfully about this server: everything recorded may be read, nothing may be written.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from bugbundle.codec import JSONError, decode
from bugbundle.replay.lists import Lists
from bugbundle.replay.shape import Object, mapping, number, strings, text
from bugbundle.replay.status import Refusal
from bugbundle.replay.wire import PROTOBUF, read

USER = "bugbundle:replay"
GROUPS = ["system:authenticated"]
READS = frozenset({"get", "list", "watch"})
STREAMS = frozenset({"portforward", "exec", "attach", "proxy"})
VIRTUAL = frozenset(
    {
        "selfsubjectaccessreviews",
        "selfsubjectrulesreviews",
        "selfsubjectreviews",
        "subjectaccessreviews",
        "localsubjectaccessreviews",
    }
)
WHY = "this is a recording: it can be read, not changed"


def parse_body(body: bytes, plural: str) -> Object:
    """The posted object, JSON or protobuf; `Refusal` 400 where it is neither."""
    if body.startswith(PROTOBUF):
        return read(body, plural)
    try:
        posted = decode(body)
    except JSONError:
        posted = None
    if not isinstance(posted, dict):
        raise Refusal(400, "the body is not a JSON object")
    return posted


class Reviews:
    """Answers to reviews about one recording."""

    def __init__(self, lists: Lists) -> None:
        self._lists = lists

    def answer(self, group: str, version: str, plural: str, body: bytes) -> Object:
        """The posted review with its `status` filled in."""
        kinds: dict[str, tuple[str, Callable[[Object], Object]]] = {
            "selfsubjectaccessreviews": ("SelfSubjectAccessReview", self._access),
            "selfsubjectrulesreviews": ("SelfSubjectRulesReview", _rules),
            "selfsubjectreviews": ("SelfSubjectReview", _me),
            "subjectaccessreviews": ("SubjectAccessReview", _others),
            "localsubjectaccessreviews": ("LocalSubjectAccessReview", _others),
        }
        kind, status = kinds[plural]
        posted = parse_body(body, plural)
        top = {"kind": kind, "apiVersion": f"{group}/{version}", "metadata": {"creationTimestamp": None}}
        return {**top, "spec": mapping(posted, "spec"), "status": status(posted)}

    def _access(self, posted: Object) -> Object:
        if path := mapping(posted, "spec", "nonResourceAttributes"):
            return _verdict(text(path, "verb") in ("get", "head"), WHY)
        asked = mapping(posted, "spec", "resourceAttributes")
        verb, part = text(asked, "verb"), text(asked, "subresource")
        if verb == "create" and (part in STREAMS or part == "token" or text(asked, "resource") in VIRTUAL):
            return _verdict(True, "")
        if verb not in READS:
            return _verdict(False, WHY)
        refused = self._refused(asked)
        return _verdict(not refused, refused)

    def _refused(self, asked: Object) -> str:
        """Why the recorded API server itself would not let this be read; "" where it did."""
        group, plural = text(asked, "group"), text(asked, "resource")
        namespace = text(asked, "namespace")
        folder = f"k8s/apis/{group}/" if group else "k8s/api/"
        for path, gap in self._lists.bundle.gaps.items():
            if gap.status != 403 or not path.startswith(folder) or not path.endswith(f"/{plural}.json"):
                continue
            if "/namespaces/" not in path or f"/namespaces/{namespace}/" in path:
                return "the collector was not allowed to read it"
        return ""


def _verdict(allowed: bool, reason: str) -> Object:
    return {"allowed": allowed, **({"reason": reason} if reason and not allowed else {})}


def _rules(posted: Object) -> Object:
    everything = {"verbs": sorted(READS), "apiGroups": ["*"], "resources": ["*"]}
    streams = {
        "verbs": ["create"],
        "apiGroups": [""],
        "resources": ["pods/attach", "pods/exec", "pods/portforward", "serviceaccounts/token"],
    }
    paths = {"verbs": ["get"], "nonResourceURLs": ["*"]}
    return {"resourceRules": [everything, streams], "nonResourceRules": [paths], "incomplete": False}


def _me(posted: Object) -> Object:
    return {"userInfo": {"username": USER, "groups": GROUPS}}


def _others(posted: Object) -> Object:
    return {"allowed": False, "reason": "", "evaluationError": "a recording cannot evaluate others' rights"}


def token_request(body: bytes) -> Object:
    """A `TokenRequest` answered with a token that opens nothing: it was made here and is known nowhere."""
    posted = parse_body(body, "token")
    seconds = min(max(number(posted, "spec", "expirationSeconds"), 600), 86_400)
    expires = datetime.now(UTC) + timedelta(seconds=seconds)
    spec = {"audiences": strings(posted, "spec", "audiences"), "expirationSeconds": seconds}
    return {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"creationTimestamp": None},
        "spec": {**spec, "boundObjectRef": None},
        "status": {
            "token": f"bugbundle-replay.{secrets.token_urlsafe(24)}",
            "expirationTimestamp": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
    }
