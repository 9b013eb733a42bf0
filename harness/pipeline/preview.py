"""What a run would take, before anything is sent: requests, tokens, cost. Nobody is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from harness.analysis.cost import TUNED, cost_usd, training_cost_usd
from harness.datasets import read_training
from harness.graders import Judge, is_judged, needs_judge
from harness.models.providers import Access
from harness.openai_evals.bridge_files import GRADER as BRIDGE
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.measuring.spending import Payers
from harness.pipeline.measuring.training_cost import (
    CHARACTERS_A_TOKEN,
    estimated_tokens,
    one_pass,
)
from harness.pipeline.orders.alternatives import Aside, prompt_asides
from harness.pipeline.orders.caching import Kept, kept_for
from harness.pipeline.orders.order import Order
from harness.pipeline.orders.parts import parts_of
from harness.pipeline.orders.selection import Notice, selected
from harness.pipeline.orders.services import NO_KEY, judge_for
from harness.pipeline.questions.evaluation import Question
from harness.pipeline.study import questions_of, specs_of
from harness.records import EvalSpec, Experiment, Messages, Request
from harness.registry import Registry
from harness.registry.prices import load_prices
from harness.reports.document import Spender
from harness.running.journal import latest
from harness.running.runner import Case

ASSUMED_ANSWER = 256
"""Tokens of an answer where nothing bounds it."""

Count = Callable[[Messages], int]
"""How many tokens messages have."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What one model, all tuned ones or a judge would take.

    ``kept`` of its ``requests`` are in the cache already, and cost nothing; the tokens are those
    of the others. ``models`` is more than 1 where models stand together that are not there yet.
    """

    role: Spender
    model: str
    requests: int = 0
    kept: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    models: int = 1


@dataclass(frozen=True, slots=True)
class TrainingCost:
    """What tuning would take: jobs, and the tokens that they train in all epochs."""

    jobs: int
    tokens: int
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run would take. ``settled`` answers are in its run folder already."""

    expected: tuple[Expected, ...]
    training: TrainingCost | None
    settled: int
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Sum:
    """Requests and their tokens, as they are counted."""

    requests: int = 0
    kept: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def expected(
        self, role: Spender, model: str, payers: Payers, *, models: int = 1, priced_as: str = ""
    ) -> Expected:
        """The sum for so many models, with its price."""
        prompt, completion = self.prompt_tokens * models, self.completion_tokens * models
        price = payers.price(role, priced_as or model)
        if self.requests == self.kept:
            cost: float | None = 0.0
        else:
            cost = None if price is None else cost_usd(price, prompt, completion)
        requests, kept = self.requests * models, self.kept * models
        return Expected(role, model, requests, kept, prompt, completion, cost, models)


def preview(order: Order, registry: Registry, access: Access, notice: Notice) -> Preview:
    """What ``run_study`` would take for this order.

    Raises:
        HarnessError: what would keep the run from beginning.
    """
    order = replace(order, study=selected(order.study, registry, notice))
    specs = specs_of(order, registry)
    kept = kept_for(order.study, access, order.judge_access, order.caching)
    judge = judge_for(_keyed_order(order), specs.values(), _keyed(access))
    tables = load_prices() if order.prices is None else order.prices
    with ExitStack() as stack:
        if kept is not None and kept.cache.is_there:
            stack.enter_context(kept.cache)
        foresight = _Foresight(
            Payers.of(order.study, tables), _counter(order), kept, _settled(order)
        )
        expected: list[Expected] = []
        for experiment in order.study.experiments:
            questions = questions_of(experiment, specs, order, judge)
            expected += foresight.experiment(order.study.base, experiment, questions, judge)
    training = _training(order, foresight.payers)
    notes = tuple(_notes(order, specs.values(), foresight))
    return Preview(_merged(expected), training, foresight.found, notes)


def _keyed(access: Access) -> Access:
    """A way to a server without its key: nothing goes there."""
    return replace(access, api_key=access.api_key or NO_KEY)


