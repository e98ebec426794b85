"""One page about a fleet: which cluster has what, since when, and what is next to break."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from bugbundle.fleet.query import LATEST, QUESTIONS, ask
from bugbundle.report.html import page
from bugbundle.rules import all_rules

MAX_CODES = 40
MAX_CLUSTERS = 200
SOON = 30
"""Days within which a certificate that ends is shown."""


@dataclass
class Cell:
    """One cluster and one code: the worst level, how many objects, the report to open."""

    level: str
    number: int
    href: str


@dataclass
class Cluster:
    """A row of the matrix: a cluster by its newest bundle."""

    name: str
    bundle: str
    started: datetime
    href: str
    headline: str
    failure: str
    cells: dict[str, Cell] = field(default_factory=dict)


def write(fleet: Path) -> Path:
    """Write `index.html` beside the tables and return its path."""
    target = fleet / "index.html"
    text = page("fleet.html", **facts(fleet)).encode("utf-8", "replace")
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(text)
    return target


def facts(fleet: Path) -> dict[str, Any]:
    """All that the template shows."""
    clusters, codes = _matrix(fleet)
    names = {rule.code: rule for rule in all_rules()}
    failed = ask(fleet, "SELECT bundle, failure FROM bundles WHERE coalesce(failure, '') <> '' ORDER BY bundle").rows
    count = ask(fleet, "SELECT count(*), min(started), max(started), sum(proxies) FROM bundles").rows[0]
    return {
        "clusters": clusters[:MAX_CLUSTERS],
        "cut": max(0, len(clusters) - MAX_CLUSTERS),
        "codes": codes,
        "cards": names,
        "days": _days(fleet),
        "bundles": count[0],
        "first": count[1],
        "last": count[2],
        "proxies": int(count[3] or 0),
        "troubled": sum(1 for one in clusters if any(cell.level == "Error" for cell in one.cells.values())),
        "versions": _versions(fleet),
        "expiring": ask(fleet, QUESTIONS["expiring"], {"days": SOON}).rows[:100],
        "failed": failed,
        "soon": SOON,
    }


def _matrix(fleet: Path) -> tuple[list[Cluster], list[str]]:
    newest = ask(
        fleet, f"SELECT cluster, bundle, started, sha256, headline, failure FROM {LATEST} ORDER BY cluster, bundle"
    ).rows
    clusters = {
        bundle: Cluster(cluster or bundle, bundle, started, _href(fleet, sha256), headline or "", failure or "")
        for cluster, bundle, started, sha256, headline, failure in newest
    }
    found = ask(
        fleet,
        f"SELECT d.bundle, d.code, d.level, count(*) FROM diagnoses d SEMI JOIN {LATEST} b USING (bundle)"
        " GROUP BY ALL ORDER BY ALL",
    ).rows
    spread: Counter[str] = Counter()
    for bundle, code, level, number in found:
        row = clusters[bundle]
        known = row.cells.get(code)
        worst = level if known is None or level == "Error" else known.level
        row.cells[code] = Cell(worst, number + (known.number if known else 0), row.href)
        spread[code] += 1
    codes = [code for code, _ in sorted(spread.items(), key=lambda pair: (-pair[1], pair[0]))][:MAX_CODES]
    order = sorted(
        clusters.values(),
        key=lambda one: (
            not one.failure,
            -sum(cell.level == "Error" for cell in one.cells.values()),
            -len(one.cells),
            one.name,
        ),
    )
    return order, codes


def _href(fleet: Path, sha256: str | None) -> str:
    name = f"reports/{(sha256 or '')[:16]}.html"
    return name if sha256 and (fleet / name).is_file() else ""


def _days(fleet: Path) -> list[dict[str, Any]]:
    """Day by day: bundles, and those with an Error, for the bars of the trend."""
    rows = ask(
        fleet,
        "SELECT date_trunc('day', started) AS day, count(*), count(*) FILTER (errors > 0),"
        " count(*) FILTER (errors = 0 AND diagnoses > 0), count(*) FILTER (coalesce(failure, '') <> '')"
        " FROM bundles WHERE started IS NOT NULL GROUP BY day ORDER BY day",
    ).rows[-90:]
    most = max((row[1] for row in rows), default=1)
    return [
        {"day": day, "all": number, "bad": bad, "warned": warned, "height": max(2, round(100 * number / most)),
         "bad_share": round(100 * bad / number), "warned_share": round(100 * warned / number)}
        for day, number, bad, warned, _ in rows
    ]  # fmt: skip


def _versions(fleet: Path) -> list[dict[str, Any]]:
    """Istio's versions, how many clusters run each, and when its support ends, judged at the newest bundle."""
    rows = ask(
        fleet,
        "SELECT v.version, max(v.support_ends), list(DISTINCT v.cluster ORDER BY v.cluster), max(v.started)"
        f" FROM versions v SEMI JOIN {LATEST} b USING (bundle) WHERE v.component = 'istiod' AND v.version <> ''"
        " GROUP BY v.version ORDER BY v.version",
    ).rows
    made = []
    for version, end, clusters, seen in rows:
        state = "unknown" if end is None else "ended" if seen and end < seen else "supported"
        made.append({"version": version, "end": end, "clusters": clusters, "state": state})
    return made
