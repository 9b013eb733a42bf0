"""The table of rounds in words: what was trained, how it did, what was advised, what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.records import Estimate, Round
from harness.reports import wording

HEADERS = ("Round", "Epochs", "Score", "Diversity", "Advice", "Tokens trained", "Cost")
NOTHING = "–"


@dataclass(frozen=True, slots=True)
class RoundRow:
    """A line of the table: which eval it is about, and the cells under ``HEADERS``."""

    eval: str
    cells: tuple[str, ...]


def rows(rounds: Sequence[Round]) -> list[RoundRow]:
    """The lines of a table, in the order of the rounds."""
    return [RoundRow(one.eval, _cells(one)) for one in rounds]


def _cells(one: Round) -> tuple[str, ...]:
    epochs = wording.plain(one.epochs)
    return (
        str(one.number),
        epochs if one.trained else f"{epochs} (checkpoint)",
        _score(one.score),
        wording.estimate_in("ratio", one.diversity) if one.diversity else NOTHING,
        f"{advised(one)} (rule {one.advice.rule})",
        tokens(one),
        cost(one),
    )


def _score(score: Estimate | None) -> str:
    return wording.estimate_in("share", score) if score else NOTHING


def advised(one: Round) -> str:
    """'+2 epochs: underfit'; '±0: good'."""
    change = one.advice.recommend
    moved = f"{change:+d} epoch{'s' if abs(change) != 1 else ''}" if change else "±0"
    return f"{moved}: {one.advice.diagnosis}"


def tokens(one: Round) -> str:
    """What was trained; nothing where a checkpoint was taken."""
    if not one.trained:
        return "none"
    return NOTHING if one.tokens is None else f"{one.tokens:,}"


def cost(one: Round) -> str:
    """What the round cost, all its evals together."""
    if not one.trained:
        return "none"
    return NOTHING if one.cost_usd is None else wording.dollars(one.cost_usd)
