"""Why our answers to everything but proxy-config may differ from istioctl's (docs/parity.md)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parity_reasons import Case

_LOG = re.compile(r"^\d{4}-\d\d-\d\dT[\d:.]+Z\t\w+\t.*\n", re.MULTILINE)
_AGE = re.compile(r"\((\d+[smhdy])+\)")
_CLIENT = re.compile(r"^client version: .*\n", re.MULTILINE)
_JSON_CLIENT = re.compile(r"^  \"clientVersion\": \{\n(    .*\n)*  \},\n", re.MULTILINE)
_YAML_CLIENT = re.compile(r"^clientVersion:\n(  .*\n)*", re.MULTILINE)
_READY = re.compile(r"^WARNING: Pod \S+ (Init )?Container \S+ NOT READY\n", re.MULTILINE)
USAGE, ISTIOCTL_USAGE = 2, 64


def _words(case: Case) -> tuple[str, ...]:
    """The words without `experimental`."""
    return case.words[1:] if case.words[0] in ("experimental", "x") else case.words


def log_lines_among_stdout(case: Case) -> bool:
    """istioctl's own log stands among its answer: without those lines both are equal."""
    text = _LOG.sub("", case.expected)
    if text == case.expected or case.code != case.expected_code:
        return False
    return text == case.got


def ages_went_on(case: Case) -> bool:
    """The same states, asked for some seconds apart: the ages, and so the widths of columns, differ."""
    if _words(case)[0] != "proxy-status" or case.code != case.expected_code:
        return False
    return _folded(case.expected) == _folded(case.got)


def _folded(text: str) -> str:
    return re.sub(" +", " ", _AGE.sub("(AGE)", text))


def our_client(case: Case) -> bool:
    """The client is bugbundle; the proxies stand sorted, where istiod's map gives them in any order."""
    words = _words(case)
    if words[0] != "version" or case.code != case.expected_code:
        return False
    if "json" in words:
        return _mesh_part(_JSON_CLIENT, case.expected) == _mesh_part(_JSON_CLIENT, case.got)
    if "yaml" in words:
        return _mesh_part(_YAML_CLIENT, case.expected) == _mesh_part(_YAML_CLIENT, case.got)
    return _CLIENT.sub("", case.expected) == _CLIENT.sub("", case.got)


def _mesh_part(client: re.Pattern[str], text: str) -> list[str]:
    """The lines in any order, without the client's."""
    return sorted(line.removesuffix(",") for line in client.sub("", text).split("\n"))


def any_order_in_istiod(case: Case) -> bool:
    """A debug page whose items istiod tells in any order; in syncz over XDS istioctl's own connection is listed."""
    if _words(case)[0] != "internal-debug" or case.code != case.expected_code:
        return False
    return _items(case.expected) == _items(case.got)


def _items(text: str) -> list[str]:
    return sorted(
        json.dumps(item, sort_keys=True)
        for item in json.loads(text)
        if item.get("istio_version") != "65536.65536.65536"
    )


def any_order_in_istioctl(case: Case) -> bool:
    """`connections -o json` walks a Go map, sorted by namespace only."""
    if _words(case)[:2] != ("ztunnel-config", "connections") or case.code != case.expected_code:
        return False
    return "json" in case.words and _items(case.expected) == _items(case.got)


def ztunnel_levels_not_recorded(case: Case) -> bool:
    """The recording has no `logging.txt` of the ztunnel."""
    return _words(case)[:2] == ("ztunnel-config", "log") and "logging.txt" in case.error


def usage_is_two(case: Case) -> bool:
    """A mistake on the command line: istioctl's exit code is 64, ours is 2 everywhere."""
    return case.expected_code == ISTIOCTL_USAGE and case.code == USAGE and case.got == case.expected


def readiness_changed(case: Case) -> bool:
    """A container's readiness changed between istioctl's question and the recording of the pods."""
    if _words(case)[0] != "describe" or case.code != case.expected_code:
        return False
    return _READY.sub("", case.expected) == _READY.sub("", case.got)


VIEWS: dict[str, Callable[[Case], bool]] = {
    "log-lines-among-stdout": log_lines_among_stdout,
    "ages-went-on": ages_went_on,
    "our-client": our_client,
    "any-order-in-istiod": any_order_in_istiod,
    "any-order-in-istioctl": any_order_in_istioctl,
    "ztunnel-levels-not-recorded": ztunnel_levels_not_recorded,
    "usage-is-two": usage_is_two,
    "readiness-changed": readiness_changed,
}
