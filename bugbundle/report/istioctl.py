"""An analysis as `istioctl analyze` 1.29 prints it: the same messages, order, words and members, byte for byte.

Source: Istio's `istioctl/pkg/analyze`, `pkg/config/analysis/diag` and `istioctl/pkg/util/formatting`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable

from bugbundle.errors import BugbundleError
from bugbundle.mesh import Kube
from bugbundle.report.analyzers import DESCRIPTIONS, OF_CLUSTERS, emits
from bugbundle.report.lines import reference
from bugbundle.report.select import concerns
from bugbundle.rules import Finding, Level
from bugbundle.rules.model import RULES
from bugbundle.views.gojson import indented
from bugbundle.views.goyaml import to_yaml

FORMS = ("log", "json", "yaml")
RELEASE = "1.29"
"""The release whose words and layouts these are; links name it where the mesh does not say its own."""

REF = "istioctl-analyze"
_COLOURS = {
    Level.ERROR: "\x1b[1;31mError\x1b[0m",
    Level.WARNING: "\x1b[33mWarning\x1b[0m",
    Level.INFO: "Info\x1b[0m",
}


def docs(release: str = RELEASE) -> str:
    """The page on analysis messages in the documentation of a release, `1.29`."""
    return f"https://istio.io/v{release}/docs/reference/config/analysis"


def messages(
    kube: Kube,
    findings: Iterable[Finding],
    *,
    namespace: str = "",
    suppress: Iterable[str] = (),
    analyzers: Iterable[str] = (),
    files_only: bool = False,
) -> list[Finding]:
    """The findings that istioctl has too, in its order.

    `analyzers` that do not exist count for nothing; where none of those given exists, all run, as in istioctl.
    `files_only` leaves out the analyzers that need a cluster. Raises `BugbundleError` for a suppression that is none.
    """
    wanted = [name for name in analyzers if name in DESCRIPTIONS] or list(DESCRIPTIONS)
    wanted = [name for name in wanted if not (files_only and name in OF_CLUSTERS)]
    silenced = [_suppression(text) for text in suppress]
    kept = [
        dataclasses.replace(item, reference=reference(kube, item), level=_own_level(item))
        for item in findings
        if item.code.startswith("IST")
        and any(emits(name, item) for name in wanted)
        and not (namespace and not concerns(item, namespace))
        and not any(code == item.code and glob.fullmatch(str(item.origin)) for code, glob in silenced)
    ]
    return list({line(item): item for item in sorted(kept, key=_order)}.values())


def _own_level(item: Finding) -> Level:
    """istioctl's level of a message, where ours is lower: it knows of no harmless ones."""
    rule = RULES.get(item.code)
    return rule.level if item.harmless and rule else item.level


def _order(item: Finding) -> tuple[object, ...]:
    """diag.Messages.Sort: level, code, `Kind/name/namespace`, text."""
    origin = item.origin
    return (item.level.rank, item.code, f"{origin.kind}/{origin.name}/{origin.namespace}", line(item))


def _suppression(text: str) -> tuple[str, re.Pattern[str]]:
    """`CODE=Kind ns/name`: only `*` stands for anything."""
    parts = text.split("=")
    if len(parts) != 2:
        raise BugbundleError(f"{text} is not a valid suppression value. See istioctl analyze --help")
    return parts[0], re.compile(".*".join(map(re.escape, parts[1].split("*"))), re.DOTALL)


def line(item: Finding, colour: bool = False) -> str:
    """`Error [IST0101] (VirtualService shop/cart file.yaml:7) message`."""
    level = _COLOURS[item.level] if colour else str(item.level)
    place = f" {item.reference}" if item.reference else ""
    return f"{level} [{item.code}] ({_origin(item)}{place}) {item.message}"


def _origin(item: Finding) -> str:
    """`Kind ns/name`; the cluster as a whole has no name."""
    return str(item.origin).rstrip()


def render(found: list[Finding], form: str, colour: bool = False, sender: str = REF, release: str = RELEASE) -> str:
    """What istioctl writes to stdout; `colour` is for `log`; `sender` and `release` stand in the links."""
    if form == "log":
        return "\n".join(line(item, colour) for item in found) + "\n"
    rows = [_members(item, sender, release) for item in found]
    return (indented(rows, "\t") if form == "json" else to_yaml(rows)) + "\n"


def _members(item: Finding, sender: str, release: str) -> dict[str, str]:
    made = {
        "code": item.code,
        "documentationUrl": f"{docs(release)}/{item.code.lower()}/{f'?ref={sender}' if sender else ''}",
        "level": str(item.level),
        "message": item.message,
        "origin": _origin(item),
    }
    return {**made, "reference": item.reference} if item.reference else made
