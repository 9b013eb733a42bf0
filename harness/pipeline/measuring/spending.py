"""What a run took: tokens, dollars and seconds, by model and eval; a judge's apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.analysis.cost import FREE, PriceTable, latency, price_of, total
from harness.models.providers import DUMMY
from harness.pipeline.measuring.accounts import Account, Accounts
from harness.pipeline.measuring.track import Track
from harness.pipeline.orders.names import eval_of
from harness.records import Price, Route, Study
from harness.reports.document import Performance, Spender, Spending

UNPAID = frozenset({"embedded", "recorded", DUMMY})
"""Providers that nobody pays."""


@dataclass(frozen=True, slots=True)
class Payers:
    """Who is paid what in a study. ``routes`` say which models stand behind other names."""

    prices: Sequence[PriceTable]
    provider: str
    judge: str | None = None
    judge_provider: str = "openai"
    routes: Mapping[str, Route] = field(default_factory=dict)

    @classmethod
    def of(cls, study: Study, prices: Sequence[PriceTable]) -> Payers:
        """The models of a study, and its judge if it names one."""
        routes = {route.name: route for route in study.routes}
        judge = study.judge
        if judge is None:
            return cls(prices, study.provider, routes=routes)
        return cls(prices, study.provider, judge.model, judge.provider, routes)

    def price(self, role: Spender, model: str) -> Price | None:
        """What a model's answers cost; None where no price is known."""
        provider = self.judge_provider if role == "judge" else self.provider
        if role == "model" and model in self.routes:
            provider, model = self.routes[model].provider, self.routes[model].model
        return FREE if provider in UNPAID else price_of(model, self.prices)


Place = tuple[Spender, str, str | None]
"""Who answered, under which name, to which eval (None: to all)."""


def performance(
    tracks: Iterable[Track], payers: Payers, first_answer_s: float | None = None
) -> Performance | None:
    """What a run took, by model, and by model and eval; None where nothing was answered."""
    by_eval = accounts_of(tracks, payers.judge)
    totals: dict[Place, Account] = {}
    for (role, model, _), account in by_eval.items():
        totals.setdefault((role, model, None), Account()).merge(account)
    if not totals:
        return None
    priced = {payers.price(role, model) for role, model, _ in totals}
    return Performance(
        models=tuple(_spending(place, account, payers) for place, account in totals.items()),
        evals=tuple(_spending(place, account, payers) for place, account in by_eval.items()),
        first_answer_s=first_answer_s,
        prices_as_of=tuple(sorted({price.as_of for price in priced if price and price.as_of})),
    )


def accounts_of(tracks: Iterable[Track], judge: str | None) -> dict[Place, Account]:
    """The accounts of all who answered something; training prompts and
    other prompts count with their eval."""
    tables = {id(table): table for track in tracks for table in track.answers.values()}
    found: dict[Place, Account] = {}
    for table in sorted(tables.values(), key=lambda table: (table.model, table.eval)):
        name = eval_of(table.eval)
        for place, account in _places(table.model, name, table.accounts, judge).items():
            if account.answers:
                found.setdefault(place, Account()).merge(account)
    return found


def _places(
    model: str, eval_name: str, accounts: Accounts, judge: str | None
) -> Mapping[Place, Account]:
    return {
        ("model", model, eval_name): accounts.own,
        ("judge", judge or "judge", eval_name): accounts.judge,
    }


def _spending(place: Place, account: Account, payers: Payers) -> Spending:
    role, model, eval_name = place
    price = payers.price(role, model)
    return Spending(
        role=role,
        model=model,
        eval=eval_name,
        answers=account.answers,
        replayed=account.replayed,
        prompt_tokens=account.prompt_tokens,
        completion_tokens=account.completion_tokens,
        cost_usd=account.paid_usd(price),
        saved_usd=account.saved_usd(price),
        latency=latency(round(s, 6) for s in account.latencies_s),  # held in single precision
    )


def whole_cost_usd(tracks: Iterable[Track], payers: Payers) -> float | None:
    """What all answers of a report cost, whichever run paid for them; None is not known.

    The same answers always cost the same, so a resumed run says what an undisturbed one does.
    """
    found: dict[tuple[Spender, str], Account] = {}
    for (role, model, _), account in accounts_of(tracks, payers.judge).items():
        found.setdefault((role, model), Account()).merge(account)
    return total(account.whole_usd(payers.price(*who)) for who, account in found.items())
