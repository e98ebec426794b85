"""The errors that people see: what happened, where, and what to do about it.

Raised where the fact is known, caught once, in `bugbundle.cli`. The text of an error must never hold a
value out of a bundle that could be a secret.
"""

from __future__ import annotations


class BugbundleError(Exception):
    """An expected failure.

    `what` is one sentence; `where` names the file, entry or object; `todo` says what the reader can do.
    `exit_code` is the process exit code that it leads to.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", todo: str = "") -> None:
        self.what = what
        self.where = where
        self.todo = todo
        super().__init__(self.text)

    @property
    def text(self) -> str:
        """`WHERE: WHAT. TODO.` in one line."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}. {self.todo}" if self.todo else head


class BundleError(BugbundleError):
    """A bundle cannot be opened or read: not a bundle, too new, damaged, hostile, over a limit."""


class DumpError(BugbundleError):
    """A config dump cannot be read: not JSON, not from Envoy or istiod, cut off."""


class NotInBundle(BugbundleError):
    """What was asked for is not in the bundle (a proxy, an entry): names the nearest that are."""


class UsageError(BugbundleError):
    """The command line makes no sense."""

    exit_code = 2
