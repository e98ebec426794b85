"""Answers to lists, made off the event loop, one at a time, and shared by whoever asks for the same."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable

from bugbundle.replay.answers import Asked

KEPT = 64 << 20
"""Bytes of answers that are kept for the next one who asks."""

Body = tuple[bytes, str]


class Bodies:
    """The bodies of lists and tables. A recording does not change, so an answer holds for good."""

    def __init__(self, make: Callable[[Asked], Body]) -> None:
        self._make = make
        self._made: OrderedDict[Hashable, Body] = OrderedDict()
        self._one = asyncio.Lock()

    async def of(self, asked: Asked) -> Body:
        """The body and the warning of a list. Raises `Refusal` as the maker does."""
        resource = asked.resource
        key = (resource.folder, resource.plural, asked.namespace, asked.form, tuple(sorted(asked.query.items())))
        async with self._one:
            found = self._made.pop(key, None)
            if found is None:
                found = await asyncio.to_thread(self._make, asked)
            self._keep(key, found)
        return found

    def _keep(self, key: Hashable, body: Body) -> None:
        if len(body[0]) > KEPT:
            return
        self._made[key] = body
        while sum(len(kept[0]) for kept in self._made.values()) > KEPT:
            self._made.popitem(last=False)
