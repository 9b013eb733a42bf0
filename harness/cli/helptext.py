"""What ``--help`` prints: the usage, what a command does, examples, and every option whole.

typer's own help keeps the line breaks of docstrings, cuts long names of options, and gives flags
a value; here paragraphs are joined before they are wrapped, and names are never cut.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from rich.cells import cell_len
from rich.console import Console, Group
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

NARROWEST, WIDEST = 40, 120
WIDEST_NAMES = 38
SHARE_OF_NAMES = 0.4
"""Names that take more of a panel's width stand on a line of their own."""

FRAME = 4  # columns of a panel's border and padding
STAND_INS = {
    "int": "N",
    "int range": "N",
    "float": "NUMBER",
    "float range": "NUMBER",
    "str": "TEXT",
    "path": "PATH",
}
"""What help calls a value that an option does not name itself."""

_TYPE = re.compile(r"(?:list\[)?<(?:list\[)?([^<>\]]+)\]?>\]?(?:\.\.\.)?")
_OPTION = re.compile(r"(?<!\S)--?[a-z][\w-]*")
_WORDS = re.compile(r"""(?:--?[a-z]\S*[ ]+(?!-))?(?:"[^"]*"|'[^']*'|\S)+""")
"""The words of a command; an option and its value are one."""

_NOTE = re.compile(r"\s{2,}(\(.*\))$")


class Row(NamedTuple):
    """A name and what it means."""

    name: str
    meaning: Text


def print_help(command: Any, ctx: Any) -> None:
    """Print the help of a command, or of the group of all commands."""
    console = Console(highlight=False)
    width = min(max(console.width, NARROWEST), WIDEST)
    console.print(Padding(Text(command.get_usage(ctx), style="bold"), (1, 1)), width=width)
    told = list(blocks(command.help or "", width - 2))
    console.print(Padding(Group(*told), (0, 1, 1, 1)), width=width)
    for title, rows in _panels(command, ctx):
        body = Group(*listed(rows, width - FRAME))
        console.print(Panel(body, title=title, title_align="left", border_style="dim"), width=width)


def _panels(command: Any, ctx: Any) -> Iterator[tuple[str, list[Row]]]:
    """Arguments, options and, of a group, its commands; none that is empty."""
    shown = [one for one in command.get_params(ctx) if one.get_help_record(ctx)]
    for title, kind in (("Arguments", "argument"), ("Options", "option")):
        rows = [_row(one, ctx) for one in shown if one.param_type_name == kind]
        if rows:
            yield title, rows
    names = command.list_commands(ctx) if hasattr(command, "list_commands") else ()
    if names:
        yield "Commands", [Row(name, Text(command.get_command(ctx, name).help)) for name in names]


def _row(parameter: Any, ctx: Any) -> Row:
    """A parameter: its names with the value it takes, if it takes one."""
    name, meaning = parameter.get_help_record(ctx)
    if parameter.param_type_name == "argument":
        name = _TYPE.sub("", name)
    name = _TYPE.sub(lambda found: STAND_INS.get(found[1].lower(), found[1]), name)
    own = parameter.help or ""
    told = Text.from_markup(" ".join(own.split()))
    more = _bounds_in_words(meaning.removeprefix(own).strip())
    if more:
        told.append(f" {more}" if own else more, style="dim")
    return Row(" ".join(name.split()), told)


def _bounds_in_words(text: str) -> str:
    between = re.sub(r"([\d.]+)<=x<=([\d.]+)", r"\1 to \2", text)
    return re.sub(r"x>=([\d.]+)", r"\1 or more", between)


# --- what a command does -------------------------------------------------------------


def blocks(text: str, width: int) -> Iterator[Text]:
    """The paragraphs of a docstring, wrapped, and its indented examples, one below the other."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    for number, (indented, together) in enumerate(groupby(paragraphs, _is_example)):
        if number:
            yield Text()
        if indented:
            yield from (line for one in together for line in example(one, width))
        else:
            yield from _spaced(_paragraph(one, width) for one in together)


def _is_example(paragraph: str) -> bool:
    return paragraph.startswith("  ")


def _spaced(paragraphs: Iterable[Text]) -> Iterator[Text]:
    for number, one in enumerate(paragraphs):
        if number:
            yield Text()
        yield one


def _paragraph(text: str, width: int) -> Text:
    return Text("\n").join(wrapped(Text.from_markup(" ".join(text.split())), width))


def example(text: str, width: int) -> Iterator[Text]:
    """A command to copy: where it is too long, it goes on behind a backslash."""
    for line in text.splitlines():
        note = _NOTE.search(line)
        if cell_len(line) <= width:
            yield _styled(line)
            continue
        yield from map(_styled, continued(line[: note.start()] if note else line, width))
        if note:
            said = wrapped(Text(note[1]), width - 6)
            yield from (Text(" " * 6 + part.plain, style="dim") for part in said)


def continued(command: str, width: int) -> list[str]:
    """A command over as many lines as it needs, each but the last with a backslash at its end."""
    parts = _WORDS.findall(command)
    lines = ["  " + parts[0]]
    for part in parts[1:]:
        longer = f"{lines[-1]} {part}"
        if cell_len(longer) <= width - 2:
            lines[-1] = longer
        else:
            lines.append("      " + part)
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]


# --- names and meanings --------------------------------------------------------------


def listed(rows: Sequence[Row], width: int) -> Iterator[Text]:
    """Names with their meanings beside them, or below a name that is too long."""
    most = min(WIDEST_NAMES, int(width * SHARE_OF_NAMES))
    column = max((n for row in rows if (n := cell_len(row.name)) <= most), default=most) + 2
    for row in rows:
        name, meaning = _styled(row.name), wrapped(row.meaning, width - column)
        if cell_len(row.name) <= most and meaning:
            name.append(" " * (column - cell_len(row.name))).append_text(meaning.pop(0))
        yield name
        yield from (Text(" " * column).append_text(line) for line in meaning)


def _styled(text: str) -> Text:
    found = Text(text)
    found.highlight_regex(_OPTION, "cyan")
    return found


def wrapped(text: Text, width: int) -> list[Text]:
    """Text in lines of at most ``width`` columns; a longer word is folded, never cut."""
    lines = list(text.wrap(Console(width=width), width, overflow="fold"))
    for line in lines:
        line.rstrip()
    return [line for line in lines if line.plain]
