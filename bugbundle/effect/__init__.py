"""Does every object do what it says? Where it should act by Istio's rules of selection, where it does, and why not.

Knows meshes. Must not know rules and output. The front: `effects` (all objects of one list), `effect_of` (one),
`every`.
"""

from bugbundle.effect.bypass import cilium_sockets
from bugbundle.effect.demand import concerned, shown
from bugbundle.effect.engine import KINDS, READS, effect_of, effects, every
from bugbundle.effect.model import Effect, Reason, Trace, Why

__all__ = [
    "KINDS",
    "READS",
    "Effect",
    "Reason",
    "Trace",
    "Why",
    "cilium_sockets",
    "concerned",
    "effect_of",
    "effects",
    "every",
    "shown",
]
