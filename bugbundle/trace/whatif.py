"""What if: objects of a file in place of the recorded ones, where their effect can be computed without istiod.

AuthorizationPolicies become RBAC filters again (`translate`), PeerAuthentications the mode of a port, NetworkPolicies
count as they are. Every other kind needs istiod's translation, and is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bugbundle.errors import UsageError
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.meshconfig import root_namespace
from bugbundle.mesh.config.policies import http_attributes, target_refs
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.once import once
from bugbundle.mesh.selectors import contains, workload_selector
from bugbundle.trace.rbac import owner
from bugbundle.trace.translate import Translator
from bugbundle.trace.ztunnel_policy import CONVERTED, STATIC_STRICT

if TYPE_CHECKING:
    from bugbundle.mesh.manifests import Manifest

COMPUTED = ("AuthorizationPolicy", "PeerAuthentication", "NetworkPolicy")
HTTP_RBAC = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC"
NETWORK_RBAC = "type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC"


def with_objects(mesh: Mesh, manifests: list[Manifest]) -> Mesh:
    """The mesh with these objects in place of the recorded ones of their names.

    Raises `UsageError` for a kind whose effect only istiod can compute.
    """
    from bugbundle.mesh.manifests import FileKube

    for found in manifests:
        if found.item.kind not in COMPUTED:
            raise UsageError(
                f"{found.item} needs istiod's translation",
                todo=f"Only {', '.join(COMPUTED)} can be tried without a control plane",
            )
    kube = FileKube(manifests, mesh.bundle)
    kube.tried = frozenset(found.item.kind for found in manifests)
    return Mesh(mesh.bundle, kube)


@once
def changes(mesh: Mesh) -> Changes | None:
    """What was put in place of the recorded objects; None for a mesh as recorded."""
    return Changes(mesh, mesh.kube.tried) if mesh.kube.tried else None


class Changes:
    """The policies as they would be."""

    def __init__(self, mesh: Mesh, kinds: frozenset[str]) -> None:
        self.kinds = kinds
        self.root = root_namespace(mesh)
        self.policies = mesh.kube.list(res.AUTHORIZATION_POLICY)

    def filters(
        self, items: list[dict[str, Any]], pod: KubeObject | None, chain: str, http: bool
    ) -> list[dict[str, Any]]:
        """The filters of an inbound chain, with RBAC made anew; external authorization stays as recorded."""
        if "AuthorizationPolicy" not in self.kinds or pod is None:
            return items
        waypoint = pod.labels.get("gateway.istio.io/managed") == "istio.io-mesh-controller"
        translator = Translator(http, waypoint)
        mine = [one for one in self.policies if self._applies(one, pod, chain, waypoint)]
        made = []
        for action in ("DENY", "ALLOW"):
            of_action = [one for one in mine if (as_text(one.spec.get("action")) or "ALLOW") == action]
            if of_action:
                config = {"@type": HTTP_RBAC if http else NETWORK_RBAC, "rules": translator.rules(of_action, action)}
                made.append({"name": "envoy.filters.rbac", "typed_config": config})
        return _placed([one for one in items if not _replaced(one)], made)

    def _applies(self, policy: KubeObject, pod: KubeObject, chain: str, waypoint: bool) -> bool:
        """By targetRefs, else by namespace and selector (a waypoint takes what targets it or its service only)."""
        if policy.annotations.get("istio.io/dry-run") == "true":
            return False
        targets = [one for _, one in target_refs(policy)]
        if targets:
            return any(_targets(one, policy, pod, chain, self.root) for one in targets)
        if waypoint or policy.namespace not in (self.root, pod.namespace):
            return False
        return contains(pod.labels, workload_selector(policy.spec) or {})

    def of_ztunnel(self, workload: dict[str, Any], pod: KubeObject, recorded: list[dict[str, Any]]) -> dict[str, Any]:
        """The policies of a workload as its ztunnel would have them: L4 rules only."""
        if "PeerAuthentication" in self.kinds:
            recorded = [one for one in recorded if not _of_peers(one)]
        if "AuthorizationPolicy" not in self.kinds:
            return {"policies": recorded}
        mine = [one for one in self.policies if self._applies(one, pod, "", False) and not list(target_refs(one))]
        made = [_l4(one) for one in mine]
        kept = [
            name for name in workload.get("authorizationPolicies") or [] if _of_peers({"name": name.rpartition("/")[2]})
        ]
        workload["authorizationPolicies"] = [*kept, *(f"{one['namespace']}/{one['name']}" for one in made)]
        return {"policies": [*(one for one in recorded if _of_peers(one)), *made]}


def _of_peers(policy: dict[str, Any]) -> bool:
    """Whether istiod made it of a PeerAuthentication."""
    return as_text(policy.get("name")).startswith((STATIC_STRICT, CONVERTED))


def _targets(target: dict[str, Any], policy: KubeObject, pod: KubeObject, chain: str, root: str) -> bool:
    name, kind = as_text(target.get("name")), as_text(target.get("kind"))
    if kind == "Gateway":
        gateway = pod.labels.get("gateway.networking.k8s.io/gateway-name") or pod.labels.get("istio.io/gateway-name")
        return policy.namespace == pod.namespace and name == gateway
    if kind == "GatewayClass":
        managed = pod.labels.get("gateway.istio.io/managed") == "istio.io-mesh-controller"
        return policy.namespace == root and managed
    return kind in ("Service", "ServiceEntry") and f"|{name}.{policy.namespace}." in chain


def _replaced(item: dict[str, Any]) -> bool:
    """Whether it is an RBAC filter of AuthorizationPolicies of action ALLOW or DENY."""
    config = as_dict(item.get("typed_config"))
    if not as_text(config.get("@type")).endswith(".rbac.v3.RBAC") or "rules" not in config:
        return False
    names = list(as_dict(as_dict(config["rules"]).get("policies")))
    return not names or any(owner(name)[0] is not None for name in names)


def _placed(items: list[dict[str, Any]], made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """RBAC stands behind what authenticates, and before all else that decides."""
    behind = ("jwt_authn", "authn", "set_filter_state", "metadata")
    place = 0
    for number, one in enumerate(items):
        kind = as_text(as_dict(one.get("typed_config")).get("@type"))
        if any(word in kind for word in behind):
            place = number + 1
    return [*items[:place], *made, *items[place:]]


def _l4(policy: KubeObject) -> dict[str, Any]:
    """As ztunnel's dump would say it; rules with HTTP attributes are left out (ALLOW) or lose them (DENY)."""
    action = "Deny" if as_text(policy.spec.get("action")) == "DENY" else "Allow"
    rules = []
    for rule in dicts(policy.spec.get("rules")):
        alone = KubeObject({"spec": {"rules": [rule]}}, policy.pointer)
        if action == "Allow" and http_attributes(alone):
            continue
        rules.append(_clauses(rule))
    return {
        "name": policy.name,
        "namespace": policy.namespace,
        "action": action,
        "scope": "WorkloadSelector",
        "rules": rules,
    }


