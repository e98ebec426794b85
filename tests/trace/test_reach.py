"""Who can call whom: equal answers together, and what two recordings differ in."""

from __future__ import annotations

from captures import sample

from bugbundle.bundle import open_bundle
from bugbundle.mesh import Mesh
from bugbundle.mesh.ref import Ref
from bugbundle.trace import Answer, Ending, Goal, Reach, differences, reach

WEB, TOOL = Ref("Deployment", "shop", "web"), Ref("Pod", "shop", "toolbox")
DELIVERED = Answer(Ending.DELIVERED, None, "", None)
STRICT = Ref("PeerAuthentication", "bookinfo", "strict")
DENIED = Answer(Ending.DENIED, 403, "", STRICT)
API, DB = Goal("shop/api", 80, "http"), Goal("shop/db", 6379, "tcp")


def test_a_healthy_mesh() -> None:
    found = reach(Mesh(open_bundle(str(sample("healthy")))), "", "bookinfo")
    blocks = {
        frozenset(one.name for one in sources): {str(a.ending): [str(g) for g in goals] for a, goals in ways.items()}
        for sources, ways in found.groups()
    }
    assert blocks[frozenset({"legacy-api", "legacy-curl"})] == {
        "TLS_MISMATCH": [f"bookinfo/{one}:9080" for one in ("details", "productpage", "ratings", "reviews")]
    }
    assert blocks[frozenset({"reviews-v1", "reviews-v2", "reviews-v3"})] == {
        "DELIVERED": [f"bookinfo/{one}:9080" for one in ("details", "productpage", "ratings", "reviews")]
    }
    denied = next(ways for names, ways in blocks.items() if "toolbox" in names)
    assert denied["DENIED"] == ["bookinfo/ratings:9080"]


def test_plain_clients_of_a_strict_server_name_its_policy() -> None:
    found = reach(Mesh(open_bundle(str(sample("healthy")))), "legacy", "bookinfo")
    answers = {answer for row in found.answers.values() for answer in row.values()}
    assert {str(one.because).partition(" ")[0] for one in answers} == {"PeerAuthentication"}


def test_differences_of_two() -> None:
    before = Reach({WEB: {API: DELIVERED, DB: DENIED}, TOOL: {API: DELIVERED}}, {(WEB, DB): "not allowed"})
    after = Reach({WEB: {API: DENIED, DB: DELIVERED}, TOOL: {API: DENIED}}, {(TOOL, API): "x", (WEB, API): "plain"})
    lost, new = differences(before, after)
    assert (lost.lost, lost.because, lost.flows) == (True, STRICT, [(WEB, API), (TOOL, API)])
    assert (new.lost, new.ending, new.flows, new.reason) == (False, Ending.DENIED, [(WEB, DB)], "not allowed")
    assert differences(before, before) == []
