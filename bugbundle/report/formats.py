"""An analysis in any of the formats of `analyze --format`."""

from __future__ import annotations

from typing import Any

from bugbundle.analysis import Analysis
from bugbundle.rules import Level

FORMATS = ("text", "json", "yaml", "markdown", "sarif", "junit")


def render(
    analysis: Analysis, form: str, *, colour: bool = False, width: int = 0, threshold: Level = Level.ERROR
) -> str:
    """The text in the format `form`; `colour` and `width` are for `text`, `threshold` for `junit`."""
    if form == "json":
        from bugbundle.report import json

        return json.render(analysis)
    if form == "yaml":
        from bugbundle.report.json import document

        return as_yaml(document(analysis))
    if form == "markdown":
        from bugbundle.report import markdown

        return markdown.render(analysis)
    if form == "sarif":
        from bugbundle.report import sarif

        return sarif.render(analysis)
    if form == "junit":
        from bugbundle.report import junit

        return junit.render(analysis, threshold)
    from bugbundle.report import text

    return text.render(analysis, colour=colour, width=width)


def as_yaml(document: dict[str, Any]) -> str:
    """Plain values as YAML, in their order."""
    import yaml

    made: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
    return made
