"""A comparison in any of the formats of `compare --format`."""

from __future__ import annotations

from bugbundle.compare import Comparison, TimeLine

FORMATS = ("text", "json", "yaml", "markdown", "html")


def render(result: Comparison, form: str, line: TimeLine | None = None, *, colour: bool = False, width: int = 0) -> str:
    """The text in the format `form`; `line` is there where more than two bundles were compared."""
    if form in ("json", "yaml"):
        from bugbundle.report.compared.json import document

        made = document(result, line)
        if form == "yaml":
            from bugbundle.report.formats import as_yaml

            return as_yaml(made)
        import json

        return json.dumps(made, indent=2, ensure_ascii=False) + "\n"
    if form == "markdown":
        from bugbundle.report.compared import markdown

        return markdown.render(result, line)
    if form == "html":
        from bugbundle.report.compared import html

        return html.render(result, line)
    from bugbundle.report.compared import text

    return text.render(result, line, colour=colour, width=width)
