"""Envoy's `/stats` in its other forms, made from the recorded text (source/server/admin/stats_handler.cc)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bugbundle.codec import encode
from bugbundle.replay.pages.dump import pattern
from bugbundle.replay.pages.page import JSON, TEXT, Page, sentence

_QUANTILE = re.compile(r"P([0-9.]+)\(([^,()]+),([^,()]+)\)")
_OF_THE_AGENT = ("istio_agent_", "go_", "process_", "scrape_")

Line = tuple[str, str]
"""Name and value of one statistic, as printed."""


def stats(text: str, query: dict[str, str]) -> Page:
    """`/stats` with `filter`, `usedonly`, `format=text|json`.

    The text does not say which statistics Envoy counts as used: those with a value of their own are taken.
    """
    wanted = pattern(query.get("filter", ""))
    if wanted is None:
        return sentence(400, "Invalid re2 regex, or one that a recording cannot answer")
    lines = [line for line in _lines(text) if wanted.search(line[0])]
    if query.get("usedonly", "false") not in ("false", "0"):
        lines = [line for line in lines if _used(line[1])]
    if query.get("format") == "json":
        return Page(200, {"content-type": JSON}, encode(_as_json(lines)))
    return Page(200, {"content-type": TEXT}, "".join(f"{name}: {value}\n" for name, value in lines).encode())


def envoys_own(metrics: str) -> str:
    """The families of Envoy in what the agent merged and serves on 15020."""
    kept = []
    for line in metrics.splitlines(keepends=True):
        name = line.split()[2] if line.startswith("# ") and len(line.split()) > 2 else line
        if not name.startswith(_OF_THE_AGENT):
            kept.append(line)
    return "".join(kept)


def _lines(text: str) -> Iterator[Line]:
    for line in text.splitlines():
        name, colon, value = line.partition(": ")
        if colon:
            yield name, value


def _used(value: str) -> bool:
    return value not in ("0", "No recorded values", '""')


def _as_json(lines: list[Line]) -> dict[str, Any]:
    plain = [{"name": name, "value": _value(text)} for name, text in lines if not _histogram(text)]
    computed = [_quantiles(name, text) for name, text in lines if _histogram(text)]
    first = next((text for _, text in lines if text.startswith("P0(")), "")
    supported = [_number(number) for number, *_ in _QUANTILE.findall(first)]
    histograms = {"supported_quantiles": supported, "computed_quantiles": computed}
    return {"stats": [*plain, *([{"histograms": histograms}] if computed else [])]}


def _histogram(text: str) -> bool:
    return text == "No recorded values" or text.startswith("P0(")


def _quantiles(name: str, text: str) -> dict[str, Any]:
    values = [
        {"interval": _number(interval), "cumulative": _number(total)} for _, interval, total in _QUANTILE.findall(text)
    ]
    return {"name": name, "values": values}


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if number == number and abs(number) != float("inf") else None


def _value(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 21 else text.strip('"')
