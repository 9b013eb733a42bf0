"""The one place where numbers become words: rounding, units, plurals and verdicts.

Every function is pure and returns plain text; escaping belongs to the renderers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from harness.records import REVERSES, Advice, Comparison, Estimate, Fact
from harness.reports.document import Axis, Unit
from harness.reports.verdicts import Kind, kind, mostly_excluded

NOT_MEASURED = "not measured"
MINUS = "−"

KIND_WORDS: dict[Kind, str] = {
    "more": "Train more",
    "fewer": "Train less",
    "keep": "Keep",
    "fix": "Fix first",
    "unsure": "Cannot tell yet",
}

SIGNS = {
    "+": "clearly up",
    "-": "clearly down",
    "0": "no change beyond the margin",
    "?": "cannot tell",
}
"""How a paired contrast was read, in words."""

DIVERSITY_WORDS = {
    "less": "less diverse than",
    "level": "as diverse as",
    "more": "more diverse than",
    "unclear": "not shown to be less diverse than",
}

DECIDING_FACTS = 2
"""An advice lists its deciding facts first; a sentence holds this many."""

GOOD_RULE = 22
"""The row of the decision table under which nothing is left to do."""

_RATIO = re.compile(r"\bratio\b")
_CONTRAST = re.compile(r"\b(minus|step|gain|change|gap)\b")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


# --- text ----------------------------------------------------------------------------


def printable(text: str) -> str:
    """Text that any encoding and parser accepts: control characters and halves become U+FFFD."""
    return _UNPRINTABLE.sub("\ufffd", text.replace("\r\n", "\n"))


def shortened(text: str, limit: int) -> str:
    """Text of at most ``limit`` characters, followed by how many were left out."""
    if len(text) <= limit:
        return text
    return f"{text[:limit].rstrip()} … ({len(text) - limit:,} more characters)"


def clipped(text: str, limit: int) -> str:
    """Text in one line of at most ``limit`` characters, with an ellipsis where it was longer."""
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def sentence(text: str) -> str:
    """Text with a capital first letter and a full stop."""
    text = text.strip()
    if not text:
        return ""
    return capitalized(text) + ("" if text[-1] in ".!?" else ".")


def capitalized(text: str) -> str:
    """Text with a capital first letter; the rest stays as it is."""
    return text[:1].upper() + text[1:]


def listed(items: Sequence[str]) -> str:
    """Items as prose: 'a', 'a and b', 'a, b and c'."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """A number and its noun: '1 sample', '1,200 samples'."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


# --- numbers -------------------------------------------------------------------------


def number(value: float, digits: int = 0) -> str:
    """A number with a true minus sign, no negative zero, and thousands apart."""
    if not math.isfinite(value):
        return NOT_MEASURED
    text = f"{value:,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def signed(value: float, digits: int = 0) -> str:
    """A number that says whether it is above zero: '+3', '0', '−3'."""
    text = number(value, digits)
    rounds_up = math.isfinite(value) and value > 0 and float(text.replace(",", "")) != 0
    return f"+{text}" if rounds_up else text


def plain(value: float) -> str:
    """A number as people write it: 3 for 3.0, 2.5 for 2.5, at most two decimals."""
    if not math.isfinite(value):
        return NOT_MEASURED
    return number(value, 2).rstrip("0").rstrip(".")


def significant(value: float) -> str:
    """Three significant digits: '1.28', '12.8', '0.0128'."""
    if not math.isfinite(value) or value == 0:
        return number(value)
    size = math.floor(math.log10(abs(value)))
    return number(value, max(0, min(6, 2 - size)))


def hundredths(value: float) -> str:
    """Two decimals; a small value keeps two significant digits instead: '0.63', '0.004'."""
    if not math.isfinite(value) or value == 0 or abs(value) >= 0.1:
        return number(value, 2 if value else 0)
    return number(value, min(6, 1 - math.floor(math.log10(abs(value))))).rstrip("0")


