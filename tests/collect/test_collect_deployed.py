"""Where it runs: in parts that are joined, in a Job, as an image, as kubectl's plugin."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from comparing import differences
from mesh_with_faults import collected, mesh, serving

from bugbundle.bundle import Bundle, Header, open_bundle
from bugbundle.collect.plan import Plan, role
from bugbundle.convert import merge
from bugbundle.errors import BundleError

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


def test_parts_are_joined_to_what_one_collection_has(tmp_path: Path) -> None:
    with serving(mesh()) as server:
        parts = []
        for number in range(3):
            (tmp_path / str(number)).mkdir()
            parts.append(collected(tmp_path / str(number), server, shard=(number, 3)).path)
        whole = open_bundle(collected(tmp_path, server).path)
    command = [sys.executable, "-m", "bugbundle", "merge", *map(str, parts), "-o", "joined.tar.zst"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    joined = open_bundle(tmp_path / "joined.tar.zst")
    assert (run.returncode, run.stdout) == (0, ""), run.stderr
    assert run.stderr == f"joined.tar.zst: {len(joined)} entries, 0 gaps, of 3 parts\n"
    assert joined.header.options == {}
    of_secrets = "k8s/api/v1/secrets.json: "
    assert [line for line in differences(whole, joined) if not line.startswith(of_secrets)] == []


def part(cluster: str, paths: dict[str, bytes], gaps: dict[str, str]) -> Bundle:
    import json

    rows = [
        {"path": path, "target": "kubernetes", "request": "GET /", "status": 0, "reason": why}
        for path, why in gaps.items()
    ]
    header = {"format": 1, "tool": "bugbundle test", "started": "2026-11-20T18:03:11Z", "clusters": [cluster]}
    manifest = {**header, "finished": "2026-11-20T18:03:20Z", "entries": [], "gaps": rows}
    return Bundle.from_entries(
        {"bundle.json": json.dumps(header).encode(), "manifest.json": json.dumps(manifest).encode(), **paths}
    )


def test_an_answer_of_one_part_closes_the_gap_of_another(tmp_path: Path) -> None:
    one = part(
        "east", {"k8s/version.json": b"{}"}, {"k8s/api/v1/pods.json": "lost", "k8s/api/v1/nodes.json": "forbidden"}
    )
    two = part("east", {"k8s/api/v1/pods.json": b'{"items":[]}'}, {"k8s/version.json": "lost"})
    joined = open_bundle(merge([one, two], tmp_path / "joined.tar.zst"))
    assert {path for path in joined if path.startswith("k8s/")} == {"k8s/version.json", "k8s/api/v1/pods.json"}
    assert {path: gap.reason for path, gap in joined.gaps.items()} == {"k8s/api/v1/nodes.json": "forbidden"}


def test_parts_of_two_clusters_are_none(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"different clusters \(east, west\)"):
        merge([part("east", {}, {}), part("west", {}, {})], tmp_path / "joined.tar.zst")
    assert Header(1, "", None).clusters == ()


def documents(place: str) -> list[dict[str, Any]]:
    return [found for found in yaml.safe_load_all((DEPLOY / place).read_text()) if found]


def test_the_role_is_the_one_that_dry_run_prints() -> None:
    found = next(one for one in documents("base/rbac.yaml") if one["kind"] == "ClusterRole")
    assert found == role(Plan("", ""))
    assert {verb for rule in found["rules"] for verb in rule["verbs"]} == {"list", "get", "create"}


@pytest.mark.parametrize("kind", ["job", "indexed-job"])
def test_a_job_names_what_is_there_and_has_no_rights_of_its_own(kind: str) -> None:
    kustomization = documents(f"{kind}/kustomization.yaml")[0]
    assert all((DEPLOY / kind / name).exists() for name in kustomization["resources"])
    (job,) = documents(f"{kind}/job.yaml")
    spec = job["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    arguments = [word.replace("$(JOB_COMPLETION_INDEX)", "3") for word in container["args"]]
    run = subprocess.run(
        [sys.executable, "-m", "bugbundle", *arguments, "--kubeconfig", "absent"],
        capture_output=True, text=True, check=False, env={**os.environ, "HOME": "/nonexistent"},
    )  # fmt: skip
    assert (run.returncode, run.stderr.count("no usable kubeconfig")) == (1, 1), run.stderr
    if kind == "indexed-job":
        assert job["spec"]["completionMode"] == "Indexed"
        assert container["args"][1].endswith(f"/{job['spec']['completions']}")


def test_the_image_is_not_root() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert "USER 65532:65532" in lines
    assert 'ENTRYPOINT ["bugbundle"]' in lines


@pytest.mark.skipif(shutil.which("bugbundle") is None, reason="bugbundle is not installed")
def test_kubectl_finds_the_plugin_and_its_completion() -> None:
    for words, line in (
        (["kubectl-bugbundle", "--version"], "bugbundle"),
        (["kubectl_complete-bugbundle", "coll"], "collect"),
    ):
        command = [str(DEPLOY / "kubectl" / words[0]), *words[1:]]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        assert run.stdout.split()[0].startswith(line), run.stdout
