"""Does the prompt hold what the answer says? Numbers, names, and the fields of JSON answers."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*(?!\w)")
NAME = re.compile(r"(?<=[a-z,;:] )[A-Z][a-z]{2,}(?: [A-Z][a-z]{2,})*")
"""Capitals in the middle of a sentence."""

GERMAN = re.compile(
    r"\b(?:der|das|dem|und|ist|sind|nicht|eine?|einen|einem|einer|keine?|mit|für|auf|zum|zur|vom|nach"
    r"|wird|werden|wurde|haben|können|ich|wir|uns|kommt|gerne?|bitte|heute|Bitte|Vielen|Sie|Ihnen"
    r"|Ihre?|Ihren|Ihrem|Ihrer)\b|[äöüß]"
)
"""Of a language in which every noun has a capital."""

ENGLISH = re.compile(r"\b(?:the|is|are|and|of|to|you|your|with|for|not|we|it)\b")

COMPUTED = re.compile(r"=\s*[$€£]?(\d+(?:[.,]\d+)*)(?!\w)")
CODE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)

_ISO_DAY = re.compile(r"\d{4}-\d\d-(\d\d)(?!\d)")
_PLAIN_NUMBER = re.compile(r"-?\d[\d.,]*")
_WRITTEN = re.compile(r"\d{1,3}(?:[,.' ]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)?")

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)?")

_UNITS = (
    "zero no null kein keine zéro cero nul zero",
    "one a an single ein eine einen einem einer un une uno una een um uma",
    "two couple pair both zwei deux dos due twee dois duas",
    "three drei trois tres tre drie três",
    "four vier quatre cuatro quattro quatro",
    "five fünf cinq cinco cinque vijf",
    "six sechs seis sei zes",
    "seven sieben sept siete sette zeven sete",
    "eight acht huit ocho otto oito",
    "nine neun neuf nueve nove negen",
    "ten zehn dix diez dieci tien dez",
    "eleven elf onze once undici",
    "twelve dozen zwölf dutzend douze douzaine doce docena dodici dozzina twaalf dozijn doze dúzia",
    "thirteen dreizehn treize trece tredici dertien treze",
    "fourteen vierzehn quatorze catorce quattordici veertien",
    "fifteen fünfzehn quinze quince quindici vijftien",
    "sixteen sechzehn seize dieciséis sedici zestien dezesseis",
    "seventeen siebzehn diecisiete diciassette zeventien dezessete",
    "eighteen achtzehn dieciocho diciotto achttien dezoito",
    "nineteen neunzehn diecinueve diciannove negentien dezenove",
)
_TENS = (
    "twenty zwanzig vingt veinte venti twintig vinte",
    "thirty dreißig trente treinta trenta dertig trinta",
    "forty vierzig quarante cuarenta quaranta veertig quarenta",
    "fifty fünfzig cinquante cincuenta cinquanta vijftig cinquenta",
    "sixty sechzig soixante sesenta sessanta zestig sessenta",
    "seventy siebzig setenta settanta zeventig",
    "eighty achtzig ochenta ottanta tachtig oitenta",
    "ninety neunzig noventa novanta negentig",
)
NUMBER_WORDS = {
    **{str(number): frozenset(words.split()) for number, words in enumerate(_UNITS)},
    **{str(10 * tens): frozenset(words.split()) for tens, words in enumerate(_TENS, start=2)},
    **{
        str(10 * tens + unit): frozenset((f"{of_tens.split()[0]}-{of_units.split()[0]}",))
        for tens, of_tens in enumerate(_TENS, start=2)
        for unit, of_units in enumerate(_UNITS[1:10], start=1)
    },
}
"""Small numbers as English, German, French, Spanish, Italian, Dutch and Portuguese write them."""

MOST_CHARACTERS = 20_000


class Grounding(NamedTuple):
    """How many numbers and names an answer has, and how many of them its prompt lacks."""

    line: int
    stated: int
    absent: int
    example: str


@dataclass(slots=True)
class FieldSeen:
    """One field of JSON answers: how often its value stands in the prompt, and where not."""

    grounded: int = 0
    seen: int = 0
    lacking: array[int] = field(default_factory=lambda: array("q"))
    unsaid: list[str] = field(default_factory=list)

    @property
    def invented(self) -> list[tuple[int, str]]:
        """Lines and values that the prompt does not hold, without what fills a gap.

        What fills it says that nothing is told: it is a word for that, or nearly always the same
        and neither a name nor a number.
        """
        common = Counter(self.unsaid).most_common(1)
        enough = max(FEWEST_FILLED, FILLED * len(self.unsaid))
        usual = {value for value, n in common if n >= enough and is_plain_word(value)}
        pairs = zip(self.lacking, self.unsaid, strict=True)
        return [(n, value) for n, value in pairs if value not in usual and not is_fill(value)]


Fields = dict[str, FieldSeen]

FILLED, FEWEST_FILLED = 0.8, 5
FILLS = re.compile(
    r"\W*|n\W?[au]\W?|nil|none|null|unknown|unspecified|missing|not? .{1,24}|keine?r?s? .{1,24}"
    r"|nicht .{1,24}|unbekannt|inconnue?|desconocid[oa]|sconosciuto|onbekend|未知|无|なし",
    re.IGNORECASE,
)
"""What answers say where a prompt tells nothing."""

MOST_KEPT = 80
"""Characters of a value that no prompt holds."""


def is_fill(value: str) -> bool:
    """Does a value say that there is none?"""
    return FILLS.fullmatch(value.strip()) is not None


def is_plain_word(value: str) -> bool:
    """Is it in small letters throughout, as names and numbers are not?"""
    return value.islower() and not any(map(str.isdigit, value))


def grounding_of(given: str, answer: str, fields: Fields, line: int) -> Grounding | None:
    """What an answer states that its prompt may not hold; JSON answers go into ``fields``."""
    found = json_object(answer)
    if found is not None:
        _look_at_fields(given, found, fields, line)
        return None
    if _is_computed(given, answer):
        return None
    stated = _stated(answer[:MOST_CHARACTERS])
    if not stated:
        return None
    absent = [item for item in stated if item not in given]
    return Grounding(line, len(stated), len(absent), min(absent, default=""))


def _is_computed(given: str, answer: str) -> bool:
    """Is the answer a bare number, and does the prompt give several to reckon with?"""
    if NUMBER.fullmatch(answer.strip().removeprefix("-")) is None:
        return False
    return len(NUMBER.findall(given)) > 1


def _stated(answer: str) -> set[str]:
    """The numbers and names of an answer, without code and what it computes itself."""
    told = CODE.sub(" ", answer) if "```" in answer else answer
    stated = set(NUMBER.findall(told))
    if stated and "=" in told:
        stated -= set(COMPUTED.findall(told))
    names = set(NAME.findall(told))
    if names and len(GERMAN.findall(told)) > len(ENGLISH.findall(told)):
        return stated
    return stated | names


def json_object(text: str) -> Mapping[str, Any] | None:
    """The JSON object that a text is; None where it is none."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _look_at_fields(given: str, found: Mapping[str, Any], fields: Fields, line: int) -> None:
    folded = " ".join(given.casefold().split())
    for name, value in found.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
            continue
        seen = fields.setdefault(name, FieldSeen())
        seen.seen += 1
        if holds(folded, value):
            seen.grounded += 1
        else:
            seen.lacking.append(line)
            seen.unsaid.append(" ".join(str(value).split())[:MOST_KEPT])


