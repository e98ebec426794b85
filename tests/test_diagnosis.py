"""Findings joined into diagnoses: what explains what, what is no explanation, which comes first."""

from __future__ import annotations

from collections.abc import Iterator

import captures
import pytest

from bugbundle.analysis import analyze
from bugbundle.bundle import open_bundle
from bugbundle.diagnosis import diagnose
from bugbundle.mesh import Mesh
from bugbundle.rules import Confidence, Evidence, Finding, Level, Ref, all_rules
from bugbundle.rules.components import DEPENDS, OF, explains, upstream
from bugbundle.rules.engine import finding
from bugbundle.rules.model import RULES, rule

ROUTE, POD, OTHER = Ref("VirtualService", "shop", "cart"), Ref("Pod", "shop", "cart-1"), Ref("Pod", "shop", "web-1")


@pytest.fixture(autouse=True)
def cards() -> Iterator[None]:
    """Rules of the tests' own: ZZ1 explains ZZ2 and ZZ3, ZZ2 explains ZZ3, ZZ3 explains ZZ2; ZZ4 never diagnoses."""
    all_rules()
    known = dict(RULES)

    def check(_: Mesh) -> Iterator[Evidence]:
        """Nothing."""
        yield from ()

    for code, above, diagnosis in (
        ("ZZ1", {"ZZ2", "ZZ3"}, True),
        ("ZZ2", {"ZZ3"}, True),
        ("ZZ3", {"ZZ2"}, True),
        ("ZZ4", {"ZZ2", "ZZ3"}, False),
    ):
        rule(code, per=Mesh, level=Level.ERROR, reads=set(), message="{text}", explains=above, diagnosis=diagnosis)(
            check
        )
    rule("ZZ5", per=Mesh, level=Level.ERROR, reads=set(), message="{text}", fallback=True)(check)
    rule("ZZ6", per=Mesh, level=Level.WARNING, reads=set(), message="{text}", restates=True)(check)
    yield
    RULES.clear()
    RULES.update(known)


def made(
    code: str, *objects: Ref, level: Level = Level.ERROR, affects: tuple[str, ...] = (), sure: bool = True
) -> Finding:
    confidence = Confidence.CERTAIN if sure else Confidence.LIKELY
    text = f"{code} {objects[0].name}"
    return finding(RULES[code], Evidence(objects[0], {"text": text}, objects[1:], (), affects, level, confidence))


def told(*findings: Finding) -> list[tuple[str, list[str]]]:
    return [(d.cause.message, [one.message for one in d.consequences]) for d in diagnose(findings)]


def test_the_most_upstream_is_the_cause() -> None:
    one, two, three = made("ZZ1", ROUTE), made("ZZ2", ROUTE, POD), made("ZZ3", POD)
    assert told(three, two, one) == [("ZZ1 cart", ["ZZ3 cart-1", "ZZ2 cart"])]


def test_what_shares_nothing_explains_nothing() -> None:
    assert told(made("ZZ1", ROUTE), made("ZZ2", POD)) == [("ZZ1 cart", []), ("ZZ2 cart-1", [])]


def test_a_circle_has_a_root() -> None:
    assert told(made("ZZ2", POD, ROUTE), made("ZZ3", POD, ROUTE)) == [("ZZ2 cart-1", ["ZZ3 cart-1"])]


def test_what_never_diagnoses_hides_nothing() -> None:
    assert told(made("ZZ4", POD), made("ZZ2", POD)) == [("ZZ2 cart-1", [])]


def test_an_info_hides_nothing() -> None:
    assert told(made("ZZ1", POD, level=Level.INFO), made("ZZ2", POD)) == [("ZZ2 cart-1", [])]


def test_one_proxy_in_trouble_does_not_explain_what_many_have() -> None:
    many = ("cart-1.shop", "web-1.shop", "web-2.shop")
    common = made("ZZ2", ROUTE, POD, OTHER, affects=many)
    assert told(made("ZZ1", POD, affects=("cart-1.shop",)), common) == [("ZZ2 cart", []), ("ZZ1 cart-1", [])]
    assert told(made("ZZ1", POD, affects=many), common) == [("ZZ1 cart-1", ["ZZ2 cart"])]


