"""`precheck`: what istioctl 1.29.6 said of replayed clusters that were altered one by one."""

from __future__ import annotations

import json

import pytest

from bugbundle.bundle import Bundle
from bugbundle.cli import main
from bugbundle.mesh import Mesh

CRDS = "k8s/apis/apiextensions.k8s.io/v1/customresourcedefinitions.json"
SAFE = "✔ No issues found when checking the cluster. Istio is safe to install or upgrade!\n"
UNSAFE = "Error: Issues found when checking the cluster. Istio may not be safe to install or upgrade.\n"
ANNOTATION = "networking.istio.io/traffic-distribution"


def crd(kind: str, *served: str) -> dict[str, object]:
    plural = kind.lower() + ("es" if kind.endswith("s") else "s")
    versions = [{"name": name, "served": True} for name in served] + [{"name": "v1", "served": False}]
    spec = {"group": "gateway.networking.k8s.io", "names": {"kind": kind}, "versions": versions}
    return {"metadata": {"name": f"{plural}.gateway.networking.k8s.io"}, "spec": spec}


def cluster(version: str = "v1.35.3", *crds: dict[str, object], zipkin: bool = False) -> dict[str, Mesh]:
    services = [{"metadata": {"name": "waypoint", "namespace": "shop", "annotations": {ANNOTATION: "PreferClose"}}}]
    services += [{"metadata": {"name": "zipkin", "namespace": "istio-system", "annotations": {}}}] if zipkin else []
    entries = {
        "bundle.json": '{"format": 1, "started": "2026-11-20T18:03:11Z"}',
        "k8s/version.json": json.dumps({"gitVersion": version}),
        "k8s/api/v1/services.json": json.dumps({"kind": "ServiceList", "apiVersion": "v1", "items": services}),
        CRDS: json.dumps({"kind": "CustomResourceDefinitionList", "items": list(crds)}),
    }
    return {"B": Mesh(Bundle.from_entries(entries))}


def run(capsys: pytest.CaptureFixture[str], known: object, *words: str) -> tuple[int, str, str]:
    code = main(["x", "precheck", "B", *words], known)
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_cluster_that_fits(capsys: pytest.CaptureFixture[str]) -> None:
    known = cluster(
        "v1.30.0+k3s1", crd("Gateway", "v1", "v1beta1"), crd("GRPCRoute", "v1"), crd("TCPRoute", "v1alpha2")
    )
    code, out, err = run(capsys, known)
    assert (code, out) == (0, "")
    assert SAFE in err
    assert err.startswith("Note: whether you may install (IST0141) only the cluster itself can tell\n")


def test_what_does_not_fit(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    known = cluster("v1.29.3-eks-1", crd("HTTPRoute", "v1alpha2", "v1beta1"), crd("ReferenceGrant"))
    code, out, err = run(capsys, known)
    gateway = (
        "(CustomResourceDefinition {}.gateway.networking.k8s.io) The Gateway API CRD version {} is lower than the "
        "minimum version: {}"
    )
    lines = [
        '\x1b[1;31mError\x1b[0m [IST0142] (Cluster) The Kubernetes Version "v1.29.3-eks-1" is lower than the minimum '
        "version: 1.30",
        "\x1b[1;31mError\x1b[0m [IST0156] " + gateway.format("referencegrants", "none", "v1beta1"),
        "\x1b[33mWarning\x1b[0m [IST0172] " + gateway.format("httproutes", "v1alpha2,v1beta1", "v1"),
    ]
    assert (code, out.splitlines()) == (1, lines)
    assert UNSAFE in err
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run(capsys, known)[1]


def test_alpha_annotations_are_information(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, cluster(), "--output-threshold", "Info", "-o", "json")
    assert (code, json.loads(out)) == (
        0,
        [
            {
                "code": "IST0136",
                "documentationUrl": "https://istio.io/v1.29/docs/reference/config/analysis/ist0136/",
                "level": "Info",
                "message": f'Annotation "{ANNOTATION}" is part of an alpha-phase feature and may be incompletely '
                "supported.",
                "origin": "Service shop/waypoint",
            }
        ],
    )
    assert run(capsys, cluster(), "--output-threshold", "Info", "-n", "other")[:2] == (0, "")


def test_changes_since_a_version(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--skip-controlplane", "-o", "yaml", "--from-version")
    code, out, _ = run(capsys, cluster(zipkin=True), *words, "1.21")
    assert (code, out.count("code: IST0169")) == (1, 1)
    assert run(capsys, cluster(zipkin=True), *words, "1.22")[:2] == (0, "")
    assert run(capsys, cluster(), *words, "1.21")[:2] == (0, "")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--from-version", "15"], "invalid version 15, expected format like '1.0'"),
        (["--from-version", "2.20"], "expected major version 1, got 2.20"),
        (["--from-version", "1.x"], "minor version is not a number: x"),
        (["-o", "foo"], 'invalid format, expected one of [log json yaml] but got "foo"'),
    ],
)
def test_words_that_make_no_sense(words: list[str], error: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, cluster(), *words) == (1, "", f"Error: {error}\n")


@pytest.mark.parametrize("version", ["", "v2.0", "1", None, 5])
def test_a_version_that_is_none(version: object, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, cluster(version))  # type: ignore[arg-type]
    assert (code, out) == (1, "")
    assert err.startswith("Error: k8s/version.json: ")


def test_a_version_that_was_not_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, {"B": Mesh(Bundle.from_entries({"bundle.json": '{"format": 1}'}))})
    assert (code, "failed to get the Kubernetes version" in err) == (1, True)
