"""How models answer an open eval: how long, how often they refuse, how much is good and different.

Every open eval is told of in this way, whatever its grader.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import mean
from typing import cast

from harness.analysis.refusals import is_refusal
from harness.graders import GOOD
from harness.pipeline.details import compared_on
from harness.pipeline.judgement import difference, score
from harness.pipeline.measurement import Answers, pooled
from harness.pipeline.track import Track
from harness.records import Comparison, Estimate, EvalSpec, Finding, Outcome
from harness.reports.document import Panel, Point, Series, Unit

WORDS = "words"
REFUSALS = "refusal_share"
GOOD_AND_DIFFERENT = "good_and_different"
UTILITY = "utility"

GOOD_FROM = 0.5
"""The mark from which an answer is good, where its grader does not say."""

UNITS: Mapping[str, Unit] = {WORDS: "count"}

GOOD_TITLE = "Good and different answers"

TITLES: Mapping[str, tuple[str, Unit]] = {
    GOOD_AND_DIFFERENT: (GOOD_TITLE, "share"),
    WORDS: ("Length in words", "count"),
    REFUSALS: ("Refusals", "share"),
}

TAKEAWAYS: Mapping[str, str] = {
    GOOD_AND_DIFFERENT: "share of a prompt's answers; neither bad ones nor repeats count",
    WORDS: "longer answers look less diverse",
}

Tables = Mapping[str, Mapping[str, float]]
"""By metric: one value a sample, the mean over its answers or of them together."""


@dataclass(slots=True)
class Writing:
    """The answers of one open track. Every text is read once."""

    track: Track
    _tables: dict[str, Tables] = field(default_factory=dict)

    @classmethod
    def of(cls, track: Track) -> Writing | None:
        """None for tasks with one ideal answer."""
        return cls(track) if track.spec.task == "open" else None

    def tables(self, model: str) -> Tables:
        """One model's values by metric and sample."""
        if model not in self._tables:
            answers = self.track.of(model)
            self._tables[model] = tables_of(answers, self.track) if answers else {}
        return self._tables[model]

    def metrics_of(self, model: str) -> dict[str, Estimate]:
        """One model's numbers, each a mean over samples."""
        found = {name: score(t, self.track.heldout) for name, t in self.tables(model).items()}
        return {name: estimate for name, estimate in found.items() if estimate}

    def comparisons(self, model: str) -> Iterator[Comparison]:
        """A tuned model against the base in what is good and different, and in refusals."""
        for name in (GOOD_AND_DIFFERENT, REFUSALS):
            before, after = (self._table(one, name) for one in (self.track.base, model))
            is_told = name != REFUSALS or any(before.values()) or any(after.values())
            if is_told and (found := compared_on(self.track, model, name, before, after)):
                yield found

    def _table(self, model: str, name: str) -> Mapping[str, float]:
        return self.tables(model).get(name, {})

    # --- what reports show -----------------------------------------------------------

    def panels(self) -> tuple[Panel, ...]:
        """Each metric against epochs; refusals only where there are some."""
        return tuple(
            Panel(title, unit, tuple(self._series(name)), TAKEAWAYS.get(name, ""))
            for name, (title, unit) in TITLES.items()
            if self._is_shown(name)
        )

    def _is_shown(self, name: str) -> bool:
        tables = [self._table(model, name) for model in self.track.model_names]
        return any(map(any, (t.values() for t in tables))) if name == REFUSALS else any(tables)

    def _series(self, name: str) -> Iterator[Series]:
        points = (
            (epoch, score(self._after(epoch, name), self.track.heldout))
            for epoch in self.track.epochs
        )
        yield Series("tuned", "heldout", tuple(Point(e, found) for e, found in points if found))
        ends = (0.0, self.track.epochs[-1])
        if base := score(self._table(self.track.base, name), self.track.heldout):
            yield Series("base model", "base", tuple(Point(end, base) for end in ends))
        if name == GOOD_AND_DIFFERENT and (ideal := score(self._of_references())):
            yield Series("reference answers", "reference", tuple(Point(e, ideal) for e in ends))

    def _of_references(self) -> dict[str, float]:
        """What is good and different of the references, which are all good; k of each prompt."""
        from harness.analysis.diversity import good_and_different

        k = marked_answers(self.track.spec)
        texts = {key: sample.ideal[:k] for key, sample in self.track.heldout.items()}
        whole = all(len(found) == k for found in texts.values())
        return {key: good_and_different(t, [True] * k) for key, t in texts.items()} if whole else {}

    def _after(self, epochs: float, name: str) -> dict[str, float]:
        """One value a sample after so many epochs, the mean over seeds."""
        return pooled([dict(self._table(c.model, name)) for c in self.track.at(epochs)])

    def findings(self) -> Iterator[Finding]:
        """Where tuning clearly changed how often answers refuse, or how long they are."""
        for when, epochs, tables in self._states():
            yield from self._refusing(when, epochs, tables.get(REFUSALS, {}))
            if self.track.spec.answers_per_prompt < 2:  # else told with diversity
                yield from self._longer(when, epochs, tables.get(WORDS, {}))

    def _states(self) -> Iterator[tuple[str, float | None, Tables]]:
        for epochs in self.track.epochs:
            plural = "" if epochs == 1 else "s"
            tables = {name: self._after(epochs, name) for name in TITLES}
            yield f"after {epochs:g} epoch{plural}", epochs, tables
        for model in self.track.experiment.others:
            yield model, None, self.tables(model)

    def _refusing(
        self, when: str, epochs: float | None, table: Mapping[str, float]
    ) -> Iterator[Finding]:
        base = self._table(self.track.base, REFUSALS)
        if not any(table.values()) and not any(base.values()):
            return
        found = difference(table, base, self.track.heldout)
        if found is None or found[0].low <= 0 <= found[0].high:
            return
        delta, more = found[0], found[0].value > 0
        yield Finding(
            "over-refusal" if more else "fewer refusals",
            "warn" if more else "info",
            f"{when}: {mean(table.values()):.1%} of the answers refuse, "
            f"{'more' if more else 'fewer'} than the base model's {mean(base.values()):.1%} "
            f"({100 * delta.low:+.1f} to {100 * delta.high:+.1f} points)",
            {"epochs": epochs, "difference": delta.value, "low": delta.low, "high": delta.high},
        )

    def _longer(
        self, when: str, epochs: float | None, table: Mapping[str, float]
    ) -> Iterator[Finding]:
        found = difference(table, self._table(self.track.base, WORDS), self.track.heldout)
        if found is None or found[0].low <= 0 <= found[0].high:
            return
        delta = found[0]
        direction = "longer" if delta.value > 0 else "shorter"
        yield Finding(
            "answer length",
            "info",
            f"{when}: answers are {abs(delta.value):.1f} words {direction} than the base model's",
            {"epochs": epochs, "difference_words": delta.value},
        )


