"""The purse of a run: what its models' tokens cost while it runs, and what it may cost at most."""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.cost import PriceTable, cost_usd
from harness.errors import UsageError
from harness.pipeline.measuring.spending import Payers
from harness.records import Price, Study, Usage
from harness.registry.prices import load_prices
from harness.running.retries import Purse


def purse_for(study: Study, prices: Sequence[PriceTable] | None, cap: float | None) -> Purse:
    """Who pays for a study's requests; ``cap`` in US dollars, None without a bound.

    Raises:
        UsageError: a cap, and a model whose price nobody knows.
    """
    payers = Payers.of(study, load_prices() if prices is None else prices)
    names = {route.name: route.model for route in study.routes}
    judge = study.judge.name if study.judge is not None else None
    known: dict[str, Price | None] = {}

    def price(model: str) -> Price | None:
        if model not in known:
            asked = study.judge.model if study.judge and model == judge else names.get(model, model)
            known[model] = payers.price("judge" if model == judge else "model", asked)
        return known[model]

    def cost_of(model: str, usage: Usage) -> float | None:
        paid = price(model)
        if paid is None:
            return None
        return cost_usd(paid, usage.prompt_tokens, usage.completion_tokens)

    unknown = [model for model in _models(study) if price(model) is None]
    if cap is not None and unknown:
        raise UsageError(
            f"--max-cost needs the price of {unknown[0]!r}; name a file that has it with --prices"
        )
    return Purse(cost_of, cap)


def _models(study: Study) -> list[str]:
    """The models of a study that are known before it runs."""
    routed = [route.name for route in study.routes]
    listed = [] if routed else [study.base]
    for experiment in study.experiments:
        listed += [*(one.model for one in experiment.tuned), *experiment.others]
        if experiment.instead_of is not None and experiment.instead_of.ask:
            listed.append(experiment.instead_of.model)
    return [*routed, *listed, *([study.judge.name] if study.judge is not None else [])]
