"""From journal lines to what analysis reads: the answers of one model to one eval, by sample."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from harness.datasets import clusters
from harness.pipeline.measuring.accounts import Accounts
from harness.pipeline.measuring.answer_places import Places
from harness.pipeline.measuring.classes import Classes
from harness.records import Completion, Outcome, Sample, Usage
from harness.running.journal import Contents

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer that was not all right, and what the grader said about it."""

    text: str
    reason: str


Recall = Callable[[int], Outcome]
"""Reads an outcome again at the place where it stands."""

MOST_SHARED = 4096


@dataclass(slots=True)
class Answers:
    """All answers of one model to one eval: marks by sample id, in repeat order.

    Texts are not held but read again when asked for, so that a run's size does not matter:
    ``places`` says where each sample's answers stand, ``recall`` reads one.
    """

    eval: str
    model: str
    recall: Recall | None = None
    values: dict[str, tuple[float, ...]] = field(default_factory=dict)
    details: dict[str, list[Mapping[str, float]]] = field(default_factory=dict)
    """Of answers that have some."""
    places: Places = field(default_factory=Places)
    failures: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    failed_samples: set[str] = field(default_factory=set)
    unmarked: int = 0
    cut: list[tuple[str, int]] = field(default_factory=list)
    """(sample id, place) of answers that ended at the token limit."""
    total: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    latencies_s: array[float] = field(default_factory=lambda: array("d"))
    """Of answers that were not replayed."""
    accounts: Accounts = field(default_factory=Accounts)
    """What the answers took, failed ones and the judge's too."""
    classes: Classes | None = None
    """The labels that are looked for in the answers, where the eval is a classification."""
    said: dict[str, bytes] = field(default_factory=dict)
    """What each answer with a mark counts as, a byte each: the place of a label, or none."""
    _held: list[Outcome] = field(default_factory=list)
    _shared: dict[tuple[Any, ...], tuple[Any, ...]] = field(default_factory=dict)
    _first: dict[str, tuple[int, str]] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Take in one outcome, and hold it."""
        self._held.append(outcome)
        self.take(outcome, len(self._held) - 1)

    def take(self, outcome: Outcome, place: int) -> None:
        """Take in one outcome that can be recalled from its place; the first repeats first."""
        self.total += 1
        self.accounts.add(outcome)
        if outcome.failure is not None:
            self.failures[outcome.failure.kind] += 1
            self._note(outcome, outcome.failure.kind, outcome.failure.message)
            self.failed_samples.add(outcome.sample_id)
            return
        if outcome.completion is not None:
            self._take_completion(outcome.sample_id, outcome.completion, place)
        self._take_scores(outcome)
        if self.classes is not None and (codes := codes_of(outcome, self.classes)):
            self.said[outcome.sample_id] = self.said.get(outcome.sample_id, b"") + codes

    def _take_completion(self, sample_id: str, completion: Completion, place: int) -> None:
        self.places.add(sample_id, place)
        if completion.finish_reason == "length":
            self.cut.append((sample_id, place))
        if completion.latency_s and not completion.replayed:
            self.latencies_s.append(completion.latency_s)
        if completion.usage is not None:
            self.prompt_tokens += completion.usage.prompt_tokens
            self.completion_tokens += completion.usage.completion_tokens

    def _take_scores(self, outcome: Outcome) -> None:
        for score in outcome.scores.values():
            if score.value is None and not score.details:
                self.unmarked += 1
                self._note(outcome, "no_mark", score.reason or "the grader gave no mark")
            if score.details:
                self.details.setdefault(outcome.sample_id, []).append(score.details)
            if score.value is not None:
                row = (*self.values.get(outcome.sample_id, ()), score.value)
                self.values[outcome.sample_id] = self._one(row)

    def _note(self, outcome: Outcome, kind: str, message: str) -> None:
        """Keep the message of the first sample, whenever its answer came."""
        who = (outcome.repeat, outcome.sample_id)
        if kind not in self._first or who < self._first[kind]:
            self._first[kind] = who
            self.examples[kind] = message

    def _one(self, row: tuple[T, ...]) -> tuple[T, ...]:
        """An equal row that is there already: most samples have the marks of another."""
        known = self._shared.get(row)
        if known is None and len(self._shared) < MOST_SHARED:
            self._shared[row] = row
        return row if known is None else known

    def sort(self) -> None:
        """Bring samples into the order of their ids, in whatever order their answers came.

        Sums of the same numbers in another order differ in their last digit.
        """
        self.values = {key: self.values[key] for key in sorted(self.values)}
        self.details = {key: self.details[key] for key in sorted(self.details)}

    # --- read again ------------------------------------------------------------------

    @property
    def texts(self) -> Texts:
        """What was answered, by sample id, read whenever it is looked up."""
        return Texts(self)

    @property
    def usages(self) -> Usages:
        """The tokens of each answer by sample id, where the server said them; read likewise."""
        return Usages(self)

    def places_of(self, sample_id: str) -> tuple[int, ...]:
        """Where the answers to one sample stand, in repeat order."""
        return self.places.get(sample_id, ())

    def outcome_at(self, place: int) -> Outcome:
        """One outcome, read again."""
        return self._held[place] if self.recall is None else self.recall(place)

    def completions_of(self, sample_id: str) -> list[Completion]:
        """What was answered to one sample."""
        said = (self.outcome_at(place).completion for place in self.places_of(sample_id))
        return [completion for completion in said if completion is not None]

    def is_faulty(self, sample_id: str) -> bool:
        """Was any answer to this sample not all right?"""
        return any(value < 1 for value in self.values.get(sample_id, ()))

    def fault(self, sample_id: str) -> Fault:
        """The first answer to a sample that was not all right."""
        for outcome in map(self.outcome_at, self.places_of(sample_id)):
            for score in outcome.scores.values():
                if score.value is not None and score.value < 1:
                    text = outcome.completion.text if outcome.completion else ""
                    return Fault(text, score.reason or "")
        return Fault("", "")

    # --- numbers ---------------------------------------------------------------------

    @property
    def by_prompt(self) -> dict[str, float]:
        """One value a sample: the mean over its repeats. A mark that is no number is none."""
        means = (
            (key, row[0] if len(row) == 1 else sum(row) / len(row))
            for key, row in self.values.items()
        )
        return {key: value for key, value in means if math.isfinite(value)}

    @property
    def not_numbers(self) -> int:
        """How many marks are NaN or infinite."""
        return sum(not math.isfinite(value) for row in self.values.values() for value in row)

    @property
    def unmarked_share(self) -> float:
        """The share of answers that carry no mark, failures included."""
        return (self.unmarked + self.failures.total()) / self.total if self.total else 0.0

    def excluded(self, samples: Sequence[str] | Mapping[str, Sample]) -> int:
        """How many of the samples have no mark at all: no score or, where none has, no number."""
        marked: Mapping[str, object] = self.by_prompt or self.details
        return sum(1 for key in samples if key not in marked)

    def cut_short_share(self, samples: Mapping[str, Sample], grader: str) -> float:
        """The share of answers that the token limit cut before they could be right.

        A model that rambles reaches the limit too; that is its own fault. What counts depends
        on what the grader wants: of an answer that has to *be* the ideal, a cut that is right
        so far; of a free text, one shorter than the references; of any other, every cut.
        """
        cut = 0
        for sample_id, place in self.cut:
            completion = self.outcome_at(place).completion
            if completion is not None and sample_id in samples:
                cut += was_still_open(completion.text, samples[sample_id].ideal, grader)
        return cut / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True)
class _Read(Mapping[str, T]):
    """Something about the answers to each sample, read whenever it is looked up."""

    answers: Answers

    def __iter__(self) -> Iterator[str]:
        return iter(self.answers.places)

    def __len__(self) -> int:
        return len(self.answers.places)

    def __contains__(self, sample_id: object) -> bool:
        return sample_id in self.answers.places

    def _completions(self, sample_id: str) -> list[Completion]:
        if sample_id not in self.answers.places:
            raise KeyError(sample_id)
        return self.answers.completions_of(sample_id)


class Texts(_Read[list[str]]):
    """The texts of answers by sample id, in repeat order."""

    def __getitem__(self, sample_id: str) -> list[str]:
        return [completion.text for completion in self._completions(sample_id)]


class Usages(_Read[list[Usage]]):
    """The tokens of answers by sample id, in repeat order, without those that do not say."""

    def __getitem__(self, sample_id: str) -> list[Usage]:
        return [c.usage for c in self._completions(sample_id) if c.usage is not None]


IS_THE_IDEAL = frozenset({"match", "json_match", "json_validator", "extraction"})
FREE_TEXT = frozenset({"style", "generation"})


def was_still_open(text: str, ideals: Sequence[str], grader: str) -> bool:
    """Could an answer that was cut here have become right?"""
    if not ideals:
        return True
    if grader in IS_THE_IDEAL:
        return any(ideal.startswith(text.strip()) for ideal in ideals)
    return len(text) < max(map(len, ideals)) if grader in FREE_TEXT else True


def codes_of(outcome: Outcome, classes: Classes) -> bytes:
    """What an answer counts as, by its first mark; empty where it has no mark."""
    marks = (score.value for score in outcome.scores.values() if score.value is not None)
    mark = next(marks, None)
    if mark is None or outcome.completion is None:
        return b""
    code = classes.code(outcome.sample_id, outcome.completion.text, mark)
    return b"" if code is None else bytes((code,))


def answers_in(
    contents: Contents, classes: Mapping[str, Classes] | None = None
) -> dict[tuple[str, str], Answers]:
    """A journal's answers by (eval, model); their texts stay in the journal.

    ``classes`` are the labels of those evals that are classifications.
    """
    table: dict[tuple[str, str], Answers] = {}
    known = classes or {}
    for key in contents.offsets:
        answers = Answers(*key, recall=contents.outcome_at, classes=known.get(key[0]))
        table[key] = answers
        for offset, outcome in contents.placed(*key):
            answers.take(outcome, offset)
        answers.sort()
    return table


def answers_by_model(outcomes: Iterable[Outcome]) -> dict[tuple[str, str], Answers]:
    """Sort outcomes by (eval, model); these are held."""
    table: dict[tuple[str, str], Answers] = {}
    for outcome in sorted(outcomes, key=lambda outcome: outcome.repeat):
        key = (outcome.eval, outcome.model)
        table.setdefault(key, Answers(*key)).add(outcome)
    for answers in table.values():
        answers.sort()
    return table


def pooled(tables: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean over models (seeds) of each sample that all of them have a mark for."""
    if not tables:
        return {}
    shared = set(tables[0]).intersection(*tables[1:])
    return {key: sum(t[key] for t in tables) / len(tables) for key in tables[0] if key in shared}


def aligned(
    tuned: Mapping[str, float], base: Mapping[str, float]
) -> tuple[list[str], list[float], list[float]]:
    """The shared sample ids, and both models' values in that order."""
    keys = [key for key in tuned if key in base]
    return keys, [tuned[key] for key in keys], [base[key] for key in keys]


def clusters_of(
    keys: Sequence[str], samples: Mapping[str, Sample] | None
) -> list[tuple[str, bool]] | None:
    """The document of each sample, a sample without one standing for itself.

    None where no two samples share one: they are independent then.
    """
    documents = clusters(samples) if samples else {}
    named = [documents.get(key) for key in keys]
    if len(set(filter(None, named))) == sum(1 for name in named if name):
        return None
    return [(name, True) if name else (key, False) for key, name in zip(keys, named, strict=True)]