def _keyed_order(order: Order) -> Order:
    judge = order.judge_access
    return order if judge is None else replace(order, judge_access=_keyed(judge))


# --- counting ------------------------------------------------------------------------


@dataclass(eq=False)
class _Foresight:
    """Counts what would be asked; ``found`` are answers that the run folder holds."""

    payers: Payers
    count: Count
    kept: Kept | None
    settled: frozenset[int]
    counted: set[int] = field(default_factory=set)
    found: int = 0
    assumed: bool = False

    def experiment(
        self, base: str, experiment: Experiment, questions: Sequence[Question], judge: Judge | None
    ) -> Iterator[Expected]:
        """Every model of an experiment, those that are yet to be tuned, and the judge."""
        judging = _Sum()
        named = [base, *(c.model for c in experiment.tuned), *experiment.others]
        for model in dict.fromkeys(named):
            yield self._asked(questions, model, judging).expected("model", model, self.payers)
        chosen = [q for q in questions if q.spec.name in experiment.evals]
        for aside in prompt_asides(base, experiment):
            yield self._beside(chosen, aside, judging).expected("model", aside.model, self.payers)
        passes = sum(len(part.epochs) for part in parts_of(experiment))
        if passes:
            judged = _Sum()
            asked = self._beside(chosen, Aside(f"{experiment.name}, parts to be tuned"), judged)
            named_parts = f"{experiment.name}: {passes} models tuned on parts of the data"
            yield asked.expected(
                "model", named_parts, self.payers, models=passes, priced_as=TUNED + base
            )
            if judge is not None:
                yield judged.expected("judge", judge.model, self.payers, models=passes)
        if experiment.tuning is not None:
            models = len(experiment.tuning.epochs) * len(experiment.tuning.seeds)
            judged = _Sum()
            asked = self._asked(questions, f"{experiment.name}, to be tuned", judged)
            tuned = f"{experiment.name}: {models} tuned models"
            yield asked.expected("model", tuned, self.payers, models=models, priced_as=TUNED + base)
            if judge is not None:
                yield judged.expected("judge", judge.model, self.payers, models=models)
        if judge is not None:
            yield judging.expected("judge", judge.model, self.payers)

    def _asked(self, questions: Sequence[Question], model: str, judging: _Sum) -> _Sum:
        asked = _Sum()
        for question in questions:
            self._count(question, question.cases(model), asked, judging)
        return asked

    def _beside(self, questions: Sequence[Question], aside: Aside, judging: _Sum) -> _Sum:
        asked = _Sum()
        for question in questions:
            self._count(question, question.aside_cases(aside), asked, judging)
        return asked

    def _count(self, question: Question, cases: Iterable[Case], asked: _Sum, judging: _Sum) -> None:
        rubric = len(str(question.spec.args)) // CHARACTERS_A_TOKEN
        for case in cases:
            if self._is_settled(case):
                continue
            prompt_tokens = sum(self._add(one, asked) for one in _requests(case))
            if needs_judge(question.spec):
                self._add_judgement(judging, rubric + prompt_tokens, case)

    def _is_settled(self, case: Case) -> bool:
        """Whether nobody would be asked: it is in the run folder, or counted already."""
        answers = set(map(hash, case.answers()))
        self.found += len(answers & self.settled)
        missing = answers - self.settled - self.counted
        self.counted |= missing
        return not missing

    def _add(self, request: Request, asked: _Sum) -> int:
        """Count a request; the tokens of its prompt."""
        prompt_tokens = self.count(request.messages)
        asked.requests += 1
        if self.kept is not None and self.kept.holds(request):
            asked.kept += 1
            return prompt_tokens
        asked.prompt_tokens += prompt_tokens
        asked.completion_tokens += self._answer_tokens(request)
        return prompt_tokens

    def _answer_tokens(self, request: Request) -> int:
        limit = request.sampling.max_tokens
        self.assumed = self.assumed or limit is None
        return (ASSUMED_ANSWER if limit is None else limit) * request.sampling.n

    def _add_judgement(self, judging: _Sum, read: int, case: Case) -> None:
        """A judge reads its rubric, the prompt and an answer, once for each answer it is shown."""
        repeats = [repeat for _, _, _, repeat, _ in case.answers()]
        n = sum(is_judged(grader, r) for grader in case.graders.values() for r in repeats)
        judging.requests += n
        judging.prompt_tokens += (read + ASSUMED_ANSWER) * n
        judging.completion_tokens += ASSUMED_ANSWER * n
        self.assumed = True


