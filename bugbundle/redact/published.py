"""The door to detect-secrets: the forms of tokens that its project publishes and keeps (Apache-2.0).

Of its plugins we take those that know a token by its form; what it knows by names and by entropy is `named`'s affair.
"""

from __future__ import annotations

import functools
import importlib
import re

Form = tuple[tuple[bytes, ...], re.Pattern[bytes]]
"""Literals of which one is in every token, and the token's pattern."""

_PLUGINS: dict[str, tuple[str, tuple[bytes, ...]]] = {
    "azure_storage_key": ("AzureStorageKeyDetector", (b"AccountKey=",)),
    "github_token": ("GitHubTokenDetector", (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_")),
    "gitlab_token": (
        "GitLabTokenDetector",
        (b"glpat-", b"gldt-", b"glft-", b"glsoat-", b"glrt-", b"GR1348941", b"glcbt-", b"glimt-", b"glptt-", b"glagent-", b"gloas-"),
    ),
    "openai": ("OpenAIDetector", (b"T3BlbkFJ",)),
    "pypi_token": ("PypiTokenDetector", (b"pypi-",)),
    "sendgrid": ("SendGridDetector", (b"SG.",)),
    "slack": ("SlackDetector", (b"xox",)),
    "square_oauth": ("SquareOAuthDetector", (b"sq0csp-",)),
    "stripe": ("StripeDetector", (b"k_live_",)),
}  # fmt: skip
"""Module of detect_secrets.plugins → its class, and literals of which one is in whatever it finds."""


@functools.cache
def published() -> tuple[Form, ...]:
    """What detect-secrets knows; loaded when the first text is looked at."""
    found = []
    for module, (name, literals) in _PLUGINS.items():
        plugin = getattr(importlib.import_module(f"detect_secrets.plugins.{module}"), name)
        for pattern in plugin.denylist:
            found.append((literals, re.compile(pattern.pattern.encode(), pattern.flags & ~re.UNICODE)))
    return tuple(found)
