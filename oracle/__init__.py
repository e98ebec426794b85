"""The oracle: the real Envoy, loaded with recorded configuration, answers requests; `bugbundle.trace` must end the
same way.

`python -m oracle BUNDLE…` starts one Envoy for each recorded proxy, in turn, on loopback. What has to be altered for
that is listed in `adapt.ALTERED`.
"""
