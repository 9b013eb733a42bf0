"""What a loop may take, what it took, and whether another round fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.analysis.cost import TUNED, PriceTable, Training, total
from harness.errors import UsageError
from harness.pipeline.finished.rounds import tokens_trained
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.looping.course import Course
from harness.pipeline.looping.next_step import Stop
from harness.pipeline.measuring.spending import Payers
from harness.records import Study
from harness.registry.prices import load_prices
from harness.reports.document import Document


@dataclass(frozen=True, slots=True)
class Terms:
    """Where a loop begins and what it may take.

    ``start`` None begins with the study's own epochs. ``max_cost`` is in US dollars and covers
    training and answers, ``max_tokens`` counts trained tokens; None has no bound.
    """

    start: int | None = None
    max_rounds: int = 4
    max_cost: float | None = None
    max_tokens: int | None = None


@dataclass(slots=True)
class Budget:
    """The purse of a loop; ``spent_usd`` has a sum for each round, None where no price is known."""

    terms: Terms
    study: Study
    prices: Sequence[PriceTable] | None
    spent_usd: list[float | None] = field(default_factory=list)

    def pay(self, folder: Path, document: Document) -> float | None:
        """Note what a round cost."""
        cost = round_cost(RunFolder(folder), document, self.prices)
        self.spent_usd.append(cost)
        return cost

    def left_for_answers(self, active: Sequence[Course]) -> float | None:
        """What the answers of the next round may cost; None has no bound.

        Raises:
            UsageError: nobody knows what training costs.
        """
        if self.terms.max_cost is None:
            return None
        training = total(self._training_usd(course.next_tokens) for course in active)
        spent = total(self.spent_usd)
        if training is None or spent is None:
            raise UsageError(
                f"--max-cost needs the price of training {self.study.base!r} (its 'ft:' "
                "entry with 'training'); name a file that has it with --prices, or bound tokens "
                "with --max-tokens"
            )
        return None if self._asks_for_free() else max(0.0, self.terms.max_cost - spent - training)

    def _asks_for_free(self) -> bool:
        """Whether nobody is paid for any answer, so that answers reach no bound."""
        payers = _payers(self.study, self.prices)
        weighed = [e.instead_of.model for e in self.study.experiments if e.instead_of]
        models = (self.study.base, _tuned_name(self.study), *weighed)
        asked = [payers.price("model", model) for model in models]
        if self.study.judge is not None:
            asked.append(payers.price("judge", self.study.judge.model))
        return all(price is not None and not price.prompt + price.completion for price in asked)

    def refuse_unaffordable(self, courses: Sequence[Course]) -> None:
        """Refuse a loop before anything of it is written down.

        Raises:
            UsageError: not even the first round fits, or nobody knows what training costs.
        """
        self.left_for_answers(courses)
        for course in courses:
            self.refusal(course, 1, 0)

    def refusal(self, course: Course, number: int, used_tokens: int) -> Stop | None:
        """Why the round of this number may not begin for an experiment, if so.

        Raises:
            UsageError: not even the first round fits.
        """
        if number > self.terms.max_rounds:
            most = self.terms.max_rounds
            rounds = "1 round was" if most == 1 else f"{most} rounds were"
            why = f"{rounds} the most (--max-rounds)"
            return course.out_of_budget(why, ("--max-rounds", f"{2 * most}"))
        return self._too_many_tokens(course, number, used_tokens) or self._too_dear(course, number)

    def _too_many_tokens(self, course: Course, number: int, used: int) -> Stop | None:
        tokens, most = course.next_tokens, self.terms.max_tokens
        if most is None or used + tokens <= most:
            return None
        if number == 1:
            raise UsageError(
                f"--max-tokens {most:,}: the first round alone trains about "
                f"{tokens:,} tokens ({course.epochs} epoch{'' if course.epochs == 1 else 's'}); "
                "raise it, or begin with fewer --epochs"
            )
        return course.out_of_budget(
            f"the next round would train about {tokens:,} tokens, "
            f"{max(0, most - used):,} are left of --max-tokens",
            ("--max-tokens", f"{max(2 * most, used + tokens)}"),
        )

    def _too_dear(self, course: Course, number: int) -> Stop | None:
        most = self.terms.max_cost
        cost, spent = self._training_usd(course.next_tokens), total(self.spent_usd)
        if most is None or cost is None or spent is None or spent + cost <= most:
            return None
        if number == 1:
            raise UsageError(
                f"--max-cost ${most:.2f}: training the first round alone costs "
                f"about ${cost:.2f}; raise it, or begin with fewer --epochs"
            )
        return course.out_of_budget(
            f"training the next round would cost about ${cost:.2f}, "
            f"${max(0.0, most - spent):.2f} are left of --max-cost",
            ("--max-cost", f"{max(2 * most, spent + cost):.2f}"),
        )

    def _training_usd(self, tokens: float) -> float | None:
        return _training_usd(self.study, tokens, self.prices)


def round_cost(
    folder: RunFolder, document: Document, prices: Sequence[PriceTable] | None
) -> float | None:
    """What a round cost: its training, and the answers that it did not take over.

    None where a price or the trained tokens are not known.
    """
    study = folder.read().study
    trained = [tokens_trained(folder, experiment.name) for experiment in study.experiments]
    training = [None if t is None else _training_usd(study, t, prices) for t in trained]
    answers = [s.cost_usd for s in document.performance.models] if document.performance else []
    return total([*training, *answers])


def _training_usd(study: Study, tokens: float, prices: Sequence[PriceTable] | None) -> float | None:
    price = _payers(study, prices).price("model", _tuned_name(study))
    return Training(tokens, price).cost_usd(1)


def _payers(study: Study, prices: Sequence[PriceTable] | None) -> Payers:
    return Payers.of(study, load_prices() if prices is None else prices)


def _tuned_name(study: Study) -> str:
    return TUNED + study.base.removeprefix(TUNED)
