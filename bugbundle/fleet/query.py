"""Questions to a fleet, in SQL. The door to DuckDB."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bugbundle.errors import UsageError
from bugbundle.fleet.model import TABLES
from bugbundle.fleet.places import need


@dataclass(frozen=True)
class Answer:
    """Columns and rows; times are UTC."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def plain(self) -> list[dict[str, Any]]:
        """As JSON."""
        return [
            {
                name: cell(value) if isinstance(value, datetime) else value
                for name, value in zip(self.columns, row, strict=True)
            }
            for row in self.rows
        ]


def cell(value: Any) -> str:
    """A value as text: `2026-11-28T10:00:00Z`; empty for NULL."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return "" if value is None else str(value)


def ask(fleet: Path, sql: str, values: dict[str, Any] | None = None) -> Answer:
    """Run one statement over the tables of a fleet. It can read these and nothing else, and change nothing.

    Raises `UsageError` where FLEET holds no tables, or for SQL that DuckDB refuses, with its words.
    """
    missing = [table for table in TABLES if not (fleet / f"{table}.parquet").is_file()]
    if missing:
        raise UsageError(
            f"is no fleet: {missing[0]}.parquet is not there",
            where=str(fleet),
            todo="Make it: bugbundle fleet PLACE -o FLEET",
        )
    duckdb = need("duckdb")
    with duckdb.connect(":memory:", config={"threads": 1}) as database:
        database.execute("SET TimeZone='UTC'")
        for table in TABLES:
            path = str(fleet / f"{table}.parquet").replace("'", "''")
            database.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{path}')")
        folder = str(fleet.resolve()).replace("'", "''")
        database.execute(f"SET allowed_directories=['{folder}', '{str(fleet).replace(chr(39), chr(39) * 2)}']")
        database.execute("SET enable_external_access=false")
        database.execute("SET lock_configuration=true")
        try:
            found = database.execute(sql, values) if values else database.execute(sql)
            described = found.description or []
            return Answer(tuple(column[0] for column in described), [_utc(row) for row in found.fetchall()])
        except duckdb.Error as error:
            raise UsageError(
                " ".join(str(error).split())[:500], todo=f"The tables are {', '.join(TABLES)}: see docs/fleet.md"
            ) from None


def _utc(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(value.replace(tzinfo=None) if isinstance(value, datetime) else value for value in row)


LATEST = (
    "(SELECT * FROM bundles QUALIFY row_number() OVER (PARTITION BY cluster, cluster_uid ORDER BY started DESC) = 1)"
)
"""The newest bundle of each cluster."""

QUESTIONS = {
    "who": """
        SELECT cluster, bundle, started, level, kind, namespace, name, count(*) AS findings
        FROM findings WHERE code = $code GROUP BY ALL ORDER BY cluster, started, bundle, kind, namespace, name
    """,
    "since": """
        WITH has AS (SELECT bundle, count(*) AS findings FROM findings WHERE code = $code GROUP BY bundle),
        days AS (
            SELECT b.cluster, b.bundle, b.started, coalesce(h.findings, 0) AS findings,
                lag(coalesce(h.findings, 0)) OVER (PARTITION BY b.cluster ORDER BY b.started) AS earlier,
                lag(b.started) OVER (PARTITION BY b.cluster ORDER BY b.started) AS last_without
            FROM bundles b LEFT JOIN has h USING (bundle)
            WHERE coalesce(b.failure, '') = '' AND b.bundle NOT IN (SELECT bundle FROM not_evaluated WHERE code = $code)
        )
        SELECT cluster, started AS first_seen, bundle, findings,
            CASE WHEN earlier = 0 THEN last_without END AS last_without
        FROM days WHERE findings > 0 AND coalesce(earlier, 0) = 0 ORDER BY started, cluster
    """,
    "expiring": f"""
        SELECT c.cluster, c.role, c.name, c.not_after,
            date_diff('day', c.started, c.not_after) AS days, count(*) AS holders, min(c.holder) AS holder
        FROM certificates c SEMI JOIN {LATEST} b USING (bundle)
        WHERE NOT (c.role = 'workload' AND c.name LIKE 'spiffe://%')
            AND c.not_after <= c.started + to_days($days)
        GROUP BY ALL ORDER BY c.not_after, c.cluster, c.name
    """,
    "skew": f"""
        SELECT v.cluster,
            string_agg(DISTINCT v.version, ', ' ORDER BY v.version) FILTER (v.component = 'istiod') AS istiod,
            string_agg(DISTINCT v.version, ', ' ORDER BY v.version) FILTER (v.component = 'proxy') AS proxies,
            max(v.version) FILTER (v.component = 'kubernetes') AS kubernetes,
            min(v.support_ends) AS support_ends
        FROM versions v SEMI JOIN {LATEST} b USING (bundle)
        GROUP BY v.cluster
        HAVING count(DISTINCT regexp_extract(v.version, '^[0-9]+\\.[0-9]+'))
            FILTER (v.component IN ('istiod', 'proxy') AND v.version <> '') > 1
        ORDER BY v.cluster
    """,
    "worst": f"""
        SELECT cluster, bundle, started, errors, warnings, gaps,
            CASE WHEN failure <> '' THEN failure ELSE headline END AS headline
        FROM {LATEST} ORDER BY (failure <> '') DESC, errors DESC, warnings DESC, gaps DESC, cluster
    """,
    "pairs": """
        SELECT bundle, url, started FROM bundles
        WHERE (cluster = $cluster OR cluster_uid = $cluster) AND coalesce(failure, '') = ''
        ORDER BY started, bundle
    """,
}
"""The prepared questions; what each one answers is in docs/fleet.md."""
