"""Two bundles held against each other, or many over time: what changed, who changed it, and what followed.

Knows analyses, bundles and Kubernetes objects. Must not know output formats.
"""

from bugbundle.compare.engine import compare
from bugbundle.compare.look import Look, look
from bugbundle.compare.model import Change, Comparison, Field, Ignored, NotComparable, Population, Side

__all__ = ["Change", "Comparison", "Field", "Ignored", "Look", "NotComparable", "Population", "Side", "compare", "look"]