def percent(share: float) -> str:
    """A fraction in whole percent; only 0 and 1 themselves are shown as 0% and 100%."""
    if not math.isfinite(share):
        return NOT_MEASURED
    if 0 < share <= 0.005 or 0.995 <= share < 1:
        nearest = min(max(share, 0.001), 0.999)
        limit = {0.001: "<", 0.999: ">"}[nearest] if nearest != share else ""
        return f"{limit}{number(100 * nearest, 1)}%"
    return f"{number(100 * share)}%"


def points(difference: float, digits: int = 0) -> str:
    """A difference of two fractions in percentage points, signed, without the unit."""
    return signed(100 * difference, digits)


def p_value(p: float) -> str:
    """'p = .003', 'p < .001', 'p = .50'."""
    if not math.isfinite(p):
        return f"p {NOT_MEASURED}"
    if p < 0.001:
        return "p < .001"
    text = f"{p:.{3 if p < 0.1 else 2}f}"
    return f"p = {text.removeprefix('0') if p < 0.995 else '1'}"


def day(timestamp: str) -> str:
    """The date of an ISO timestamp; any other text as it is."""
    return timestamp[:10] if re.match(r"\d{4}-\d\d-\d\dT", timestamp) else timestamp


def dollars(cost: float | None) -> str:
    """A price: '$0.42', '< $0.01', 'free'."""
    if cost is None or not math.isfinite(cost):
        return "not priced"
    if cost == 0:
        return "free"
    return f"${cost:,.2f}" if cost >= 0.01 else "< $0.01"


# --- estimates -----------------------------------------------------------------------


def value_in(unit: Unit, value: float) -> str:
    """A value of a panel or metric in its unit."""
    if unit == "share":
        return percent(value)
    if unit == "loss":
        return significant(value)
    return plain(value) if unit == "count" else hundredths(value)


def known_interval(estimate: Estimate) -> bool:
    """Is there an interval to show, rather than a bare value?"""
    bounds = (estimate.low, estimate.high)
    return all(map(math.isfinite, bounds)) and estimate.low < estimate.high


def interval_in(unit: Unit, estimate: Estimate) -> str:
    """The bounds alone: '75 to 86%'; empty where there are none."""
    if not known_interval(estimate):
        return ""
    low, high = (value_in(unit, bound) for bound in (estimate.low, estimate.high))
    return f"{low.removesuffix('%')} to {high}"


def estimate_in(unit: Unit, estimate: Estimate) -> str:
    """A value and its interval: '81% (75 to 86%)'."""
    value, bounds = value_in(unit, estimate.value), interval_in(unit, estimate)
    return f"{value} ({bounds})" if bounds else value


def _digits(delta: Estimate) -> int:
    """Whole points, unless the interval is narrower than five of them."""
    return 0 if delta.high - delta.low >= 0.05 else 1


def delta_value(delta: Estimate) -> str:
    """A paired difference in points: '+13'."""
    return points(delta.value, _digits(delta))


def delta_interval(delta: Estimate) -> str:
    """The bounds of a paired difference: '+8 to +19'; empty where there are none."""
    if not known_interval(delta):
        return ""
    low, high = (points(bound, _digits(delta)) for bound in (delta.low, delta.high))
    return f"{low} to {high}"


def delta_text(delta: Estimate) -> str:
    """A paired difference with its interval: '+13 points (+8 to +19)'."""
    value, bounds = delta_value(delta), delta_interval(delta)
    unit = "point" if value in {"+1", f"{MINUS}1"} else "points"
    return f"{value} {unit}" + (f" ({bounds})" if bounds else "")


def _span(low: float, high: float, digits: int) -> str:
    """Unsigned bounds of a difference, the smaller first: '8 to 19 points'."""
    near, far = sorted((abs(low), abs(high)))
    return f"{number(100 * near, digits)} to {number(100 * far, digits)} points"


# --- comparisons ---------------------------------------------------------------------


def versus_base(comparison: Comparison, base: str = "base") -> str:
    """Whether the tuned model is better: 'better than base by 8 to 19 points'."""
    delta, digits = comparison.delta, _digits(comparison.delta)
    if not known_interval(delta):
        if not math.isfinite(delta.value):
            return f"not comparable with {base}"
        return f"{delta_value(delta)} points against {base}, without an interval"
    if delta.low > 0:
        return f"better than {base} by {_span(delta.low, delta.high, digits)}"
    if delta.high < 0:
        return f"worse than {base} by {_span(delta.low, delta.high, digits)}"
    return f"not clearly different from {base} ({delta_interval(delta)} points)"


