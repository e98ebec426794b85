"""What a version of istiod must not be asked, because asking changes it.

Istio 1.17 to 1.26.4, 1.27.0 and 1.27.1: `debug/config_dump?proxyID=` writes `[redacted]` over the private key of a
gateway's certificate in istiod's cache; the gateway that asks for it next gets that (istio/istio#57789, mended by
#57592 in 1.26.5, 1.27.2 and 1.28.0). With `types=` the handler leaves Secrets alone, and answers with a flat list of
resources (pilot/pkg/xds/debug.go: `getConfigDumpByResourceType`). As the handler takes the first connection whose id
contains the one that was asked for, a question about a sidecar may be answered for a gateway: so all are asked with it.
"""

from __future__ import annotations

import re

TYPES = "CDS,LDS,RDS,ECDS"
"""All that istiod has to say of a proxy but Secrets, and endpoints, which have a page of their own."""
_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")


def loses_keys(version: str) -> bool:
    """Whether an istiod of this version (`1.26.3`, `1.29.6-0-Clean`) loses a key by being asked; True where unknown."""
    found = _VERSION.match(version.strip())
    if not found:
        return True
    release, patch = (int(found[1]), int(found[2])), int(found[3] or 0)
    if release in ((1, 26), (1, 27)):
        return patch < (5 if release == (1, 26) else 2)
    return (1, 17) <= release < (1, 28)


def narrowed(request: str) -> str:
    """The same question about a proxy's configuration, without Secrets."""
    return f"{request}&types={TYPES}"


def is_narrowed(request: str) -> bool:
    """Whether it is one."""
    return request.endswith(f"&types={TYPES}")
