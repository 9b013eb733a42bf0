"""How models answer an open eval: how long, how often they refuse, how much is good and different.

Every open eval is told of in this way, whatever its grader.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import mean

from harness.analysis.refusals import is_refusal
from harness.graders import GOOD
from harness.pipeline.judging.details import compared_on
from harness.pipeline.measuring.measurement import Answers, pooled
from harness.pipeline.measuring.scores import difference, score
from harness.pipeline.measuring.track import Track
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

    def _of_references(self) -> Mapping[str, float]:
        """What is good and different of the references, which are all good; k of each prompt."""
        k = marked_answers(self.track.spec)
        held = {key: sample.ideal[:k] for key, sample in self.track.heldout.items()}
        marked = {key: [Marked(text, True, 1.0) for text in texts] for key, texts in held.items()}
        whole = all(len(found) == k for found in marked.values())
        return worth(marked, k).get(GOOD_AND_DIFFERENT, {}) if whole else {}

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
    words: dict[str, float] = {}
    refusals: dict[str, float] = {}
    marked: dict[str, list[Marked]] = {}
    for key in track.heldout:
        outcomes = [answers.outcome_at(place) for place in answers.places_of(key)]
        said = sorted((one for one in outcomes if one.completion), key=lambda one: one.repeat)
        if said:
            texts = [text_of(one) for one in said]
            words[key], refusals[key] = mean(map(word_count, texts)), mean(map(is_refusal, texts))
            marked[key] = [mark for one in said if (mark := mark_of(one))]
    tables = {WORDS: words, REFUSALS: refusals, **worth(marked, marked_answers(track.spec))}
    return {name: table for name, table in tables.items() if table}


def worth(marked: Mapping[str, list[Marked]], k: int) -> Tables:
    """What the answers to each prompt are worth together, where ``k`` of them are marked."""
    whole = {key: found for key, found in marked.items() if len(found) == k}
    if k < 2 or not whole:
        return {}
    from harness.analysis.diversity import per_prompt_good_and_different, per_prompt_utility

    texts = [[one.text for one in found] for found in whole.values()]
    good = [[one.is_good for one in found] for found in whole.values()]
    quality = [[one.value for one in found] for found in whole.values()]
    return {
        GOOD_AND_DIFFERENT: by_key(whole, per_prompt_good_and_different(texts, good)),
        UTILITY: by_key(whole, per_prompt_utility(texts, quality)),
    }


def by_key(keys: Iterable[str], values: Iterable[float]) -> dict[str, float]:
    """One value a sample."""
    return dict(zip(keys, map(float, values), strict=True))


def marked_answers(spec: EvalSpec) -> int:
    """How many answers to a prompt are marked: with fewer, more would look different."""
    quality = spec.args.get("quality") if spec.grader == "generation" else None
    judged = quality.get("judged") if isinstance(quality, Mapping) else None
    return min(spec.answers_per_prompt, judged or spec.answers_per_prompt)


def text_of(outcome: Outcome) -> str:
    """What was answered."""
    return outcome.completion.text if outcome.completion else ""


@dataclass(frozen=True, slots=True)
class Marked:
    """One answer, whether it is good, and its mark from 0 to 1."""

    text: str
    is_good: bool
    value: float


def mark_of(outcome: Outcome) -> Marked | None:
    """An answer with its mark; None without one from 0 to 1.

    An empty answer, whatever its grader says, is not good.
    """
    text = text_of(outcome)
    for one in outcome.scores.values():
        if one.value is None or not 0 <= one.value <= 1:
            return None
        is_good = one.details.get(GOOD, float(one.value >= GOOD_FROM)) == 1
        is_something = bool(text.strip())
        return Marked(text, is_good and is_something, one.value * is_something)
    return None


def word_count(text: str) -> int:
    """Words; in Chinese, Japanese and Thai characters. Punctuation alone is none."""
    if text.isascii():
        return len(text.split())
    from harness.analysis.diversity.tokens import tokenize

    return sum(any(map(str.isalnum, token)) for token in tokenize(text))
