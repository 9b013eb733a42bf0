"""What a gate decided, in words: what was asked of the model, what was found, what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Literal

from harness.records import Check, Estimate, Gate, GateOutcome
from harness.reports import wording

OUTCOMES: Mapping[GateOutcome, str] = {
    "pass": "PASS",
    "fail": "FAIL",
    "inconclusive": "INCONCLUSIVE",
    "unjudged": "COULD NOT JUDGE",
}
ICONS: Mapping[GateOutcome, str] = {
    "pass": "✅",
    "fail": "❌",
    "inconclusive": "❔",
    "unjudged": "⚠️",
}
MEANINGS: Mapping[GateOutcome, str] = {
    "pass": "what the policy asks is shown",
    "fail": "what the policy asks is shown to be missed",
    "inconclusive": "not enough data to tell",
    "unjudged": "evidence is missing, which says nothing about the model",
}

Level = Literal["error", "warning", "notice"]
SAMPLES_NAMED = 3


# --- the whole gate ------------------------------------------------------------------


def headline(gate: Gate) -> str:
    """'FAIL: 1 of 5 checks failed, 2 are open'."""
    counts = Counter(check.outcome for check in gate.checks if check.decisive)
    total = sum(counts.values())
    if gate.outcome == "pass":
        return f"PASS: {'all ' if total > 1 else ''}{wording.counted(total, 'check')} passed"
    told = [f"{counts[outcome]:,} {words}" for outcome, words in COUNTED.items() if counts[outcome]]
    return f"{OUTCOMES[gate.outcome]}: of {wording.counted(total, 'check')} {', '.join(told)}"


COUNTED: Mapping[GateOutcome, str] = {
    "fail": "failed",
    "unjudged": "could not be judged",
    "inconclusive": "open",
    "pass": "passed",
}


def level(gate: Gate, check: Check) -> Level:
    """How loud a check is: what a policy calls only a warning stays one."""
    if not check.decisive or check.outcome == "pass":
        return "notice"
    quiet = check.outcome == "inconclusive" and gate.inconclusive == "warn"
    return "warning" if quiet else "error"


# --- one check -----------------------------------------------------------------------


def title(check: Check) -> str:
    """'orders.heldout.v1: not worse', with the metric where it is not the eval's own score."""
    metric = check.rule.metric
    named = f" ({NAMES.get(metric, metric)})" if metric and check.rule.demand != "ceiling" else ""
    what = NAMES.get(metric, metric) if check.rule.demand == "ceiling" else ""
    return f"{check.eval}: {what or TITLES[check.rule.demand]}{named}"


TITLES: Mapping[str, str] = {
    "non_inferior": "not worse",
    "superior": "better",
    "gain": "gain",
    "floor": "floor",
    "must_pass": "samples that must be right",
    "diversity": "variety",
    "forgetting": "nothing forgotten",
}
NAMES: Mapping[str, str] = {
    "failure_share": "failed answers",
    "refusal_share": "refusals",
    "copy_rate": "copied answers",
    "latency_p95_s": "latency",
    "cost_usd": "cost",
    "tokens": "tokens",
    "good_and_different": "good and different answers",
    "words": "length in words",
    "format": "format compliance",
    "good": "acceptable answers",
}


def asked(check: Check) -> str:
    """What the policy asks, the margin in words: 'a drop of up to 2 points is accepted'."""
    return ASKED[check.rule.demand](check)


def _not_worse(check: Check) -> str:
    way = "rise" if check.rule.lower_is_better else "drop"
    if check.rule.limit == 0:
        return f"no {way} is accepted"
    return f"a {way} of up to {_difference(check)} is accepted"


def _better(check: Check) -> str:
    return f"it has to be {_way(check)} than the base"


def _gain(check: Check) -> str:
    return f"it has to be {_way(check)} than the base by more than {_difference(check)}"


def _way(check: Check) -> str:
    return "lower" if check.rule.lower_is_better else "better"


def _difference(check: Check) -> str:
    limit = check.rule.limit
    if check.unit != "share":
        return wording.significant(limit)
    size = wording.plain(100 * limit)
    return f"{size} point{'' if size == '1' else 's'}"


def _floor(check: Check) -> str:
    metric = check.rule.metric
    what = NAMES.get(metric, metric) or "the score"
    return f"{what} has to be at least {_bar(check)}"


def _ceiling(check: Check) -> str:
    words = CEILINGS.get(check.rule.metric)
    if words is None:
        what = NAMES.get(check.rule.metric, check.rule.metric)
        return f"{what} may be at most {_bar(check)}"
    return words.format(_bar(check))


