"""`internal-debug PATH`: a debug page of istiod, indented. Source: istioctl/pkg/internaldebug of 1.29."""

from __future__ import annotations

from urllib.parse import parse_qs

from bugbundle.codec import decode, reindent
from bugbundle.errors import BugbundleError, NotInBundle
from bugbundle.mesh import Mesh
from bugbundle.mesh.parts import Istiod
from bugbundle.views.gojson import indented
from bugbundle.views.proxy_status import istiods

_OF_PROXY = ("config_dump", "edsz", "ndsz", "ecdsz", "sidecarz")


def page(istiod: Istiod, path: str) -> bytes | None:
    """The recorded answer to `PATH[?proxyID=POD.NS]`; None where there is none.

    A proxy is found as istiod does it: by a part of its name.
    """
    name, _, query = path.removeprefix("/").removeprefix("debug/").partition("?")
    proxy = (parse_qs(query).get("proxyID") or [""])[0]
    if name in _OF_PROXY and proxy:
        folder = istiod.entry(f"debug/{name}/")
        found = sorted(each for each in istiod.mesh.bundle.paths(folder) if proxy in each[len(folder) :])
        return istiod.mesh.bundle[found[0]] if found else None
    return istiod.data(f"debug/{name}.json") or istiod.data(f"debug/{name}.txt") or istiod.data(f"debug/{name}")


def internal_debug(mesh: Mesh, path: str, revision: str = "", *, every: bool = False) -> str:
    """What istioctl prints: the first istiod's answer, or with `every` an object of all of them.

    Raises `NotInBundle` where no istiod's answer was recorded.
    """
    found = {istiod: page(istiod, path) for istiod in istiods(mesh, revision)}
    answers = {istiod.name: data for istiod, data in found.items() if data is not None}
    if not answers:
        raise NotInBundle(f"no answer to debug/{path} was recorded", todo=_todo(list(found), path))
    if every:
        parsed = {name: _parsed(data) for name, data in sorted(answers.items())}
        return indented(parsed, 2) + "\n"
    return _indented(next(iter(answers.values()))) + "\n"


def _indented(data: bytes) -> str:
    try:
        decode(data)
    except BugbundleError:
        return data.decode("utf-8", "replace")
    return reindent(data.strip(), 2).decode("utf-8", "replace")


def _parsed(data: bytes) -> object:
    try:
        return decode(data)
    except BugbundleError:
        return data.decode("utf-8", "replace")


def _todo(asked: list[Istiod], path: str) -> str:
    if not asked:
        return "No istiod is in the bundle"
    gaps = (istiod.mesh.bundle.gaps.get(istiod.entry(f"debug/{path}.json")) for istiod in asked)
    reasons = "; ".join(gap.text for gap in gaps if gap)
    start = asked[0].entry("debug/")
    pages = sorted({each[len(start) :].split("/")[0].split(".")[0] for each in asked[0].mesh.bundle.paths(start)})
    return reasons or f"Recorded: {', '.join(pages)}"
