"""After how many calls tuning pays: its training against what each call saves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.analysis.cost import MILLION
from harness.records import BreakEven, BreakEvenVerdict, CallCost, Estimate, Price

Tokens = tuple[float, float]
"""Those of one call: of its prompt, and of its answer."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is paid once and by day, and how soon that shall come back.

    ``training_usd`` None is not known.
    """

    training_tokens: float
    epochs: float
    training_usd: float | None
    days: float = 30.0
    hosting_usd_per_day: float = 0.0
    calls_per_day: float | None = None


def call_cost(
    model: str, prompt: str, calls: Sequence[Tokens], price: Price | None, source: str
) -> CallCost:
    """The mean cost of a call, with a t interval where several were measured.

    Raises:
        ValueError: no calls.
    """
    if not calls:
        raise ValueError(f"{model}: no call to price; give the tokens of one")
    usd = None
    if price is not None:
        costs = [(p * price.prompt + c * price.completion) / MILLION for p, c in calls]
        usd = _mean(costs)
    prompts, answers = (sum(column) / len(calls) for column in zip(*calls, strict=True))
    return CallCost(model, prompt, prompts, answers, usd, price, source)


def _mean(costs: Sequence[float]) -> Estimate:
    value = sum(costs) / len(costs)
    if len(costs) < 2 or max(costs) == min(costs):
        return Estimate(value, value, value, len(costs), "every call alike")
    from harness.analysis.stats import mean_interval

    return mean_interval(costs, (0.0, math.inf))


def break_even(eval_name: str, tuned: CallCost, other: CallCost, terms: Terms) -> BreakEven:
    """When tuning pays against going on with the other model or prompt.

    calls = (training + hosting meanwhile) / saved, saved = other - tuned by call: at the calls a
    day that were named, else within the days. The interval is that of the saving (MOVER, of two
    independent means); where it reaches 0, the calls are not bounded.
    """
    found = BreakEven(
        eval=eval_name,
        tuned=tuned,
        other=other,
        training_tokens=terms.training_tokens,
        epochs=terms.epochs,
        training_usd=terms.training_usd,
        verdict="unknown",
        days=terms.days,
        hosting_usd_per_day=terms.hosting_usd_per_day,
        asked_calls_per_day=terms.calls_per_day,
    )
    unknown = _unknown(tuned, other, terms)
    if unknown or tuned.usd is None or other.usd is None or terms.training_usd is None:
        return replace(found, verdict="unknown", reason=unknown)
    saved = saving(tuned.usd, other.usd)
    if saved.value <= 0:
        return replace(found, verdict="never", saved_usd=saved, reason=_why_never(tuned, other))
    unpaid = _unpaid_hosting(saved, terms)
    if unpaid:
        return replace(found, verdict="never", saved_usd=saved, reason=unpaid)
    fixed = terms.training_usd
    free = fixed == 0 and not terms.hosting_usd_per_day
    verdict: BreakEvenVerdict = "at once" if free else "pays" if saved.low > 0 else "open"
    daily = fixed / terms.days + terms.hosting_usd_per_day
    return replace(
        found,
        verdict=verdict,
        saved_usd=saved,
        calls=_calls(fixed, saved, terms),
        calls_per_day=quotient(daily, saved),
        pays_after_days=_days(fixed, saved, terms),
        reason="" if verdict != "open" else "calls differ so much that a call may save nothing",
    )


def saving(tuned: Estimate, other: Estimate) -> Estimate:
    """What one call costs less, of two independent means."""
    value = other.value - tuned.value
    below = math.hypot(other.value - other.low, tuned.high - tuned.value)
    above = math.hypot(other.high - other.value, tuned.value - tuned.low)
    return Estimate(value, value - below, value + above, min(tuned.n, other.n), "MOVER")


def quotient(fixed: float, saved: Estimate) -> Estimate:
    """fixed / saved; infinite where nothing may be saved, even if nothing is to be paid back."""

    def over(part: float) -> float:
        return fixed / part if part > 0 else (math.inf if fixed or part < 0 else 0.0)

    return Estimate(over(saved.value), over(saved.high), over(saved.low), saved.n, "of the saving")


def _calls(fixed: float, saved: Estimate, terms: Terms) -> Estimate:
    """After how many calls it pays, hosting meanwhile included."""
    hosting = terms.hosting_usd_per_day
    if terms.calls_per_day is None:
        return quotient(fixed + hosting * terms.days, saved)
    each = hosting / terms.calls_per_day if hosting else 0.0
    value, low, high = (part - each for part in (saved.value, saved.low, saved.high))
    return quotient(fixed, Estimate(value, low, high, saved.n, saved.method))


def _days(fixed: float, saved: Estimate, terms: Terms) -> Estimate | None:
    """After how many days it pays at the calls a day that were named."""
    if terms.calls_per_day is None:
        return None
    calls, hosting = terms.calls_per_day, terms.hosting_usd_per_day
    value, low, high = (calls * part - hosting for part in (saved.value, saved.low, saved.high))
    return quotient(fixed, Estimate(value, low, high, saved.n, saved.method))


# --- why not -------------------------------------------------------------------------


def _unknown(tuned: CallCost, other: CallCost, terms: Terms) -> str:
    """What is missing, if anything is."""
    for call in (tuned, other):
        if call.usd is None:
            return f"no price of {call.model} is known; name it with --prices FILE"
    if terms.training_usd is None:
        return f"no price of training for {tuned.model} is known; name it with --prices FILE"
    return ""


def _unpaid_hosting(saved: Estimate, terms: Terms) -> str:
    """Why the calls a day that were named never pay, if what they save goes into the hosting."""
    calls, hosting = terms.calls_per_day, terms.hosting_usd_per_day
    if calls is None or not hosting or calls * saved.value > hosting:
        return ""
    return (
        f"at {calls:,.0f} calls a day the hosting takes it all; "
        f"it would pay with more than {math.floor(hosting / saved.value):,} calls a day"
    )


def _why_never(tuned: CallCost, other: CallCost) -> str:
    """Why a call of the tuned model saves nothing, and what would have to change."""
    if tuned.usd is None or other.usd is None:
        return ""
    if tuned.usd.value == other.usd.value == 0:
        return "neither costs anything"
    reasons = ["a call of the tuned model costs as much or more"]
    if tuned.price and other.price and tuned.price.prompt > other.price.prompt > 0:
        times = tuned.price.prompt / other.price.prompt
        reasons.append(f"its prompt tokens cost {times:.3g} times as much")
    if tuned.price and tuned.price.prompt > 0:
        rest = other.usd.value * MILLION - tuned.completion_tokens * tuned.price.completion
        limit = rest / tuned.price.prompt
        if limit >= 1:
            reasons.append(f"it would pay with prompts of fewer than {limit:,.0f} tokens")
        else:
            reasons.append("its answers alone cost that much, so no shorter prompt would help")
    return "; ".join(reasons)
