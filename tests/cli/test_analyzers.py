"""Every analyzer that `istioctl analyze --list-analyzers` (1.29) lists is known, and reports what istioctl's does."""

from __future__ import annotations

import pytest

from bugbundle.cli.analyze import chosen, named
from bugbundle.errors import UsageError
from bugbundle.mesh.ref import Ref
from bugbundle.report.analyzers import DESCRIPTIONS, codes_of, emits
from bugbundle.rules import Finding, Level, all_rules
from bugbundle.rules.model import Confidence

IST0101 = {
    "auth.AuthorizationPoliciesAnalyzer": ("AuthorizationPolicy", "namespace"),
    "gateway.IngressGatewayPortAnalyzer": ("Gateway", "selector"),
    "gateway.SecretAnalyzer": ("Gateway", "credentialName"),
    "sidecar.SelectorAnalyzer": ("Sidecar", "selector"),
    "telemetry.SelectorAnalyzer": ("Telemetry", "selector"),
    "virtualservice.DestinationHostAnalyzer": ("VirtualService", "host"),
    "virtualservice.DestinationRuleAnalyzer": ("VirtualService", "host+subset"),
    "virtualservice.GatewayAnalyzer": ("VirtualService", "gateway"),
}
"""Analyzer → what it misses: the kind that refers, and to what. istio.io, IST0101, and the analyzers' sources."""


def missing(kind: str, what: str) -> Finding:
    return finding("IST0101", Level.ERROR, kind, f'Referenced {what} not found: "x"')


def finding(code: str, level: Level, kind: str, message: str) -> Finding:
    return Finding(code, level, Ref(kind, "n", "a"), message, (), (), (), Confidence.CERTAIN, None)


def test_every_name_is_known_whatever_its_case() -> None:
    assert named(tuple(name.upper() for name in DESCRIPTIONS)) == list(DESCRIPTIONS)
    assert len(DESCRIPTIONS) == 50


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_an_analyzer_runs_the_rules_of_its_codes(name: str) -> None:
    ours = {rule.code for rule in all_rules()}
    found = chosen((), (name,))
    assert found is not None
    assert {rule.code for rule in found} == codes_of(name) & ours


@pytest.mark.parametrize("name", IST0101)
def test_of_ist0101_an_analyzer_tells_its_own(name: str) -> None:
    tellers = {other for other in IST0101 if emits(other, missing(*IST0101[name]))}
    assert name in tellers
    assert not emits(name, missing("Service", "host"))
    if name.startswith("virtualservice."):
        assert tellers == {name}


def test_schema_validation_is_by_kind() -> None:
    warned = finding("IST0133", Level.WARNING, "EnvoyFilter", "")
    tellers = [name for name in DESCRIPTIONS if emits(name, warned)]
    assert tellers == ["schema.ValidationAnalyzer.EnvoyFilter"]


def test_an_unknown_name_is_refused_with_its_neighbours() -> None:
    with pytest.raises(UsageError) as error:
        named(("gateway.SecretAnalyser",))
    assert "gateway.SecretAnalyzer" in str(error.value.todo)