# --- one model's answers -------------------------------------------------------------


def tables_of(answers: Answers, track: Track) -> Tables:
    """Every metric of one model by sample; a sample without what it takes is not there."""
    tables: dict[str, dict[str, float]] = {}
    for key in track.heldout:
        outcomes = [answers.outcome_at(place) for place in answers.places_of(key)]
        said = sorted((one for one in outcomes if one.completion), key=lambda one: one.repeat)
        for name, value in values_of(said, marked_answers(track.spec)).items():
            tables.setdefault(name, {})[key] = value
    return tables


def values_of(outcomes: list[Outcome], k: int) -> dict[str, float]:
    """The metrics of the answers to one prompt, ``k`` of which are to be marked."""
    texts = [text_of(one) for one in outcomes]
    if not texts:
        return {}
    values = {WORDS: mean(map(word_count, texts)), REFUSALS: mean(map(is_refusal, texts))}
    marked = [(text_of(one), *mark) for one in outcomes if (mark := mark_of(one))]
    if k < 2 or len(marked) != k:
        return values
    from harness.analysis.diversity import good_and_different, utility

    shown, good, quality = ([row[i] for row in marked] for i in range(3))
    values[GOOD_AND_DIFFERENT] = good_and_different(
        cast("list[str]", shown), cast("list[bool]", good)
    )
    values[UTILITY] = utility(cast("list[str]", shown), cast("list[float]", quality))
    return values


def marked_answers(spec: EvalSpec) -> int:
    """How many answers to a prompt are marked: with fewer, more would look different."""
    quality = spec.args.get("quality") if spec.grader == "generation" else None
    judged = quality.get("judged") if isinstance(quality, Mapping) else None
    return min(spec.answers_per_prompt, judged or spec.answers_per_prompt)


def text_of(outcome: Outcome) -> str:
    """What was answered."""
    return outcome.completion.text if outcome.completion else ""


def mark_of(outcome: Outcome) -> tuple[bool, float] | None:
    """Whether an answer is good, and its mark; None without a mark from 0 to 1.

    An empty answer, whatever its grader says, is not good.
    """
    for one in outcome.scores.values():
        if one.value is None or not 0 <= one.value <= 1:
            return None
        is_good = one.details.get(GOOD, float(one.value >= GOOD_FROM)) == 1
        is_something = bool(text_of(outcome).strip())
        return is_good and is_something, one.value * is_something
    return None


def word_count(text: str) -> int:
    """Words; in Chinese, Japanese and Thai characters. Punctuation alone is none."""
    if text.isascii():
        return len(text.split())
    from harness.analysis.diversity.tokens import tokenize

    return sum(any(map(str.isalnum, token)) for token in tokenize(text))
