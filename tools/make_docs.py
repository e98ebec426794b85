"""Write docs/rules.md (from the rules' docstrings) and docs/commands.md (from the commands' help).

`python -m tools.make_docs` writes, into `--into DIR` where told; `--check` writes nothing and fails where a page
is stale.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import click

from bugbundle.cli import COMMANDS, cli
from bugbundle.report.cards import as_markdown
from bugbundle.rules import all_rules

DOCS = Path(__file__).resolve().parent.parent / "docs"
HEAD = "<!-- Made by `make docs`: change the source, not this file. -->\n\n"


def rules_page() -> str:
    """Every rule."""
    found = all_rules()
    intro = (
        f"# Rules\n\n{len(found)} checks. `bugbundle rules CODE` prints one, `bugbundle analyze BUNDLE --rule CODE`"
        " runs one. Codes are never used again for something else.\n\n"
    )
    return HEAD + intro + as_markdown(found)


def commands_page() -> str:
    """The help of every command."""
    parts = [HEAD, "# Commands\n\n", inspect.cleandoc(cli.help or ""), "\n"]
    context = click.Context(cli, info_name="bugbundle")
    for word in sorted(COMMANDS):
        command = cli.get_command(context, word)
        if command is None:
            continue
        parts.append(_command(command, context, word))
    return "".join(parts).rstrip() + "\n"


def _command(command: click.Command, parent: click.Context, word: str) -> str:
    context = click.Context(command, info_name=word, parent=parent, terminal_width=100, max_content_width=100)
    title = context.command_path
    text = f"\n## {title}\n\n```\n{command.get_help(context).rstrip()}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                text += _command(inner, context, name)
    return text


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
