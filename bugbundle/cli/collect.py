"""`bugbundle collect [-o FILE]`."""

from __future__ import annotations

import re
import sys
import time

import click

PARTIAL = 3
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class _Span(click.ParamType):  # type: ignore[type-arg]
    """A length of time as kubectl takes it: 30s, 5m, 2h, 1h30m; seconds where no unit is given."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        if isinstance(value, int | float):
            return float(value)
        text = str(value)
        parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
        seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
        if "".join(number + unit for number, unit in parts) != text:
            if not re.fullmatch(r"\d+(\.\d+)?", text):
                self.fail(f"{text!a} is not a duration such as 30s, 5m, 2h", param, ctx)
            seconds = float(text)
        if not 0 < seconds < 10**9:
            self.fail("it must be longer than nothing", param, ctx)
        return seconds


@click.command()
@click.option("-o", "--output", help="The bundle to write; by default bugbundle-<cluster>-<UTC>.tar.zst, here.")
@click.option("--kubeconfig", default="", help="The kubeconfig file.")
@click.option("--context", default="", help="The context in it.")
@click.option("-n", "--namespace", "namespaces", multiple=True, help="Only this namespace (repeat for more).")
@click.option("-i", "--istio-namespace", default="istio-system", show_default=True, help="Where istiod runs.")
@click.option(
    "--include", multiple=True, metavar="GLOB", help="Entries to record besides, e.g. 'k8s/apis/argoproj.io/*'."
)
@click.option("--exclude", multiple=True, metavar="GLOB", help="Entries to leave out, e.g. 'k8s/api/v1/secrets.json'.")
@click.option("--since", type=_Span(), help="Only newer lines of logs: 30m, 2h.")
@click.option(
    "--tail", type=int, help="Lines of each log, -1 for all. By default all of a small mesh, 5000 of a large."
)
@click.option("--previous/--no-previous", default=True, help="Logs of the container before a restart.")
@click.option("--no-logs", is_flag=True, help="No logs.")
@click.option(
    "--log-bytes", default=10 << 20, show_default=True, type=click.IntRange(1), help="Bytes kept of each log."
)
@click.option("--concurrency", default=16, show_default=True, type=click.IntRange(1, 64), help="Questions at a time.")
@click.option(
    "--qps", default=50.0, show_default=True, type=click.FloatRange(0.1), help="Questions per second at most."
)
@click.option("--timeout", default="60s", show_default=True, type=_Span(), help="For one question.")
@click.option("--budget", default="30m", show_default=True, type=_Span(), help="For all of it.")
@click.option("--dry-run", is_flag=True, help="Print what would be asked, and the rights that it takes.")
@click.option(
    "--format", "form", default="text", type=click.Choice(["text", "json"]), help="Of --dry-run and the summary."
)
def collect(
    output: str | None, kubeconfig: str, context: str, namespaces: tuple[str, ...], istio_namespace: str,
    include: tuple[str, ...], exclude: tuple[str, ...], since: float | None, tail: int | None, previous: bool,
    no_logs: bool, log_bytes: int, concurrency: int, qps: float, timeout: float, budget: float, dry_run: bool,
    form: str,
) -> int:  # fmt: skip
    """Record the mesh of a cluster into a bundle, through the Kubernetes API alone.

    Reads only; Secrets lose their values before anything is written. Exit code 0 when all was answered, 3 when
    something is missing (the bundle says what), 1 when there is no bundle.
    """
    from bugbundle.collect.cluster import Access, connect
    from bugbundle.collect.options import Options
    from bugbundle.collect.run import Collection

    options = Options(
        namespaces, istio_namespace, include, exclude, not no_logs, previous, int(since) if since else None, tail,
        log_bytes, concurrency, timeout, budget, qps,
    )  # fmt: skip
    _free(output)
    progress = _Progress()
    collection = Collection(connect(Access(kubeconfig, context, concurrency)), options, progress)
    plan = collection.plan()
    if dry_run:
        click.echo(_json(plan.as_dict()) if form == "json" else plan.text(), nl=False)
        if plan.obstacle is not None:
            click.echo(f"Note: {plan.obstacle.text}", err=True)
        return 0
    if plan.obstacle is not None:
        raise plan.obstacle
    click.echo(plan.text().partition("\n\n")[0], err=True)
    result = collection.write(output or "")
    progress.end()
    size = result.path.stat().st_size
    if form == "json":
        gaps = [{"path": gap.path, "status": gap.status, "reason": gap.reason} for gap in result.gaps]
        summary = {"path": str(result.path), "entries": result.entries, "bytes": result.bytes, "size": size}
        click.echo(_json({**summary, "partial": result.partial, "gaps": gaps}), nl=False)
    else:
        click.echo(str(result.path))
    click.echo(f"{result.entries} entries, {result.bytes / 1e6:.1f} MB in {size / 1e6:.2f} MB", err=True)
    for gap in result.gaps[:10]:
        click.echo(f"gap {gap.path}: {gap.reason or 'no answer'}", err=True)
    if len(result.gaps) > 10:
        click.echo(f"and {len(result.gaps) - 10} more gaps: bugbundle info {result.path}", err=True)
    if result.ended:
        click.echo("Ended before all was asked.", err=True)
    return PARTIAL if result.partial else 0


def _free(output: str | None) -> None:
    """Say at once, not after a quarter of an hour, that the file cannot be written."""
    from pathlib import Path

    from bugbundle.errors import BundleError

    if output and Path(output).exists():
        raise BundleError("exists already", where=output, todo="Give another name")
    if not Path(output or ".").absolute().parent.is_dir():
        raise BundleError("cannot be written (no such directory)", where=str(output))


def _json(value: object) -> str:
    from bugbundle.codec import encode, reindent

    return reindent(encode(value), 2).decode() + "\n"


class _Progress:
    """How far it is: one line that changes on a terminal, else a line per stage and every ten seconds."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._said = 0.0
        self._open = False

    def __call__(self, stage: str, done: int, total: int) -> None:
        """One more."""
        now = time.monotonic()
        last = done == total
        if self._terminal and (last or now - self._said > 0.1):
            click.echo(f"\r\x1b[K{stage} {done}/{total}", err=True, nl=last)
            self._said, self._open = now, not last
        elif not self._terminal and (last or (done and now - self._said > 10)):
            click.echo(f"{stage} {done}/{total}", err=True)
            self._said = now

    def end(self) -> None:
        """Leave the line."""
        if self._open:
            click.echo(err=True)
