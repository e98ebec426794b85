"""The door to detect-secrets: the forms of tokens that its project publishes and keeps (Apache-2.0).

Of its plugins we take those that know a token by its form; what it knows by names and by entropy is `named`'s affair.
"""

from __future__ import annotations

import functools
import re

Form = tuple[bytes, re.Pattern[bytes]]
"""What stands at the beginning of every such token, and its pattern."""


@functools.cache
def published() -> tuple[Form, ...]:
    """What detect-secrets knows; loaded when the first text is looked at."""
    from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
    from detect_secrets.plugins.github_token import GitHubTokenDetector
    from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
    from detect_secrets.plugins.openai import OpenAIDetector
    from detect_secrets.plugins.pypi_token import PypiTokenDetector
    from detect_secrets.plugins.sendgrid import SendGridDetector
    from detect_secrets.plugins.slack import SlackDetector
    from detect_secrets.plugins.square_oauth import SquareOAuthDetector
    from detect_secrets.plugins.stripe import StripeDetector

    beginnings = {
        AzureStorageKeyDetector: b"AccountKey=",
        GitHubTokenDetector: b"gh",
        GitLabTokenDetector: b"gl",
        OpenAIDetector: b"sk",
        PypiTokenDetector: b"py",
        SendGridDetector: b"SG.",
        SlackDetector: b"xo",
        SquareOAuthDetector: b"sq",
        StripeDetector: b"k_live_",
    }
    return tuple(
        (beginning, re.compile(pattern.pattern.encode(), pattern.flags & ~re.UNICODE))
        for plugin, beginning in beginnings.items()
        for pattern in plugin.denylist  # type: ignore[attr-defined]
    )