def test_the_cause_at_the_origin_is_nearer_than_one_at_a_bystander() -> None:
    symptom = made("ZZ3", ROUTE, POD, affects=("cart-1.shop",))
    by_origin, by_pod = made("ZZ2", ROUTE), made("ZZ1", POD, affects=("cart-1.shop",))
    assert told(by_origin, by_pod, symptom) == [("ZZ2 cart", ["ZZ3 cart"]), ("ZZ1 cart-1", [])]


def test_errors_first_then_the_surer_then_the_wider() -> None:
    unsure = made("ZZ1", Ref("Service", "a", "unsure"), sure=False)
    warning = made("ZZ1", Ref("Service", "a", "warning"), level=Level.WARNING, affects=("x", "y", "z"))
    narrow, wide = made("ZZ1", Ref("Service", "a", "narrow")), made("ZZ1", Ref("Service", "a", "wide"), affects=("x",))
    assert [text for text, _ in told(unsure, warning, narrow, wide)] == [
        "ZZ1 wide", "ZZ1 narrow", "ZZ1 unsure", "ZZ1 warning",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["healthy", "healthy-after-change"])
def test_a_healthy_mesh_has_no_diagnosis(name: str) -> None:
    analysis = analyze(open_bundle(captures.folder(name) / "bundle"))
    assert [d.cause.line for d in analysis.diagnoses if d.cause.level is Level.ERROR] == []
    assert analysis.broken == []


@pytest.mark.parametrize(
    ("name", "code", "kind"),
    [
        ("nack-envoyfilter", "BB201", "EnvoyFilter"),
        ("stale-proxy", "BB202", "Pod"),
        ("disconnected-proxy", "BB203", "Pod"),
        ("discovery-unreachable", "BB307", "Deployment"),
    ],
)
def test_the_first_diagnosis_is_what_was_done(name: str, code: str, kind: str) -> None:
    analysis = analyze(open_bundle(captures.folder(name) / "bundle"))
    first = analysis.diagnoses[0].cause
    assert (first.code, first.origin.kind, first.level) == (code, kind, Level.ERROR)
    assert analysis.broken == []


@pytest.mark.parametrize(
    ("name", "symptom"), [("missing-subset", "BB301"), ("mtls-conflict", "BB304"), ("endpoints-gone", "BB302")]
)
def test_what_proxies_show_is_a_consequence_of_the_configuration(name: str, symptom: str) -> None:
    analysis = analyze(open_bundle(captures.folder(name) / "bundle"))
    first = analysis.diagnoses[0]
    assert first.cause.code.startswith(("IST", "BB7"))
    assert symptom in {one.code for d in analysis.diagnoses for one in d.consequences}
    assert symptom not in {d.cause.code for d in analysis.diagnoses}


def test_trouble_of_an_application_comes_last_and_trouble_of_the_mesh_does_not() -> None:
    """An image of Istio's own that cannot be pulled is no less a cause than a rule of the mesh."""
    own, istiod = Ref("Deployment", "shop", "a-app"), Ref("Deployment", "istio-system", "istiod")
    tests = made("ZZ1", ROUTE)
    pulls, image, down = (
        Finding(code, Level.ERROR, at, code, (at,), (), (), Confidence.CERTAIN, None)
        for code, at in (("BB802", own), ("BB802", istiod), ("BB151", istiod))
    )
    assert [(d.cause.origin, len(d.consequences)) for d in diagnose([pulls, image, down, tests])] == [
        (istiod, 1),
        (ROUTE, 0),
        (own, 0),
    ]


def test_another_finding_of_the_same_origin_is_told_in_place_of_a_fallback() -> None:
    assert told(made("ZZ5", ROUTE), made("ZZ3", ROUTE)) == [("ZZ3 cart", ["ZZ5 cart"])]
    assert [one.cause.code for one in diagnose([made("ZZ5", POD)])] == ["ZZ5"]


def test_what_only_restates_a_symptom_says_so_and_stands_behind_causes() -> None:
    found = diagnose([made("ZZ6", POD, level=Level.WARNING), made("ZZ3", ROUTE, level=Level.WARNING)])
    assert [one.title for one in found] == ["ZZ3 cart", "Unexplained: ZZ6 cart-1"]


def test_a_failed_part_explains_failures_of_parts_that_depend_on_it() -> None:
    assert explains("BB804", "BB805")
    assert explains("BB612", "BB511")
    assert not explains("BB805", "BB804")
    assert not any(part in upstream(part) for part in DEPENDS)
    assert set(OF) <= set(RULES)
