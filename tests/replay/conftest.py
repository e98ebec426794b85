"""A running server per recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from recording import Client

from bugbundle.bundle import Bundle
from bugbundle.replay import Address, running


@pytest.fixture
def serve() -> Iterator[Callable[[Bundle], Client]]:
    """Starts a plain server over a bundle; stopped with the test."""
    with ExitStack() as stack:
        yield lambda bundle: Client(stack.enter_context(running(bundle, Address(plain=True))))
