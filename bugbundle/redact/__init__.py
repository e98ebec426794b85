"""What must never leave: secrets are taken out of an entry's bytes, all else stays byte for byte.

The room knows what a secret looks like and where Kubernetes, Istio and Envoy keep theirs; it knows nothing of
archives, clusters or files. `Redactor` works on one entry, `StreamRedactor` on a log of any size, `residue` looks
again, by other means, at what they left.
"""

from bugbundle.redact.redactor import Redacted, Redactor
from bugbundle.redact.residue import residue
from bugbundle.redact.stream import StreamRedactor, redact_stream

__all__ = ["Redacted", "Redactor", "StreamRedactor", "redact_stream", "residue"]
