"""Is Envoy's configuration what istiod says it should be? One proxy at a time, or all of them.

Knows the mesh and the meaning of xDS resources. Must not know rules, views or output.
"""

from bugbundle.sync.compare import compare, compare_all
from bugbundle.sync.model import Drift, FieldDrift, Meaning, ProxySync, TypeSync, Verdict

__all__ = ["Drift", "FieldDrift", "Meaning", "ProxySync", "TypeSync", "Verdict", "compare", "compare_all"]
