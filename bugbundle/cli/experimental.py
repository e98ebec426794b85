"""`bugbundle experimental …`, `bugbundle x …`: istioctl's prefix for the same words."""

from __future__ import annotations

from bugbundle.cli import COMMANDS, LazyGroup

WORDS = (
    "authz", "check-inject", "des", "describe", "injector", "internal-debug", "precheck", "proxy-status",
    "ps", "version", "waypoint",
)  # fmt: skip

experimental = LazyGroup(
    name="experimental",
    lazy={word: COMMANDS[word] for word in WORDS},
    help="istioctl's prefix: each word does the same without it.",
)
