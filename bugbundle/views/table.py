"""Tables as Go's text/tabwriter lays them out, which is what istioctl's columns are.

Source: text/tabwriter of Go's standard library as istioctl calls it (minwidth 0, pads with blanks, no flags).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """What a view says: titles of columns, rows of as many cells; `padding` blanks between columns.

    `columns` may be empty: no line of titles then. A row may be shorter or longer than the titles.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    padding: int = 1


def render(table: Table) -> str:
    """The table as text, every line ended by a newline."""
    head = [table.columns] if table.columns else []
    return "".join(f"{line}\n" for line in align([*head, *table.rows], table.padding))


def align(lines: Sequence[Sequence[str]], padding: int = 1) -> list[str]:
    """Lines of cells, each line's cells padded to the width of their column.

    The last cell of a line belongs to no column and is not padded. A column is as wide as its widest cell in
    the run of consecutive lines that have it, plus `padding`. Widths are counted in code points.
    """
    if any("\n" in cell or "\t" in cell or "\v" in cell or "\f" in cell for line in lines for cell in line):
        text = "\n".join("\t".join(line) for line in lines)
        lines = [line.split("\t") for line in text.replace("\v", "\t").replace("\f", "\n").split("\n")]
    out: list[list[str]] = [[] for _ in lines]
    column = 0
    open_lines = [number for number, line in enumerate(lines) if len(line) > 1]
    while open_lines:
        for run in _runs(open_lines):
            width = max(len(lines[number][column]) for number in run) + padding
            for number in run:
                out[number].append(lines[number][column].ljust(width))
        column += 1
        open_lines = [number for number in open_lines if len(lines[number]) > column + 1]
    return ["".join(padded) + (line[-1] if line else "") for padded, line in zip(out, lines, strict=True)]


def _runs(numbers: Sequence[int]) -> list[Sequence[int]]:
    """Ascending numbers, cut where one is missing."""
    cuts = [i for i in range(1, len(numbers)) if numbers[i] != numbers[i - 1] + 1]
    return [numbers[a:b] for a, b in zip([0, *cuts], [*cuts, len(numbers)], strict=True)]
