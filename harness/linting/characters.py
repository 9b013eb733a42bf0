"""Characters that went wrong on the way: mojibake, replacement and invisible characters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

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

_BEFORE_HYPHEN = "\u0080-\u00ac\u00ae-\u00c3\u00c5-\u00d5\u00d7-\u00db\u00dd\u00de"
"""Behind these a soft hyphen may be a byte of mojibake that is not sure."""

INVISIBLE = re.compile(
    f"(?<![{UNSPACED}])\u200b(?![{UNSPACED}])|\ufeff|(?<![{_BEFORE_HYPHEN}])\u00ad"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]|\x1b(?!\[)"
)
"""Zero-width spaces, byte order marks, soft hyphens and control characters within a text; not a
terminal's colours, which begin with an escape and a bracket."""

DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Marks that set the direction of what follows; the pairs end with U+202C and U+2069."""

_EMBEDDED, _ISOLATED = "\u202c", "\u2069"
_ENDS = dict.fromkeys("\u202a\u202b\u202d\u202e", _EMBEDDED) | dict.fromkeys(
    "\u2066\u2067\u2068", _ISOLATED
)
_DIRECTION_OR_LINE = re.compile(f"{DIRECTION.pattern}|\n")
RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
"""Letters of Hebrew, Arabic and others that run from right to left."""

_COMMON = re.compile("[\u00a0-\u00ff\u2010-\u2027\u2030-\u203a\u20ac\u2122]")
"""What a lone sequence may stand for; of other characters it takes two to be sure."""

_EMOJI = re.compile("[\U0001f000-\U0001faff]")
"""Another that a lone sequence may stand for: no text holds its four characters by chance."""

_SURE = re.compile(f"{_COMMON.pattern}|{_EMOJI.pattern}")

_HYPHENATED = re.compile("[\u00c4\u00d6\u00dc\u00df]\u00ad")
"""A letter that ends a syllable, and a soft hyphen; what they would stand for, nobody writes."""


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
    stray = stray_marks(text, holds_right_to_left(text))
    if invisible is not None or stray:
        sign = invisible.group() if invisible is not None else text[stray[0]]
        found.append(f"the invisible character U+{ord(sign):04X}")
    return "; ".join(found) or None


def holds_right_to_left(text: str) -> bool:
    """Has a text letters that run from right to left?"""
    return not text.isascii() and RIGHT_TO_LEFT.search(text) is not None


def stray_marks(text: str, right_to_left: bool) -> list[int]:
    """Where marks of direction stand that are of no use: all of them, or those without a partner.

    ``right_to_left`` says that there are letters which such marks are for. A pair ends in its line.
    """
    if text.isascii() or DIRECTION.search(text) is None:
        return []
    if not right_to_left:
        return [found.start() for found in DIRECTION.finditer(text)]
    stray: list[int] = []
    opened: dict[str, list[int]] = {_EMBEDDED: [], _ISOLATED: []}
    for found in _DIRECTION_OR_LINE.finditer(text):
        sign, at = found.group(), found.start()
        if sign == "\n":
            stray += _emptied(opened)
        elif sign in _ENDS:
            opened[_ENDS[sign]].append(at)
        elif opened[sign]:
            opened[sign].pop()
        else:
            stray.append(at)
    return sorted(stray + _emptied(opened))


def _emptied(opened: Mapping[str, list[int]]) -> list[int]:
    places = [at for kind in opened.values() for at in kind]
    for kind in opened.values():
        kind.clear()
    return places


def mojibake_in(text: str) -> Iterator[tuple[str, str]]:
    """Each run that is UTF-8 read as Windows' Western code page, and what it was meant to be."""
    runs = [
        (run.group(), meant(run.group()))
        for run in _RUN.finditer(text)
        if not _is_word_end(text, run.start(), run.end()) and not _HYPHENATED.fullmatch(run.group())
    ]
    meanings = "".join(repaired for _, repaired in runs if repaired)
    for run, repaired in runs:
        if repaired and (len(meanings) > 1 or _SURE.fullmatch(repaired)):
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


_SOUND = re.compile("[\u00c4-\u00d6\u00d8-\u00f6\u00f8-\u024f]")
"""Accented letters; without the two that mojibake leaves behind where a space was its second."""


def repaired(text: str, right_to_left: bool = False) -> str:
    """A text with its mojibake undone and its invisible characters gone; what is lost stays.

    Beside accented letters that are sound, mojibake may be quoted: it stays, for its author.
    ``right_to_left`` says that there are letters for marks of direction around it, if not in it.
    """
    if text.isascii() and INVISIBLE.search(text) is None:
        return text
    sure = dict(mojibake_in(text)) if _SOUND.search(_RUN.sub("", text)) is None else {}
    text = _RUN.sub(lambda run: sure.get(run.group(), run.group()), text)
    text = INVISIBLE.sub("", text)
    stray = frozenset(stray_marks(text, right_to_left or holds_right_to_left(text)))
    return "".join(c for at, c in enumerate(text) if at not in stray) if stray else text