def _requests(case: Case) -> tuple[Request, ...]:
    return (case.request,) if case.parts is None else case.parts


def _settled(order: Order) -> frozenset[int]:
    """The answers that the run folder holds and a resumed run would not ask for."""
    folder = RunFolder(order.out)
    if order.overwrite or not folder.journal.exists():
        return frozenset()
    return frozenset(
        hash((o.eval, o.model, o.sample_id, o.repeat, o.request_key))
        for o in latest(folder.journal)
        if o.failure is None or not order.retry_failed
    )


def _merged(expected: Iterable[Expected]) -> tuple[Expected, ...]:
    """One line for each model and judge: experiments share their base, and their judge."""
    lines: dict[tuple[Spender, str], Expected] = {}
    for one in expected:
        place = (one.role, one.model)
        first = lines.get(place)
        lines[place] = one if first is None else _sum(first, one)
    return tuple(line for line in lines.values() if line.requests)


def _sum(first: Expected, other: Expected) -> Expected:
    cost = None
    if first.cost_usd is not None and other.cost_usd is not None:
        cost = first.cost_usd + other.cost_usd
    return replace(
        first,
        requests=first.requests + other.requests,
        kept=first.kept + other.kept,
        prompt_tokens=first.prompt_tokens + other.prompt_tokens,
        completion_tokens=first.completion_tokens + other.completion_tokens,
        cost_usd=cost,
    )


# --- tokens --------------------------------------------------------------------------


def _counter(order: Order) -> Count:
    """How tokens are counted: by the embedded model's tokenizer, else by characters."""
    if order.study.provider == "embedded":
        from harness.embedded.checkpoint import load_base

        tokenizer, _ = load_base()
        return lambda messages: len(tokenizer.prompt(messages))
    return estimated_tokens


def _training(order: Order, payers: Payers) -> TrainingCost | None:
    """What tuning would take, where the server keeps every epoch's model: one job a seed."""
    jobs, tokens = 0, 0
    for experiment in order.study.experiments:
        tuning, data = experiment.tuning, experiment.training_data
        if tuning is None or data is None:
            continue
        a_pass = one_pass(read_training(data), order.study.provider)
        per_epoch = round(a_pass.tokens_per_epoch)
        parts = parts_of(experiment)
        jobs += len(tuning.seeds) + len(parts)
        tokens += per_epoch * max(tuning.epochs) * len(tuning.seeds)
        tokens += sum(per_epoch * max(part.epochs) // part.divisor for part in parts)
    if not jobs:
        return None
    price = payers.price("model", TUNED + order.study.base)
    cost = None if price is None else training_cost_usd(price, tokens, 1)
    return TrainingCost(jobs, tokens, cost)


def _notes(order: Order, specs: Iterable[EvalSpec], foresight: _Foresight) -> Iterator[str]:
    if foresight.count is estimated_tokens:
        yield f"tokens of prompts are estimated: {CHARACTERS_A_TOKEN} characters each"
    if foresight.assumed:
        yield f"answers without a limit are taken for {ASSUMED_ANSWER} tokens, others for theirs"
    else:
        yield "answers are taken for as long as they may be"
    selves = [spec.name for spec in specs if spec.grader == BRIDGE]
    if selves:
        yield f"what {', '.join(selves)} would ask cannot be foreseen: it asks by itself"
