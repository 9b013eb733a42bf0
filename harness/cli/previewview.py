"""What a terminal shows of a dry run: requests, tokens and dollars, a model a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from harness.models.providers import Access
    from harness.pipeline.orders.order import Order
    from harness.pipeline.preview import Expected, Preview
    from harness.registry import Registry

COLUMNS = ("requests", "from cache", "tokens in", "tokens out", "cost")
NO_PRICE = "no price known"


def show_preview(order: Order, registry: Registry, access: Access) -> None:
    """Print what a run would take; nothing is sent and no folder is made.

    Raises:
        HarnessError: what would keep the run from beginning.
    """
    from harness.cli.studyview import StudyView
    from harness.pipeline.preview import preview

    notice = StudyView().noticed
    show(preview(order, registry, access, notice))


def show(told: Preview) -> None:
    """Print a preview."""
    out = Console(highlight=False)
    table = Table(box=None, pad_edge=False)
    table.add_column("model", overflow="fold")
    for title in COLUMNS:
        table.add_column(title, justify="right")
    for one in told.expected:
        table.add_row(*cells(one))
    out.print(table)
    for line in lines(told):
        out.print(Text(line), soft_wrap=True)


def cells(one: Expected) -> tuple[Text, ...]:
    """One line of the table."""
    from harness.cli.terminal import plain

    name = plain(one.model) + (" (judge)" if one.role == "judge" else "")
    texts = (
        name,
        f"{one.requests:,}",
        f"{one.kept:,}",
        f"{one.prompt_tokens:,}",
        f"{one.completion_tokens:,}",
        priced(one.cost_usd),
    )
    return tuple(map(Text, texts))


def lines(told: Preview) -> Iterator[str]:
    """What stands below the table."""
    training = told.training
    costs = [one.cost_usd for one in told.expected]
    if training is not None:
        costs.append(training.cost_usd)
        jobs = f"{training.jobs:,} job{'' if training.jobs == 1 else 's'}"
        yield f"Training: {jobs}, {training.tokens:,} tokens, {priced(training.cost_usd)}."
    if told.settled:
        yield f"{told.settled:,} answers are in the run folder already."
    known = [cost for cost in costs if cost is not None]
    if len(known) == len(costs):
        yield f"All together: {priced(sum(known))}."
    elif known:
        yield f"All together: {priced(sum(known))} and what has no price here (see --prices)."
    for note in told.notes:
        yield f"Note: {note}."
    yield "Nothing was sent."


def priced(cost: float | None) -> str:
    """A cost in dollars, or that it is not known."""
    from harness.reports.wording import dollars

    return NO_PRICE if cost is None else dollars(cost)
