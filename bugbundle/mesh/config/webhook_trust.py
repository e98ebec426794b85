"""Whether the API server can reach and trust an injection webhook."""

from __future__ import annotations

import base64
import binascii

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.injection import Webhook
from bugbundle.mesh.kube import as_dict, as_list, as_text, dicts, texts
from bugbundle.mesh.parts import containers
from bugbundle.mesh.selectors import matches
from bugbundle.mesh.workloads.index import alive, index, ready
from bugbundle.mesh.workloads.refusals import failing_hook, refused

ROOT = "istio-ca-root-cert"


def roots(mesh: Mesh, namespace: str) -> set[str]:
    """Fingerprints of the mesh's roots as istiod publishes them in a namespace, else anywhere."""
    from bugbundle.certificates import read_pem

    if serves_own(mesh, namespace) and not distrusted(mesh):
        return set()
    found = [item for item in mesh.kube.list(res.CONFIG_MAP) if item.name == ROOT]
    near = [item for item in found if item.namespace == namespace] or found[:1]
    return {
        certificate.fingerprint
        for item in near
        for certificate in read_pem(texts(item.raw.get("data")).get("root-cert.pem", "").encode())
    }


def serves_own(mesh: Mesh, namespace: str) -> bool:
    """Whether an istiod of the namespace serves its webhooks with a certificate that was given to it.

    Its flags `--tlsCertFile` and `--caCertFile`, or another provider than istiod in `PILOT_CERT_PROVIDER`: then the
    caBundle is that authority's, and the mesh's root says nothing about it.
    """
    for istiod in mesh.istiods:
        for container in containers(istiod.pod) if istiod.pod and istiod.namespace == namespace else ():
            args = " ".join(map(str, as_list(container.get("args"))))
            if "--tlsCertFile" in args or "--caCertFile" in args:
                return True
            env = {as_text(one.get("name")): as_text(one.get("value")) for one in dicts(container.get("env"))}
            if env.get("PILOT_CERT_PROVIDER", "istiod") not in ("", "istiod", "citadel"):
                return True
    return False


def distrusted(mesh: Mesh) -> bool:
    """Whether the API server said that it does not trust a webhook of Istio's."""
    return any("x509" in text and "istio.io" in failing_hook(text) for _, _, _, text in refused(mesh))


def bundle_of(hook: Webhook) -> tuple[set[str], str]:
    """(fingerprints, subject of the first) in a webhook's caBundle; (empty, "") where there is none."""
    from bugbundle.certificates import read_pem

    try:
        text = base64.b64decode(as_text(hook.client.get("caBundle")))
    except (binascii.Error, ValueError):
        return set(), ""
    found = read_pem(text)
    return {certificate.fingerprint for certificate in found}, found[0].subject if found else ""


def ready_endpoints(mesh: Mesh, namespace: str, name: str) -> bool | None:
    """Whether a Service has a ready endpoint, by its EndpointSlices, else its pods; None where neither was recorded."""
    if mesh.kube.recorded(res.ENDPOINT_SLICE) and not mesh.kube.unlisted(res.ENDPOINT_SLICE):
        return any(
            as_dict(endpoint.get("conditions")).get("ready") is not False
            for item in index(mesh).slices_of(namespace, name)
            for endpoint in dicts(item.raw.get("endpoints"))
        )
    service = mesh.kube.get(res.SERVICE, namespace, name)
    if service is None or not mesh.kube.recorded(res.POD) or mesh.kube.unlisted(res.POD):
        return None
    return any(ready(pod) for pod in index(mesh).pods_of(service))


def reach(mesh: Mesh, hook: Webhook) -> tuple[str, ...]:
    """The namespaces from which the webhook takes pods."""
    known = index(mesh)
    found: list[str] = []
    for name, space in known.namespaces.items():
        if not matches(hook.raw.get("namespaceSelector"), space.labels, absent=True):
            continue
        pods = [{}, *(pod.labels for pod in known.pods_in.get(name, []) if alive(pod))]
        if any(matches(hook.raw.get("objectSelector"), labels, absent=True) for labels in pods):
            found.append(name)
    return tuple(found)
