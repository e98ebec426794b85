"""Write docs/rules.md (from the rules' docstrings) and docs/commands.md (from the commands' help).

`python -m tools.make_docs` writes, into `--into DIR` where told; `--check` writes nothing and fails where a page
is stale.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import click

from bugbundle.cli import SECTIONS, SHORT, cli
from bugbundle.report.cards import FAMILIES, as_markdown, family, sentence
from bugbundle.rules import Rule, all_rules

DOCS = Path(__file__).resolve().parent.parent / "docs"
HEAD = "<!-- Made by `make docs`: change the source, not this file. -->\n\n"
PREFIX = "experimental"
"""The word whose commands are those of other chapters."""


def rules_page() -> str:
    """Every rule: how to read a chapter, a table of all, the chapters."""
    found = all_rules()
    links = {rule.code: f"[{rule.code}](#{rule.code.lower()}-{rule.name})" for rule in found}
    intro = (
        f"# Rules\n\n{len(found)} checks. `bugbundle rules CODE` prints one of these chapters, `bugbundle analyze"
        " BUNDLE --rule CODE` runs one. Codes are never used again for something else.\n\n"
        "*Needs* is what a rule cannot judge without: where that is a gap, the rule is not evaluated, and the report"
        " says so. *Explains* are the codes of findings that are its consequences, where they concern the same"
        " object.\n\n"
    )
    chapters = re.sub(
        r"^- \*\*Explains:\*\* .*$",
        lambda line: re.sub(r"\w{2,3}\d+", lambda code: links.get(code[0], code[0]), line[0]),
        as_markdown(found),
        flags=re.M,
    )
    return HEAD + intro + "".join(_table(found, links)) + chapters


def _table(rules: list[Rule], links: dict[str, str]) -> Iterator[str]:
    """A table for each family."""
    order = [*FAMILIES]
    ordered = sorted(rules, key=lambda rule: (order.index(rule.code[:3]), rule.code))
    for name, group in groupby(ordered, key=lambda rule: family(rule.code)):
        yield f"**{name}**\n\n| code | level | fault |\n|---|---|---|\n"
        for rule in group:
            yield f"| {links[rule.code]} | {rule.level} | {sentence(rule.summary).replace('|', '&#124;')} |\n"
        yield "\n"


def commands_page() -> str:
    """The help of every command, in the order of `bugbundle --help`."""
    context = click.Context(
        cli, info_name="bugbundle", terminal_width=100, max_content_width=100, **cli.context_settings
    )
    parts = [HEAD, "# Commands\n\n", inspect.cleandoc(cli.help or ""), "\n"]
    for title, words in SECTIONS.items():
        parts.append(f"\n**{title}:** " + " · ".join(map(_link, sorted(words))) + "\n")
    for word in (word for words in SECTIONS.values() for word in sorted(words)):
        command = cli.get_command(context, word)
        assert command is not None
        parts.append(_command(command, context, word))
    for short, word in SHORT.items():
        parts.append(f"\n## bugbundle {short}\n\nShort for {_link(word)}.\n")
    return "".join(parts).rstrip() + "\n"


def _link(word: str) -> str:
    return f"[{word}](#bugbundle-{word})"


def _command(command: click.Command, parent: click.Context, word: str) -> str:
    """The chapter of a command, and those of the commands below it."""
    context = click.Context(command, info_name=word, parent=parent, terminal_width=100, max_content_width=100)
    level = "#" * (2 + context.command_path.count(" ") - 1)
    text = f"\n{level} {context.command_path}\n\n```\n{command.get_help(context).rstrip()}\n```\n"
    if not isinstance(command, click.Group):
        return text
    if word == PREFIX:
        return text + "\nSee " + ", ".join(map(_link, (name for name in command.list_commands(context)))) + ".\n"
    return text + "".join(
        _command(inner, context, name)
        for name in command.list_commands(context)
        if (inner := command.get_command(context, name)) is not None
    )


PAGES = {"rules.md": rules_page, "commands.md": commands_page}


def main(argv: list[str]) -> int:
    """0 where everything is written or up to date."""
    folder = Path(argv[argv.index("--into") + 1]) if "--into" in argv else DOCS
    stale = []
    for name, make in PAGES.items():
        target, text = folder / name, make()
        if target.is_file() and target.read_text("utf-8") == text:
            continue
        if "--check" in argv:
            stale.append(name)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8")
    if stale:
        print(f"stale: {', '.join(stale)}. Run `make docs`.", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
