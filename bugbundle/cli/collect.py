"""`bugbundle collect [-o FILE]`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from bugbundle.cli.collect_progress import progress as progress_of

if TYPE_CHECKING:
    from bugbundle.collect.options import Options
    from bugbundle.collect.run import Collection

PARTIAL = 3
SMALLEST = 100_000
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


class _Size(click.ParamType):  # type: ignore[type-arg]
    """Bytes: 500000, 20M, 20MB, 20MiB."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kKmMgG]?)(i?)[bB]?", str(value))
        if not found:
            self.fail(f"{value!a} is not a size such as 20M", param, ctx)
        base = 1024 if found[3] else 1000
        size = int(float(found[1]) * base ** " kmg".index(found[2].lower() or " "))
        if size < SMALLEST:
            self.fail("a bundle takes 100 kB at least", param, ctx)
        return size


class _Time(click.ParamType):  # type: ignore[type-arg]
    """A time in RFC 3339, as kubectl logs --since-time takes it; in UTC where it says nothing."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The same in UTC, with `Z`."""
        from datetime import UTC, datetime

        if not value:
            return ""
        try:
            when = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!a} is not a time such as 2026-11-20T18:03:11Z", param, ctx)
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


@click.command()
@click.option(
    "-o", "--output", help="The bundle to write (- for stdout); by default bugbundle-<cluster>-<UTC>.tar.zst, here."
)
@click.option("--kubeconfig", default="", help="The kubeconfig file.")
@click.option("--context", "contexts", multiple=True, help="The context in it; repeat for a bundle of each.")
@click.option("-n", "--namespace", "namespaces", multiple=True, help="Only this namespace (repeat for more).")
@click.option("-i", "--istio-namespace", default="istio-system", show_default=True, help="Where istiod runs.")
@click.option("-l", "--selector", default="", help="Only proxies of pods with these labels: app=reviews,version!=v1.")
@click.option("--proxy", "proxies", multiple=True, metavar="POD.NS", help="Only this proxy (repeat for more).")
@click.option("--revision", default="", help="Only istiods and proxies of this revision.")
@click.option(
    "--include",
    multiple=True,
    metavar="SPEC",
    help="Only these pods and containers, as istioctl bug-report "
    "has it: ns1,ns2/deployment/pod/label=value/annotation=value/container.",
)
@click.option(
    "--exclude", multiple=True, metavar="SPEC", help="None of these pods and containers, in the same grammar."
)
@click.option(
    "--include-entry", multiple=True, metavar="GLOB", help="Entries to record besides, e.g. 'k8s/apis/argoproj.io/*'."
)
@click.option(
    "--exclude-entry", multiple=True, metavar="GLOB", help="Entries to leave out, e.g. 'k8s/api/v1/secrets.json'."
)
@click.option(
    "--profile",
    default="standard",
    show_default=True,
    type=click.Choice(["minimal", "standard", "full"]),
    help="How much: what analyze needs most; what is worth having; every list and every log.",
)
@click.option("--since", type=_Span(), help="Only newer lines of logs: 30m, 2h.")
@click.option("--since-time", default="", type=_Time(), help="Only lines of logs from this time on.")
@click.option("--until-time", default="", type=_Time(), help="Only lines of logs up to this time.")
@click.option(
    "--tail", type=int, help="Lines of each log, -1 for all. By default all of a small mesh, 5000 of a large."
)
@click.option("--previous/--no-previous", default=True, help="Logs of the container before a restart.")
@click.option("--no-logs", is_flag=True, help="No logs.")
@click.option(
    "--log-bytes", default=10 << 20, show_default=True, type=click.IntRange(1), help="Bytes kept of each log."
)
@click.option(
    "--max-size",
    type=_Size(),
    default=0,
    help="Of the file: 20M. What matters less is left out. By default as large as it gets.",
)
@click.option("--concurrency", default=16, show_default=True, type=click.IntRange(1, 64), help="Questions at a time.")
@click.option(
    "--qps", default=50.0, show_default=True, type=click.FloatRange(0.1), help="Questions per second at most."
)
@click.option("--timeout", default="60s", show_default=True, type=_Span(), help="For one question.")
@click.option("--budget", default="30m", show_default=True, type=_Span(), help="For all of it.")
@click.option("--shard", default="", metavar="I/N", help="The I-th (from 0) of N parts; bugbundle merge joins them.")
@click.option("--dry-run", is_flag=True, help="Print what would be asked, and the rights that it takes.")
@click.option(
    "--format", "form", default="text", type=click.Choice(["text", "json"]), help="Of --dry-run and the summary."
)
@click.option("--log-format", default="text", type=click.Choice(["text", "json"]), help="Of the progress, on stderr.")
def collect(output: str | None, kubeconfig: str, contexts: tuple[str, ...], dry_run: bool, form: str, log_format: str,
            **scope: Any) -> int:  # fmt: skip
    """Record the mesh of a cluster into a bundle, through the Kubernetes API alone.

    Reads only; Secrets lose their values before anything is written. Exit code 0 when all was answered, 3 when
    something is missing (the bundle says what), 1 when there is no bundle.
    """
    options = _options(**scope)
    if output and len(contexts) > 1:
        raise click.UsageError("--output names one file: leave it out with several --context")
    _free(output if output != "-" else None)
    codes = [_one(output, kubeconfig, context, options, dry_run, form, log_format) for context in contexts or ("",)]
    return max(codes)


