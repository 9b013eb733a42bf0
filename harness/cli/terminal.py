"""What commands speak to: a terminal, a log or a pipe; how wide it is and what it can show.

Words of models, servers and files are strangers' words: they are shown without markup and without
control characters.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

PIPE_WIDTH = 100
"""Columns where there is no terminal and COLUMNS does not say."""

NARROWEST, WIDEST = 40, 120
HANGING = 2
"""Columns by which a line's further lines are indented more than its first."""

_UNITS = re.compile(r"harness [a-z]+(?:\s+[^\s;()]+)*|\S+")
"""What lines are broken between: words, and commands, which stay whole to be copied."""
DUMB = frozenset({"dumb", "unknown"})

PLAIN_SIGNS = str.maketrans(
    {
        "→": "->",
        "−": "-",
        "–": "-",
        "—": "-",
        "…": "...",
        "±": "+/-",
        "×": "x",
        "≥": ">=",
        "≤": "<=",
        "·": ".",
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "\u00a0": " ",
    }
)
"""Our own signs as ASCII has them; what others wrote keeps its letters where they can be shown."""


@dataclass(frozen=True, slots=True)
class Screen:
    """Where words are shown: its columns, in ASCII or not, in colour or not.

    Of a ``whole`` one, a log or a pipe, lines may be of any length: nothing is cut or wrapped.
    """

    stream: TextIO
    width: int = PIPE_WIDTH
    ascii: bool = False
    colour: bool = False
    whole: bool = False

    @classmethod
    def of(cls, stream: TextIO, environ: Mapping[str, str], *, plain: bool = False) -> Screen:
        """What a stream can show; ``plain`` asks for no more than any log can."""
        terminal = is_terminal(stream, environ)
        return cls(
            stream,
            _width(terminal, environ),
            ascii=plain or not _speaks_unicode(stream),
            colour=terminal and not plain and not environ.get("NO_COLOR"),
            whole=plain or not terminal,
        )

    @property
    def dots(self) -> str:
        """What stands for words that were left out."""
        return "..." if self.ascii else "…"

    def readable(self, text: str) -> str:
        """Text that this screen can show, whoever wrote it."""
        shown = plain(text)
        if not self.ascii:
            return shown
        encoding = getattr(self.stream, "encoding", None) or "ascii"
        return shown.translate(PLAIN_SIGNS).encode(encoding, "replace").decode(encoding)

    def clipped(self, text: str, width: int | None = None) -> str:
        """Text of at most ``width`` columns (the screen's, where unset), cut behind a word."""
        most = self.width if width is None else max(width, len(self.dots))
        shown = self.readable(text)
        if self.whole or cell_len(shown) <= most:
            return shown
        return _cut(shown, most - len(self.dots)).rstrip(" ,;:") + self.dots

    def padded(self, text: str, width: int) -> str:
        """Text of exactly ``width`` columns; where nothing is cut, it may be longer."""
        shown = self.clipped(text, width)
        return shown if cell_len(shown) > width else set_cell_size(shown, width)

    def wrapped(self, text: str, indent: int, most: int, spare: int = 0) -> list[str]:
        """At most so many indented lines that hold a text; the last one says if it goes on.

        They leave ``spare`` columns free, unless all of it is one line.
        """
        shown = " ".join(self.readable(text).split())
        if self.whole or indent + cell_len(shown) <= self.width:
            return [" " * indent + shown]
        room = max(self.width - indent - (spare if most > 1 else 0), NARROWEST // 2)
        lines = [""]
        for word in self.readable(text).split():
            longer = f"{lines[-1]} {word}".lstrip()
            if cell_len(longer) <= room or not lines[-1]:
                lines[-1] = longer
            else:
                lines.append(word)
        kept = lines[:most]
        if len(lines) > most:
            kept[-1] = f"{kept[-1]} {lines[most]}"
        return [" " * indent + self.clipped(line, room) for line in kept]

    def folded(self, line: Text) -> list[Text]:
        """A line over as many as it needs, the further ones indented; commands are not broken."""
        if self.whole or line.cell_len <= self.width:
            return [line]
        text = line.plain
        indent = len(text) - len(text.lstrip()) + HANGING
        breaks: list[int] = []
        for unit in _UNITS.finditer(text):
            start, room = (breaks[-1], self.width - indent) if breaks else (0, self.width)
            if cell_len(text[start : unit.end()]) > room and text[start : unit.start()].strip():
                breaks.append(unit.start())
        first, *further = line.divide(breaks)
        parts = [first, *(Text(" " * indent).append_text(part) for part in further)]
        for part in parts:
            part.rstrip()
        return parts

    def show(self, lines: Iterable[Text]) -> None:
        """Print lines as they are: nothing is wrapped or marked up."""
        console = self.console()
        for line in lines:
            console.print(line, soft_wrap=True)

    def console(self, width: int | None = None) -> Console:
        """For tables: a console as wide as the screen, or as told, that colours as it does."""
        return Console(
            file=self.stream,
            width=width or self.width,
            force_terminal=self.colour,
            color_system="auto" if self.colour else None,
            highlight=False,
        )


@dataclass(frozen=True, slots=True)
class Output:
    """How a command was asked to speak: to people, to a log (``plain``) or a pipe (``as_json``)."""

    plain: bool = False
    as_json: bool = False

    @property
    def screen(self) -> Screen:
        """Where words go: standard output, which JSON has for itself where it is asked for."""
        stream = sys.stderr if self.as_json else sys.stdout
        return Screen.of(stream, os.environ, plain=self.plain)

    @property
    def progress(self) -> Console:
        """Where progress goes: standard error."""
        return Console(stderr=True, highlight=False, force_terminal=None if self.redraws else False)

    @property
    def redraws(self) -> bool:
        """Can lines be drawn over, as progress bars are?"""
        return not self.plain and is_terminal(sys.stderr, os.environ)

    def tell(self, *texts: str) -> None:
        """Print lines that are to be copied: they are never cut."""
        screen = self.screen
        screen.show(Text(screen.readable(text)) for text in texts)


def _cut(text: str, width: int) -> str:
    """The beginning of a text: up to the last word that fits, if that is most of it."""
    fits = set_cell_size(text, width)
    words = fits if text[len(fits) : len(fits) + 1].isspace() else fits.rpartition(" ")[0]
    return words if cell_len(words) > width // 2 else fits


def is_terminal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Is there a terminal that understands more than lines?"""
    return stream.isatty() and environ.get("TERM", "") not in DUMB


def _width(terminal: bool, environ: Mapping[str, str]) -> int:
    """The columns to use; lines longer than ``WIDEST`` are hard to read."""
    told = environ.get("COLUMNS", "")
    if told.isdecimal() and int(told):
        columns = int(told)
    else:
        columns = shutil.get_terminal_size().columns if terminal else PIPE_WIDTH
    return min(max(columns, NARROWEST), WIDEST)


def _speaks_unicode(stream: TextIO) -> bool:
    encoding = getattr(stream, "encoding", None) or ""
    return encoding.lower().replace("-", "").startswith("utf")


def plain(text: str) -> str:
    """Text without control characters."""
    return "".join(c if c.isprintable() else " " for c in text)
