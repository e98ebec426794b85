"""Lines of Envoy's access log taken apart, in the text format of the mesh or as JSON."""

from __future__ import annotations

import re

from bugbundle.codec import decode
from bugbundle.errors import BugbundleError
from bugbundle.mesh.kube import as_dict

DEFAULT = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% '
    "%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "
    '"%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% '
    '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" '
    '"%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER% %UPSTREAM_LOCAL_ADDRESS% '
    "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%"
)

WANTED = {
    "START_TIME": "start",
    "RESPONSE_CODE": "code",
    "RESPONSE_FLAGS": "flags",
    "RESPONSE_CODE_DETAILS": "details",
    "UPSTREAM_TRANSPORT_FAILURE_REASON": "reason",
    "REQ(:AUTHORITY)": "authority",
    "UPSTREAM_HOST": "host",
    "UPSTREAM_CLUSTER": "cluster",
    "UPSTREAM_CLUSTER_RAW": "cluster",
    "DOWNSTREAM_LOCAL_ADDRESS": "local",
    "DOWNSTREAM_REMOTE_ADDRESS": "remote",
    "REQUESTED_SERVER_NAME": "sni",
    "ROUTE_NAME": "route",
}
"""What is read of a line: Envoy's operators, and the names in the JSON format by default."""

JSON_NAMES = {
    "start_time": "start",
    "response_code": "code",
    "response_flags": "flags",
    "response_code_details": "details",
    "upstream_transport_failure_reason": "reason",
    "authority": "authority",
    "upstream_host": "host",
    "upstream_cluster": "cluster",
    "downstream_local_address": "local",
    "downstream_remote_address": "remote",
    "requested_server_name": "sni",
    "route_name": "route",
}

_OPERATOR = re.compile(r"%([A-Z_]+(?:\([^)]*\))?)(?::\d+)?%")


def compile_format(text: str) -> re.Pattern[bytes]:
    """A format string of Envoy as a pattern with the groups of `WANTED`."""
    parts: list[str] = []
    seen: set[str] = set()
    place = 0
    text = text.rstrip("\n")
    for match in _OPERATOR.finditer(text):
        parts.append(re.escape(text[place : match.start()]))
        name = WANTED.get(match[1], "")
        after = text[match.end() : match.end() + 1]
        anything = r"[^\"]*" if after == '"' else r"[^\]]*" if after == "]" else r"\S*" if after in (" ", "") else ".*?"
        parts.append(f"(?P<{name}>{anything})" if name and name not in seen else f"(?:{anything})")
        seen.add(name)
        place = match.end()
    parts.append(re.escape(text[place:]))
    return re.compile("".join(parts).encode())


def of_text(line: bytes, pattern: re.Pattern[bytes]) -> dict[str, str] | None:
    """The values of a line in the text format; None where it is another line."""
    match = pattern.match(line)
    if not match:
        return None
    return {name: (value or b"").decode("utf-8", "replace") for name, value in match.groupdict().items()}


def of_json(line: bytes) -> dict[str, str] | None:
    """The values of a line in JSON; None where it is another line."""
    try:
        row = as_dict(decode(line))
    except BugbundleError:
        return None
    if "response_flags" not in row and "response_code" not in row:
        return None
    return {name: "" if row.get(key) is None else str(row[key]) for key, name in JSON_NAMES.items()}