def sampled(n: int, excluded: int) -> str:
    """'138 samples, 4 excluded'."""
    return f"{counted(n, 'sample')}, {f'{excluded:,}' if excluded else 'none'} excluded"


def samples(comparison: Comparison) -> str:
    """'138 samples, 4 excluded': those that both models have a mark for."""
    return sampled(comparison.delta.n, comparison.excluded)


def gain(comparison: Comparison, epochs: float | None = None, *, rivals: bool = False) -> str:
    """One sentence: 'After 5 epochs the model is better than base by 8 to 19 points; ...'.

    For open tasks it names diversity beside the score. ``rivals`` are called by their names.
    """
    model = f"{after(epochs)} the model" if epochs else "the tuned model"
    model, base = (comparison.tuned, comparison.base) if rivals else (model, "base")
    told = f"{model} is {versus_base(comparison, base)}"
    if comparison.diversity is not None:
        told += f" in {comparison.metric}{diversity_text(comparison, base)}"
    if mostly_excluded(comparison):
        total = comparison.delta.n + comparison.excluded
        out = f"{comparison.excluded:,} of {counted(total, 'sample')}"
        return f"Cannot tell: {out} are excluded; on the others {told}."
    found = left_open(comparison)
    whole = told if rivals else capitalized(told)
    return f"{whole}; {samples(comparison)}{found and f'; {found}'}."


def is_open(comparison: Comparison) -> bool:
    """Whether the difference could go either way; only then it matters what would be found."""
    delta = comparison.delta
    return not known_interval(delta) or delta.low <= 0 <= delta.high


def left_open(comparison: Comparison) -> str:
    """What would have been found, where nothing was; beside a clear difference it says nothing."""
    return detects(comparison) if is_open(comparison) else ""


def detects(comparison: Comparison) -> str:
    """'differences of 9 points or more would be found'; empty where none is known."""
    least = smallest(comparison)
    return f"differences of {least} or more would be found" if least else ""


def smallest(comparison: Comparison) -> str:
    """The smallest true difference that would be found: '9 points'; empty where none is known."""
    least = comparison.detectable
    if least is None or not math.isfinite(least):
        return ""
    return f"{number(100 * least, 0 if least >= 0.05 else 1)} points"


def diversity_text(comparison: Comparison, base: str = "base") -> str:
    """What follows the score of an open task: ', but less diverse than base (...)'."""
    change = comparison.diversity
    if change is None:
        return ""
    if change.ratio is None:
        return "; diversity was not measured (it takes several answers a prompt: --repeats)"
    bounds = interval_in("ratio", change.ratio)
    size = f"{change.metric} ratio {hundredths(change.ratio.value)}, {bounds}".rstrip(", ")
    joint = ", but" if change.verdict == "less" and comparison.delta.low > 0 else " and"
    than = base if change.than == "base" else change.than
    return f"{joint} {DIVERSITY_WORDS[change.verdict]} {than} ({size})"


# --- epochs and advice ---------------------------------------------------------------


def epochs(count: float) -> str:
    """'1 epoch', '2.5 epochs'."""
    return f"{plain(count)} epoch{'' if count == 1 else 's'}"


def after(count: float | None) -> str:
    """'after 5 epochs', 'before tuning'."""
    if count is None:
        return "epochs unknown"
    return f"after {epochs(count)}" if count else "before tuning"


def place(axis: Axis, value: float) -> str:
    """A place on a chart's axis: 'after 3 epochs', 'with 80 examples', 'in run 2'."""
    if axis == "runs":
        return f"in run {number(value)}"
    return after(value) if axis == "epochs" else f"with {number(value)} examples"


PROMPT_RULE = 34
"""The row of the decision table where a better prompt does what tuning does."""


def chip(advice: Advice) -> str:
    """The shortest form of a verdict: '2 more', '1 fewer', 'keep', 'fix first'."""
    if advice.recommend:
        return f"{abs(advice.recommend)} {kind(advice)}"
    if advice.rule == PROMPT_RULE:
        return "prompt first"
    return {"unsure": "cannot tell", "fix": "fix first"}.get(kind(advice), "keep")


