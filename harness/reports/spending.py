"""Cost and latency in words: one row for each model, and for each model on each eval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.records import Latency
from harness.reports import wording
from harness.reports.document import Performance, Spending

HEADERS = ("Answers", "Replayed", "Tokens in", "Tokens out", "Cost", "p50", "p95", "p99")
NOTHING = "–"
NO_PRICE = "no price known"


@dataclass(frozen=True, slots=True)
class SpendingRow:
    """A line of the table: who answered which eval, and the cells under ``HEADERS``."""

    model: str
    role: str
    eval: str
    cells: tuple[str, ...]


def rows(spendings: Sequence[Spending]) -> list[SpendingRow]:
    """The lines of a table."""
    return [
        SpendingRow(one.model, "judge" if one.role == "judge" else "", one.eval or "", _cells(one))
        for one in spendings
    ]


def _cells(one: Spending) -> tuple[str, ...]:
    return (
        f"{one.answers:,}",
        f"{one.replayed:,}" if one.replayed else NOTHING,
        f"{one.prompt_tokens:,}",
        f"{one.completion_tokens:,}",
        cost(one),
        *_latency(one.latency),
    )


def cost(one: Spending) -> str:
    """What was paid, and what the cache saved: '$0.42', '$0.10 ($0.32 saved)'."""
    paid = NO_PRICE if one.cost_usd is None else wording.dollars(one.cost_usd)
    if not one.saved_usd:
        return paid
    return f"{paid} ({wording.dollars(one.saved_usd)} saved)"


def _latency(found: Latency | None) -> tuple[str, str, str]:
    if found is None:
        return NOTHING, NOTHING, NOTHING
    return seconds(found.p50_s), seconds(found.p95_s), seconds(found.p99_s)


def seconds(value: float) -> str:
    """A time: '38 ms', '1.28 s', '64 s'."""
    if value < 0.9995:
        return f"{wording.number(1000 * value, 0 if value >= 0.01 else 1)} ms"
    return f"{wording.number(value, 2 if value < 10 else 0)} s"


def has_evals(told: Performance) -> bool:
    """Whether the lines by eval say more than those by model."""
    return len(told.evals) > len(told.models)


def about(told: Performance) -> str:
    """What stands below the table."""
    parts = []
    if told.first_answer_s is not None:
        parts.append(f"The first answer came after {seconds(told.first_answer_s)}.")
    parts.append(
        "Times are those of requests that were sent, without waiting for a turn and trying again;"
        " answers that were replayed, from the cache or a file, have none and cost nothing."
    )
    if told.prices_as_of:
        parts.append(f"Prices as of {wording.listed(told.prices_as_of)}.")
    return " ".join(parts)
