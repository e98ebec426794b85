"""What programs read: the contract, and the formats of others."""

from __future__ import annotations

import json
from xml.etree import ElementTree as xml

import jsonschema
import meshes
import pytest
import yaml

from bugbundle.analysis import Analysis, analyze
from bugbundle.bundle import Bundle
from bugbundle.report.formats import FORMATS, render
from bugbundle.report.json import document, schema
from bugbundle.rules import Level, Rule


def valid(made: object) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(made, schema(), cls=jsonschema.Draft202012Validator)


def test_the_contract_holds(broken: Analysis, healthy: Analysis) -> None:
    for analysis in (broken, healthy):
        made = json.loads(render(analysis, "json"))
        valid(made)
        ids = {finding["id"] for finding in made["findings"]}
        for diagnosis in made["diagnoses"]:
            assert {diagnosis["cause"], *diagnosis["consequences"]} <= ids


def test_one_diagnosis_in_full(rules: list[Rule]) -> None:
    made = document(analyze(meshes.bundle(4, stale=1), [rules[0], rules[3]]))
    message = "app-0-5f4d9c7b8-00000.team-0 has fallen behind: outbound|80||cart.shop.svc.cluster.local differs"
    pod = {"kind": "Pod", "namespace": "team-0", "name": "app-0-5f4d9c7b8-00000"}
    evidence = {
        "entry": "proxies/team-0/app-0-5f4d9c7b8-00000/config_dump.json",
        "pointer": "/configs/1",
        "text": "1 differ",
    }
    cause = made["findings"][0]["id"]
    assert made["diagnoses"] == [
        {
            "code": "BB291",
            "level": "Error",
            "title": message,
            "objects": [pod, {"kind": "Service", "namespace": "istio-system", "name": "istiod"}],
            "confidence": "certain",
            "why": "It serves what was true yesterday.",
            "whatToDo": "Look at port 15012 with `nc`, then restart the pod.",
            "evidence": [evidence],
            "cause": cause,
            "consequences": [],
            "affects": ["app-0-5f4d9c7b8-00000.team-0"],
            "symptoms": [],
            "patch": None,
            "tried": None,
        }
    ]
    assert made["bundle"] == {
        "name": "case.tar.zst",
        "format": 1,
        "tool": "test",
        "started": "2026-11-20T18:03:11Z",
        "finished": "2026-11-20T18:03:11Z",
        "clusters": ["c1"],
        "entries": 20,
        "redacted": {"key": 3},
        "notes": [],
    }
    assert made["notEvaluated"] == [
        {"code": "BB491", "subject": "mesh", "missing": ["entry k8s/api/v1/secrets.json: secrets is forbidden"]}
    ]
    assert made["checked"] == {"BB291": 4, "BB491": 0}


def test_yaml_says_the_same(broken: Analysis) -> None:
    assert yaml.safe_load(render(broken, "yaml")) == json.loads(render(broken, "json"))


def test_sarif(broken: Analysis) -> None:
    made = json.loads(render(broken, "sarif"))
    (run,) = made["runs"]
    assert made["version"] == "2.1.0"
    rules = run["tool"]["driver"]["rules"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    assert len(run["results"]) == len(broken.findings)
    assert {result["level"] for result in run["results"]} == {"error", "warning", "note"}
    assert run["invocations"][0]["executionSuccessful"] is False
    first = run["results"][0]["locations"][0]
    assert first["physicalLocation"]["artifactLocation"]["uri"].startswith("proxies/team-0/")
    assert first["logicalLocations"][0] == {
        "fullyQualifiedName": "Pod team-0/app-0-5f4d9c7b8-00000",
        "kind": "resource",
    }


def test_junit(broken: Analysis) -> None:
    root = xml.fromstring(render(broken, "junit"))
    (suite,) = root.findall("testsuite")
    assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == ("5", "1", "1")
    assert len(suite.findall(".//failure")) == 5
    assert len(suite.findall("testcase")) == int(suite.get("tests", "0"))
    warned = xml.fromstring(render(broken, "junit", threshold=Level.WARNING))
    assert len(warned.findall(".//failure")) == 6


@pytest.mark.parametrize("form", FORMATS)
def test_an_empty_bundle_has_an_answer_in_every_format(form: str, rules: list[Rule]) -> None:
    said = render(analyze(Bundle.from_entries({}), rules[:2]), form)
    assert said.strip()
    assert "Error" not in said.replace('"Error"', "")
