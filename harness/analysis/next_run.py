"""What following an advice trains, and what that costs."""

from __future__ import annotations

from harness.analysis.cost import Training
from harness.records import NextRun

TWICE_THE_DATA = frozenset({9, 18, 21})
"""Rows of the decision table whose next run has more data."""

THE_SAME_AGAIN = frozenset({3, 6, 8, 11, 12, 15, 16, 25, 35})
"""Rows whose next run has as many epochs, with something else repaired. After row 4 the data are
others: what a run of them takes is for `harness lint` to say, once they are mended."""


def next_run(epochs: float, recommend: int, rule: int, training: Training | None) -> NextRun | None:
    """The run that an advice asks for; None where it asks for none, or nothing is known of it."""
    if training is None:
        return None
    if not recommend and rule not in TWICE_THE_DATA | THE_SAME_AGAIN:
        return None
    factor = 2.0 if rule in TWICE_THE_DATA and not recommend else 1.0
    trained = epochs + recommend
    cost = training.cost_usd(trained)
    price = training.price
    return NextRun(
        epochs=trained,
        tokens=factor * trained * training.tokens_per_epoch,
        data_factor=factor,
        cost_usd=None if cost is None else factor * cost,
        priced_as=training.priced_as,
        price_as_of=price.as_of if price else "",
        is_estimate=training.is_estimate,
    )


def cost_text(run: NextRun) -> str:
    """The run and its cost in words."""
    about = "about " if run.is_estimate else ""
    many = "" if run.epochs == 1 else "s"
    data = " on twice the data" if run.data_factor == 2 else ""
    trains = f"a run of {run.epochs:g} epoch{many}{data} trains {about}{run.tokens:,.0f} tokens"
    if run.cost_usd == 0:
        return f"{trains} and costs nothing: training {run.priced_as or 'this model'} is free"
    if run.cost_usd is None:
        name = run.priced_as or "this model"
        return f"{trains}; no price of training {name} is known (--prices FILE names one)"
    dated = f", {run.price_as_of}" if run.price_as_of else ""
    cost = f"${run.cost_usd:,.2f}" if run.cost_usd >= 0.01 else "less than $0.01"
    return f"{trains} and costs {about}{cost} (price of {run.priced_as}{dated})"
