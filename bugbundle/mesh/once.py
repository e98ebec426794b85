"""What is worked out once and kept where it belongs: with the mesh, the proxy or the column that it was worked out of.

A table of weak keys would not do: its values lead back to their keys, so that neither is ever let go.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast


class Keeper(Protocol):
    """Something that keeps what was worked out of it."""

    kept: dict[Hashable, Any]


K = TypeVar("K", bound=Keeper)
P = ParamSpec("P")
T = TypeVar("T")


def once(make: Callable[Concatenate[K, P], T]) -> Callable[Concatenate[K, P], T]:
    """Keep the function's result on its first argument, one for each value of the others (hashable, by position)."""

    @functools.wraps(make)
    def known(keeper: K, /, *args: P.args, **named: P.kwargs) -> T:
        key = (make, *args)
        if key not in keeper.kept:
            keeper.kept[key] = make(keeper, *args, **named)
        return cast(T, keeper.kept[key])

    return known
