"""`python -m oracle --envoys DIR [--count N] [--out FILE] [BUNDLE…]`: a table of what is equal and what is not.

Without bundles: the recordings beside the checkout, and the samples.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from bugbundle.bundle import open_bundle
from bugbundle.mesh import Mesh, Proxy
from bugbundle.trace.config import envoy as recorded
from oracle import fixture, made
from oracle.adapt import Adapter, Ports
from oracle.answers import compare, read_log
from oracle.client import Question, ask
from oracle.servers import Authority, Running, authorizer, echo, free_port


def main() -> int:
    """Run it over all bundles; the exit code is 1 where anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--envoys", type=Path, required=True, help="a folder with a venv for each version of Envoy")
    parser.add_argument("--count", type=int, default=25, help="requests for each listener that is bound")
    parser.add_argument("--made", type=int, default=40, help="configurations made at random")
    parser.add_argument("--out", type=Path, help="write every question with its answer, one JSON a line")
    parser.add_argument("--only", default="", help="proxies whose id has this text")
    parser.add_argument("bundles", nargs="*")
    return asyncio.run(_run(parser.parse_args()))


async def _run(args: argparse.Namespace) -> int:
    ports = Ports(free_port(), free_port(), tempfile.mkdtemp(prefix="oracle"))
    authority = Authority(Path(ports.folder))
    servers = (await echo(ports.echo), authorizer(ports.authorizer))
    total: Counter[str] = Counter()
    lines: list[dict[str, Any]] = []
    for path in [*(args.bundles or _recordings()), *(f"made-{number}" for number in range(args.made))]:
        mesh = made.mesh(path) if path.startswith("made-") else Mesh(open_bundle(path))
        counts: Counter[str] = Counter()
        for proxy in mesh.proxies:
            if args.only in proxy.id and proxy.dump is not None:
                binary = _binary(args.envoys, OLD if _old(proxy) else NEW)
                name = Path(path).name.removesuffix(".tar.zst")
                row = await _proxy(name, proxy, binary, ports, authority, args.count, counts)
                lines += [row] if row else []
        total += counts
        print(f"{_name(path):40} {_table(counts)}", flush=True)
    print(f"{'all':40} {_table(total)}")
    if args.out:
        args.out.write_text(fixture.text(lines))
    del servers
    return 1 if total["differ"] else 0


NEW, OLD = "1.37.0", "1.36.2"
"""Envoy's versions: of Istio from 1.29 on, and before."""


def _binary(envoys: Path, version: str) -> str:
    return str(next((envoys / version).glob("lib/python*/site-packages/envoy/_bin/envoy")))


def _recordings() -> list[str]:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
    from captures import NAMES, SAMPLES, bundle_folder

    return [*(str(bundle_folder(name)) for name in NAMES), *map(str, sorted(SAMPLES.glob("*.tar.zst")))]


def _name(path: str) -> str:
    parts = [part for part in Path(path).parts if part != "bundle"]
    return parts[-1]


def _table(counts: Counter[str]) -> str:
    return "  ".join(f"{key} {counts[key]}" for key in ("equal", "not modelled", "differ", "no answer", "not started"))


def _old(proxy: Proxy) -> bool:
    version = str(proxy.metadata.get("ISTIO_VERSION", ""))
    minor = version.split(".")[1] if version.count(".") >= 1 else ""
    return minor.isdigit() and int(minor) < 29


async def _proxy(
    bundle: str, proxy: Proxy, binary: str, ports: Ports, authority: Authority, count: int, counts: Counter[str]
) -> dict[str, Any] | None:
    """One Envoy: started, asked, compared."""
    bodies = fixture.bodies_of(proxy)
    if not bodies["LDS"]:
        return None
    admin, adapter = free_port(), Adapter(bodies, recorded(proxy).live, ports, free_port)
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        adapted = adapter.run(log.name, admin)
        asked = fixture.questions(proxy, bodies, adapted.doors, count)
        running = Running(binary, adapted.bootstrap, admin)
        problem = await asyncio.to_thread(running.wait)
        if problem:
            print(f"  {proxy.id}: Envoy does not start: {problem.strip()[-700:]}", file=sys.stderr)
            counts["not started"] += 1
            running.stop()
            return None
        gate = asyncio.Semaphore(40)
        await asyncio.gather(*(ask(one, adapted.doors[one.listener], authority, gate) for one in asked))
        await asyncio.to_thread(running.stop)
        answers = read_log(Path(log.name))
    rows = [_judge(proxy, one, answers, counts) for one in asked]
    return fixture.line(bundle, proxy, count, asked, rows)


def _judge(proxy: Proxy, question: Question, answers: dict[str, Any], counts: Counter[str]) -> dict[str, Any] | None:
    """Count how an answer compares with ours; give the answer."""
    verdict, mine, theirs = compare(proxy, question, answers)
    counts[verdict] += 1
    if verdict == "differ":
        print(f"  {proxy.id}: {question}\n    ours  {mine}\n    Envoy {theirs}", file=sys.stderr)
    return theirs


if __name__ == "__main__":
    sys.exit(main())