def holds(folded: str, value: str | int | float) -> bool:
    """Does a text say a value, in whatever way it writes numbers and days?"""
    if " ".join(str(value).casefold().split()) in folded:
        return True
    written = value if isinstance(value, str) else f"{value:.12g}"
    return (
        _holds_day(folded, written)
        or _holds_number(folded, written)
        or _holds_number_word(folded, written)
    )


def _holds_number(folded: str, value: str) -> bool:
    """1234.5 is said by "1,234.50", "1.234,5" and "1 234.5"."""
    if _PLAIN_NUMBER.fullmatch(value) is None:
        return False
    bare = _bare_number(value.removeprefix("-"))
    return any(_bare_number(found) == bare for found in _WRITTEN.findall(folded))


def _holds_number_word(folded: str, value: str) -> bool:
    """3 is said by "three kettles", 1 by "a kettle"."""
    words = NUMBER_WORDS.get(value)
    return words is not None and not words.isdisjoint(_WORD.findall(folded))


def _bare_number(text: str) -> str:
    """The digits of a number without what parts thousands, and without noughts behind the point."""
    point = re.search(r"[.,](\d{1,2}|\d{4,})$", text)
    whole, behind = (text[: point.start()], point.group(1)) if point else (text, "")
    digits = re.sub(r"\D", "", whole).lstrip("0")
    return f"{digits}.{behind.rstrip('0')}"


def _holds_day(folded: str, value: str) -> bool:
    """2025-05-03 is said by "3 May": the day stands there as a number; months have many names."""
    day = _ISO_DAY.match(value)
    return day is not None and re.search(rf"(?<!\d)0?{int(day[1])}(?!\d)", folded) is not None
