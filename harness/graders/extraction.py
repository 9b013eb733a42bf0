"""Marks for extraction: the fields of a JSON object, each right, wrong, missing or made up."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness.graders.structured import NotJson, parsed
from harness.records import Completion, Sample, Score

MAX_STARTS = 1_000
"""How many opening braces a lenient search tries before it gives up."""


@dataclass(frozen=True)
class Extraction:
    """All fields of the completion's JSON object are those of an expected object.

    ``fields`` are the ones that count; without any, all keys of the ideal do, and a further
    key in the completion is an error unless ``allow_extra``. null is the same as an absent
    field. ``lenient`` takes the first JSON object anywhere in the text. Of several ideals
    the one with the most right fields counts.

    Details: ``parsed`` (0 or 1); ``tp``, ``fp``, ``fn`` (fields: right; made up or wrong;
    missing or wrong), from which ``field_scores`` makes precision and recall over samples;
    ``field:<name>`` (0 or 1).
    """

    fields: tuple[str, ...] = ()
    ignore_case: bool = False
    lenient: bool = False
    allow_extra: bool = False
    needs_ideal: ClassVar[bool] = True

    async def grade(self, sample: Sample, completion: Completion) -> Score:
        """1 when every field is right; the label is the parsed object as JSON."""
        try:
            ideals = [_object(parsed(ideal)) for ideal in sample.ideal]
        except NotJson as error:
            return Score(value=None, reason=f"an 'ideal' of this sample is no JSON object: {error}")
        if not ideals:
            return Score(value=None, reason="this sample has no 'ideal'")
        try:
            answer = self._answer(completion.text)
        except NotJson as error:
            return self._tally({}, ideals[0]).unreadable(f"no JSON object: {error}")
        tallies = [self._tally(answer, ideal) for ideal in ideals]
        return max(tallies, key=lambda t: (t.exact, t.tp)).score(label=_text(answer))

    def _answer(self, text: str) -> dict[str, Any]:
        return first_object(text) if self.lenient else _object(parsed(text))

    def _tally(self, answer: Mapping[str, Any], ideal: Mapping[str, Any]) -> Tally:
        names = self.fields or tuple(ideal)
        right = {name: self._same(answer.get(name), ideal.get(name)) for name in names}
        extra = () if self.fields or self.allow_extra else answer.keys() - ideal.keys()
        extras = [name for name in extra if answer[name] is not None]
        given = sum(answer.get(name) is not None for name in names)
        wanted = sum(ideal.get(name) is not None for name in names)
        tp = sum(ok and ideal.get(name) is not None for name, ok in right.items())
        return Tally(right, tp, fp=given - tp + len(extras), fn=wanted - tp)

    def _same(self, answer: Any, ideal: Any) -> bool:
        try:
            return same(answer, ideal, self.ignore_case)
        except RecursionError:
            return False


@dataclass(frozen=True)
class Tally:
    """The fields of one answer held against one ideal."""

    right: Mapping[str, bool]
    tp: int
    fp: int
    fn: int

    @property
    def exact(self) -> bool:
        """Nothing is wrong, missing or made up."""
        return self.fp == 0 and self.fn == 0

    def score(self, label: str) -> Score:
        """The mark of an answer that parsed."""
        return Score(float(self.exact), label, self._fault(), self._details(parsed=True))

    def unreadable(self, reason: str) -> Score:
        """The mark of an answer that did not parse: no field is right, not even an empty one."""
        return Score(0.0, reason=reason, details=self._details(parsed=False))

    def _details(self, parsed: bool) -> dict[str, float]:
        counts = {"parsed": float(parsed), "tp": self.tp, "fp": self.fp, "fn": self.fn}
        fields = {f"field:{name}": float(ok and parsed) for name, ok in self.right.items()}
        return {**counts, **fields}

    def _fault(self) -> str | None:
        wrong = [name for name, ok in self.right.items() if not ok]
        if wrong:
            return f"wrong: {', '.join(wrong)}"
        return f"{self.fp} made-up fields" if self.fp else None


def same(answer: Any, ideal: Any, ignore_case: bool = False) -> bool:
    """The same JSON value: 1 is 1.0 but not true; lists keep their order."""
    if isinstance(answer, str) and isinstance(ideal, str):
        return answer.casefold() == ideal.casefold() if ignore_case else answer == ideal
    if isinstance(answer, dict) and isinstance(ideal, dict):
        return answer.keys() == ideal.keys() and all(
            same(answer[key], ideal[key], ignore_case) for key in ideal
        )
    if isinstance(answer, list) and isinstance(ideal, list):
        return len(answer) == len(ideal) and all(
            same(a, b, ignore_case) for a, b in zip(answer, ideal, strict=True)
        )
    return isinstance(answer, bool) == isinstance(ideal, bool) and bool(answer == ideal)


def first_object(text: str) -> dict[str, Any]:
    """The first JSON object in a text, whatever stands around it.

    Raises:
        NotJson: there is none.
    """
    decoder = json.JSONDecoder()
    start = text.find("{")
    for _ in range(MAX_STARTS):
        if start < 0:
            break
        try:
            return _object(decoder.raw_decode(text, start)[0])
        except (ValueError, RecursionError):
            start = text.find("{", start + 1)
    raise NotJson("none in the text")


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NotJson(f"found {type(value).__name__} in its place")
    return value


def _text(value: Any) -> str:
    """Compact JSON; escaped where a lone surrogate could not be written to a file."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isascii() or _is_unicode(text) else json.dumps(value)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


# --- over many samples ---------------------------------------------------------------


@dataclass(frozen=True)
class FieldScores:
    """Micro-averaged over all fields of all samples; None where nothing was there to count."""

    precision: float | None
    recall: float | None
    f1: float | None


def field_scores(details: Iterable[Mapping[str, float]]) -> FieldScores:
    """Precision, recall and F1 from the ``tp``, ``fp`` and ``fn`` of many Extraction scores."""
    tp = fp = fn = 0.0
    for one in details:
        tp, fp, fn = tp + one["tp"], fp + one["fp"], fn + one["fn"]
    return FieldScores(
        precision=_ratio(tp, tp + fp),
        recall=_ratio(tp, tp + fn),
        f1=_ratio(2 * tp, 2 * tp + fp + fn),
    )


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
