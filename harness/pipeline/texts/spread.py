"""A large set of texts measured in portions by the workers of a cluster: the numbers of `look`.

This process knows where each text stands; what the texts say is read by the workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

import numpy as np

from harness.analysis.diversity.examples import Duplicate, least_varied_places, variety
from harness.analysis.diversity.portions import (
    Keys,
    Measured,
    Tally,
    Wanted,
    by_count,
    leaders,
    opening_of,
    phrase_leaders,
    phrases_among,
)
from harness.analysis.diversity.profile import Plan, Profile
from harness.analysis.diversity.repeats import Repeat, Scope
from harness.analysis.diversity.setvalues import SetValue, Shape
from harness.analysis.diversity.tokens import IntArray
from harness.errors import UsageError
from harness.pipeline.texts.diversity import FileReport, Looking, copies
from harness.pipeline.texts.places import first_of
from harness.pipeline.texts.portions import Find, Measure, MeasureSet, Portion, Texts
from harness.pipeline.texts.textset import Tell, TextSet, silent
from harness.running.portions import Crew

Result = TypeVar("Result")

PORTION = 20_000
"""Texts that a worker is given at a time, and holds in memory."""

FEWEST = 500
PORTIONS_EACH = 4
"""Of a small set, so that no worker waits long for another."""

MOST_HOLDERS = 400_000
"""Texts that this process holds to list what they have in common; of more, a sample."""


def look_spread(
    source: TextSet,
    looking: Looking,
    crew: Crew,
    training: Sequence[str] = (),
    tell: Tell = silent,
) -> FileReport:
    """What `look` finds, measured by the crew.

    Raises:
        UsageError: an unknown metric or tokenizer, a number that cannot be, or metrics of meaning.
    """
    if looking.embedder is not None:
        raise UsageError("--engine ray: meanings are measured here; leave out --embeddings")
    if looking.k is not None:
        source = first_of(source, looking.k)
    try:
        return _Look(source, looking, crew, tell).report(training)
    except ValueError as error:
        raise UsageError(str(error)) from error


@dataclass(frozen=True)
class _Look:
    source: TextSet
    looking: Looking
    crew: Crew
    tell: Tell
    notes: list[str] = field(default_factory=list)

    def report(self, training: Sequence[str]) -> FileReport:
        """Everything about the set."""
        looking, name = self.looking, self.source.name
        found = self._measured()
        profile = self._profile(found)
        self.tell(f"{name}: looking for what repeats")
        phrases = phrase_leaders([one.phrases for one in found], looking.top)
        openings = leaders([one.openings for one in found], looking.top, by_count)
        answers = leaders([one.answers for one in found], looking.top, by_count)
        found.clear()  # it is the most that this process holds
        return FileReport(
            source=self.source,
            profile=profile,
            repeats=self._phrases(phrases),
            openings=self._openings(openings),
            duplicates=self._duplicates(answers),
            worst=tuple(
                variety(place, self._answers(place), profile.by_prompt)
                for place in least_varied_places(self.shape.k, profile.by_prompt, looking.top)
            ),
            copies=copies(self.source, training, looking, self.tell) if training else None,
            notes=tuple(self.notes),
        )

    @cached_property
    def texts(self) -> Texts:
        return Texts(self.source.groups)

    @cached_property
    def shape(self) -> Shape:
        return Shape(self.texts.k)

    @cached_property
    def plan(self) -> Plan:
        return Plan.of(self.shape, self.looking.metrics)

    @cached_property
    def wanted(self) -> Wanted:
        cut, n = self.looking.tokenizer, self.looking.n
        return Wanted(self.plan.per_prompt, self.plan.across, cut, n)

    @cached_property
    def portions(self) -> list[Portion]:
        each = self.shape.texts // (PORTIONS_EACH * self.crew.cluster.workers)
        return list(self.texts.portions(min(PORTION, max(FEWEST, each))))

    def _measured(self) -> list[Measured]:
        """What each portion says, with its texts' numbers in the whole."""
        found: list[Measured] = []
        before = 0
        for one in self._done(Measure(self.wanted), "measured"):
            found.append(
                replace(
                    one,
                    phrases=one.phrases.moved(before),
                    openings=one.openings.moved(before),
                    answers=one.answers.moved(before),
                )
            )
            before += one.lengths.size
        return found

    def _done(self, work: Callable[[Portion], Result], what: str) -> Iterator[Result]:
        """What the crew makes of all portions, told as it comes."""
        done = 0
        results = self.crew.results(work, self.portions)
        for portion, result in zip(self.portions, results, strict=True):
            yield result
            done += sum(portion.k)
            self.tell(f"{self.source.name}: {done:,} of {self.shape.texts:,} texts {what}")

    def _profile(self, found: Sequence[Measured]) -> Profile:
        names = self.plan.per_prompt
        by_prompt = {name: np.concatenate([one.values[name] for one in found]) for name in names}
        lengths = np.concatenate([one.lengths for one in found]).astype(np.int64)
        seed, cut = self.looking.seed, self.looking.tokenizer
        return self.plan.profile(by_prompt, self._set_values(), lengths, cut, seed)

    def _set_values(self) -> dict[str, list[SetValue]]:
        """Each metric of each set of one answer a prompt."""
        if not self.plan.across:
            return {}
        work = MeasureSet(self.wanted, self.shape.has_closed_form)
        sets = [
            self.texts.portion(self.texts.firsts[prompts] + place, ())
            for place, prompts in enumerate(self.shape.sets)
        ]
        found = []
        for one in self.crew.results(work, sets):
            found.append(one)
            self.tell(f"{self.source.name}: {len(found)} of {len(sets)} sets across prompts")
        rows = zip(*found, strict=True)
        return {name: list(row) for name, row in zip(self.plan.across, rows, strict=True)}

    # --- lists ---

    def _answers(self, prompt: int) -> Sequence[str]:
        first = int(self.texts.firsts[prompt])
        return self.texts.at(np.arange(first, first + int(self.shape.k[prompt])))

    def _openings(self, found: Tally) -> tuple[Repeat, ...]:
        shown = found.at(np.arange(found.keys.size)[: max(0, self.looking.top)])
        texts = self.texts.at(shown.first.astype(np.int64))
        return tuple(
            opening_of(shown, place, text, self.shape, self.looking.tokenizer)
            for place, text in enumerate(texts)
        )

    def _duplicates(self, found: Tally) -> tuple[Duplicate, ...]:
        shown = found.at(np.arange(found.keys.size)[: max(0, self.looking.top)])
        counts = zip(shown.counts.tolist(), shown.holders.tolist(), strict=True)
        texts = self.texts.at(shown.first.astype(np.int64))
        return tuple(
            Duplicate(text, count, prompts)
            for text, (count, prompts) in zip(texts, counts, strict=True)
        )

    def _phrases(self, keys: Keys) -> tuple[Repeat, ...]:
        """The word sequences in most texts, counted in the texts that hold the leading ones."""
        if not keys.size:
            return ()
        found, before = [], 0
        for portion, texts in zip(
            self.portions, self._done(Find(self.wanted, keys), "searched"), strict=True
        ):
            found.append(texts + before)
            before += sum(portion.k)
        numbers = np.concatenate(found)
        prompts = np.searchsorted(np.cumsum(self.shape.k), numbers, side="right")
        numbers, scope = self._sampled(numbers, prompts)
        return phrases_among(self.texts.at(numbers), numbers, scope, self.wanted, self.looking.top)

    def _sampled(self, numbers: IntArray, prompts: IntArray) -> tuple[IntArray, Scope]:
        """The texts to list phrases of: all, or those of every so many prompts."""
        shape = self.shape
        step = -(-numbers.size // MOST_HOLDERS)
        if step > 1:
            self.notes.append(f"Word sequences are counted in the texts of 1 prompt of {step}.")
        kept = prompts % step == 0
        k = shape.k[::step]
        return numbers[kept], Scope(prompts[kept], k.size, int(k.sum()))
