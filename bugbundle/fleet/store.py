"""A fleet's folder: tables as Parquet, results by content, reports. The door to pyarrow.

`bundles.parquet` and its kin are the tables. `results/` keeps what was found in each distinct bundle, by its SHA-256
and the code that looked: a second run asks only for what is new. `index.json` remembers which content a place held.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from bugbundle.bundle.manifest import parse_time
from bugbundle.errors import BugbundleError
from bugbundle.fleet.model import SCHEMA, TABLES, Done, Look
from bugbundle.fleet.places import Place, need


class Store:
    """One fleet's folder. Raises `BugbundleError` where it cannot be made or written."""

    def __init__(self, root: Path, code: str) -> None:
        self.root = root
        self.results = root / "results" / code
        self.reports = root / "reports"
        _guard(self.results, lambda: self.results.mkdir(parents=True, exist_ok=True))
        self._index: dict[str, Any] = _read(root / "index.json")

    def content_of(self, place: Place) -> str:
        """The SHA-256 that this place held when it was last looked at; empty where it has changed since."""
        row = self._index.get(place.url)
        if not isinstance(row, list) or len(row) != 2 or not place.mark or row[0] != place.mark:
            return ""
        return str(row[1])

    def known(self, sha256: str) -> Look | None:
        """What was found in this content before."""
        found = _read(self.results / f"{sha256}.json") if sha256 else {}
        try:
            return Look(**found) if found else None
        except TypeError:
            return None

    def keep(self, place: Place, look: Look, page: bool = False) -> None:
        """Write down one result at once, so that nothing is lost when the rest is not reached."""
        if not look.sha256:
            return
        self._write(self.results / f"{look.sha256}.json", json.dumps(look.plain(), sort_keys=True).encode())
        if page and look.page:
            _guard(self.reports, lambda: self.reports.mkdir(exist_ok=True))
            self._write(self.report(look.sha256), look.page.encode("utf-8", "replace"))
        self._index[place.url] = [place.mark, look.sha256]

    def report(self, sha256: str) -> Path:
        """Where the report of a bundle with this content is, if `--reports` made one."""
        return self.reports / f"{sha256[:16]}.html"

    def finish(self, done: Iterable[Done]) -> None:
        """Write the tables: the same bytes for the same bundles, in whichever order they were looked at."""
        ordered = sorted(done, key=lambda one: one.name)
        rows = _tables(ordered)
        for table, columns in TABLES.items():
            self._write(self.root / f"{table}.parquet", _parquet(table, columns, rows[table]))
        self._write(self.root / "index.json", json.dumps(self._index, indent=1, sort_keys=True).encode())

    def _write(self, path: Path, data: bytes) -> None:
        """Whole or not at all, readable by its owner."""
        part = path.with_name(path.name + ".part")

        def write() -> None:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(data)
            part.replace(path)

        _guard(path, write)


def _guard(path: Path, act: Any) -> None:
    try:
        act()
    except OSError as error:
        raise BugbundleError(
            f"cannot be written ({error.strerror})",
            where=str(path),
            todo="Free some room or name another folder with -o; what was analyzed so far is kept and not asked again",
        ) from None


def _read(path: Path) -> dict[str, Any]:
    """A JSON object; empty where it is not there or damaged (it is made anew then)."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def labels(done: list[Done]) -> dict[str, str]:
    """bundle → the name of its cluster: as recorded, with the start of its UID where two clusters share a name."""
    uids: dict[str, set[str]] = defaultdict(set)
    for one in done:
        uids[one.look.cluster].add(one.look.cluster_uid)
    return {
        one.name: one.look.cluster
        if len(uids[one.look.cluster]) < 2
        else f"{one.look.cluster}-{one.look.cluster_uid[:8] or 'unknown'}"
        for one in done
    }


def _tables(done: list[Done]) -> dict[str, list[dict[str, Any]]]:
    named = labels(done)
    rows: dict[str, list[dict[str, Any]]] = {table: [] for table in TABLES}
    for one in done:
        look = one.look
        who = {"bundle": one.name, "cluster": named[one.name], "started": look.started}
        for table in TABLES:
            for row in look.rows.get(table, []):
                rows[table].append(who | row)
        own = {"url": one.url, "cluster_uid": look.cluster_uid, "sha256": look.sha256, "failure": look.failure}
        if look.rows.get("bundles"):
            rows["bundles"][-1] |= own
        else:
            rows["bundles"].append(who | own)
    return rows


def _parquet(table: str, columns: dict[str, str], rows: list[dict[str, Any]]) -> bytes:
    pyarrow, parquet = need("pyarrow"), need("pyarrow.parquet")
    types = {"string": pyarrow.string(), "int64": pyarrow.int64(), "timestamp": pyarrow.timestamp("us", tz="UTC")}
    schema = pyarrow.schema(
        [pyarrow.field(name, types[kind]) for name, kind in columns.items()],
        metadata={"bugbundle.table": table, "bugbundle.schema": str(SCHEMA)},
    )
    arrays = [
        pyarrow.array([_value(row.get(name), kind) for row in rows], types[kind]) for name, kind in columns.items()
    ]
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.Table.from_arrays(arrays, schema=schema), sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _value(value: Any, kind: str) -> Any:
    if kind == "timestamp":
        found = parse_time(value)
        return _moment(found) if found else None
    if kind == "string" and isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return value


def _moment(when: datetime) -> datetime | None:
    """What a timestamp can hold; certificates may claim the year 9999."""
    return when if 1700 < when.year < 9000 else when.replace(year=min(max(when.year, 1701), 8999), day=1)
