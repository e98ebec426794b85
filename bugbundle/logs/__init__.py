"""What logs say, taken apart: lines with time and level, and the templates that many lines share.

Knows texts of lines. Must not know rules, bundles' layout or any output.
"""

from bugbundle.logs.lines import Line, read
from bugbundle.logs.templates import Shared, Tallies, Template, join, shared, tally, templates

__all__ = ["Line", "Shared", "Tallies", "Template", "join", "read", "shared", "tally", "templates"]
