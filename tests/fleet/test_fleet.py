"""A fleet: every bundle one row or more, whatever looked at it and in whichever order; asked in SQL."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import captures
import pytest

pytest.importorskip("distributed", reason="the extra `fleet` is not installed")
pytest.importorskip("duckdb", reason="the extra `fleet` is not installed")

from bugbundle.analysis import analyze
from bugbundle.bundle import open_bundle
from bugbundle.cli import main
from bugbundle.errors import BugbundleError, UsageError
from bugbundle.fleet import look as looking
from bugbundle.fleet.model import TABLES
from bugbundle.fleet.places import Place, find
from bugbundle.fleet.query import QUESTIONS, ask
from bugbundle.fleet.run import Interrupted, Options, run

NAMES = ("stale-proxy", "missing-subset", "healthy")


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bundles")
    for name in NAMES:
        (root / name).mkdir()
        shutil.copy(captures.sample(name), root / name / "case.tar.zst")
    (root / "odd.tar.zst").write_bytes(b"no bundle at all")
    (root / "notes.txt").write_text("of no interest")
    return root


@pytest.fixture(scope="module")
def fleet(bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("fleet") / "made"
    run(str(bundles), into, Options(workers=2, reports=True))
    return into


def tables(fleet: Path) -> dict[str, bytes]:
    return {table: (fleet / f"{table}.parquet").read_bytes() for table in TABLES}


def test_every_bundle_has_a_row_and_a_bad_one_says_why(fleet: Path) -> None:
    found = ask(fleet, "SELECT bundle, errors > 0, failure FROM bundles ORDER BY bundle").rows
    assert [row[:2] for row in found] == [
        ("healthy/case.tar.zst", False),
        ("missing-subset/case.tar.zst", True),
        ("odd.tar.zst", None),
        ("stale-proxy/case.tar.zst", True),
    ]
    assert [row[2] for row in found if "is not a bundle" not in row[2]] == ["", "", ""]


def test_rows_are_what_analyze_says(fleet: Path) -> None:
    analysis = analyze(open_bundle(captures.sample("stale-proxy")))
    sql = "SELECT code, level, message FROM findings WHERE bundle LIKE 'stale%' ORDER BY ALL"
    assert ask(fleet, sql).rows == sorted((f.code, str(f.level), f.message) for f in analysis.findings)
    sql = "SELECT title FROM diagnoses WHERE bundle LIKE 'stale%' ORDER BY rank"
    assert [row[0] for row in ask(fleet, sql).rows] == [one.title for one in analysis.diagnoses]
    sql = "SELECT count(*) FROM proxies WHERE bundle LIKE 'stale%' AND sync = 'STALE'"
    assert ask(fleet, sql).rows == [(1,)]


def test_prepared_questions(fleet: Path) -> None:
    assert [row[1] for row in ask(fleet, QUESTIONS["who"], {"code": "BB202"}).rows] == ["stale-proxy/case.tar.zst"]
    since = ask(fleet, QUESTIONS["since"], {"code": "BB301"})
    assert since.columns == ("cluster", "first_seen", "bundle", "findings", "last_without")
    assert [row[2] for row in since.rows] == ["missing-subset/case.tar.zst"]
    assert ask(fleet, QUESTIONS["skew"]).rows == []
    assert ask(fleet, QUESTIONS["worst"]).rows[0][1] == "odd.tar.zst"
    ends = ask(fleet, QUESTIONS["expiring"], {"days": 100_000}).rows
    assert ends and not [row for row in ends if str(row[2]).startswith("spiffe://") and row[1] == "workload"]


def test_a_question_can_read_the_tables_and_nothing_else(fleet: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    for sql in (
        f"SELECT * FROM read_csv('{secret}')",
        f"COPY bundles TO '{tmp_path / 'out.csv'}'",
        "SET enable_external_access=true",
        "INSTALL httpfs",
    ):
        with pytest.raises(UsageError):
            ask(fleet, sql)
    assert not (tmp_path / "out.csv").exists()
    with pytest.raises(UsageError, match="is no fleet"):
        ask(tmp_path, "SELECT 1")


def test_a_second_run_asks_for_what_is_new_alone(bundles: Path, fleet: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(fleet, again)
    moved = tmp_path / "moved"
    shutil.copytree(bundles, moved)
    (moved / "odd.tar.zst").unlink()
    (moved / "healthy").rename(moved / "renamed")
    done = run(str(moved), again, Options(scheduler="tcp://127.0.0.1:9"))
    assert {one.name: one.known for one in done} == {
        "missing-subset/case.tar.zst": True,
        "renamed/case.tar.zst": True,
        "stale-proxy/case.tar.zst": True,
    }


def test_what_changed_between_consecutive_bundles_of_a_cluster(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fleet", "query", str(fleet), "changed", "Kubernetes", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["from"], row["to"]) for row in rows] == [
        ("stale-proxy/case.tar.zst", "healthy/case.tar.zst"),
        ("healthy/case.tar.zst", "missing-subset/case.tar.zst"),
    ]
    assert "VirtualService bookinfo/details" in rows[1]["headline"]
    assert main(["fleet", "query", str(fleet), "changed", "nowhere"]) == 2
    assert "Its clusters are Kubernetes" in capsys.readouterr().err


def test_reports_are_linked_from_the_overview(fleet: Path) -> None:
    from bugbundle.fleet.overview import write

    text = write(fleet).read_text()
    pages = sorted(path.name for path in (fleet / "reports").iterdir())
    assert len(pages) == 3
    assert any(f'href="reports/{name}' in text for name in pages)
    assert "BB202" not in text or "<script>alert" not in text


def test_one_cluster_is_named_once_and_two_of_one_name_apart(tmp_path: Path) -> None:
    from bugbundle.fleet.model import Done, Look
    from bugbundle.fleet.store import labels

    done = [
        Done(str(n), "", Look(cluster="prod", cluster_uid=uid)) for n, uid in enumerate(("aaaaaaaa-1", "bbbbbbbb-2"))
    ]
    assert labels(done) == {"0": "prod-aaaaaaaa", "1": "prod-bbbbbbbb"}
    assert labels([*done[:1], *done[:1]]) == {"0": "prod"}


def test_places(bundles: Path, tmp_path: Path) -> None:
    names = ["healthy/case.tar.zst", "missing-subset/case.tar.zst", "odd.tar.zst", "stale-proxy/case.tar.zst"]
    assert [place.name for place in find(str(bundles))] == names
    listed = tmp_path / "list.txt"
    listed.write_text(f"# two\n{bundles}/healthy/case.tar.zst\n{bundles}/gone.tar.zst\n")
    assert [(Path(place.url).name, place.size > 0) for place in find(str(listed))] == [
        ("gone.tar.zst", False),
        ("case.tar.zst", True),
    ]
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UsageError, match="no bundles found"):
        find(str(empty))
    with pytest.raises(UsageError, match="no such folder"):
        find(str(tmp_path / "nowhere"))
    unpacked = tmp_path / "unpacked" / "one"
    unpacked.mkdir(parents=True)
    (unpacked / "bundle.json").write_text("{}")
    (unpacked / "inner.tar.zst").write_text("")
    assert [place.name for place in find(str(tmp_path / "unpacked"))] == ["one"]


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    gone = looking.look(Place("gone", str(tmp_path / "gone.tar.zst"), 0, ""))
    assert gone.rows == {} and gone.failure != ""


def test_a_bundle_that_changes_meanwhile_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "case.tar.zst"
    shutil.copy(captures.sample("healthy"), target)
    marks = iter(range(100))
    monkeypatch.setattr(looking, "mark_of", lambda place: str(next(marks)))
    monkeypatch.setattr(looking, "_look", lambda path, page: looking.Look(sha256="x"))
    assert "changed while it was read" in looking.look(find(str(target))[0]).failure


def test_a_scheduler_that_is_not_there(bundles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bugbundle.fleet.run.CONNECT", 1)
    with pytest.raises(BugbundleError, match="no Dask scheduler answers there"):
        run(str(bundles), tmp_path / "out", Options(scheduler=f"tcp://127.0.0.1:{free_port()}"))


def test_a_folder_that_cannot_be_written(bundles: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BugbundleError, match="cannot be written"):
        run(str(bundles), tmp_path / "file" / "out", Options())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def scheduler() -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A real scheduler and two workers."""
    address = f"tcp://127.0.0.1:{free_port()}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    dask = [sys.executable, "-m", "dask"]
    head = [*dask, "scheduler", "--host", "127.0.0.1", "--port", address.rpartition(":")[2], "--no-dashboard"]
    worker = [*dask, "worker", address, "--nworkers", "1", "--nthreads", "1", "--no-dashboard"]
    started = [subprocess.Popen(argv, **quiet) for argv in (head, worker, worker)]  # type: ignore[call-overload]
    try:
        wait_for_workers(address, 2)
        yield address, started
    finally:
        for one in started:
            with_group(one, signal.SIGKILL)


