"""`version`: of the client, of each istiod, of the proxies connected to them.

Source: istio/pkg/version and pkg/proxy of 1.29. The client is bugbundle: the bundle does not say which istioctl its
reader has.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from bugbundle import __version__
from bugbundle.mesh import Mesh
from bugbundle.mesh.parts import Istiod
from bugbundle.views.proxy_status import Row, istiods, rows

NAME = "bugbundle"


def client() -> dict[str, str]:
    """Ours, in the shape of istioctl's."""
    return {
        "version": f"{NAME} {__version__}",
        "revision": "unknown",
        "golang_version": "",
        "status": "unknown",
        "tag": __version__,
    }


def servers(mesh: Mesh, revision: str = "") -> list[dict[str, Any]]:
    """Every istiod that told its version."""
    found = istiods(mesh, revision)
    return [_server(istiod) for istiod in found if istiod.has("version.txt")]


def _server(istiod: Istiod) -> dict[str, Any]:
    """`VERSION-COMMIT-STATUS`, as istiod's `/version` puts it."""
    text = istiod.text("version.txt").strip()
    parts = text.rsplit("-", 2)
    version, commit, status = parts if len(parts) == 3 else (text, "", "")
    return {
        "Component": "pilot",
        "Revision": istiod.revision,
        "Info": {
            "version": version,
            "revision": commit,
            "golang_version": "",
            "status": status,
            "tag": version if commit else "",
        },
    }


def proxies(mesh: Mesh, revision: str = "") -> list[dict[str, str]]:
    """Every connected proxy."""
    return [_proxy(row) for row in rows(mesh, revision)]


def _proxy(row: Row) -> dict[str, str]:
    return {"ID": row.proxy, "IstioVersion": row.version, "Type": row.kind}


def as_json(mesh: Mesh, revision: str = "", *, remote: bool = True) -> dict[str, Any]:
    """The three together; only the client's without `remote`."""
    out: dict[str, Any] = {"clientVersion": client()}
    if remote:
        if found := servers(mesh, revision):
            out["meshVersion"] = found
        if found and (connected := proxies(mesh, revision)):
            out["dataPlaneVersion"] = connected
    return out


def short(mesh: Mesh, revision: str = "", *, remote: bool = True) -> str:
    """A line for each of the three."""
    lines = [f"client version: {client()['version']}"]
    found = servers(mesh, revision) if remote else []
    if found:
        different = {server["Info"]["version"] for server in found}
        for server in found if len(different) > 1 else found[:1]:
            word = server["Component"] if len(different) > 1 else "control plane"
            lines.append(f"{word} version: {server['Info']['version']}")
        count = Counter(proxy["IstioVersion"] for proxy in proxies(mesh, revision))
        told = ", ".join(f"{version} ({number} proxies)" for version, number in sorted(count.items()))
        lines.append(f"data plane version: {told or 'none'}")
    return "".join(f"{line}\n" for line in lines)


def long(mesh: Mesh, revision: str = "", *, remote: bool = True) -> str:
    """`--short=false`: Go's syntax of each."""
    lines = [f"client version: {_build(client())}"]
    found = servers(mesh, revision) if remote else []
    if found:
        lines.extend(f"{server['Component']} version: {_build(server['Info'])}" for server in found)
        lines.extend("data plane version: " + _struct("ProxyInfo", proxy) for proxy in proxies(mesh, revision))
    return "".join(f"{line}\n" for line in lines)


def _build(info: dict[str, str]) -> str:
    names = ("Version", "GitRevision", "GolangVersion", "BuildStatus", "GitTag")
    return _struct("BuildInfo", dict(zip(names, info.values(), strict=True)))


def _struct(name: str, members: dict[str, str]) -> str:
    told = ", ".join(f'{key}:"{value}"' for key, value in members.items())
    return f"version.{name}{{{told}}}"