def _clauses(rule: dict[str, Any]) -> list[list[dict[str, Any]]]:
    froms = [_match(as_dict(one.get("source"))) for one in dicts(rule.get("from"))]
    tos = [_match(as_dict(one.get("operation"))) for one in dicts(rule.get("to"))]
    whens = []
    for one in dicts(rule.get("when")):
        field = _KEYS.get(as_text(one.get("key")))
        if field:
            whens.append(
                [_match({field: one.get("values"), f"not{field[0].upper()}{field[1:]}": one.get("notValues")})]
            )
    return [group for group in (froms, tos, *whens) if group]


_KEYS = {"source.ip": "ipBlocks", "source.namespace": "namespaces", "source.principal": "principals",
         "destination.ip": "destinationIps", "destination.port": "ports"}  # fmt: skip
_FIELDS = {"principals": "principals", "namespaces": "namespaces", "ipBlocks": "sourceIps", "ports": "destinationPorts",
           "destinationIps": "destinationIps"}  # fmt: skip


def _match(source: dict[str, Any]) -> dict[str, Any]:
    """One match of ztunnel's, of `source` or `operation`."""
    found: dict[str, Any] = {}
    for field, name in _FIELDS.items():
        for prefix in ("", "not"):
            given = source.get(f"not{field[0].upper()}{field[1:]}" if prefix else field)
            if given:
                key = f"not{name[0].upper()}{name[1:]}" if prefix else name
                found[key] = [_value(name, str(one)) for one in given]
    return found


def _value(name: str, text: str) -> Any:
    if name == "destinationPorts":
        return int(text) if text.isdigit() else 0
    if name.endswith("Ips"):
        return text
    if text == "*":
        return {"Presence": []}
    if text.startswith("*"):
        return {"Suffix": text[1:]}
    return {"Prefix": text[:-1]} if text.endswith("*") else {"Exact": text}
