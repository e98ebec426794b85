"""`bugbundle reach BUNDLE [OTHER]`."""

from __future__ import annotations

import click

from bugbundle.cli.opening import GoCommand, open_mesh, say


@click.command(cls=GoCommand)
@click.argument("bundle")
@click.argument("other", required=False, type=click.Path(), metavar="[LATER]")
@click.option("--from", "source", default="", metavar="NS", help="Workloads of this namespace only.")
@click.option("--to", "goal", default="", metavar="NS", help="Services of this namespace only.")
@click.option("--format", "-o", "form", type=click.Choice(["text", "json"]), default="text")
def reach(bundle: str, other: str | None, source: str, goal: str, form: str) -> None:
    """Who can call whom on which port, and why not: mTLS, policies, routes and NetworkPolicies together.

    Each workload asks each Service; workloads with equal answers stand together. With a LATER bundle: which flows
    worked before and do not now, and which work only now, with one example each and what made the difference.
    """
    from bugbundle.codec import encode, reindent
    from bugbundle.trace import differences
    from bugbundle.trace import reach as ask
    from bugbundle.views import reach as view

    found = ask(open_mesh(bundle), source, goal)
    if other is None:
        as_json = form == "json"
        say(reindent(encode(found.as_dict()), 2).decode() + "\n" if as_json else view.text(found))
        return
    changed = differences(found, ask(open_mesh(other), source, goal))
    if form == "json":
        say(reindent(encode({"format": 1, "changes": [one.as_dict() for one in changed]}), 2).decode() + "\n")
        return
    say(view.changes(changed))