def headline(advice: Advice) -> str:
    """The verdict as one plain sentence without a full stop."""
    return _HEADLINES[kind(advice)](advice)


def _more(advice: Advice) -> str:
    return f"Train {epochs(advice.recommend)} more"


def _fewer(advice: Advice) -> str:
    retrain = f"Train {epochs(-advice.recommend)} fewer"
    most = advice.epochs + advice.recommend
    anew = f"if you train anew, {epochs(most)}" + (" or fewer" if most > 1 else "")
    if advice.behind_base is not None:
        return f"Use the base model; {anew}"
    if advice.checkpoint_epoch is None or advice.checkpoint_epoch == advice.epochs:
        return retrain
    use = f"se the checkpoint of epoch {plain(advice.checkpoint_epoch)}"
    return f"{retrain}, or u{use} now" if advice.checkpoint_epoch > most else f"U{use}; {anew}"


def _keep(advice: Advice) -> str:
    if advice.behind_base is not None:
        return "Keep the base model: no checkpoint does as well"
    if advice.checkpoint_epoch is None:
        return f"Keep: {epochs(advice.epochs)} are right"
    word = "Stop changing epochs" if advice.action == REVERSES else "Keep"
    return f"{word}: ship the checkpoint of epoch {plain(advice.checkpoint_epoch)}"


def to_use(advice: Advice) -> str:
    """The model to use now: a checkpoint, or the base model where it does better than all."""
    named = advice.checkpoint or "none"
    if advice.behind_base is None:
        return named
    return f"none, but the base model: {named} has {delta_text(advice.behind_base)}"


def _fix(advice: Advice) -> str:
    action = _uncapitalized(advice.action)
    plain_start = action.startswith(("fix ", "prompt engineering first"))
    return capitalized(action) if plain_start else f"Fix first: {action}"


def _unsure(advice: Advice) -> str:
    return f"{capitalized(advice.diagnosis.strip())}: {_uncapitalized(advice.action)}"


_HEADLINES = {"more": _more, "fewer": _fewer, "keep": _keep, "fix": _fix, "unsure": _unsure}


def _uncapitalized(text: str) -> str:
    """Text that can follow a colon; abbreviations keep their capitals."""
    text = text.strip().rstrip(".")
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def next_step(advice: Advice) -> str:
    """What to do besides, where the headline does not say it; empty otherwise."""
    if kind(advice) != "keep" or advice.rule == GOOD_RULE:
        return ""
    return sentence(advice.action)


def confidence(advice: Advice) -> str:
    """'high confidence'."""
    return f"{advice.confidence} confidence"


def reading(fact: Fact) -> str:
    """How a fact was read, in words."""
    return SIGNS.get(fact.reading.strip(), fact.reading)


def fact_value(fact: Fact) -> str:
    """A fact's number with its interval, in points, percent or as a ratio, by its name."""
    if fact.estimate is None:
        return ""
    if _RATIO.search(fact.name):
        return estimate_in("ratio", fact.estimate)
    if _CONTRAST.search(fact.name):
        return delta_text(fact.estimate)
    return estimate_in("share", fact.estimate)


def fact_text(fact: Fact) -> str:
    """'train score 78% (72 to 83%), still rising'."""
    value = fact_value(fact)
    colon = ":" if "," in fact.name or not value else ""
    return f"{fact.name}{colon} {', '.join(filter(None, (value, reading(fact))))}"


def why(advice: Advice, beside_gain: bool = False) -> str:
    """The diagnosis and the first facts behind it, in a sentence each.

    ``beside_gain`` leaves out the gain over the base model, where `gain` stands next to it.
    Where the headline is the diagnosis, the facts stand alone.
    """
    told = [f for f in advice.evidence if not (beside_gain and f.name.startswith("gain"))]
    facts = sentence("; ".join(map(fact_text, told[:DECIDING_FACTS])))
    diagnosis = "" if kind(advice) == "unsure" else sentence(advice.diagnosis)
    return f"{diagnosis} {facts}".strip()
