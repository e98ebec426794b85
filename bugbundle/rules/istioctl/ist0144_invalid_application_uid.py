"""IST0144: an application runs as user 1337, which is the proxy's."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.kube import as_dict, dicts
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0144",
    "applicationUID.Analyzer",
    level=Level.WARNING,
    reads={res.POD},
    optional={res.DEPLOYMENT},
    message="User ID (UID) 1337 is reserved for the sidecar proxy.",
)
def invalid_application_uid(mesh: Mesh) -> Iterator[Hit]:
    """An application runs as user 1337, which is the proxy's.

    ## Why it matters
    Traffic of that user is not redirected: it bypasses the mesh, or loops.

    ## What to do
    Let the application run as another user.
    """
    for resource in (res.POD, res.DEPLOYMENT):
        for item in analysed(mesh, resource):
            spec = item.spec if resource == res.POD else as_dict(as_dict(item.spec.get("template")).get("spec"))
            if "istio" in item.labels or item.labels.get("release") == "istio":
                continue
            place = "/spec" if resource == res.POD else "/spec/template/spec"
            if as_dict(spec.get("securityContext")).get("runAsUser") == 1337:
                yield Hit(item, {}, place + "/securityContext", "runAsUser: 1337")
                continue
            for number, container in enumerate(dicts(spec.get("containers"))):
                own = container.get("name") in ("istio-proxy", "istio-operator")
                if not own and as_dict(container.get("securityContext")).get("runAsUser") == 1337:
                    yield Hit(item, {}, f"{place}/containers/{number}/securityContext", "runAsUser: 1337")
