"""Corrections: applied as RFC 6902 has it, tried on the mesh, told as kubectl takes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bugbundle.bundle import Bundle
from bugbundle.mesh import Mesh
from bugbundle.mesh.ref import Ref
from bugbundle.patches import apply, command, patched, tried
from bugbundle.rules import all_rules, run
from bugbundle.rules.model import Op, Patch

SERVICE = Ref("Service", "shop", "web")
RAW: dict[str, Any] = {"spec": {"ports": [{"port": 80}, {"port": 443, "targetPort": 8080}]}, "metadata": {"a/b": 1}}


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (Op("replace", "/spec/ports/1/targetPort", 8443), {"port": 443, "targetPort": 8443}),
        (Op("remove", "/spec/ports/1/targetPort"), {"port": 443}),
        (Op("add", "/spec/ports/1/name", "https"), {"port": 443, "targetPort": 8080, "name": "https"}),
    ],
)
def test_operations(op: Op, expected: dict[str, Any]) -> None:
    made = apply(RAW, Patch(SERVICE, "services", (op,)))
    assert made is not None
    assert made["spec"]["ports"][1] == expected
    assert RAW["spec"]["ports"][1] == {"port": 443, "targetPort": 8080}


@pytest.mark.parametrize("path", ["/spec/ports/7/name", "/spec/nothing/here", "/spec/ports/x"])
def test_what_does_not_fit_is_no_patch(path: str) -> None:
    assert apply(RAW, Patch(SERVICE, "services", (Op("replace", path, 1),))) is None


def test_escapes_of_a_pointer() -> None:
    made = apply(RAW, Patch(SERVICE, "services", (Op("remove", "/metadata/a~1b"),)))
    assert made is not None
    assert made["metadata"] == {}


def test_as_a_command() -> None:
    patch = Patch(SERVICE, "services", (Op("replace", "/spec/a", "it's"),))
    assert command(patch) == (
        "kubectl patch services web -n shop --type json -p "
        '\'[{"op": "replace", "path": "/spec/a", "value": "it\'"\'"\'s"}]\''
    )


def mesh(mode: str) -> Mesh:
    def listed(kind: str, *items: dict[str, Any]) -> str:
        return json.dumps({"kind": f"{kind}List", "apiVersion": "v1", "items": list(items)})

    def pod(name: str, address: str) -> dict[str, Any]:
        containers = [{"name": "istio-proxy"}, {"name": "app"}]
        status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}
        meta = {"name": name, "namespace": "shop", "labels": {"app": name}}
        return {"metadata": meta, "spec": {"containers": containers}, "status": status}

    def policy(name: str, namespace: str, mode: str, **spec: Any) -> dict[str, Any]:
        return {
            "apiVersion": "security.istio.io/v1",
            "kind": "PeerAuthentication",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"mtls": {"mode": mode}, **spec},
        }

    line = (
        '[2026-01-02T03:04:0{n}.000Z] "- - -" 0 NR filter_chain_not_found - "-" 0 0 0 - "-" "-" "-" "-" "-" - - '
        "10.0.0.8:8080 10.0.0.6:50 - -\n"
    )
    policies = (
        policy("default", "istio-system", mode),
        policy("strict", "shop", "STRICT", selector={"matchLabels": {"app": "web"}}),
    )
    return Mesh(
        Bundle.from_entries(
            {
                "bundle.json": '{"format": 1, "tool": "test", "started": "2026-01-02T03:04:05Z"}',
                "k8s/api/v1/pods.json": listed("Pod", pod("web", "10.0.0.8"), pod("cart", "10.0.0.6")),
                "k8s/apis/security.istio.io/v1/peerauthentications.json": listed("PeerAuthentication", *policies),
                "logs/shop/web/istio-proxy.log": "".join(line.replace("{n}", str(n)) for n in range(5)),
            }
        )
    )


def test_a_correction_is_tried() -> None:
    made = mesh("DISABLE")
    every = run(made, all_rules()).findings
    (found,) = [one for one in every if one.code == "BB735"]
    assert found.patch is not None
    assert found.patch.target == Ref("PeerAuthentication", "istio-system", "default")
    assert tried(made, found, every) is True


def test_a_correction_that_changes_nothing_is_told_so() -> None:
    made = mesh("DISABLE")
    every = run(made, all_rules()).findings
    (found,) = [one for one in every if one.code == "BB735"]
    strict = Ref("PeerAuthentication", "shop", "strict")
    useless = Patch(strict, "peerauthentications.security.istio.io", (Op("add", "/spec/x", 1),))
    assert tried(made, _with(found, useless), every) is False


def test_an_object_that_was_not_recorded_cannot_be_patched() -> None:
    assert patched(mesh("DISABLE"), Patch(SERVICE, "services", (Op("add", "/spec/x", 1),))) is None


def _with(finding: Any, patch: Patch) -> Any:
    import dataclasses

    return dataclasses.replace(finding, patch=patch)
