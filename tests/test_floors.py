"""The house holds: imports point down, each third-party package has one door, offline commands load no client."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent / "bugbundle"

FLOORS = {
    "errors": 0, "istio": 0, "words": 0, "diff": 0, "codec": 0, "certificates": 0, "durations": 0, "plurals": 0,
    "quoting": 0, "xds": 0,
    "bundle": 1, "redact": 1,
    "mesh": 2, "importers": 2, "collect": 2, "convert": 2, "clean": 2, "logs": 2,
    "sync": 3, "effect": 3, "symptoms": 3, "trace": 3,
    "rules": 4, "views": 4,
    "diagnosis": 5, "explanation": 5, "patches": 5, "analysis": 5, "precheck": 5,
    "compare": 6,
    "report": 7, "replay": 7,
    "fleet": 8,
    "cli": 9, "__main__": 10,
}  # fmt: skip

DOORS = {
    "msgspec": {"codec.py"},
    "xxhash": {"codec.py"},
    "zstandard": {"bundle/frames.py"},
    "cryptography": {"bundle/signature.py", "certificates.py"},
    "jinja2": {"report/html.py"},
    "markupsafe": {"report/html.py", "report/compared/html.py"},
    "kubernetes": {"collect/cluster.py", "collect/kubeconfig.py"},
    "urllib3": {"collect/cluster.py"},
    "websocket": {"collect/cluster.py"},
    "detect_secrets": {"redact/published.py"},
    "pyrage": {"bundle/sealed.py"},
    "click": {"cli/"},
    "yaml": {
        "importers/objects.py",
        "collect/kubeconfig.py",
        "mesh/manifests.py",
        "report/formats.py",
        "mesh/config/meshconfig.py",
    },
    "dask": {"fleet/run.py"},
    "distributed": {"fleet/run.py"},
    "duckdb": {"fleet/query.py"},
    "fsspec": {"fleet/places.py"},
    "pyarrow": {"fleet/store.py"},
    "aiohttp": {"replay/"},
    "h11": {"replay/stream/http1.py"},
    "grpc": {"replay/stream/xds.py"},
    "google": {"replay/stream/declared.py", "replay/stream/xds.py"},
    "envoy": {"replay/stream/xds.py"},
    "rich": {"cli/collect_progress.py"},
    "drain3": {"logs/templates.py"},
    "deepdiff": {"compare/fields.py"},
}

MODULES = {
    "detect-secrets": "detect_secrets", "grpcio": "grpc", "protobuf": "google", "pyyaml": "yaml",
    "websocket-client": "websocket", "xds-protos": "envoy",
}  # fmt: skip
"""Package → module, where they are named differently."""


def files() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.py"))


def room(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    return parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield node.module or "", node.lineno
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "need":
            yield from ((arg.value, node.lineno) for arg in node.args if isinstance(arg, ast.Constant))


def test_every_room_has_a_floor() -> None:
    assert {room(path) for path in files()} - {"__init__"} == set(FLOORS)


def test_imports_point_down() -> None:
    wrong = []
    for path in files():
        here = room(path)
        if here == "__init__":
            continue
        for name, line in imports(path):
            parts = name.split(".")
            if parts[0] != "bugbundle" or len(parts) < 2 or parts[1] not in FLOORS:
                continue
            there = parts[1]
            if there != here and FLOORS[there] >= FLOORS[here] and not _sibling(here, there):
                wrong.append(f"{path.relative_to(ROOT)}:{line}: {here} (floor {FLOORS[here]}) imports {there}")
    assert wrong == []


def _sibling(here: str, there: str) -> bool:
    """Single files of floors 0 and 5 may use each other."""
    return FLOORS[here] == FLOORS[there] and FLOORS[here] in (0, 5)


def test_one_door_for_each_package() -> None:
    wrong = []
    for path in files():
        name = path.relative_to(ROOT).as_posix()
        for module, line in imports(path):
            doors = DOORS.get(module.split(".")[0])
            if doors is not None and not any(
                name == door or (door[-1] == "/" and name.startswith(door)) for door in doors
            ):
                wrong.append(f"{name}:{line}: {module}")
    assert wrong == []


def test_every_dependency_is_used_and_every_door_leads_to_one() -> None:
    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]
    extras = [row for name, rows in project["optional-dependencies"].items() if name != "dev" for row in rows]
    packages = (re.split(r"[<>=!~;\[ ]", needed)[0].lower() for needed in [*project["dependencies"], *extras])
    used = {name.split(".")[0] for path in files() for name, _ in imports(path)}
    assert {MODULES.get(package, package) for package in packages} == set(DOORS) & used == set(DOORS)


def test_every_package_has_a_docstring() -> None:
    bare = [
        path for path in files() if path.name == "__init__.py" and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert bare == []


@pytest.mark.parametrize("argv", [["--help"], ["info", "nothing"], ["analyze", "nothing"]])
def test_offline_commands_load_no_client(argv: list[str]) -> None:
    code = (
        "import sys; from bugbundle.cli import main; main(sys.argv[1:]);"
        "heavy = {'kubernetes', 'grpc', 'aiohttp', 'jinja2', 'google', 'rich', 'cryptography'};"
        "bad = {m.split('.')[0] for m in sys.modules} & heavy;"
        "print(sorted(bad))"
    )
    out = subprocess.run([sys.executable, "-c", code, *argv], capture_output=True, text=True, check=False)
    assert out.stdout.strip().splitlines()[-1] == "[]"


def test_nothing_is_remembered_under_weak_keys() -> None:
    """Values lead back to their keys, so that nothing is let go: `bugbundle.mesh.once` keeps them on the key."""
    assert [str(path) for path in sorted(ROOT.rglob("*.py")) if "WeakKeyDictionary" in path.read_text("utf-8")] == []
