"""Two bundles held against each other, or many over time: what changed, who changed it, and what followed.

Knows analyses, bundles and Kubernetes objects. Must not know output formats.
"""

from bugbundle.compare.engine import compare
from bugbundle.compare.filters import Filter
from bugbundle.compare.inputs import check
from bugbundle.compare.look import Look, look
from bugbundle.compare.model import Change, Comparison, Field, Ignored, NotComparable, Population, Side
from bugbundle.compare.timeline import TimeLine, over_time

__all__ = [
    "Change",
    "Comparison",
    "Field",
    "Filter",
    "Ignored",
    "Look",
    "NotComparable",
    "Population",
    "Side",
    "TimeLine",
    "check",
    "compare",
    "look",
    "over_time",
]
