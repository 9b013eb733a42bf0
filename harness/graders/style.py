"""Marks for open tasks: whether a text keeps the form that was asked for, not what it says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from harness.errors import RegistryError
from harness.messages import content_text
from harness.records import Completion, Sample, Score

TIMEOUT_S = 0.5
"""A pattern that takes longer on one text gives no mark; ordinary ones take microseconds."""

PLACEHOLDER = re.compile(r"(?<!\\[pPN])\{([A-Za-z_]\w*)\}")
"""``{topic}``, but not the braces of ``{2,3}``, ``\\p{L}`` or ``\\N{DASH}``."""


@dataclass(frozen=True)
class Style:
    """The completion keeps a form: a pattern, a length in words, words that it must not use.

    ``pattern`` is a regular expression that the stripped completion has to match as a whole;
    ``{field}`` in it stands for the sample's metadata field of that name, taken literally.
    ``prompt_pattern`` fills further fields from the last user message by its named groups,
    so that training prompts, which have no metadata, can be marked too. ``forbid`` lists
    texts that must not occur, whatever their case.
    """

    pattern: str = ""
    prompt_pattern: str = ""
    max_words: int | None = None
    min_words: int | None = None
    forbid: tuple[str, ...] = ()
    needs_ideal: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for name in ("pattern", "prompt_pattern"):
            if pattern := getattr(self, name):
                _compiled(PLACEHOLDER.sub("x", pattern), name)
        least, most = self.min_words or 0, self.max_words
        if least < 0 or (most is not None and most < least):
            raise RegistryError(f"max_words ({most}) is below min_words ({least}); correct them")

    async def grade(self, sample: Sample, completion: Completion) -> Score:
        """1 when everything is kept; the reason says what is not.

        No mark where the pattern needs a field that the sample has not, or takes too long.
        """
        text = completion.text.strip()
        try:
            faults = [*self._pattern_faults(text, sample), *self._word_faults(text)]
        except Unmarkable as error:
            return Score(value=None, reason=str(error))
        return Score(value=float(not faults), reason="; ".join(faults) or None)

    def _pattern_faults(self, text: str, sample: Sample) -> Iterator[str]:
        if self.pattern:
            fields = {**self._prompt_fields(sample), **sample.metadata}
            expression = _filled(self.pattern, fields)
            if not _matches(expression, text, whole=True):
                yield f"does not match {expression}"

    def _prompt_fields(self, sample: Sample) -> Mapping[str, str | None]:
        if not self.prompt_pattern:
            return {}
        found = _matches(self.prompt_pattern, _asked(sample), whole=False)
        return found.groupdict() if found else {}

    def _word_faults(self, text: str) -> Iterator[str]:
        words = len(text.split())
        if self.max_words is not None and words > self.max_words:
            yield f"{words} words, more than {self.max_words}"
        if self.min_words is not None and words < self.min_words:
            yield f"{words} words, fewer than {self.min_words}"
        folded = text.casefold()
        for forbidden in self.forbid:
            if forbidden.casefold() in folded:
                yield f"says {forbidden!r}"


class Unmarkable(Exception):
    """There can be no mark; the message says why."""


def _filled(pattern: str, fields: Mapping[str, Any]) -> str:
    """The pattern with every ``{field}`` replaced by that field's text, taken literally."""

    def literal(place: re.Match[str]) -> str:
        value = fields.get(place[1])
        if value is None:
            raise Unmarkable(f"the pattern needs '{place[1]}', which this sample does not have")
        return re.escape(str(value))

    return PLACEHOLDER.sub(literal, pattern)


def _matches(pattern: str, text: str, whole: bool) -> Any:
    expression = _compiled(pattern, "pattern")
    try:
        find = expression.fullmatch if whole else expression.search
        return find(text, timeout=TIMEOUT_S)
    except TimeoutError as error:
        raise Unmarkable(f"the pattern took more than {TIMEOUT_S} s on this text") from error


@lru_cache(maxsize=4096)  # compiling costs 0.2 ms; every model answers the same prompts
def _compiled(pattern: str, option: str) -> Any:
    import regex  # the standard library's `re` can hang on a text and has no timeout

    try:
        return regex.compile(pattern)
    except regex.error as error:
        raise RegistryError(f"{option}: not a regular expression ({error}): {pattern}") from error


def _asked(sample: Sample) -> str:
    contents = (m.get("content") for m in reversed(sample.messages) if m.get("role") == "user")
    return content_text(next(contents, ""))