def _one(
    output: str | None, kubeconfig: str, context: str, options: Options, dry_run: bool, form: str, log_format: str
) -> int:
    """One cluster."""
    from bugbundle.cli.collect_summary import as_dict, summary
    from bugbundle.collect.cluster import Access, connect
    from bugbundle.collect.run import Collection

    cluster = connect(Access(kubeconfig, context, options.concurrency))
    progress = progress_of(log_format)
    try:
        collection = Collection(cluster, options, progress, progress.note)
        progress.collection = collection
        plan = collection.plan()
        if dry_run:
            progress.end()
            return _show(collection, form)
        if plan.obstacle is not None:
            raise plan.obstacle
        for line in plan.text().partition("\n\n")[0].splitlines():
            progress.tell(line)
        with _target(output) as place:
            result = collection.write(place)
            progress.end()
            if output != "-":
                click.echo(_json(as_dict(result)) if form == "json" else f"{result.path}\n", nl=False)
            for line in summary(result):
                progress.tell(line)
    finally:
        progress.end()
    return PARTIAL if result.partial else 0


def _options(**scope: Any) -> Options:
    """What was asked for, in the collector's words."""
    from bugbundle.collect.options import Options
    from bugbundle.collect.scope import Selection, Spec
    from bugbundle.mesh.selectors import parse_selector

    include, exclude = ([Spec.parse(text) for text in scope[name]] for name in ("include", "exclude"))
    labels = parse_selector(scope["selector"]) if scope["selector"] else None
    selection = Selection(tuple(include), tuple(exclude), scope["proxies"], scope["revision"], labels)
    return Options(
        scope["namespaces"], scope["istio_namespace"], scope["include_entry"], scope["exclude_entry"],
        not scope["no_logs"], scope["previous"], int(scope["since"]) if scope["since"] else None, scope["tail"],
        scope["log_bytes"], scope["concurrency"], scope["timeout"], scope["budget"], scope["qps"], selection,
        scope["since_time"], scope["until_time"], scope["profile"],
        scope["max_size"], _shard(scope["shard"]),
    )  # fmt: skip


def _shard(text: str) -> tuple[int, int]:
    if not text:
        return 0, 1
    found = re.fullmatch(r"(\d{1,5})/(\d{1,5})", text)
    if not found or int(found[1]) >= int(found[2]):
        raise click.BadParameter(f"{text!a} is not a part such as 0/4, 3/4", param_hint="--shard")
    return int(found[1]), int(found[2])


def _show(collection: Collection, form: str) -> int:
    """The plan, for --dry-run."""
    plan = collection.plan()
    click.echo(_json(plan.as_dict()) if form == "json" else plan.text(), nl=False)
    if plan.obstacle is not None:
        click.echo(f"Note: {plan.obstacle.text}", err=True)
    return 0


@contextmanager
def _target(output: str | None) -> Iterator[str]:
    """Where to write: a file, or one whose bytes go to stdout when it is whole."""
    import shutil
    import sys
    import tempfile
    from pathlib import Path

    if output != "-":
        yield output or ""
        return
    # A bundle's directory stands at its end, so that it is written before it is sent.
    with tempfile.TemporaryDirectory(prefix="bugbundle-") as folder:
        place = Path(folder) / "bundle.tar.zst"
        yield str(place)
        with place.open("rb") as made:
            shutil.copyfileobj(made, sys.stdout.buffer)
        sys.stdout.buffer.flush()


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
