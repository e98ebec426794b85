"""The sync matrix: proxies × CDS LDS RDS EDS ECDS, alike proxies of a workload in one row, trouble first."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from bugbundle.analysis import Analysis
from bugbundle.mesh import Proxy
from bugbundle.report.words import count, line, span
from bugbundle.sync import ProxySync, TypeSync, Verdict
from bugbundle.sync.model import TYPES

MAX_TROUBLE = 200
MAX_FINE = 200

TROUBLE = frozenset({Verdict.STALE, Verdict.ERROR, Verdict.DIFFERS, Verdict.NOT_CONNECTED})
SYMBOLS = {
    Verdict.SYNCED: "✓",
    Verdict.STALE: "◷",
    Verdict.NOT_SENT: "·",
    Verdict.ERROR: "✗",
    Verdict.DIFFERS: "≠",
    Verdict.IGNORED: "·",
    Verdict.NOT_CONNECTED: "⊘",
    Verdict.UNKNOWN: "?",
}
LEGEND = (
    (Verdict.SYNCED, "Envoy has what istiod says it should have, compared resource by resource"),
    (Verdict.STALE, "istiod sent, Envoy has not acknowledged"),
    (Verdict.ERROR, "Envoy rejected what istiod sent (NACK)"),
    (Verdict.DIFFERS, "acknowledged, yet the two accounts differ"),
    (Verdict.NOT_CONNECTED, "no istiod of this bundle holds the proxy's connection"),
    (Verdict.NOT_SENT, "istiod had nothing to send"),
    (Verdict.IGNORED, "the proxy does not subscribe to this type"),
    (Verdict.UNKNOWN, "cannot be told from this bundle"),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One proxy (or several alike), one type. `told` is false where only istiod's word was there to judge by."""

    verdict: Verdict
    symbol: str
    told: bool
    hint: str


@dataclass(frozen=True, slots=True)
class Row:
    """Proxies of one workload whose verdicts are the same."""

    workload: str
    namespace: str
    kind: str
    proxies: tuple[str, ...]
    cells: tuple[Cell, ...]
    istiods: tuple[str, ...]
    drifts: int
    trouble: bool

    @property
    def name(self) -> str:
        """The pod's name where it stands alone, else the workload's."""
        return self.proxies[0].rpartition(".")[0] if len(self.proxies) == 1 else self.workload


@dataclass(frozen=True)
class Matrix:
    """`totals`: per type, (verdict, number of proxies, share in percent from, width) in the legend's order."""

    trouble: tuple[Row, ...]
    fine: tuple[Row, ...]
    trouble_cut: int
    fine_cut: int
    totals: tuple[tuple[str, tuple[tuple[Verdict, int, float, float], ...]], ...]
    proxies: int
    in_trouble: int
    seen: tuple[Verdict, ...]


def matrix(analysis: Analysis) -> Matrix:
    """All proxies of an analysis."""
    kinds = {proxy.id: proxy for proxy in analysis.mesh.proxies}
    groups: dict[tuple[object, ...], list[ProxySync]] = {}
    for found in analysis.sync:
        proxy = kinds.get(found.proxy)
        key = (*_workload(proxy, found.proxy), *(_cell_key(found.types[kind]) for kind in TYPES if kind in found.types))
        groups.setdefault(key, []).append(found)
    rows = [_row(key, alike) for key, alike in groups.items()]
    trouble = sorted((row for row in rows if row.trouble), key=_worst_first)
    fine = sorted((row for row in rows if not row.trouble), key=lambda row: (row.namespace, row.workload))
    seen = {cell.verdict for row in rows for cell in row.cells}
    return Matrix(
        tuple(trouble[:MAX_TROUBLE]),
        tuple(fine[:MAX_FINE]),
        sum(len(row.proxies) for row in trouble[MAX_TROUBLE:]),
        sum(len(row.proxies) for row in fine[MAX_FINE:]),
        tuple(
            (kind.name, _totals([s.types[kind].verdict for s in analysis.sync if kind in s.types])) for kind in TYPES
        ),
        len(analysis.sync),
        sum(len(row.proxies) for row in trouble),
        tuple(verdict for verdict, _ in LEGEND if verdict in seen),
    )


def workload(proxy: Proxy | None, proxy_id: str) -> tuple[str, str, str]:
    """(workload, namespace, kind) of a proxy: by its pod's owner, else by its name."""
    name, _, namespace = proxy_id.rpartition(".")
    if proxy is None or proxy.pod is None:
        return re.sub(r"-[a-z0-9]{7,10}-[a-z0-9]{5}$", "", name), namespace, proxy.kind if proxy else "proxy"
    for kind, owner in proxy.pod.owners:
        if kind == "ReplicaSet":
            return owner.rpartition("-")[0] or owner, namespace, proxy.kind
        if owner:
            return owner, namespace, proxy.kind
    return name, namespace, proxy.kind


_workload = workload


def _cell_key(found: TypeSync) -> tuple[Verdict, bool]:
    return found.verdict, found.compared


def _row(key: tuple[object, ...], alike: list[ProxySync]) -> Row:
    name, namespace, kind = key[:3]
    first = alike[0]
    cells = tuple(_cell(first.types[t]) for t in TYPES if t in first.types)
    return Row(
        str(name),
        str(namespace),
        str(kind),
        tuple(sorted(found.proxy for found in alike)),
        cells,
        tuple(sorted({found.istiod for found in alike if found.istiod})),
        max(len(found.drifts) for found in alike),
        any(cell.verdict in TROUBLE for cell in cells),
    )


def _cell(found: TypeSync) -> Cell:
    parts = [str(found.verdict)]
    if found.age is not None:
        parts.append(f"istiod sent it {span(found.age)} before the capture")
    if found.verdict not in (Verdict.IGNORED, Verdict.NOT_SENT):
        if not found.compared:
            parts.append(f"not compared: {found.reason}")
        elif found.equal or found.drifts:
            parts.append(f"{count(found.equal, 'xDS resource')} equal, {len(found.drifts)} not")
    parts += [f"{name}: {details}" for name, details in found.errors[:2]]
    told = found.compared or found.verdict not in (Verdict.SYNCED, Verdict.STALE)
    return Cell(found.verdict, SYMBOLS[found.verdict], told, line("; ".join(parts))[:400])


_ORDER = [Verdict.ERROR, Verdict.NOT_CONNECTED, Verdict.STALE, Verdict.DIFFERS]


def _worst_first(row: Row) -> tuple[object, ...]:
    worst = min(_ORDER.index(cell.verdict) for cell in row.cells if cell.verdict in TROUBLE)
    return (worst, -len(row.proxies), row.namespace, row.workload)


def _totals(verdicts: list[Verdict]) -> tuple[tuple[Verdict, int, float, float], ...]:
    numbers = Counter(verdicts)
    made, start = [], 0.0
    for verdict, _ in LEGEND:
        if numbers[verdict]:
            width = 100 * numbers[verdict] / len(verdicts)
            made.append((verdict, numbers[verdict], round(start, 3), round(width, 3)))
            start += width
    return tuple(made)
