"""The decision whether to deploy: evidence held against a policy, check by check.

Pure: the pipeline brings the evidence, reports bring the words. A check that lacks evidence is
"unjudged": it never passes, and the model is never blamed for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from harness.analysis.stats import (
    LEAST_CLUSTERS,
    Bar,
    ThresholdTest,
    bonferroni,
    difference_test,
    e_values,
    holm,
    looks_to_decide,
    pairs_to_decide,
    score_test,
    scores_to_decide,
)
from harness.records import Check, Demand, Estimate, Gate, GateOutcome, Policy, Rule

OWN = ""
"""The eval's own score among the marks."""

COMPARING: frozenset[Demand] = frozenset(
    {"non_inferior", "superior", "gain", "forgetting", "diversity"}
)
IMPROVING: frozenset[Demand] = frozenset({"superior", "gain"})
OWN_FAILURES = frozenset({"no_text", "no_mark"})
"""Failures that a model can be blamed for; all others are those of a server, a file or a judge."""

SLOW_SHARE = 0.05
"""A ceiling on the 95th percentile lets this share of the answers be slower."""

UNITS: Mapping[str, str] = {"tokens": "count", "words": "count", "cost_usd": "usd"}


Watching = Literal["end", "look", "any time", "end of any time"]
"""When one looks. What has no order of asking is judged at the end only."""

AT_THE_END: frozenset[Watching] = frozenset({"end", "end of any time"})
AT_ANY_TIME: frozenset[Watching] = frozenset({"any time", "end of any time"})


