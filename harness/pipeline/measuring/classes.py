"""Evals whose samples have one of few labels: which ones they are, and which one an answer names.

Decided by the data alone. Answers are read as the journal streams by; of each only a byte is
held, so that a run's size does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.records import EvalSpec, Sample

MOST_CLASSES = 50
LONGEST_LABEL = 60
SAMPLES_A_CLASS = 3
"""Fewer samples for each label are answers that happen to be alike."""

SHORT = 2
"""Labels of so few characters are words of any sentence, so they have to open the answer."""

READ_UNTIL = 2_000
"""Characters of an answer in which a label is looked for."""

NO_LABEL = 255
"""The code of an answer that names no label, or several."""

UNACCEPTED = 254
"""The code of an answer that names the right label in a form that is marked wrong."""

_AROUND = " \t\r\n\"'`*_()[]{}<>“”‘’"
_AFTER = ".,;:!"


@dataclass(frozen=True, slots=True)
class Classes:
    """The labels of an eval, by name, and the place of each sample's among them.

    ``aliases`` are all accepted spellings in lower case, by the place of their label.
    """

    names: tuple[str, ...]
    aliases: Mapping[str, int]
    of_sample: Mapping[str, int] = field(compare=False)
    _opening: re.Pattern[str] = field(compare=False, repr=False)
    _inside: re.Pattern[str] = field(compare=False, repr=False)

    @classmethod
    def of(cls, spec: EvalSpec, samples: Iterable[Sample]) -> Classes | None:
        """The labels of an eval; None where it is no classification."""
        if spec.task == "open":
            return None
        names: dict[str, str] = {}
        firsts: dict[str, str] = {}
        further: set[tuple[str, str]] = set()
        for sample in samples:
            spellings = [ideal.strip() for ideal in sample.ideal]
            if not spellings or not _is_label(spellings[0]):
                return None
            first = spellings[0].casefold()
            names.setdefault(first, spellings[0])
            firsts[sample.id] = first
            further |= {(other.casefold(), first) for other in spellings[1:] if _is_label(other)}
            if max(len(names), len(further)) > MOST_CLASSES:
                return None
        if len(names) < 2 or len(firsts) < SAMPLES_A_CLASS * len(names):
            return None
        return cls._named(names, firsts, further)

    @classmethod
    def _named(
        cls, names: Mapping[str, str], firsts: Mapping[str, str], further: set[tuple[str, str]]
    ) -> Classes:
        keys = sorted(names, key=_natural)
        place = {key: at for at, key in enumerate(keys)}
        meant: dict[str, set[str]] = {}
        for other, first in further:
            meant.setdefault(other, set()).add(first)
        clear = {other: place[min(of)] for other, of in meant.items() if len(of) == 1}
        aliases = {**clear, **place}
        return cls(
            names=tuple(names[key] for key in keys),
            aliases=aliases,
            of_sample={sample_id: place[first] for sample_id, first in firsts.items()},
            _opening=_pattern(_opens(alias) for alias in _longest_first(aliases)),
            _inside=_pattern(
                rf"(?<!\w){re.escape(alias)}(?!\w)"
                for alias in _longest_first(aliases)
                if len(alias) > SHORT
            ),
        )

    def code(self, sample_id: str, text: str, mark: float) -> int | None:
        """What one answer to a sample counts as; None where the sample has no label."""
        own = self.of_sample.get(sample_id)
        if own is None or mark >= 1:
            return own
        found = self.read(text)
        if found is None:
            return NO_LABEL
        return UNACCEPTED if found == own else found

    def read(self, text: str) -> int | None:
        """The label that an answer is, opens with, or else names alone; case does not matter."""
        said = text[:READ_UNTIL].strip(_AROUND).casefold()
        exact = self.aliases.get(said.rstrip(_AFTER + _AROUND))
        if exact is not None:
            return exact
        if opening := self._opening.match(said):
            return self.aliases[opening.group()]
        named = {self.aliases[found.group()] for found in self._inside.finditer(said)}
        return named.pop() if len(named) == 1 else None


def _is_label(text: str) -> bool:
    """A word or a few, in one line; no object and no list."""
    return 0 < len(text) <= LONGEST_LABEL and "\n" not in text and text[0] not in "{["


def _natural(label: str) -> tuple[bool, float, str]:
    """Numbers in their order, then texts in theirs."""
    try:
        return False, float(label), label
    except ValueError:
        return True, 0.0, label


def _longest_first(aliases: Iterable[str]) -> list[str]:
    return sorted(aliases, key=len, reverse=True)


def _opens(alias: str) -> str:
    """'B) because' names B, 'A nice day' and '5.5' name neither A nor 5."""
    ends = r"(?=\s*(?:\Z|\n|[^\w\s](?!\w)))" if len(alias) <= SHORT else r"(?!\w)"
    return re.escape(alias) + ends


def _pattern(alternatives: Iterable[str]) -> re.Pattern[str]:
    """Any of these, or nothing where there are none."""
    return re.compile("|".join(alternatives) or r"(?!)")
