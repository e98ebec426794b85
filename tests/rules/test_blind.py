"""What a rule could not look at is said, not passed over."""

from __future__ import annotations

import json

from bugbundle.bundle import Bundle
from bugbundle.mesh import Mesh
from bugbundle.rules import NotEvaluated, all_rules, run

RULES = {rule.code: rule for rule in all_rules()}


def mesh(entries: dict[str, object], gaps: list[dict[str, object]]) -> Mesh:
    manifest = {"format": 1, "entries": [], "gaps": gaps}
    files = {path: json.dumps(body) for path, body in entries.items()}
    return Mesh(Bundle.from_entries({**files, "manifest.json": json.dumps(manifest)}))


def listing(kind: str, *items: object) -> dict[str, object]:
    return {"kind": f"{kind}List", "apiVersion": "v1", "items": list(items)}


def test_services_could_not_be_read() -> None:
    path = "k8s/api/v1/services.json"
    blind = mesh(
        {"k8s/api/v1/pods.json": listing("Pod")},
        [{"path": path, "status": 403, "reason": "forbidden"}],
    )
    found = run(blind, [RULES["BB701"]])
    assert (found.findings, found.not_evaluated) == ([], [NotEvaluated("BB701", "mesh", (f"entry {path}: forbidden",))])


def test_one_part_of_a_rule_is_blind() -> None:
    path = "k8s/api/v1/secrets.json"
    gateway = {
        "metadata": {"name": "front", "namespace": "gate"},
        "spec": {"selector": {"gate": "in"}, "servers": [{"tls": {"credentialName": "missing"}}]},
    }
    lists = {
        "k8s/apis/networking.istio.io/v1/gateways.json": listing("Gateway", gateway),
        "k8s/apis/networking.istio.io/v1/virtualservices.json": listing("VirtualService"),
        "k8s/apis/networking.istio.io/v1/destinationrules.json": listing("DestinationRule"),
        "k8s/apis/networking.istio.io/v1/serviceentries.json": listing("ServiceEntry"),
        **{f"k8s/api/v1/{plural}.json": listing("Pod") for plural in ("pods", "services", "namespaces")},
    }
    found = run(mesh(lists, [{"path": path, "status": 403, "reason": "forbidden"}]), [RULES["IST0101"]])
    assert [finding.line for finding in found.findings] == [
        'Error [IST0101] (Gateway gate/front) Referenced selector not found: "gate=in"'
    ]
    assert found.not_evaluated == [NotEvaluated("IST0101", "credentials of gateways", (f"entry {path}: forbidden",))]