@dataclass(frozen=True, slots=True)
class Side:
    """One model's answers to one eval.

    ``marks`` holds for each metric (`OWN` is the score) one value a sample, the mean over its
    repeats; ``capped`` the same of what only ceilings ask for: tokens, cost_usd. ``owed`` counts
    the answers that should be there, ``marked`` those with a mark, and ``failed`` the others by
    kind; who was not asked is in none of them.
    """

    model: str
    owed: int
    marked: int
    marks: Mapping[str, Mapping[str, float]]
    failed: Mapping[str, int] = field(default_factory=dict)
    capped: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    latencies_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one eval for the gate.

    ``samples`` are the ids that were to be asked, by which answers are paired; ``offered`` how
    many the data hold; ``other_ids`` what else samples are called. ``candidates`` is how many
    models the tuned one was picked from, on these very answers; ``rivals`` how many demands to
    be better share alpha, one of them being enough. ``diversity`` is the tuned model's over the
    base's. ``faults`` say what spoils the evidence as a whole. ``watching`` is
    when one looks: at the end, at one of several planned looks before it (the policy then has
    that look's alpha), or at any time; ``samples`` are then in the random order of asking.
    """

    eval: str
    samples: tuple[str, ...]
    tuned: Side
    base: Side | None = None
    offered: int | None = None
    clusters: Mapping[str, str] = field(default_factory=dict)
    candidates: int = 1
    rivals: int = 1
    diversity: Estimate | None = None
    other_ids: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    watching: Watching = "end"


def judged(policy: Policy, evidence: Sequence[Evidence], means: Callable[[str, str], bool]) -> Gate:
    """Hold the evidence against every rule; ``means(eval, pattern)`` matches names.

    All checks have to pass (an intersection-union test, each at alpha); where the policy says
    "any", one improved eval is enough (Holm), and whatever else is asked has to hold.
    """
    if policy.combine == "any":
        better = [rule for rule in policy.rules if rule.demand in IMPROVING]
        rivals = sum(
            max(1, sum(means(one.eval, rule.pattern) for one in evidence)) for rule in better
        )
        evidence = [replace(one, rivals=max(1, rivals)) for one in evidence]
    checks = [check for rule in policy.rules for check in _checks(rule, policy, evidence, means)]
    if policy.combine == "any":
        checks = _one_is_enough(checks, policy.alpha)
    outcome = worst(check.outcome for check in checks if check.decisive)
    return Gate(policy.name, outcome, tuple(checks), policy.alpha, policy.inconclusive)


SEVERITY: Sequence[GateOutcome] = ("pass", "inconclusive", "unjudged", "fail")


def worst(outcomes: Iterable[GateOutcome]) -> GateOutcome:
    """What decides: a failure that is shown, then missing evidence, then too little of it."""
    return max(outcomes, key=SEVERITY.index, default="unjudged")


def _checks(
    rule: Rule,
    policy: Policy,
    evidence: Sequence[Evidence],
    means: Callable[[str, str], bool],
) -> list[Check]:
    meant = [one for one in evidence if means(one.eval, rule.pattern)]
    if not meant:
        return [Check(rule.pattern, rule, "", "unjudged", reason="no eval of this name was run")]
    return [_check(rule, policy, one) for one in meant]


def _check(rule: Rule, policy: Policy, one: Evidence) -> Check:
    base = one.base.model if one.base and rule.demand in COMPARING else None
    blank = Check(one.eval, rule, one.tuned.model, "unjudged", base, candidates=one.candidates)
    reason = lacking(rule, policy, one)
    return replace(blank, reason=reason) if reason else JUDGES[rule.demand](blank, policy, one)


# --- is the evidence whole? ----------------------------------------------------------


def lacking(rule: Rule, policy: Policy, one: Evidence) -> str:
    """Why this eval cannot be judged; empty where nothing is missing."""
    if one.faults:
        return "; ".join(one.faults)
    asked = len(one.samples)
    if policy.samples is None and one.offered is not None and asked < one.offered:
        return (
            f"only {asked:,} of the {one.offered:,} samples of the data were asked for; "
            f"ask all of them, or let the policy say samples: {asked}"
        )
    if asked < (policy.samples or 1):
        return f"{asked:,} samples, and the policy wants {policy.samples or 1:,}"
    if rule.demand in COMPARING and one.base is None:
        return "there is no base model to compare with"
    sides = [one.tuned]
    if rule.demand in COMPARING and one.base is not None:
        sides.append(one.base)
    return next(filter(None, (_unmarked(side, rule, policy) for side in sides)), "")


def _unmarked(side: Side, rule: Rule, policy: Policy) -> str:
    """Too few answers with a mark; failures of the model's own are what their ceiling is about."""
    failed = dict(side.failed)
    graded = side.marked
    if rule.metric == "failure_share":
        graded += sum(failed.pop(kind, 0) for kind in OWN_FAILURES)
    if graded >= policy.graded * side.owed and side.owed:
        return ""
    kinds = [f"{count:,} {kind.replace('_', ' ')}" for kind, count in failed.items()]
    silent = side.owed - graded - sum(failed.values())
    if silent > 0:
        kinds.append(f"{silent:,} not asked")
    return (
        f"{side.model}: {side.owed - graded:,} of {side.owed:,} answers have no mark "
        f"({', '.join(kinds) or 'nothing was owed'}); the policy wants {policy.graded:.4g} of them"
    )


def _too_few(check: Check, measured: int, policy: Policy, one: Evidence) -> str:
    """A number that exists for a part of the samples only."""
    if measured and measured >= policy.graded * len(one.samples):
        return ""
    what = f"'{check.rule.metric}'" if check.rule.metric else "the score"
    known = [name for name in one.tuned.marks if name != OWN]
    hint = f"; the grader's numbers are {', '.join(sorted(known))}" if known else ""
    return f"{what} was measured on {measured:,} of {len(one.samples):,} samples{hint}"


# --- the demands ---------------------------------------------------------------------


def _compared(check: Check, policy: Policy, one: Evidence) -> Check:
    """Tuned against base, sample by sample."""
    assert one.base is not None  # noqa: S101 - `lacking` has seen to it
    rule = check.rule
    after, before = (side.marks.get(rule.metric, {}) for side in (one.tuned, one.base))
    keys = [key for key in one.samples if key in after and key in before]
    if reason := _too_few(check, len(keys), policy, one):
        return replace(check, reason=reason)
    ours, theirs = [after[key] for key in keys], [before[key] for key in keys]
    if rule.lower_is_better:
        ours, theirs = theirs, ours
    threshold = rule.limit if rule.demand == "gain" else -rule.limit
    clusters = _clusters(keys, one)
    test = difference_test(ours, theirs, threshold, clusters)
    differences = [a - b for a, b in zip(ours, theirs, strict=True)]
    if one.watching in AT_ANY_TIME:
        test = _at_any_time(test, differences)
    shown = _decided(check, test, policy)
    if _is_open(shown, policy, one):
        bar = _bar(check, policy, one, threshold)
        if one.watching in AT_ANY_TIME:
            needed = _looks(differences, test, bar)
        else:
            needed = pairs_to_decide(ours, theirs, bar, clusters)
        shown = replace(shown, needed=needed)
    unit = "share" if _are_shares([*ours, *theirs]) else "count"
    estimate = mirrored(test.estimate) if rule.lower_is_better else test.estimate
    return replace(shown, estimate=estimate, unit=unit)


def _floored(check: Check, policy: Policy, one: Evidence) -> Check:
    """The tuned model's own score against the least that it may be."""
    marks = one.tuned.marks.get(check.rule.metric, {})
    return _against_bar(check, policy, one, marks, above=True)


def _capped(check: Check, policy: Policy, one: Evidence) -> Check:
    """Something against the most that it may be."""
    name = check.rule.metric
    if name == "latency_p95_s":
        return _quick(check, policy, one)
    if name == "failure_share":
        return _dependable(check, policy, one)
    values = one.tuned.capped.get(name, one.tuned.marks.get(name, {}))
    return _against_bar(check, policy, one, values, above=False)


def _against_bar(
    check: Check, policy: Policy, one: Evidence, values: Mapping[str, float], *, above: bool
) -> Check:
    keys = [key for key in one.samples if key in values]
    if reason := _too_few(check, len(keys), policy, one):
        return replace(check, reason=reason)
    found = [values[key] for key in keys]
    if check.rule.metric in UNITS and min(found) == max(found):
        return _fixed(check, found)
    shares = _are_shares(found) and check.rule.metric not in UNITS
    measured = Measured(found, _clusters(keys, one), (0.0, 1.0) if shares else None)
    test = measured.test(check.rule.limit)
    if one.watching in AT_ANY_TIME:
        test = _at_any_time(test, found)
    unit = UNITS.get(check.rule.metric, "share" if shares else "count")
    shown = _bounded(check, test, policy, above=above, unit=unit)
    if shown.outcome != "inconclusive":
        return shown
    bar = replace(_bar(check, policy, one, check.rule.limit), upward=above)
    if one.watching in AT_ANY_TIME:
        return replace(shown, needed=_looks(found, test, bar))
    return replace(shown, needed=measured.more(bar))


@dataclass(frozen=True, slots=True)
class Measured:
    """One number of each sample, or of each answer, that a bar is held against."""

    values: Sequence[float]
    clusters: list[tuple[str, bool]] | None = None
    bounds: tuple[float, float] | None = (0.0, 1.0)

    def test(self, bar: float) -> ThresholdTest:
        """The test that decides."""
        return score_test(self.values, bar, self.clusters, self.bounds)

    def more(self, bar: Bar) -> int | None:
        """How many more of them would decide."""
        return scores_to_decide(self.values, bar, self.clusters, self.bounds)


def _fixed(check: Check, values: Sequence[float]) -> Check:
    """What every answer takes alike needs no test."""
    value, n = values[0], len(values)
    estimate = Estimate(value, value, value, n, "the same for every sample")
    outcome: GateOutcome = "pass" if value <= check.rule.limit else "fail"
    unit = UNITS[check.rule.metric]
    return replace(check, outcome=outcome, estimate=estimate, unit=unit)


def _bounded(
    check: Check, test: ThresholdTest, policy: Policy, *, above: bool, unit: str = "share"
) -> Check:
    asked = test if above else _turned(test)
    return replace(_decided(check, asked, policy), estimate=test.estimate, unit=unit)


def _is_open(check: Check, policy: Policy, one: Evidence) -> bool:
    """Undecided by itself, or by the share of alpha that it has beside its rivals."""
    share = one.rivals if check.rule.demand in IMPROVING else 1
    passed = check.outcome == "pass" and (check.p_value or 0.0) * share <= policy.alpha
    return not passed and check.outcome != "fail"


def _bar(check: Check, policy: Policy, one: Evidence, threshold: float) -> Bar:
    """What a test has to reach here: picking among candidates costs what passes, not what fails."""
    share = one.rivals if check.rule.demand in IMPROVING else 1
    return Bar(threshold, policy.alpha / (check.candidates * share), policy.alpha)


def _looks(values: Sequence[float], test: ThresholdTest, bar: Bar) -> int | None:
    """How many more samples decide where one looks after each; None where that judges nothing."""
    return None if test.caution == NOT_AT_ANY_TIME else looks_to_decide(values, bar)


def _quick(check: Check, policy: Policy, one: Evidence) -> Check:
    """The 95th percentile of latency: at most 5 % of the answers may be slower."""
    times = one.tuned.latencies_s
    if not times or len(times) < policy.graded * one.tuned.marked:
        return replace(
            check,
            reason=f"how long the answers took is known of {len(times):,} of "
            f"{one.tuned.marked:,} (not of replayed ones and logs)",
        )
    slow = [float(time > check.rule.limit) for time in times]
    return _answers_within(check, policy, one, slow, SLOW_SHARE)


def _dependable(check: Check, policy: Policy, one: Evidence) -> Check:
    """The share of answers that the model itself spoiled."""
    spoiled = sum(one.tuned.failed.get(kind, 0) for kind in OWN_FAILURES)
    values = [1.0] * spoiled + [0.0] * one.tuned.marked
    return _answers_within(check, policy, one, values, check.rule.limit)


def _answers_within(
    check: Check, policy: Policy, one: Evidence, values: Sequence[float], limit: float
) -> Check:
    """At most so large a share of the answers: a sample may have several."""
    answers = Measured(values)
    test = _answers_alike(answers.test(limit), one)
    shown = _bounded(check, test, policy, above=False)
    if shown.outcome != "inconclusive":
        return shown
    more = answers.more(replace(_bar(check, policy, one, limit), upward=False))
    each = max(1.0, len(values) / len(one.samples))
    return replace(shown, needed=None if more is None else math.ceil(more / each))


def _flawless(check: Check, policy: Policy, one: Evidence) -> Check:
    """Samples that have to be right, each of them in every repeat."""
    marks = one.tuned.marks.get(OWN, {})
    ids = {
        name: name if name in one.samples else one.other_ids.get(name) for name in _wanted(check)
    }
    missed = [name for name, key in ids.items() if key is not None and marks.get(key, 1) < 1]
    if missed:
        return replace(check, outcome="fail", reason=f"wrong: {_named(missed)}")
    strangers = [name for name, key in ids.items() if key is None]
    if strangers and one.watching not in AT_THE_END:
        said = f"not asked so far: {_named(strangers)}"
        return replace(check, outcome="inconclusive", reason=said)
    if strangers:
        return replace(check, reason=f"the data hold no sample {_named(strangers)}")
    unmarked = [name for name, key in ids.items() if key not in marks]
    if unmarked:
        return replace(check, reason=f"no mark for {_named(unmarked)}")
    return replace(check, outcome="pass")


def _wanted(check: Check) -> tuple[str, ...]:
    return check.rule.samples


def _named(ids: Sequence[str], most: int = 5) -> str:
    rest = f" and {len(ids) - most:,} more" if len(ids) > most else ""
    return ", ".join(ids[:most]) + rest


def _varied(check: Check, policy: Policy, one: Evidence) -> Check:
    """How varied the answers are over those of the base, by the whole interval of the ratio."""
    ratio = one.diversity
    if ratio is None or not math.isfinite(ratio.value):
        return replace(
            check,
            reason="diversity was not measured; it takes an open task and several answers a prompt",
        )
    least = 1 - check.rule.limit
    outcome: GateOutcome = "inconclusive"
    if one.watching not in AT_THE_END:
        said = "variety is judged when all samples were asked"
        return replace(check, outcome=outcome, estimate=ratio, unit="ratio", reason=said)
    if ratio.low >= least:
        outcome = "pass"
    elif ratio.high < least:
        outcome = "fail"
    return replace(check, outcome=outcome, estimate=ratio, unit="ratio")


JUDGES: Mapping[Demand, Callable[[Check, Policy, Evidence], Check]] = {
    "non_inferior": _compared,
    "superior": _compared,
    "gain": _compared,
    "forgetting": _compared,
    "floor": _floored,
    "ceiling": _capped,
    "must_pass": _flawless,
    "diversity": _varied,
}


# --- from a test to an outcome -------------------------------------------------------


def _decided(check: Check, test: ThresholdTest, policy: Policy) -> Check:
    """PASS where the demand is shown to be met, FAIL where it is shown to be missed.

    The winner of several candidates passes with its p times their number only; that it was
    picked for doing well here makes no failure less sure.
    """
    p_value = bonferroni(min(1.0, max(0.0, test.p_above)), check.candidates)
    enough = test.clusters is None or test.clusters >= LEAST_CLUSTERS
    outcome: GateOutcome = "inconclusive"
    if p_value <= policy.alpha and enough:
        outcome = "pass"
    elif test.p_below <= policy.alpha:
        outcome = "fail"
    missed = min(1.0, max(0.0, test.p_below))
    return replace(check, outcome=outcome, p_value=p_value, p_missed=missed, reason=test.caution)


def _at_any_time(test: ThresholdTest, values: Sequence[float]) -> ThresholdTest:
    """The same with p values that hold whenever one looks: 1 over the most evidence so far."""
    one_sided = abs(test.threshold) < 1 and all(-1 <= value <= 1 for value in values)
    if test.clusters is not None or not one_sided:
        return replace(test, p_above=1.0, p_below=1.0, caution=NOT_AT_ANY_TIME)
    above = e_values(values, test.threshold).max()
    below = e_values([-value for value in values], -test.threshold).max()
    return replace(test, p_above=min(1.0, 1 / above), p_below=min(1.0, 1 / below))


NOT_AT_ANY_TIME = "clusters and numbers that are no shares are judged with --looks, not at any time"


def _answers_alike(test: ThresholdTest, one: Evidence) -> ThresholdTest:
    """Counts of answers have no order of asking: at any time they decide nothing."""
    if one.watching != "any time":  # at its end they are looked at for the first time
        return test
    return replace(test, p_above=1.0, p_below=1.0, caution="judged when all samples were asked")


def _turned(test: ThresholdTest) -> ThresholdTest:
    """The same test asked the other way: is it below?"""
    return replace(test, p_above=test.p_below, p_below=test.p_above)


def mirrored(estimate: Estimate) -> Estimate:
    """The estimate of the opposite difference."""
    return replace(estimate, value=-estimate.value, low=-estimate.high, high=-estimate.low)


def _clusters(keys: Sequence[str], one: Evidence) -> list[tuple[str, bool]] | None:
    """The samples' documents, a sample without one standing for itself; None where none share."""
    named = [one.clusters.get(key) for key in keys]
    if len(set(filter(None, named))) == sum(1 for name in named if name):
        return None
    return [(name, True) if name else (key, False) for key, name in zip(keys, named, strict=True)]


def _are_shares(values: Iterable[float]) -> bool:
    return all(0 <= value <= 1 for value in values)


def _one_is_enough(checks: Sequence[Check], alpha: float) -> list[Check]:
    """Holm over all demands to be better; where one holds, the others decide nothing."""
    better = [i for i, check in enumerate(checks) if check.rule.demand in IMPROVING]
    found = list(checks)
    known = [checks[i].p_value for i in better]
    adjusted = holm([1.0 if p is None else p for p in known])
    for i, p_value in zip(better, adjusted, strict=True):
        found[i] = _adjusted(checks[i], p_value, alpha)
    outcomes = {found[i].outcome for i in better}
    for i in better:
        beside = found[i].outcome == "fail" and outcomes != {"fail"}
        met = "pass" in outcomes and found[i].outcome != "pass"
        if (beside or met) and found[i].outcome != "unjudged":
            found[i] = replace(found[i], decisive=False)
    return found


def _adjusted(check: Check, p_value: float, alpha: float) -> Check:
    if check.p_value is None:
        return check
    if check.outcome == "pass" and p_value > alpha:
        check = replace(check, outcome="inconclusive")
    if check.outcome == "pass":
        check = replace(check, needed=None)
    return replace(check, p_value=p_value)
