"""An istiod that loses private keys by being asked is asked for everything else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mesh_with_faults import collected, mesh, serving

from bugbundle.bundle import Bundle, open_bundle
from bugbundle.collect.dangers import loses_keys
from bugbundle.mesh import Mesh
from bugbundle.sync.compare import compare
from bugbundle.xds.kinds import Xds

ACCOUNT = "istiod/istio-system/istiod-1/debug/config_dump/web.shop.json"
VERSION = "istiod/istio-system/istiod-1/version.txt"
URL = "type.googleapis.com/envoy."
CLUSTER = {"@type": f"{URL}config.cluster.v3.Cluster", "name": "a"}
SECRET = {"@type": f"{URL}extensions.transport_sockets.tls.v3.Secret", "name": "s"}


def _dump(*configs: dict[str, Any]) -> bytes:
    return json.dumps({"configs": configs}).encode()


WHOLE = _dump(
    {"@type": f"{URL}admin.v3.ClustersConfigDump", "dynamicActiveClusters": [{"cluster": CLUSTER}]},
    {"@type": f"{URL}admin.v3.SecretsConfigDump", "dynamicActiveSecrets": [{"secret": SECRET}]},
)


@pytest.mark.parametrize(
    ("version", "loses"),
    [
        ("1.16.7", False), ("1.17.0", True), ("1.20.8-OSSM", True), ("1.25.9-abc-Clean", True), ("1.26.4", True),
        ("1.26.5-0-Clean", False), ("1.27.1", True), ("1.27.2", False), ("1.28.0", False), ("1.29.6-0-Clean", False),
        ("1.31-alpha", False), ("1.26-dev", True), ("v1.24.3", True), ("2.0.0", False), ("", True), ("latest", True),
    ],
)  # fmt: skip
def test_which_versions(version: str, loses: bool) -> None:
    assert loses_keys(version) is loses


@pytest.mark.parametrize(("version", "narrow"), [(b"1.26.3-0-Clean", True), (b"1.29.6-0-Clean", False)])
def test_such_an_istiod_is_asked_for_all_but_secrets(tmp_path: Path, version: bytes, narrow: bool) -> None:
    entries = {**mesh(), VERSION: version, ACCOUNT: WHOLE}
    with serving(entries) as server:
        made = open_bundle(collected(tmp_path, server).path)
    types = "&types=CDS,LDS,RDS,ECDS" if narrow else ""
    assert json.loads(made[ACCOUNT]) == (json.loads(_dump(CLUSTER)) if narrow else json.loads(WHOLE))
    assert made.entry(ACCOUNT).request == f"GET /debug/config_dump?proxyID=web.shop{types}"


def test_an_istiod_that_does_not_say_its_version_is_not_risked(tmp_path: Path) -> None:
    with serving({**mesh(without=(VERSION,)), ACCOUNT: WHOLE}) as server:
        made = open_bundle(collected(tmp_path, server).path)
    assert made.entry(ACCOUNT).request.endswith("&types=CDS,LDS,RDS,ECDS")


def test_an_account_without_anything_is_a_gap(tmp_path: Path) -> None:
    with serving({**mesh(), VERSION: b"1.24.0", ACCOUNT: b"{}"}) as server:
        made = open_bundle(collected(tmp_path, server).path)
    gap = made.gap(ACCOUNT)
    assert gap is not None
    assert gap.reason.startswith("this istiod does not answer for single types")


def test_such_an_account_is_held_against_envoy() -> None:
    section = {"@type": f"{URL}admin.v3.ClustersConfigDump", "dynamic_active_clusters": [{"cluster": CLUSTER}]}
    listener = {"@type": f"{URL}config.listener.v3.Listener", "name": "l"}
    row = {"name": "l", "active_state": {"listener": listener}}
    listeners = {"@type": f"{URL}admin.v3.ListenersConfigDump", "dynamic_listeners": [row]}
    entries = {**mesh(), "proxies/shop/web/config_dump.json": _dump(section, listeners), ACCOUNT: _dump(CLUSTER)}
    proxy = next(iter(Mesh(Bundle.from_entries(entries)).proxies))
    types = compare(proxy).types
    assert (types[Xds.CDS].compared, types[Xds.CDS].equal, types[Xds.CDS].drifts) == (True, 1, ())
    assert not types[Xds.LDS].compared
    assert types[Xds.LDS].reason.endswith("istiod was asked for single types, and gave no account of LDS")
