"""What a comparison of istiod's account with Envoy's own comes to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bugbundle.mesh import Pointer, SyncState
from bugbundle.xds import Xds

TYPES = (Xds.CDS, Xds.LDS, Xds.RDS, Xds.EDS, Xds.ECDS)
"""The types that can be compared, in istioctl's order."""


class Verdict(StrEnum):
    """Of one proxy and one type."""

    SYNCED = "SYNCED"
    STALE = "STALE"
    NOT_SENT = "NOT SENT"
    ERROR = "ERROR"
    DIFFERS = "DIFFERS"
    IGNORED = "IGNORED"
    NOT_CONNECTED = "NOT CONNECTED"
    UNKNOWN = "UNKNOWN"


class Meaning(StrEnum):
    """What a difference most likely means."""

    REJECTED = "Envoy rejected it (NACK)"
    STALE = "istiod sent it and Envoy never acknowledged: the connection is dead or Envoy is stuck"
    DISCONNECTED = "the proxy has no connection to any istiod in this bundle: it runs on what it got before"
    IN_FLIGHT = "a push was under way while both sides were recorded"
    NEVER_SENT = "istiod has it but never sent it"
    REMOVED = "istiod no longer has it, Envoy still does"
    WARMING = "Envoy holds it back until what it waits for (endpoints, a secret, an extension) arrives"
    UNEXPLAINED = "istiod says it is in sync: the two accounts were taken at different times, or xDS lost it"


@dataclass(frozen=True, slots=True)
class FieldDrift:
    """One field: `path` inside the resource, both values in canonical form (ABSENT: not there)."""

    path: str
    istiod: Any
    envoy: Any


@dataclass(frozen=True, slots=True)
class Drift:
    """One resource told differently. `change`: `missing in Envoy`, `only in Envoy` or `differs`."""

    kind: Xds
    name: str
    change: str
    meaning: Meaning
    config: str
    istiod: Pointer | None
    envoy: Pointer | None
    fields: tuple[FieldDrift, ...] = ()
    fields_cut: int = 0


@dataclass(frozen=True, slots=True)
class TypeSync:
    """One proxy, one type.

    `verdict` joins istiod's status with the comparison; `state` is istiod's row of syncz (None: not subscribed or not
    connected); `age` seconds since istiod last sent it, at the capture's time; `compared` False with `reason` where the
    two accounts could not be held against each other; `equal` counts the resources that agree; `errors` are what
    Envoy says it rejected: (resource, details).
    """

    kind: Xds
    verdict: Verdict
    state: SyncState | None
    age: float | None
    compared: bool
    reason: str
    equal: int
    drifts: tuple[Drift, ...]
    errors: tuple[tuple[str, str], ...]

    @property
    def matches(self) -> bool | None:
        """Whether the accounts agree; None where they could not be compared."""
        return not self.drifts if self.compared else None


@dataclass(frozen=True, slots=True)
class ProxySync:
    """One proxy. `istiod` is the pod that holds its connection, empty if none does; `apart` the seconds between the two
    accounts; `blind` says which istiod could not be asked, so that «not connected» cannot be told."""

    proxy: str
    istiod: str
    apart: float | None
    types: dict[Xds, TypeSync]
    blind: tuple[str, ...] = ()

    @property
    def connected(self) -> bool | None:
        """Whether an istiod of this bundle holds its connection; None where some istiod could not be asked."""
        if self.istiod:
            return True
        return None if self.blind else False

    @property
    def drifts(self) -> list[Drift]:
        """All of its drifts."""
        return [drift for found in self.types.values() for drift in found.drifts]
