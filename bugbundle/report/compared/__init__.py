"""A comparison of bundles as text, JSON, YAML, Markdown and HTML."""

from bugbundle.report.compared.formats import FORMATS, render

__all__ = ["FORMATS", "render"]
