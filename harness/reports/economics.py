"""Words for what tuning is weighed against: other prompts, more data, a dearer model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from harness.records import BreakEven, CallCost, DataGain, Estimate, Prompting
from harness.reports import wording
from harness.reports.document import Section

UNPRICED = "no price known"


def says_anything(section: Section) -> bool:
    """Whether an eval has prompts, parts of the data or a dearer model to tell of."""
    return bool(section.prompting or section.data_gain or section.break_evens)


def sentences(section: Section) -> Iterator[str]:
    """All of it in short, a sentence each."""
    if section.prompting is not None:
        yield prompting_text(section.prompting)
    if section.data_gain is not None:
        yield data_text(section.data_gain)
    yield from map(break_even_text, section.break_evens)


# --- prompts -------------------------------------------------------------------------

PROMPT_HEADERS = ("Prompt of the base model", "Score", "Prompt tokens a call", "How it asks")


def prompting_text(found: Prompting) -> str:
    """'The base model does best with the prompt 'examples': 62% (54 to 70%), ...'."""
    score = wording.estimate_in("share", found.corrected)
    return (
        f"Of {len(found.prompts)} prompts the base model does best with '{found.best}': {score}, "
        "corrected for having been picked. Tuning is compared with that."
    )


@dataclass(frozen=True, slots=True)
class PromptRow:
    """One prompt in words; ``best`` is the one that tuning is compared with."""

    name: str
    cells: tuple[str, ...]
    best: bool


def prompt_rows(found: Prompting) -> tuple[PromptRow, ...]:
    """A row for each prompt."""
    return tuple(
        PromptRow(
            one.name,
            (
                wording.estimate_in("share", one.score),
                "–" if one.prompt_tokens is None else wording.number(one.prompt_tokens),
                _asks(one.system, one.few_shot),
            ),
            one.name == found.best,
        )
        for one in found.prompts
    )


def _asks(system: str | None, few_shot: int) -> str:
    shots = f"{wording.counted(few_shot, 'worked example')}" if few_shot else ""
    text = f"system: {wording.shortened(' '.join(system.split()), 160)}" if system else ""
    return "; ".join(filter(None, (shots, text))) or "as the data do"


# --- more data -----------------------------------------------------------------------

DATA_HEADERS = ("Training examples", "Epochs", "Runs", "Score")


def data_text(found: DataGain) -> str:
    """What twice the data is expected to bring, and what that rests on."""
    ahead = found.next_doubling
    told = (
        f"Twice the training data ({found.examples:,} to {2 * found.examples:,} examples) is "
        f"expected to bring {_bounds(ahead)} points after {wording.epochs(found.epochs)}: the last "
        f"doubling brought {wording.delta_text(found.last_doubling)}"
    )
    parts = [told]
    if found.seeds == 1:
        parts.append("seed variance not included")
    if found.at_equal_steps is not None:
        steps = wording.delta_text(found.at_equal_steps)
        parts.append(f"with as many training steps {steps}, which is the data's own part")
    if found.is_before_the_power_law:
        parts.append("gains still grow with each doubling, so no law extrapolates them yet")
    return "; ".join(parts) + "."


def data_about(found: DataGain) -> str:
    """How the expectation is made."""
    low = wording.delta_text(found.power_law)
    high = wording.delta_text(found.log_linear)
    grows = ""
    if found.growth is not None:
        grows = f" The last doubling minus the one before: {wording.delta_text(found.growth)}."
    return (
        f"By a power law {low} (each doubling shrinks the errors alike), log-linear {high} (each "
        f"doubling brings the same); the range spans both.{grows}"
    )


def data_rows(found: DataGain) -> tuple[tuple[str, ...], ...]:
    """A row for each size and number of epochs."""
    return tuple(
        (
            wording.number(one.examples),
            wording.plain(one.epochs),
            f"{one.runs}",
            wording.estimate_in("share", one.score),
        )
        for one in sorted(found.points, key=lambda one: (one.examples, one.epochs))
    )


def _bounds(gain: Estimate) -> str:
    low, high = (wording.points(bound, 1) for bound in (gain.low, gain.high))
    return f"{low} to {high}"


# --- break-even ----------------------------------------------------------------------

CALL_HEADERS = (
    *("Model", "Prompt", "Prompt tokens", "Answer tokens"),
    *("Price of a million, in / out", "1,000 calls", "Tokens"),
)


def break_even_text(found: BreakEven) -> str:
    """After how many calls tuning pays, or why it never does."""
    against = f"against {found.other.model} ({_prompt(found.other.prompt)})"
    parts = [VERDICTS[found.verdict](found, against)]
    asked = found.asked_calls_per_day is not None and found.verdict != "at once"
    if found.pays_after_days is not None and asked:
        parts.append(_after_days(found))
    if found.quality is not None:
        parts.append(f"On held-out samples tuned minus it: {wording.delta_text(found.quality)}.")
    elif found.eval and found.verdict in ("pays", "at once", "open"):
        parts.append("Whether it answers as well was not asked (ask: true).")
    return " ".join(parts)


def _prompt(name: str) -> str:
    return name if name.startswith(("the ", "its ")) else f"prompt '{name}'"


def _pays(found: BreakEven, against: str) -> str:
    per_day = _number(found.calls_per_day)
    return (
        f"Tuning pays {against} after {_calls(found.calls)}{_hosted(found)}; {per_day} calls a day "
        f"pay it back in {wording.plain(found.days)} days."
    )


def _hosted(found: BreakEven) -> str:
    return ", hosting included" if found.hosting_usd_per_day else ""


def _at_once(found: BreakEven, against: str) -> str:
    return f"Tuning pays {against} from the first call on: training costs nothing."


def _open(found: BreakEven, against: str) -> str:
    least = "" if found.calls is None else f", {_count(found.calls.low)} at the least"
    calls = f"{_number(found.calls)} calls{_hosted(found)}{least}"
    return f"Tuning may pay {against} after {calls}: {found.reason}."


def _never(found: BreakEven, against: str) -> str:
    return f"Tuning never pays {against}: {found.reason}."


def _unknown(found: BreakEven, against: str) -> str:
    return f"When tuning pays {against} cannot be told: {found.reason}."


VERDICTS = {
    "pays": _pays,
    "at once": _at_once,
    "open": _open,
    "never": _never,
    "unknown": _unknown,
}


def _calls(calls: Estimate | None) -> str:
    if calls is None:
        return "an unknown number of calls"
    text = f"{_number(calls)} calls"
    if calls.low < calls.high:
        text += f" ({_count(calls.low)} to {_count(calls.high)})"
    return text


def _number(calls: Estimate | None) -> str:
    return "an unknown number of" if calls is None else _count(calls.value)


def _count(value: float) -> str:
    return "infinitely many" if math.isinf(value) else f"{math.ceil(value - 1e-9):,}"


def _after_days(found: BreakEven) -> str:
    days, a_day = found.pays_after_days, f"At {found.asked_calls_per_day:,.0f} calls a day"
    if days is None or math.isinf(days.value):
        return f"{a_day} it never does: the hosting takes it all."
    high = "" if math.isinf(days.high) else f" to {wording.number(days.high, 1)}"
    span = f" ({wording.number(days.low, 1)}{high})" if days.low < days.high else ""
    return f"{a_day} it has after {wording.number(days.value, 1)} days{span}."


def formula(found: BreakEven) -> str:
    """The formula with its numbers."""
    trained = (
        f"training took {wording.number(found.training_tokens)} tokens "
        f"({wording.epochs(found.epochs)}), {_dollars(found.training_usd)}"
    )
    if found.saved_usd is None or found.other.usd is None or found.tuned.usd is None:
        return f"{wording.capitalized(trained)}."
    saved = 1000 * found.saved_usd.value
    hosting, meanwhile = "", "training"
    if found.hosting_usd_per_day:
        meanwhile = "(training + hosting meanwhile)"
        hosting = f" and {_dollars(found.hosting_usd_per_day)} a day for hosting"
    fewer = found.other.prompt_tokens - found.tuned.prompt_tokens
    tokens = ""
    if abs(fewer) >= 1:
        word = "fewer" if fewer > 0 else "more"
        tokens = (
            f" The tuned model is asked with {wording.number(abs(fewer))} {word} prompt tokens."
        )
    return (
        f"calls = {meanwhile} / saving by call; {trained}{hosting}; 1,000 calls save "
        f"{_dollars(saved)} ({_dollars(1000 * found.other.usd.value)} minus "
        f"{_dollars(1000 * found.tuned.usd.value)}).{tokens}"
    )


def call_rows(found: BreakEven) -> tuple[tuple[str, ...], ...]:
    """The inputs: a row for the tuned model, and one for the other."""
    return tuple(map(_call_row, (found.tuned, found.other)))


def _call_row(call: CallCost) -> tuple[str, ...]:
    price = call.price
    return (
        call.model,
        call.prompt,
        wording.number(call.prompt_tokens),
        wording.number(call.completion_tokens),
        UNPRICED if price is None else _price(price.prompt, price.completion, price.as_of),
        UNPRICED if call.usd is None else _range(call.usd),
        call.source,
    )


def _price(prompt: float, completion: float, as_of: str) -> str:
    if not prompt and not completion:
        return "free"
    return f"${prompt:,.2f} / ${completion:,.2f}" + (f" ({as_of})" if as_of else "")


def _range(usd: Estimate) -> str:
    text = _dollars(1000 * usd.value)
    if usd.low < usd.high:
        text += f" ({_dollars(1000 * usd.low)} to {_dollars(1000 * usd.high)})"
    return text


def _dollars(value: float | None) -> str:
    """Negative amounts, too: a call may cost more."""
    if value is None:
        return UNPRICED
    if value < 0:
        return f"{wording.MINUS}{_dollars(-value)}"
    return wording.dollars(value) if value >= 0.01 or value == 0 else f"${value:.2g}"
