"""Where would this request go, and why there? A request walked through the recorded configuration, to its end.

An evaluator of recorded Envoy configuration (`listeners`, and the files of its parts), of ztunnels, and of what lies
between them. Knows the mesh and xDS. Must not know rules, views or output.
"""

from bugbundle.trace.model import Ending, Endpoint, Expects, Request, Resource, Step, Walk
from bugbundle.trace.reach import Answer, Change, Goal, Reach, differences, reach
from bugbundle.trace.walk import walk
from bugbundle.trace.whatif import with_objects

__all__ = [
    "Answer", "Change", "Ending", "Endpoint", "Expects", "Goal", "Reach", "Request", "Resource", "Step", "Walk",
    "differences", "reach", "walk", "with_objects",
]  # fmt: skip
