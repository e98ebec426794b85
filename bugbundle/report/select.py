"""Which findings of an analysis are asked for: of a namespace, not suppressed, grave enough."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Callable, Iterable

from bugbundle.analysis import Analysis, ordered
from bugbundle.errors import UsageError
from bugbundle.report.analyzers import emits
from bugbundle.rules import Finding, Level


def select(
    analysis: Analysis,
    namespace: str = "",
    suppress: Iterable[str] = (),
    threshold: Level = Level.INFO,
    analyzers: Iterable[str] = (),
) -> Analysis:
    """The same analysis with the findings that are asked for, diagnosed anew.

    `analyzers` are istioctl's names: of IST findings only what these report. `suppress` holds `CODE=Kind ns/name` with
    wildcards. Raises `UsageError` where one is not of that form.
    """
    tests: list[Callable[[Finding], bool]] = [_not_suppressed(text) for text in suppress]
    if namespace:
        tests.append(lambda finding: concerns(finding, namespace))
    names = tuple(analyzers)
    if names:
        tests.append(lambda finding: not finding.code.startswith("IST") or any(emits(name, finding) for name in names))
    if threshold is not Level.INFO:
        tests.append(lambda finding: finding.level.rank <= threshold.rank)
    if not tests:
        return analysis
    kept = [finding for finding in analysis.findings if all(test(finding) for test in tests)]
    outcome = dataclasses.replace(analysis.outcome, findings=kept)
    return dataclasses.replace(
        analysis, outcome=outcome, diagnoses=ordered(analysis.mesh, kept), namespace=namespace or analysis.namespace
    )


def concerns(finding: Finding, namespace: str) -> bool:
    """Whether a finding is about a namespace.

    As `istioctl analyze -n`: the origin is in it, is it, or is in no namespace at all. For rules that istioctl does
    not have also where another object of the finding, or a proxy that suffers, is in it.
    """
    origin = finding.origin
    if origin.kind == "Namespace":
        return origin.name == namespace
    if origin.namespace in ("", namespace):
        return True
    if finding.code.startswith("IST"):
        return False
    return any(thing.namespace == namespace for thing in finding.objects) or any(
        name.endswith(f".{namespace}") for name in finding.affects
    )


def _not_suppressed(text: str) -> Callable[[Finding], bool]:
    code, mark, pattern = text.partition("=")
    if not mark or not code or not pattern:
        raise UsageError(
            "not CODE=Kind ns/name",
            where=f"--suppress {text!r}",
            todo='For example --suppress "IST0102=Namespace frod" or --suppress "BB301=*"',
        )

    def keep(finding: Finding) -> bool:
        if not fnmatch.fnmatchcase(finding.code, code):
            return True
        return not any(fnmatch.fnmatchcase(name, pattern) for name in _names(finding))

    return keep


def _names(finding: Finding) -> tuple[str, str]:
    """`Kind ns/name` as printed, and `Kind name.ns` as `istioctl analyze --suppress` wants it."""
    origin = finding.origin
    dotted = f"{origin.kind} {origin.name}.{origin.namespace}" if origin.namespace else str(origin)
    return str(origin), dotted