CEILINGS: Mapping[str, str] = {
    "failure_share": "at most {} of the answers may fail",
    "refusal_share": "at most {} of the answers may refuse",
    "copy_rate": "at most {} of the answers may be copies of training texts",
    "latency_p95_s": "95% of the answers have to come within {}",
    "cost_usd": "an answer may cost at most {}",
    "tokens": "an answer may take at most {} tokens",
}


def _bar(check: Check) -> str:
    limit, metric = check.rule.limit, check.rule.metric
    if metric == "latency_p95_s":
        return f"{wording.plain(limit)} s"
    if metric == "cost_usd":
        return f"${wording.significant(limit)}"
    if metric in ("tokens", "words") or check.unit == "count":
        return wording.plain(limit)
    return f"{wording.plain(100 * limit)}%"


def _must_pass(check: Check) -> str:
    return f"{wording.counted(len(check.rule.samples), 'sample')} must be right"


def _diversity(check: Check) -> str:
    return f"a loss of variety of up to {wording.plain(100 * check.rule.limit)}% is accepted"


ASKED: Mapping[str, Callable[[Check], str]] = {
    "non_inferior": _not_worse,
    "forgetting": _not_worse,
    "superior": _better,
    "gain": _gain,
    "floor": _floor,
    "ceiling": _ceiling,
    "must_pass": _must_pass,
    "diversity": _diversity,
}


def found(check: Check) -> str:
    """What was found, in one plain sentence without a full stop."""
    if check.outcome == "unjudged" or check.estimate is None:
        return check.reason or "every one of them is right"
    parts = [_result(check, check.estimate)]
    shown = check.p_missed if check.outcome == "fail" else check.p_value
    if shown is not None:
        parts.append(wording.p_value(shown))
    if check.candidates > 1:
        parts.append(f"picked from {check.candidates:,} models, which the p allows for")
    parts += filter(None, (missing(check), check.reason))
    if not check.decisive:
        parts.append("another eval decides")
    return "; ".join(parts)


def missing(check: Check) -> str:
    """'about 240 more samples like these would decide'; empty where nothing is open."""
    if check.outcome != "inconclusive":
        return ""
    if check.needed is None:
        return "no practicable number of samples like these is known to decide"
    return f"about {wording.counted(check.needed, 'more sample')} like these would decide"


def _result(check: Check, estimate: Estimate) -> str:
    n = wording.counted(estimate.n, "answer" if is_of_answers(check) else "sample")
    if check.rule.demand == "diversity":
        return f"{wording.estimate_in('ratio', estimate)} of the base's variety; {n}"
    if check.base is not None:
        return f"{_contrast(check, estimate)}; {n}"
    return f"{_own(check, estimate)}; {n}"


def is_of_answers(check: Check) -> bool:
    """Whether a check counts answers instead of samples."""
    return check.rule.metric in ("latency_p95_s", "failure_share")


def _contrast(check: Check, estimate: Estimate) -> str:
    """'better than the base by 8 to 19 points'."""
    good, bad = ("lower", "higher") if check.rule.lower_is_better else ("better", "worse")
    better = estimate.high < 0 if check.rule.lower_is_better else estimate.low > 0
    worse = estimate.low > 0 if check.rule.lower_is_better else estimate.high < 0
    if better or worse:
        near, far = sorted((abs(estimate.low), abs(estimate.high)))
        way = good if better else bad
        span = " to ".join(_size(check, bound, estimate) for bound in (near, far))
        return f"{way} than the base by {span}{_unit(check)}"
    if check.unit == "share":
        return f"not clearly different from the base ({wording.delta_interval(estimate)} points)"
    low, high = (wording.signed(bound, 2) for bound in (estimate.low, estimate.high))
    return f"not clearly different from the base ({low} to {high})"


def _size(check: Check, value: float, estimate: Estimate) -> str:
    if check.unit != "share":
        return wording.significant(value)
    return wording.number(100 * value, 0 if estimate.high - estimate.low >= 0.05 else 1)


def _unit(check: Check) -> str:
    return " points" if check.unit == "share" else ""


def _own(check: Check, estimate: Estimate) -> str:
    if check.rule.metric == "latency_p95_s":
        return f"{wording.estimate_in('share', estimate)} took longer"
    if check.unit == "usd":
        low, high = (wording.significant(bound) for bound in (estimate.low, estimate.high))
        return f"${wording.significant(estimate.value)} an answer ({low} to {high})"
    return wording.estimate_in("count" if check.unit == "count" else "share", estimate)
