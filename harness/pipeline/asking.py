"""The calls of a study: one by one, in batches, or in blocks until its gate is decided."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.errors import UsageError
from harness.models.base import Provider
from harness.openai_evals.terms import Terms
from harness.pipeline.finished.read_back import read_tracks
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.orders.alternatives import Aside
from harness.pipeline.orders.order import Order
from harness.pipeline.orders.services import Answering
from harness.pipeline.questions.bridging import Bridge
from harness.pipeline.questions.evaluation import Question, all_cases
from harness.pipeline.questions.looks import Look, asked_until_decided, note, schedule
from harness.records import Gate
from harness.running.journal import Journal
from harness.running.runner import Case, Observer, Tally, run_cases

if TYPE_CHECKING:
    from harness.running.distributed import Cluster, Seat


@dataclass(frozen=True, slots=True)
class Asking:
    """Which evals to ask of which models, by experiment, and who answers.

    ``asides`` are models that are only compared with, on what chooses the epochs.
    """

    order: Order
    questions: Mapping[str, Sequence[Question]]
    models: Mapping[str, Sequence[str]]
    answering: Answering
    bridge: Bridge
    asides: Mapping[str, Sequence[Aside]] = field(default_factory=dict)
    seat: Seat | None = None
    """How workers of a cluster connect, where it is them who ask."""

    @property
    def size(self) -> int:
        """How many answers are owed at the most."""
        candidates = sum(
            question.size * len(self.models[name])
            for name, group in self.questions.items()
            for question in group
        )
        return candidates + sum(question.heldout_size for question, _ in self._besides())

    def _besides(self) -> Iterator[tuple[Question, Aside]]:
        evals = {one.name: one.evals for one in self.order.study.experiments}
        for name, asides in self.asides.items():
            for question in self.questions[name]:
                if question.spec.name in evals[name]:
                    yield from ((question, aside) for aside in asides)

    def cases(self) -> Iterator[Case]:
        """Every request, experiment by experiment."""
        for name, group in self.questions.items():
            yield from all_cases(group, self.models[name])
        for question, aside in self._besides():
            yield from question.aside_cases(aside)

    async def run(self, journal: Journal, observer: Observer | None) -> Tally:
        """Ask for everything that the journal lacks; evals that run themselves come last.

        Raises:
            HarnessError: the run cannot go on; what was answered is in the journal.
        """
        async with self.answering.opened() as provider:
            tally = await self._ask(provider, journal, observer)
            kept, judge = self.answering.kept, self.answering.judge
            asked = kept.models(provider) if kept else provider
            await self.bridge.run(self._selves(), asked, judge, journal, observer, tally)
        if kept is not None:
            tally.from_cache = kept.hits
        return tally

    async def _ask(self, provider: Provider, journal: Journal, observer: Observer | None) -> Tally:
        limits, batching = self.order.limits, self.answering.batching
        if batching is not None:
            from harness.running.batching import run_batched

            return await run_batched(
                self.cases,
                batching,
                journal,
                limits=limits,
                observer=observer,
                before=self._before,
            )

        def ask(cases: Iterator[Case], shown: Observer | None) -> Awaitable[Tally]:
            return run_cases(
                cases, provider, journal, limits=limits, observer=shown, before=self._before
            )

        if self.seat is not None and self.order.cluster is not None:
            return await self._ask_spread(ask, self.seat, self.order.cluster, journal, observer)
        if self.order.looks is not None:
            return await self._ask_until_decided(ask, observer)
        return await ask(self.cases(), observer)

    async def _ask_spread(
        self,
        ask: Callable[[Iterator[Case], Observer | None], Awaitable[Tally]],
        seat: Seat,
        cluster: Cluster,
        journal: Journal,
        observer: Observer | None,
    ) -> Tally:
        """What the cache holds is answered here, the rest by the workers."""
        from harness.running.distributed import run_distributed

        kept, limits = self.answering.kept, self.order.limits
        known = Tally()
        if kept is not None:
            cases = (case for case in self.cases() if not case.parts and kept.holds(case.request))
            known = await ask(cases, observer)
        tally = await run_distributed(
            self.cases(), cluster, seat, journal, limits=limits, observer=observer
        )
        tally.answered += known.answered
        tally.skipped -= known.answered
        return tally

    @property
    def _before(self) -> Callable[[Provider], Provider] | None:
        """What stands before all asking: the cache."""
        return self.answering.kept.models if self.answering.kept else None

    async def _ask_until_decided(
        self,
        ask: Callable[[Iterator[Case], Observer | None], Awaitable[Tally]],
        observer: Observer | None,
    ) -> Tally:
        """Ask in blocks, until the policy's gate is decided."""
        folder, policy = RunFolder(self.order.out), self.order.study.policy
        if policy is None or self.order.looks is None:
            raise UsageError("early stopping needs a policy to decide by; name one: --policy")
        manifest = folder.read()

        def decide(look: Look) -> Gate:
            note(look, folder.path)
            from harness.pipeline.judging.gate_tracks import gate_tracks

            return gate_tracks(folder, read_tracks(folder, manifest), policy)

        asked = [question for group in self.questions.values() for question in group]
        looks = list(schedule(asked, self.order.looks, policy.alpha))
        groups = [(list(group), list(self.models[n])) for n, group in self.questions.items()]
        return await asked_until_decided(looks, groups, ask, decide, observer)

    def _selves(self) -> list[tuple[str, str]]:
        """The (eval, model) pairs that run themselves."""
        return [
            (question.spec.name, model)
            for name, group in self.questions.items()
            for question in group
            if question.runs_itself
            for model in self.models[name]
        ]


def terms_of(order: Order) -> Terms:
    """What evals that run themselves are given."""
    return Terms(
        limits=order.limits,
        max_samples=order.max_samples,
        seed=order.seed,
        endpoint=order.endpoint,
        command=order.command,
        created_by=order.created_by,
    )
