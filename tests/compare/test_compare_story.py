"""Which change made which: recordings and samples, the time line, the command, every format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from captures import ARCHIVES
from compare_meshes import DEPLOYMENTS, PODS, VIRTUAL_SERVICES, bundle, item, later, mesh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bugbundle.bundle import Bundle, open_bundle
from bugbundle.cli import main
from bugbundle.compare import Look, compare, look, over_time
from bugbundle.compare.engine import compare_looks
from bugbundle.compare.fields import fields
from bugbundle.diff import differences
from bugbundle.mesh.ref import Ref
from bugbundle.report.compared import FORMATS, render

SAMPLES = Path(__file__).parent.parent.parent / "sample_bundles"
HEALTHY = SAMPLES / "healthy.tar.zst"

FIRST = {
    "missing-subset": Ref("VirtualService", "bookinfo", "details"),
    "mtls-conflict": Ref("DestinationRule", "bookinfo", "ratings"),
    "nack-envoyfilter": Ref("EnvoyFilter", "bookinfo", "broken-lua"),
    "stale-proxy": Ref("Pod", "bookinfo", "reviews-v2-674c6d8b4-h2dpq"),
}


@pytest.fixture(scope="module")
def healthy() -> Bundle:
    return open_bundle(HEALTHY)


@pytest.fixture(scope="module")
def seen(healthy: Bundle) -> Look:
    return look(healthy)


@pytest.mark.parametrize("name", sorted(FIRST))
def test_the_first_root_is_what_was_done_to_the_mesh(healthy: Bundle, seen: Look, name: str) -> None:
    after = open_bundle(SAMPLES / f"{name}.tar.zst")
    result = compare_looks(seen, look(after), healthy, after)
    assert result.roots[0].object == FIRST[name]
    assert result.roots[0].consequences


def test_a_healthy_change_lists_exactly_what_was_changed(healthy: Bundle, seen: Look) -> None:
    after = open_bundle(SAMPLES / "healthy-after-change.tar.zst")
    result = compare_looks(seen, look(after), healthy, after)
    assert {one.object for one in result.roots} == {
        Ref("VirtualService", "bookinfo", "reviews"),
        Ref("Deployment", "bookinfo", "reviews-v3"),
        Ref("Deployment", "bookinfo", "details-v1"),
    }


def test_an_unchanged_mesh_recorded_twice_has_no_changes() -> None:
    paths = [ARCHIVES / "unchanged-pair" / f"{side}.tar.zst" for side in "ab"]
    if not all(path.is_file() for path in paths):
        pytest.skip("recordings unchanged-pair are not beside the checkout")
    one, other = map(open_bundle, paths)
    result = compare(one, other)
    assert (result.headline, result.changes, result.not_comparable) == ("Nothing changed", [], [])


def test_a_lost_entry_makes_no_change(healthy: Bundle, seen: Look) -> None:
    gone = {"k8s/api/v1/secrets.json", *healthy.paths("istiod/"), *healthy.paths("logs/")}
    less = Bundle.from_entries({path: healthy[path] for path in healthy if path not in gone})
    rest = look(less)
    for result, side in (
        (compare_looks(seen, rest, healthy, less), "after"),
        (compare_looks(rest, seen, less, healthy), "before"),
    ):
        assert result.changes == []
        assert {item.side for item in result.not_comparable} == {side}


def test_the_time_line_tells_when_it_began() -> None:
    steps = [mesh(), later(), later(), later()]
    for number, step in enumerate(steps):
        step["bundle.json"]["started"] = f"2026-11-21T14:{number}0:00Z"
    for step in steps[2:]:
        item(step, VIRTUAL_SERVICES)["spec"]["http"][0]["route"][1]["weight"] = 100
    item(steps[3], DEPLOYMENTS)["metadata"]["resourceVersion"] = "7"
    whole, line = over_time([bundle(step) for step in (steps[2], steps[0], steps[3], steps[1])])
    assert line is not None
    assert line.began is line.steps[1]
    assert [len(step.roots) for step in line.steps] == [0, 1, 0]
    assert whole.roots[0].object == Ref("VirtualService", "shop", "cart")


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_tells_the_first_change(form: str) -> None:
    after = later()
    item(after, VIRTUAL_SERVICES)["spec"]["http"][0]["route"][1]["weight"] = 100
    item(after, PODS)["metadata"]["labels"]["app"] = "<b>x</b>"
    text = render(compare(bundle(mesh()), bundle(after)), form)
    assert "shop/cart" in text or '"cart"' in text or "name: cart" in text
    assert "<b>x" not in text or form != "html"


def test_the_command_fails_on_what_it_is_told_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = []
    for name, entries in (("a", mesh()), ("b", later())):
        if name == "b":
            item(entries, DEPLOYMENTS)["spec"]["replicas"] = 3
        for path, body in entries.items():
            target = tmp_path / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(json.dumps(body))
        paths.append(str(tmp_path / name))
    assert main(["compare", *paths]) == 0
    assert capsys.readouterr().out.startswith("Deployment shop/cart: spec.replicas: 1 → 3\n")
    assert main(["compare", *paths, "--fail-on", "drift"]) == 79
    assert main(["compare", *paths, "--fail-on", "drift", "--ignore", "Deployment"]) == 0
    assert main(["compare", paths[0], paths[0]]) == 0
    assert "are the same file" in capsys.readouterr().out
    assert main(["compare", paths[0]]) != 0


NAMES = st.sampled_from(["name", "host", "weight", "port", "x"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3) | st.lists(inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(NAMES, VALUES, max_size=4), st.dictionaries(NAMES, VALUES, max_size=4))
def test_two_differences_agree_on_whether_there_is_one(left: dict[str, object], right: dict[str, object]) -> None:
    """deepdiff, for Kubernetes objects, and our own, for xDS."""
    assert bool(fields(left, right)) == bool(list(differences(left, right)))