def with_group(process: subprocess.Popen[bytes], number: int) -> None:
    if process.poll() is None:
        os.killpg(process.pid, number)
        process.wait(10)


def wait_for_workers(address: str, number: int) -> None:
    import distributed

    with distributed.Client(address, timeout=60) as client:
        client.wait_for_workers(number, timeout=60)


def test_a_scheduler_gives_the_same_bytes(
    bundles: Path, fleet: Path, tmp_path: Path, scheduler: tuple[str, list[subprocess.Popen[bytes]]]
) -> None:
    done = run(str(bundles), tmp_path / "out", Options(scheduler=scheduler[0]))
    assert [one.known for one in done] == [False] * 4
    assert tables(tmp_path / "out") == tables(fleet)


def test_a_scheduler_that_goes_away_loses_nothing(
    bundles: Path, tmp_path: Path, scheduler: tuple[str, list[subprocess.Popen[bytes]]]
) -> None:
    address, processes = scheduler

    def cut(*_: object) -> None:
        if processes[0].poll() is None:
            for one in processes:
                with_group(one, signal.SIGKILL)
            time.sleep(0.1)

    into = tmp_path / "out"
    with pytest.raises(Interrupted, match=r"the scheduler went away after .* of 4 bundles") as told:
        run(str(bundles), into, Options(scheduler=address), cut)
    assert "Run the same command again" in told.value.text
    again = run(str(bundles), into, Options(workers=1))
    assert [one.name for one in again if one.known] != []
    assert ask(into, "SELECT count(*) FROM bundles").rows == [(4,)]


def test_the_command(bundles: Path, fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fleet", "query", str(fleet), "who", "bb202"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[1:3] == ["stale-proxy/case.tar.zst", "2026-11-21T01:04:06Z"]
    assert (
        main(
            ["fleet", "query", str(fleet), "--format", "json", "SELECT code FROM diagnoses WHERE rank = 1 ORDER BY ALL"]
        )
        == 0
    )
    codes = [row["code"] for row in json.loads(capsys.readouterr().out)]
    assert "BB202" in codes
    assert main(["fleet", "query", str(fleet), "who"]) == 2
    assert "who takes one CODE" in capsys.readouterr().err
    assert main(["fleet", "query", str(fleet), "SELEC 1"]) == 2
    assert "Parser Error" in capsys.readouterr().err
