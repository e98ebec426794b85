"""All symptoms of a mesh."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath

from bugbundle.mesh import Mesh
from bugbundle.mesh.once import once
from bugbundle.symptoms.conditions import conditions
from bugbundle.symptoms.connections import connections
from bugbundle.symptoms.counters import counters
from bugbundle.symptoms.events import events
from bugbundle.symptoms.last_words import last_words
from bugbundle.symptoms.logs import logs
from bugbundle.symptoms.model import State, Symptom
from bugbundle.symptoms.requests import requests
from bugbundle.symptoms.status import status
from bugbundle.symptoms.sync import sync

SOURCES: tuple[Callable[[Mesh], Iterator[Symptom]], ...] = (
    requests,
    connections,
    sync,
    status,
    last_words,
    conditions,
    events,
    logs,
    counters,
)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Ledger:
    """Every symptom, those of now first; `broken` are sources that failed, as `KeyError in events.py:12`."""

    symptoms: tuple[Symptom, ...]
    broken: tuple[str, ...] = ()

    def of(self, state: State) -> list[Symptom]:
        """Those in one state."""
        return [one for one in self.symptoms if one.state is state]


@once
def ledger(mesh: Mesh) -> Ledger:
    """The ledger of a mesh, made once."""
    return _make(mesh)


def _make(mesh: Mesh) -> Ledger:
    seen: dict[str, Symptom] = {}
    broken: list[str] = []
    for source in SOURCES:
        try:
            seen.update((one.id, one) for one in source(mesh))
        except Exception as error:
            broken.append(_place(error))
    return Ledger(tuple(sorted(seen.values(), key=_order)), tuple(broken))


def _order(one: Symptom) -> tuple[object, ...]:
    states, kinds = list(State), list(type(one.kind))
    return (states.index(one.state), not one.grave, kinds.index(one.kind), -one.count, one.subject, one.text)


def _place(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {PurePath(last.filename).name}:{last.lineno}"
