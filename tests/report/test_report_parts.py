"""What the page is made of: marked differences, certificates in one row wherever they are held, verdicts counted."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import meshes
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bugbundle.analysis import Analysis, analyze
from bugbundle.bundle import Bundle
from bugbundle.certificates import read_pem, self_signed
from bugbundle.mesh import Mesh
from bugbundle.report.drifts import Piece, mark
from bugbundle.report.lifetimes import lifetimes, place
from bugbundle.report.matrix import matrix
from bugbundle.report.words import clip, count, listed, size, span
from bugbundle.rules import Rule
from bugbundle.sync import Verdict


def test_only_what_differs_is_marked() -> None:
    assert mark("outbound|9080|v2|ratings", "outbound|9080|v1|ratings") == (
        (Piece("outbound|9080|", False), Piece("v2", True), Piece("|ratings", False)),
        (Piece("outbound|9080|", False), Piece("v1", True), Piece("|ratings", False)),
    )


@given(st.text(max_size=80), st.text(max_size=80), st.booleans())
def test_marking_loses_and_adds_nothing(left: str, right: str, long: bool) -> None:
    tail = " word" * 700 if long else ""
    one, other = mark(left + tail, right + tail)
    assert "".join(piece.text for piece in one) == left + tail
    assert "".join(piece.text for piece in other) == right + tail
    if left == right:
        assert not any(piece.changed for piece in (*one, *other))


def _held_everywhere() -> Bundle:
    """One serving certificate: in a Secret, served by a gateway; one root: trusted by a proxy and a ztunnel."""
    pem, key = self_signed(["shop.example.com"], days=90)
    (serving,) = read_pem(pem)
    day = "%Y-%m-%dT%H:%M:%SZ"
    times = {"since": serving.not_before.strftime(day), "until": serving.not_after.strftime(day)}
    now = serving.not_before + timedelta(days=80)
    data = {"tls.crt": base64.b64encode(pem).decode(), "tls.key": base64.b64encode(key).decode()}
    secret = {"metadata": {"name": "shop", "namespace": "edge"}, "data": data}
    root = {"serial_number": "00ff", "valid_from": "2020-01-01T00:00:00Z", "expiration_time": "2040-01-01T00:00:00Z"}
    served = {
        "serial_number": f"{int(serving.serial):x}",
        "subject_alt_names": [{"dns": "shop.example.com"}],
        "valid_from": times["since"],
        "expiration_time": times["until"],
    }
    trusted = {"serialNumber": "255", "validFrom": "2020-01-01T00:00:00Z", "expirationTime": "2040-01-01T00:00:00Z"}
    ztunnel = {"certificates": [{"identity": "spiffe://x", "rootCerts": [trusted], "certChain": []}]}
    return Bundle.from_entries(
        {
            "bundle.json": json.dumps({"format": 1, "started": now.strftime(day)}),
            "k8s/api/v1/secrets.json": json.dumps({"kind": "SecretList", "items": [secret]}),
            "proxies/edge/gw/certs.json": json.dumps({"certificates": [{"ca_cert": [root], "cert_chain": [served]}]}),
            "ztunnel/istio-system/z/config_dump.json": json.dumps(ztunnel),
        }
    )


def test_a_certificate_is_one_row_wherever_it_is_held() -> None:
    found = lifetimes(Mesh(_held_everywhere()))
    assert [(row.role, row.name, row.state, row.words, row.holders) for row in found.rows] == [
        ("Secret", "shop.example.com", "ends soon", "10 days left", ("gw.edge", "Secret edge/shop tls.crt")),
        ("root", "Root ff…", "valid", found.rows[1].words, ("gw.edge", "z.istio-system")),
    ]
    assert (found.roots, found.bad, found.number) == (1, 1, 2)


def test_the_line_keeps_the_order_of_time() -> None:
    moments = [-1e9, -86400.0, -3600.0, -60.0, 60.0, 3600.0, 86400.0, 1e9]
    places = [place(moment) for moment in moments]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (0.0, 100.0)
    assert places[3] == places[4] == 36.0


def test_alike_proxies_of_a_workload_are_one_row_trouble_first(rules: list[Rule]) -> None:
    found = matrix(analyze(meshes.bundle(12, stale=2, drifting=1, absent=1), rules[:1]))
    assert [(row.name, len(row.proxies), row.cells[0].verdict) for row in (*found.trouble, *found.fine)] == [
        ("app-0-5f4d9c7b8-00003", 1, Verdict.NOT_CONNECTED),
        ("app-0", 2, Verdict.STALE),
        ("app-0-5f4d9c7b8-00002", 1, Verdict.DIFFERS),
        ("app-0-5f4d9c7b8-00004", 1, Verdict.SYNCED),
        ("app-1", 5, Verdict.SYNCED),
        ("app-2", 2, Verdict.SYNCED),
    ]
    assert (found.proxies, found.in_trouble) == (12, 4)
    name, parts = found.totals[0]
    assert name == "CDS"
    assert [(str(verdict), number) for verdict, number, _, _ in parts] == [
        ("SYNCED", 8),
        ("STALE", 2),
        ("DIFFERS", 1),
        ("NOT CONNECTED", 1),
    ]
    assert sum(width for _, _, _, width in parts) == pytest.approx(100, abs=0.01)


def test_a_verdict_by_istiods_word_alone_is_told_apart(healthy: Analysis, rules: list[Rule]) -> None:
    kept = {path: body for path, body in healthy.bundle.items() if "/debug/config_dump/" not in path}
    cells = [row.cells[0] for row in matrix(analyze(Bundle.from_entries(kept), rules[:1])).fine]
    assert {(cell.verdict, cell.told) for cell in cells} == {(Verdict.SYNCED, False)}


def test_words() -> None:
    assert [span(seconds) for seconds in (0.4, 50, 77, 3600, 86400 * 0.9, 86400 * 40, 86400 * 400, 86400 * 3650)] == [
        "0 seconds",
        "50 seconds",
        "1 minute",
        "1 hour",
        "22 hours",
        "40 days",
        "13 months",
        "10 years",
    ]
    assert [size(number) for number in (999, 1500, 20_100_000, 5e9)] == ["999 B", "1.5 kB", "20.1 MB", "5.0 GB"]
    assert [count(1, "proxy"), count(1204, "proxy"), count(2, "gateway")] == ["1 proxy", "1,204 proxies", "2 gateways"]
    assert listed(["a", "b", "c", "d"]) == "a, b, c, d"
    assert listed(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert clip("x" * 50, 10) == "xxxxx … (40 characters more) … xxxxx"
