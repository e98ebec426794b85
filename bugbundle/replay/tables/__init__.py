"""Server-side Tables: the columns that `kubectl get` prints, as the API server computes them.

One module per family of kinds; `registry.Tables` picks the columns of a resource.
"""

from bugbundle.replay.tables.registry import Tables, head, rows

__all__ = ["Tables", "head", "rows"]
