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

_IN_WORDS = r"(?<=[^\W_])_+(?=[^\W_])"
"""Underscores within a word, as names have them: Markdown makes nothing of these."""

_PUNCTUATION = re.compile(rf"{_IN_WORDS}|([\\`*_\[\]|~])")
_START = re.compile(r"^(?:(\d+)(?=[.)](?:\s|$))|(?=[-+=](?:[\s=-]|$)))")
"""What would begin a list or underline a heading."""

_TAG = re.compile(r"<(?![\s\d=])")
"""What could begin a tag or an address; 'p < .001' does not."""

_QUOTE = re.compile(r"^>")
_ENTITY = re.compile(r"&(?=#|[A-Za-z]\w*;)")
_LINKS = re.compile(r"(@|#|://|www)")


def prose(text: str) -> str:
    """A sentence that Markdown shows as it is, on one line."""
    line = wording.shortened(" ".join(wording.printable(text).split()), SENTENCE_LIMIT)
    line = _QUOTE.sub("&gt;", _TAG.sub("&lt;", _ENTITY.sub("&amp;", line)))
    line = _PUNCTUATION.sub(lambda mark: f"\\{mark[1]}" if mark[1] else mark[0], line)
    return _START.sub(r"\1\\", _LINKS.sub(rf"\1{_BREAK}", line))


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
