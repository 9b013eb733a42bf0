"""Texts that Markdown shows as they are: names as code, sentences escaped, tables of both.

Nothing that a model or registry says becomes a link, a mention, a table cell or HTML.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.reports import wording

NAME_LIMIT = 80
SENTENCE_LIMIT = 600

_BREAK = "\u200b"
"""An invisible character that keeps a name from becoming a mention or a link."""

_PUNCTUATION = re.compile(r"([\\`*_\[\]|~])")
_LIST_START = re.compile(r"^(\d*)([-+=.)])")
_LINKS = re.compile(r"(@|#|://|www)")


def prose(text: str) -> str:
    """A sentence that Markdown shows as it is, on one line."""
    line = wording.shortened(" ".join(wording.printable(text).split()), SENTENCE_LIMIT)
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = _LINKS.sub(rf"\1{_BREAK}", _PUNCTUATION.sub(r"\\\1", line))
    return _LIST_START.sub(r"\1\\\2", line)


def code(text: str, limit: int = NAME_LIMIT) -> str:
    """A name or an answer as inline code, fit for a table cell."""
    line = wording.shortened(" ".join(wording.printable(text).split()), limit) or " "
    fence = longer_fence(line, 1)
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{space}{line}{space}{fence}".replace("|", "\\|")


def longer_fence(text: str, least: int) -> str:
    """More backticks than the text has in a row."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    return "`" * max(least, longest + 1)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells that are already Markdown."""
    lines = (header, ["---"] * len(header), *rows)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
