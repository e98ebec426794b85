"""IST0175: istiod may fetch signing keys from any address."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.config.istiod_version import newest_version
from bugbundle.mesh.kube import as_dict, dicts
from bugbundle.mesh.ref import name_of
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level

SINCE = (1, 28, 6)
"""The release that introduced the setting (istio.io, change notes of 1.28.6): an older istiod does not know it."""


@analyzer(
    "IST0175",
    "authn.BlockedCIDRsAnalyzer",
    level=Level.WARNING,
    reads={res.REQUEST_AUTHENTICATION, res.DEPLOYMENT},
    optional={Source.ISTIOD_VERSION, res.POD},
    message=(
        "BLOCKED_CIDRS_IN_JWKS_URIS is not configured but {count} RequestAuthentication resource(s)"
        " exist ({names}). Consider configuring it to restrict JWKS URI fetches to trusted "
        "networks."
    ),
)
def jwks_fetch_unrestricted(mesh: Mesh) -> Iterator[Hit]:
    """istiod may fetch signing keys from any address.

    ## Why it matters
    Who may write a RequestAuthentication can make istiod call addresses inside of the cluster.

    ## What to do
    Set BLOCKED_CIDRS_IN_JWKS_URIS on istiod.
    """
    policies = analysed(mesh, res.REQUEST_AUTHENTICATION)
    version = newest_version(mesh)
    if not policies or (version and version < SINCE):
        return
    names = ", ".join(name_of(policy) for policy in policies[:5])
    names += f", and {len(policies) - 5} more" if len(policies) > 5 else ""
    for deployment in analysed(mesh, res.DEPLOYMENT):
        spec = as_dict(as_dict(deployment.spec.get("template")).get("spec"))
        env = [item for container in dicts(spec.get("containers")) for item in dicts(container.get("env"))]
        restricted = any(item.get("name") == "BLOCKED_CIDRS_IN_JWKS_URIS" and item.get("value") for item in env)
        if deployment.labels.get("app") == "istiod" and not restricted:
            values = {"count": len(policies), "names": names}
            yield Hit(deployment, values, "/spec/template/spec/containers", "no BLOCKED_CIDRS_IN_JWKS_URIS")
