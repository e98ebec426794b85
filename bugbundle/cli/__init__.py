"""The command line: words in, exit code out. Knows click and the rooms below; must not know how anything is computed.

One file per command, loaded only when it is called: `COMMANDS` maps a word to `module:function`.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
from collections.abc import Iterator, Sequence

import click

from bugbundle import __version__
from bugbundle.cli.terminal import quoted
from bugbundle.errors import BugbundleError

RECORD = {
    "collect": ("bugbundle.cli.collect:collect", "A cluster's mesh to a bundle."),
    "convert": ("bugbundle.cli.convert:convert", "An unpacked folder, or another bundle, to a bundle."),
    "merge": ("bugbundle.cli.merge:merge", "The parts of one collection to one bundle."),
    "info": ("bugbundle.cli.info:info", "What is in a bundle, what is not, and is it whole."),
}
EXPLAIN = {
    "analyze": ("bugbundle.cli.analyze:analyze", "What is wrong: diagnoses, findings, what could not be seen."),
    "compare": ("bugbundle.cli.compare:compare", "What changed between two bundles, or over many, and what followed."),
    "symptoms": ("bugbundle.cli.symptoms:symptoms", "Everything that shows trouble, and what explains it."),
    "effect": ("bugbundle.cli.effect:effect", "Where an object acts, where it should and does not, and why."),
    "precheck": ("bugbundle.cli.precheck:precheck", "Whether Istio could be installed or upgraded here."),
    "trace": ("bugbundle.cli.trace:trace", "Where a request would go, and which object decided it."),
    "reach": ("bugbundle.cli.reach:reach", "Who can call whom on which port, and why not."),
    "report": ("bugbundle.cli.report:report", "The same and the whole mesh, as one HTML page."),
    "rules": ("bugbundle.cli.rules:rules", "The rules, and the documentation of each."),
}
MANY = {
    "fleet": ("bugbundle.cli.fleet:fleet", "Many bundles at once: who has this, since when, what is next to break."),
}
SERVE = {
    "replay": ("bugbundle.cli.replay:replay", "A read-only Kubernetes API for unmodified kubectl, istioctl, k9s."),
}
ISTIOCTL = {
    "admin": ("bugbundle.cli.admin:admin", "Logging scopes of istiod."),
    "authz": ("bugbundle.cli.authz:authz", "The AuthorizationPolicies in a proxy."),
    "check-inject": ("bugbundle.cli.check_inject:check_inject", "Whether a sidecar is injected, and why."),
    "describe": ("bugbundle.cli.describe:describe", "A pod or service, and the Istio objects that act on it."),
    "experimental": ("bugbundle.cli.experimental:experimental", "istioctl's prefix for the same words."),
    "injector": ("bugbundle.cli.injector:injector", "Injectors, namespaces, revisions."),
    "internal-debug": ("bugbundle.cli.internal_debug:internal_debug", "A debug page of istiod."),
    "proxy-config": ("bugbundle.cli.proxy_config:proxy_config", "What one proxy was configured with."),
    "proxy-status": ("bugbundle.cli.proxy_status:proxy_status", "Every proxy's sync; istiod against Envoy."),
    "remote-clusters": ("bugbundle.cli.remote_clusters:remote_clusters", "The clusters that each istiod watches."),
    "tag": ("bugbundle.cli.tag:tag", "Revision tags."),
    "version": ("bugbundle.cli.version:version", "Versions of istiod and of the proxies."),
    "waypoint": ("bugbundle.cli.waypoint:waypoint", "The waypoints of ambient."),
    "ztunnel-config": ("bugbundle.cli.ztunnel_config:ztunnel_config", "What a ztunnel was configured with."),
}
SECTIONS = {
    "Record": RECORD,
    "What is wrong, and why": EXPLAIN,
    "What istioctl would have answered": ISTIOCTL,
    "Many bundles": MANY,
    "For other tools": SERVE,
}
"""Heading of `--help` → word → (module:function, line of help): help itself loads no command."""

SHORT = {
    "des": "describe", "istiod": "admin", "pc": "proxy-config", "ps": "proxy-status", "x": "experimental",
    "zc": "ztunnel-config",
}  # fmt: skip
"""Short word → word, as istioctl has them."""

COMMANDS: dict[str, tuple[str, str]] = {word: row for rows in SECTIONS.values() for word, row in rows.items()}
COMMANDS |= {short: (COMMANDS[word][0], f"Short for {word}.") for short, word in SHORT.items()}
"""Every word that is understood."""


LASTING = frozenset({"collect", "convert", "fleet", "merge", "replay"})
"""The commands that work for long in little memory."""


@contextlib.contextmanager
def one_shot() -> Iterator[None]:
    """No cyclic garbage collection meanwhile: an answer is made of many small objects, all needed till the end."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


class LazyGroup(click.Group):
    """A group whose commands are imported when called."""

    def __init__(self, *args: object, lazy: dict[str, tuple[str, str]], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The words, sorted."""
        return sorted({*self.lazy, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in self.lazy:
            return super().get_command(ctx, cmd_name)
        module, _, name = self.lazy[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The lists in `--help`, without importing anything."""
        short = {word: f"{word}, {other}" for other, word in SHORT.items()}
        words = [word for word in sorted(self.lazy) if word not in SHORT]
        width = max(len(short.get(word, word)) for word in words)
        of = {word: heading for heading, rows in SECTIONS.items() for word in rows}
        for heading in (*SECTIONS, "Commands"):
            rows = [(short.get(w, w).ljust(width), self.lazy[w][1]) for w in words if of.get(w, "Commands") == heading]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bugbundle")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Record an Istio mesh into one file; answer from it, offline, and say what is wrong.

    BUNDLE is a bundle (.tar.zst) or an unpacked one. Exit codes: 0 fine, 1 error, 2 usage,
    3 partial collection, 79 findings at or above --failure-threshold.

    \b
    --identity FILE  opens encrypted bundles; every command takes it
    """
    if ctx.invoked_subcommand in LASTING:
        gc.enable()
    else:
        ctx.with_resource(one_shot())


def main(argv: Sequence[str] | None = None, known: object = None) -> int:
    """Run one command; expected errors become one line on stderr and their exit code.

    `known` holds meshes that are open already, by the path that the command line names (see `opening`).
    """
    words = list(argv) if argv is not None else sys.argv[1:]
    with quoted(live=words[:1] == ["collect"]):
        return _run(words, known)


def _with_identities(argv: list[str]) -> list[str]:
    """The words without `--identity FILE`, which every command understands; the keys in the files are used."""
    end = argv.index("--") if "--" in argv else len(argv)
    words, rest = iter(argv[:end]), argv[end:]
    kept: list[str] = []
    for word in words:
        name, equals, value = word.partition("=")
        if name != "--identity":
            kept.append(word)
            continue
        from bugbundle.bundle.sealed import use_identity

        file = value if equals else next(words, "")
        if not file:
            raise click.UsageError("Option '--identity' requires an argument.")
        use_identity(file)
    return [*kept, *rest]


def _run(argv: list[str], known: object) -> int:
    try:
        argv = _with_identities(argv)
        code = cli.main(args=argv, standalone_mode=False, obj=known)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.exceptions.Abort:
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BugbundleError as error:
        click.echo(f"Error: {error.text}", err=True)
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except MemoryError:
        click.echo("Error: out of memory. Give the bundle less to answer at once, or more memory", err=True)
        return 1


def entry_point() -> None:
    """The console script. Garbage is not collected at the end of a process that ends with its answer."""
    gc.disable()
    sys.exit(main())
