"""A recorded share of Envoy's answers, for `make test`: the questions are made again, only the answers are kept.

One line for each proxy: bundle, proxy, requests for each listener, a hash of the questions, and the answers in their
order.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bugbundle.bundle import open_bundle
from bugbundle.mesh import Mesh, Proxy
from bugbundle.trace.config import envoy
from bugbundle.xds import Xds
from oracle import made
from oracle.adapt import Adapter, Ports
from oracle.client import Question
from oracle.generate import Maker

KINDS = (Xds.LDS, Xds.RDS, Xds.CDS, Xds.EDS, Xds.ECDS)
FIELDS = ("kind", "code", "flags", "details", "cluster", "route", "host")
"""Of an answer; of `host` the address alone is kept."""


def mesh_of(name: str, folder: Path) -> Mesh:
    """The mesh of a line: made of its name, or a sample."""
    return made.mesh(name) if name.startswith("made-") else Mesh(open_bundle(str(folder / f"{name}.tar.zst")))


def bodies_of(proxy: Proxy) -> dict[str, dict[str, Any]]:
    """Kind → name → body as recorded, of what an Envoy runs."""
    return {str(kind): _raw(proxy, kind) for kind in KINDS}


def _raw(proxy: Proxy, kind: Xds) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for section in ("static", "dynamic_active"):
        for one in proxy.dump.resources(kind, section) if proxy.dump else ():
            body = one.body()
            if isinstance(body, dict) and one.name != "prometheus_stats":
                found[one.name] = body
    return found


def questions(proxy: Proxy, bodies: dict[str, dict[str, Any]], doors: dict[str, int], count: int) -> list[Question]:
    """So many for each door, always the same ones."""
    address = str(proxy.pod.status.get("podIP")) if proxy.pod else "10.0.0.1"
    return list(Maker(bodies, doors, address, proxy.id).make(count * len(doors)))


def again(proxy: Proxy, count: int) -> list[Question]:
    """The questions that were put to a proxy, without an Envoy."""
    bodies = bodies_of(proxy)
    ports = iter(range(1, 10_000))
    adapted = Adapter(bodies, envoy(proxy).live, Ports(0, 0, "."), lambda: next(ports)).run("-", 0)
    return questions(proxy, bodies, adapted.doors, count)


def digest(asked: list[Question]) -> str:
    """A hash of questions: another one tells that they are made differently by now. Signatures differ in each run."""
    plain = re.sub(r"(eyJ[\w-]+\.[\w-]+)\.[\w-]+", r"\1", repr(asked))
    return hashlib.sha256(plain.encode()).hexdigest()[:16]


def line(bundle: str, proxy: Proxy, count: int, asked: list[Question], answers: list[Any]) -> dict[str, Any]:
    """One line."""
    rows = [None if one is None else [_short(name, one.get(name)) for name in FIELDS] for one in answers]
    return {"bundle": bundle, "proxy": proxy.id, "count": count, "asked": digest(asked), "answers": rows}


def _short(name: str, value: Any) -> Any:
    return str(value).rpartition(":")[0] if name == "host" and value else value


def text(lines: list[dict[str, Any]]) -> str:
    """All lines."""
    return "".join(json.dumps(one, separators=(",", ":")) + "\n" for one in lines)


def read(file: Path) -> Iterator[tuple[dict[str, Any], list[dict[str, Any] | None]]]:
    """(line, answers with the names of their fields) of each line."""
    for raw in file.read_text().splitlines():
        found = json.loads(raw)
        yield found, [None if one is None else dict(zip(FIELDS, one, strict=True)) for one in found["answers"]]
