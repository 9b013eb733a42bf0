"""Characters that went wrong on the way: mojibake, replacement and invisible characters."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.linting.examples import Example

_HIGH = (
    "\u0080-\u00bf\u20ac\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u017d"
)
_HIGH += "\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u017e\u0178"
"""What the bytes 0x80 to 0xBF look like in Windows' Western code page."""

_SEQUENCE = re.compile(
    f"[\u00c2-\u00df][{_HIGH}]|[\u00e0-\u00ef][{_HIGH}]{{2}}|[\u00f0-\u00f4][{_HIGH}]{{3}}"
)
_RUN = re.compile(f"(?:{_SEQUENCE.pattern})+")
LOST = "\ufffd"
UNSPACED = "\u0e00-\u109f\u1780-\u17ff\u1950-\u19ff"
"""Thai, Lao, Tibetan, Burmese, Khmer and Tai: a zero-width space parts their words."""

INVISIBLE = re.compile(
    f"(?<![{UNSPACED}])\u200b(?![{UNSPACED}])|\ufeff"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]|\x1b(?!\[)"
)
"""Zero-width spaces, byte order marks and control characters within a text; not a terminal's
colours, which begin with an escape and a bracket."""

_COMMON = re.compile("[\u00a0-\u00ff\u2010-\u2027\u2030-\u203a\u20ac\u2122]")
"""What a lone sequence may stand for; of other characters it takes two to be sure."""


_CLOSING = "\u00a0\u00ab\u00bb\u2018\u2019\u201c\u201d\u201e\u2026\u2013\u2014\u2039\u203a\u2122"
"""What may follow a word: quotation marks, dashes, dots, and the space before them."""

_WORD_END = re.compile(f"[\u00c3-\u00f4][{_CLOSING}]{{1,3}}")
_AFTER_ANY = "\u00df\u00d7"
"""Letters (and the sign of times) that stand after small letters and figures, too."""


def find_wrong_characters(example: Example) -> str | None:
    """What is wrong with the characters of an example."""
    text = example.text
    if text.isascii() and INVISIBLE.search(text) is None:
        return None
    found = [f"{piece!r} for {repaired!r}" for piece, repaired in mojibake_in(text)][:2]
    if LOST in text:
        at = text.index(LOST)
        found.append(f"lost characters in {text[max(0, at - 20) : at + 20]!r}")
    invisible = INVISIBLE.search(text)
    if invisible is not None:
        found.append(f"the invisible character U+{ord(invisible.group()):04X}")
    return "; ".join(found) or None


def mojibake_in(text: str) -> Iterator[tuple[str, str]]:
    """Each run that is UTF-8 read as Windows' Western code page, and what it was meant to be."""
    runs = [
        (run.group(), meant(run.group()))
        for run in _RUN.finditer(text)
        if not _is_word_end(text, run.start(), run.end())
    ]
    meanings = "".join(repaired for _, repaired in runs if repaired)
    for run, repaired in runs:
        if repaired and (len(meanings) > 1 or _COMMON.fullmatch(repaired)):
            yield run, repaired


def _is_word_end(text: str, start: int, end: int) -> bool:
    """Is a run a word's last letter and what follows it, as in "PERÚ»" or "Spaß“"?

    Sound text has such runs alone; of mojibake only Ã is like it, where no word ends.
    """
    run, before, after = text[start:end], text[start - 1 : start], text[end : end + 1]
    if _WORD_END.fullmatch(run) is None or after.isalpha():
        return False
    first = run[0]
    if first == "\u00c3":
        return before.isupper()
    return first in _AFTER_ANY or first.islower() == before.islower() or not before.isalpha()


def meant(run: str) -> str | None:
    """What a run was before it was read wrongly; None where it was nothing."""
    try:
        return b"".join(map(_byte, run)).decode("utf-8")
    except UnicodeError:
        return None


def _byte(character: str) -> bytes:
    """The byte behind a character; those that the code page leaves free stand for themselves."""
    try:
        return character.encode("cp1252")
    except UnicodeEncodeError:
        return character.encode("latin-1")


def repaired(text: str) -> str:
    """A text with its mojibake undone and its invisible characters gone; what is lost stays."""
    if text.isascii() and INVISIBLE.search(text) is None:
        return text
    sure = dict(mojibake_in(text))
    text = _RUN.sub(lambda run: sure.get(run.group(), run.group()), text)
    return INVISIBLE.sub("", text)
