"""Everyone's files as bundles: bug-reports, must-gathers, dumps, logs, pasted tables.

`open_recording` is the one door to any recording, our own among them. Knows how others lay out and name what they
record. Must not know what the mesh makes of it.
"""

from bugbundle.importers.door import open_recording

__all__ = ["open_recording"]
