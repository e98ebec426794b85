"""Every layout of other tools: opened in place, with the first diagnosis of the bundle, or one not evaluated."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import layouts
import pytest

from bugbundle.analysis import Analysis, analyze
from bugbundle.bundle import Bundle, open_bundle
from bugbundle.importers import open_recording

SAMPLES = Path(__file__).parent.parent.parent / "sample_bundles"
SHARED = Path(__file__).parent.parent.parent.parent / "shared"


CRDS = "k8s/apis/apiextensions.k8s.io/v1/customresourcedefinitions.json"


@functools.cache
def sample(name: str) -> tuple[Bundle, Analysis]:
    """A sample, its CustomResourceDefinitions without their schemas, which are most of its YAML."""
    bundle = open_bundle(SAMPLES / f"{name}.tar.zst")
    crds = json.loads(bundle[CRDS])
    for item in crds["items"]:
        for version in item["spec"]["versions"]:
            version.pop("schema", None)
    slim = Bundle.from_entries({**bundle, CRDS: json.dumps(crds)})
    return slim, analyze(slim)


def first(analysis: Analysis) -> tuple[str, str]:
    found = analysis.diagnoses[:1]
    return (found[0].cause.code, str(found[0].cause.origin)) if found else ("", "")


def errors(analysis: Analysis) -> set[tuple[str, str]]:
    return {(item.code, str(item.origin)) for item in analysis.findings if item.level.value == "Error"}


@pytest.mark.parametrize("layout", layouts.LAYOUTS)
def test_the_first_diagnosis_is_that_of_the_bundle_or_is_not_evaluated(layout: str, tmp_path: Path) -> None:
    bundle, whole = sample("missing-subset")
    path = tmp_path / "archive"
    path.write_bytes(layouts.tar(layouts.LAYOUTS[layout](bundle)))
    opened = open_recording(path)
    found = analyze(opened)
    blind = {item.code for item in found.not_evaluated}
    assert opened.foreign
    assert first(found) == first(whole) or first(whole)[0] in blind
    assert errors(found) - errors(whole) == set()
    assert found.broken == []


@pytest.mark.parametrize("packed", ["", "gz", "xz", "bz2", "zst", "zip", "folder", "nested"])
def test_every_packing(packed: str, tmp_path: Path) -> None:
    import zstandard

    files = {"a/namespaces/shop/core/pods.yaml": b"---\napiVersion: v1\nitems: []\nkind: PodList\n"}
    files |= {"a/namespaces/shop/shop.yaml": b"---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n"}
    files |= {"a/namespaces/shop/core/services.yaml": b"---\napiVersion: v1\nitems: []\nkind: ServiceList\n"}
    path = tmp_path / "given"
    if packed == "folder":
        for name, body in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(body)
    elif packed == "zip":
        path.write_bytes(layouts.zipped(files))
    elif packed == "zst":
        path.write_bytes(zstandard.compress(layouts.tar(files, "")))
    elif packed == "nested":
        path.write_bytes(layouts.zipped({"note.txt": b"hello", "case.tar.gz": layouts.tar(files)}))
    else:
        path.write_bytes(layouts.tar(files, packed))
    opened = open_recording(path)
    kept = sorted(name for name in opened if name.startswith("k8s/"))
    assert kept == [
        "k8s/api/v1/namespaces.json",
        "k8s/api/v1/namespaces/shop/pods.json",
        "k8s/api/v1/namespaces/shop/services.json",
    ]


@pytest.mark.skipif(not SHARED.is_dir(), reason="no shared material here")
@pytest.mark.parametrize("archive", sorted((SHARED / "archives").glob("*.tar.gz")), ids=lambda path: path.name[:20])
def test_archives_of_one_mesh_have_one_diagnosis(archive: Path) -> None:
    found = analyze(open_recording(archive))
    assert first(found) == ("BB307", "Deployment shop/lost")
    assert found.broken == []


def test_what_is_cleaned_still_says_what_it_lacks(tmp_path: Path) -> None:
    from bugbundle.clean import cleaned

    bundle, _ = sample("missing-subset")
    (tmp_path / "archive").write_bytes(layouts.tar(layouts.bug_report(bundle)))
    opened = open_recording(tmp_path / "archive")
    clean = cleaned(opened)
    assert (clean.foreign, clean.notes, sorted(clean.gaps)) == (opened.foreign, opened.notes, sorted(opened.gaps))
    assert "does not hold it" in clean.gap("k8s/apis/coordination.k8s.io/v1/leases.json").reason


def test_a_pasted_table_tells_who_is_stale(tmp_path: Path) -> None:
    path = tmp_path / "table.txt"
    path.write_text(
        "NAME        CLUSTER     CDS    LDS     EDS     RDS       ISTIOD    VERSION\n"
        "web-1.shop  Kubernetes  STALE  SYNCED  SYNCED  NOT SENT  istiod-1  1.22.1\n"
    )
    found = analyze(open_recording(path))
    assert first(found) == ("BB202", "Pod shop/web-1")
