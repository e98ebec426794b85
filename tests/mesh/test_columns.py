"""Columns: equal ones are one object, and what is worked out goes with what it was worked out of."""

from __future__ import annotations

import gc
import json
import weakref
from typing import Any

import captures
import pytest

from bugbundle.analysis import analyze
from bugbundle.bundle import Bundle, open_bundle
from bugbundle.mesh import Mesh
from bugbundle.mesh.facts import ListenerFacts
from bugbundle.mesh.once import once
from bugbundle.xds import Xds

TYPE = "type.googleapis.com/"
CLUSTER = TYPE + "envoy.config.cluster.v3.Cluster"
LISTENER = TYPE + "envoy.config.listener.v3.Listener"


def dump(*clusters: dict[str, Any], rejected: str = "") -> str:
    rows: list[dict[str, Any]] = [{"cluster": {"@type": CLUSTER, **cluster}} for cluster in clusters]
    if rejected:
        rows.append({"name": rejected, "error_state": {"details": "no"}})
    configs = [{"@type": TYPE + "envoy.admin.v3.ClustersConfigDump", "dynamic_active_clusters": rows}]
    return json.dumps({"configs": configs})


def mesh(**dumps: str) -> Mesh:
    return Mesh(Bundle.from_entries({f"proxies/n/{name}/config_dump.json": text for name, text in dumps.items()}))


def column(made: Mesh, name: str) -> Any:
    found = made.dump(f"proxies/n/{name}/config_dump.json")
    assert found
    return found.column(Xds.CDS, "dynamic_active")


def test_equal_columns_are_one_object_whatever_the_spelling() -> None:
    made = mesh(
        a=dump({"name": "x", "connect_timeout": "1s"}, {"name": "y"}),
        b=dump({"connectTimeout": "1.0s", "name": "x"}, {"name": "y", "altStatName": ""}),
        c=dump({"name": "x", "connect_timeout": "2s"}, {"name": "y"}),
    )
    assert column(made, "a") is column(made, "b")
    assert column(made, "a") is not column(made, "c")
    assert [one.number for one in column(made, "c").contents] == [2, 1]


def test_the_last_of_a_name_counts() -> None:
    found = column(mesh(a=dump({"name": "x"}, {"name": "x", "type": "EDS"})), "a")
    assert found.facts(found.named["x"]).type == "EDS"


def test_an_absent_kind_is_an_empty_column() -> None:
    made = mesh(a=dump({"name": "x"}))
    found = made.dump("proxies/n/a/config_dump.json")
    assert found
    assert not found.column(Xds.EDS)
    assert (found.has(Xds.CDS), found.has(Xds.CDS, "static"), found.has(Xds.EDS)) == (True, False, False)
    assert found.find(Xds.CDS, "x", "static") is None
    assert str(found.find(Xds.CDS, "x")).startswith("Resource(CDS 'x' dynamic_active")


@pytest.mark.parametrize("chains", ["filter_chains", "filterChains"])
def test_facts_of_a_listener_are_those_of_its_chains(chains: str) -> None:
    chain = {"name": "one", "filterChainMatch" if chains == "filterChains" else "filter_chain_match": {}}
    body = {"@type": LISTENER, "name": "l", chains: [chain, chain, "odd"], "default_filter_chain": {"name": "rest"}}
    rows = [{"name": "l", "active_state": {"listener": body}}]
    configs = [{"@type": TYPE + "envoy.admin.v3.ListenersConfigDump", "dynamic_listeners": rows}]
    found = mesh(a=json.dumps({"configs": configs})).dump("proxies/n/a/config_dump.json")
    assert found
    facts = found.column(Xds.LDS).facts(found.column(Xds.LDS).contents[0])
    assert isinstance(facts, ListenerFacts)
    assert [one.name for one in facts.chains] == ["one", "one", "rest"]


def test_chains_that_are_none_are_passed_over() -> None:
    body = {"@type": LISTENER, "name": "l", "filter_chains": "odd"}
    rows = [{"name": "l", "active_state": {"listener": body}}]
    configs = [{"@type": TYPE + "envoy.admin.v3.ListenersConfigDump", "dynamic_listeners": rows}]
    found = mesh(a=json.dumps({"configs": configs})).dump("proxies/n/a/config_dump.json")
    assert found
    facts = found.column(Xds.LDS).facts(found.column(Xds.LDS).contents[0])
    assert isinstance(facts, ListenerFacts)
    assert facts.chains == ()


def test_once_is_kept_by_argument() -> None:
    calls: list[tuple[object, ...]] = []

    @once
    def made(owner: Mesh, *words: str) -> int:
        calls.append((owner, *words))
        return len(calls)

    one, other = mesh(), mesh()
    assert [made(one), made(one), made(one, "a"), made(one, "a"), made(other)] == [1, 1, 2, 2, 3]


def test_an_analysed_mesh_is_let_go() -> None:
    """Nothing that outlives an analysis holds its mesh: many analyses in one process need the memory of one."""
    alive = []
    for name in ("healthy", "missing-subset", "healthy"):
        found = analyze(open_bundle(captures.sample(name)))
        assert found.sync
        alive.append(weakref.ref(found.mesh))
    del found
    gc.collect()
    assert [one() for one in alive] == [None, None, None]
