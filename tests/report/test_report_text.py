"""What a terminal shows: the diagnosis on the first line, findings in istioctl's form."""

from __future__ import annotations

import re

import meshes
from report_cases import HOSTILE

from bugbundle.analysis import Analysis, analyze
from bugbundle.report import markdown, text
from bugbundle.report.formats import render
from bugbundle.rules import Rule


def test_the_whole_text(rules: list[Rule]) -> None:
    found = analyze(meshes.bundle(7, stale=2), [rules[0], rules[3], rules[4]])
    assert (
        re.sub(r"(report_cases.py:)\d+", r"\1{line}", text.render(found))
        == """\
Error: app-0-5f4d9c7b8-00000.team-0 has fallen behind: outbound|80||cart.shop.svc.cluster.local differs

  Pod team-0/app-0-5f4d9c7b8-00000 [BB291] certain
  involves Service istio-system/istiod
  affects app-0-5f4d9c7b8-00000.team-0
  the same holds for Pod team-0/app-0-5f4d9c7b8-00001

  Why it matters
    It serves what was true yesterday.

  What to do
    Look at port 15012 with `nc`, then restart the pod.

  Evidence
    proxies/team-0/app-0-5f4d9c7b8-00000/config_dump.json#/configs/1: 1 differ

Findings: 2 Errors
Error [BB291] (Pod team-0/app-0-5f4d9c7b8-00000) app-0-5f4d9c7b8-00000.team-0 has fallen behind: \
outbound|80||cart.shop.svc.cluster.local differs
Error [BB291] (Pod team-0/app-0-5f4d9c7b8-00001) app-0-5f4d9c7b8-00001.team-0 has fallen behind: \
outbound|80||cart.shop.svc.cluster.local differs

Could not be looked at
  k8s/api/v1/secrets.json: secrets is forbidden
    so not evaluated on the mesh: BB491
  broken rule BB991 on mesh: ValueError in report_cases.py:{line}

Checked 1 rule over 7 proxies, 2 istiods and 0 ztunnels. 1 rule could not look at everything. \
1 rule failed, which is a defect of bugbundle.
"""
    )


def test_consequences_stand_under_their_cause(broken: Analysis) -> None:
    lines = text.render(broken).splitlines()
    place = lines.index("  Consequences")
    assert lines[place + 1].startswith("    Warning [BB791] (Service shop/")


def test_a_healthy_mesh(healthy: Analysis) -> None:
    said = text.render(healthy).splitlines()
    assert said[0] == "No problem found"
    assert said[-1] == "Checked 1 rule over 20 proxies, 2 istiods and 0 ztunnels."


def test_a_terminal_is_never_told_what_to_do(broken: Analysis) -> None:
    for form in ("text", "markdown", "junit"):
        said = render(broken, form)
        assert not {"\x1b", "\u202e"} & set(said)
        assert "\\u001b[31m" in said.replace("\\\\u", "\\u").replace("\\[", "[")


def test_colours_only_where_they_are_asked_for(broken: Analysis) -> None:
    plain, coloured = text.render(broken), text.render(broken, colour=True)
    assert coloured.startswith("\x1b[1;31mError: app-0")
    assert "\x1b" not in plain


def test_paragraphs_are_folded_findings_are_not(broken: Analysis) -> None:
    folded = text.render(broken, width=40).splitlines()
    assert "    Look at port 15012 with `nc`, then" in folded
    assert any(len(line) > 100 for line in folded if line.startswith("Error [BB291]"))


def test_markdown_shows_names_as_they_are(broken: Analysis) -> None:
    said = markdown.render(broken)
    assert said.startswith("# Error: app-0-5f4d9c7b8-00000.team-0 has fallen behind")
    assert "\n## First diagnosis\n" in said
    outside = [part for number, part in enumerate(said.split("``")) if number % 2 == 0]
    assert not any("<img" in part.replace("\\<", "") for part in outside)
    assert HOSTILE not in said


def test_a_cut_bundle_says_so_behind_the_first_line(rules: list[Rule]) -> None:
    from bugbundle.bundle import Bundle

    made = {path: body for path, body in meshes.bundle(3).items() if path != "manifest.json"}
    said = text.render(analyze(Bundle.from_entries(made), rules[:1])).splitlines()
    assert said[1] == "Note: no manifest.json: the capture was cut off, or this is a part of a bundle"
