"""`python -m bugbundle`."""

from bugbundle.cli import entry_point

entry_point()
