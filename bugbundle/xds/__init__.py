"""xDS resources: a config dump taken apart, each body known by its hash and its meaning's hash.

Knows Envoy's config dump (as Envoy, istiod and istioctl write it) and the protobuf semantics of its JSON. Must
not know bundles, proxies, or what anything is for.
"""

from bugbundle.xds.canonical import canonical, canonical_hash
from bugbundle.xds.kinds import Xds, kind_of_url, short_url
from bugbundle.xds.split import Item, Split, split

__all__ = ["Item", "Split", "Xds", "canonical", "canonical_hash", "kind_of_url", "short_url", "split"]
