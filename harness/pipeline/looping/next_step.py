"""From the advice after a round to what the next round is, or why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.records import REVERSES, Advice
from harness.reports import verdicts
from harness.reports.document import Section
from harness.reports.wording import after

Why = Literal["keep", "checkpoint", "fix", "measure", "reversal", "disagreement", "budget"]


@dataclass(frozen=True, slots=True)
class Stop:
    """Why an experiment needs no further round, and what to use."""

    why: Why
    text: str
    model: str | None = None
    epochs: float | None = None
    raised: tuple[str, str] | None = None
    """Of a budget that is spent: its option, and a value with which the loop would go on."""


def standing_at(section: Section, epochs: float) -> Advice | None:
    """The advice after so many epochs; or that of the checkpoint it says to use, if to keep it."""
    at = next((a for a in section.advice if a.epochs == epochs), None)
    if at is None:
        return None
    return verdicts.leading([a for a in section.advice if a.epochs <= at.epochs])


def next_step(advices: Sequence[Advice], change: int, told: Sequence[Section]) -> int | Stop:
    """The change in epochs to try next, or why there is none; ``change`` is what led here."""
    if not advices:
        return Stop("measure", "nothing was measured that advice could rest on")
    reversing = next((a for a in advices if a.action == REVERSES), None)
    if reversing is not None:
        text = f"{reversing.diagnosis}, but the advice would reverse the change before"
        return stopped("reversal", reversing, text)
    faulty = [a for a in advices if verdicts.kind(a) == "fix"]
    if faulty:
        first = faulty[0]
        return stopped("fix", first, f"{first.diagnosis}: {first.action}")
    changes = [a.recommend for a in advices if a.recommend]
    if not changes:
        unsure = [a for a in advices if verdicts.kind(a) == "unsure"]
        if unsure:
            return stopped("measure", unsure[0], f"{unsure[0].diagnosis}: {unsure[0].action}")
        return stopped("keep", advices[0], _kept(advices[0]))
    if min(changes) < 0 < max(changes):
        sides = ", ".join(f"{a.eval} {a.recommend:+d}" for a in advices if a.recommend)
        return stopped("disagreement", advices[0], f"the evals advise opposite changes: {sides}")
    step = min(changes, key=abs)
    deciding = next(a for a in advices if a.recommend == step)
    if change * step < 0:
        text = f"the advice ({step:+d}) would reverse the change before ({change:+d})"
        return stopped("reversal", deciding, text)
    if step < 0 and _has_usable(deciding, told):
        text = (
            f"{deciding.diagnosis}: the checkpoint of epoch {deciding.checkpoint_epoch:g} exists "
            "and needs no training"
        )
        return stopped("checkpoint", deciding, text)
    return step


def _has_usable(advice: Advice, told: Sequence[Section]) -> bool:
    """Is there an earlier checkpoint to use, of which nobody says that it has too many epochs?"""
    if advice.checkpoint is None or advice.checkpoint_epoch is None:
        return False
    if advice.checkpoint_epoch >= advice.epochs or advice.behind_base is not None:
        return False
    states = [a for s in told for a in s.advice if a.epochs == advice.checkpoint_epoch]
    return all(a.recommend >= 0 and verdicts.kind(a) != "fix" for a in states)


def _kept(advice: Advice) -> str:
    epoch = advice.checkpoint_epoch if advice.checkpoint_epoch is not None else advice.epochs
    return f"{advice.diagnosis}: nothing more to change {after(epoch)}"


def stopped(why: Why, advice: Advice, text: str) -> Stop:
    """A stop at the model that an advice says to use; at none where the base model is better."""
    if advice.behind_base is not None:
        return Stop(why, f"{text}; the base model does better than every checkpoint")
    epochs = advice.checkpoint_epoch if advice.checkpoint else advice.epochs
    return Stop(why, text, advice.checkpoint or advice.model, epochs)
