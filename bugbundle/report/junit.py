"""An analysis as JUnit XML: a test case per rule, one that fails for each finding that is grave enough."""

from __future__ import annotations

from xml.etree import ElementTree as xml

from bugbundle.analysis import Analysis
from bugbundle.quoting import clean
from bugbundle.report.words import clip
from bugbundle.rules import Finding, Level


def render(analysis: Analysis, threshold: Level = Level.ERROR) -> str:
    """Findings at or above `threshold` are failures; others are told in `system-out`."""
    lacking: dict[str, list[str]] = {}
    for item in analysis.not_evaluated:
        lacking.setdefault(item.code, []).append(f"{item.subject}: {'; '.join(item.missing)}")
    failed: dict[str, list[str]] = {}
    for broken in analysis.broken:
        failed.setdefault(broken.code, []).append(f"{broken.subject}: {broken.error}")
    found: dict[str, list[Finding]] = {}
    for finding in analysis.findings:
        found.setdefault(finding.code, []).append(finding)
    suite = xml.Element("testsuite", name="bugbundle analyze")
    totals = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for code in sorted({*analysis.outcome.checked, *lacking, *failed, *found}):
        for case, outcome in _cases(code, found.get(code, []), failed.get(code, []), lacking.get(code, []), threshold):
            case.set("classname", f"bugbundle.{code}")
            suite.append(case)
            totals["tests"] += 1
            if outcome:
                totals[outcome] += 1
    for key, number in totals.items():
        suite.set(key, str(number))
    if analysis.mesh.now:
        suite.set("timestamp", f"{analysis.mesh.now:%Y-%m-%dT%H:%M:%S}")
    root = xml.Element("testsuites", suite.attrib)
    root.append(suite)
    xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.tostring(root, encoding="unicode") + "\n"


def _cases(
    code: str, found: list[Finding], failed: list[str], lacking: list[str], threshold: Level
) -> list[tuple[xml.Element, str]]:
    """(test case, what it counts as) for one rule."""
    made: list[tuple[xml.Element, str]] = []
    for finding in found:
        case = xml.Element("testcase", name=_text(f"{finding.code} {finding.origin}"))
        grave = finding.level.rank <= threshold.rank
        body = xml.SubElement(case, "failure" if grave else "system-out")
        if grave:
            body.set("message", _text(finding.message))
            body.set("type", str(finding.level))
        body.text = _text("\n".join([finding.line, *(f"{p.pointer}: {p.text}" for p in finding.proofs)]))
        made.append((case, "failures" if grave else ""))
    for text in failed:
        case = xml.Element("testcase", name=_text(f"{code} {text.partition(':')[0]}"))
        xml.SubElement(case, "error", message=_text(text), type="broken")
        made.append((case, "errors"))
    if lacking:
        case = xml.Element("testcase", name=f"{code} not evaluated")
        xml.SubElement(case, "skipped", message=_text("; ".join(lacking[:5]) + (" …" if len(lacking) > 5 else "")))
        made.append((case, "skipped"))
    if not made:
        made.append((xml.Element("testcase", name=code), ""))
    return made


def _text(text: str) -> str:
    """What XML 1.0 can hold."""
    return clip(clean(text), 4000).replace("\ufffe", "?").replace("\uffff", "?")
