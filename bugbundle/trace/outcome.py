"""What an HTTP filter is given, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bugbundle.mesh.kube import as_dict
from bugbundle.mesh.ref import Ref
from bugbundle.trace.conditions import Subject
from bugbundle.trace.matchers import Headers
from bugbundle.trace.model import Ending


@dataclass(slots=True)
class Outcome:
    """What a filter did: `said` in words (empty: nothing worth a line), and where it ended the request, how."""

    said: str = ""
    ending: Ending | None = None
    code: int | None = None
    flag: str = ""
    details: str = ""
    made: Ref | None = None


PASS = Outcome()


@dataclass(slots=True)
class Context:
    """The request on its way through a connection manager's filters."""

    headers: Headers
    subject: Subject
    route: dict[str, Any] | None
    host: dict[str, Any] | None
    now: float
    clusters: frozenset[str]
    """The clusters that a fault may be bound to: those that the route may choose."""

    lookup: Callable[[str], Any]
    """Name of a cluster → its `Target`; None where the proxy has none."""

    def override(self, name: str) -> dict[str, Any]:
        """The configuration of a filter for this route (typed_per_filter_config): route's, else virtual host's."""
        for holder in (self.route, self.host):
            found = as_dict(as_dict(holder).get("typed_per_filter_config")).get(name)
            if isinstance(found, dict):
                return found
        return {}
