"""What training on a file costs, and how many epochs the hosted API would take by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.analysis.cost import TUNED, PriceTable, price_of, training_cost_usd
from harness.linting.tokens import base_of
from harness.reports.lint_document import TrainingCost

TARGET_EPOCHS = 3
FEWEST_STEPS, MOST_STEPS = 100, 25_000
"""Examples times epochs that the default aims at, at least and at most."""

MOST_EPOCHS = 25


def default_epochs(n: int) -> int:
    """How many epochs the hosted API takes for so many examples, by a notebook of 2023.

    An estimate: the rule was never promised, and may have changed.
    """
    if n * TARGET_EPOCHS < FEWEST_STEPS:
        return min(MOST_EPOCHS, FEWEST_STEPS // n) if n else TARGET_EPOCHS
    if n * TARGET_EPOCHS > MOST_STEPS:
        return max(1, MOST_STEPS // n)
    return TARGET_EPOCHS


def training_costs(
    tokens: int, epochs: int, tables: Sequence[PriceTable], model: str | None
) -> tuple[TrainingCost, ...]:
    """What tuning costs: for the named model, or for each whose training has a price."""
    names = [base_of(model)] if model else list(dict.fromkeys(_priced(tables)))
    found = []
    for name in names:
        price = price_of(f"{TUNED}{name}", tables)
        cost = training_cost_usd(price, tokens, epochs) if price else None
        found.append(TrainingCost(name, cost, price.as_of if price else ""))
    return tuple(found)


def _priced(tables: Sequence[PriceTable]) -> Iterable[str]:
    for table in tables:
        for name, price in table.items():
            if name.startswith(TUNED) and price.training is not None and "*" not in name:
                yield name.removeprefix(TUNED)
