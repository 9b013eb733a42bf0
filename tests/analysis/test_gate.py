"""The gate on evidence made by hand: what passes, what fails, what nobody can tell or judge."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from harness.analysis.gate import OWN, Evidence, Side, judged
from harness.analysis.refusals import is_refusal
from harness.records import Check, Estimate, Gate, Policy, Rule

NOT_WORSE = Rule("non_inferior", "*", 0.02)
BETTER = Rule("superior", "*")


def any_name(name: str, pattern: str) -> bool:
    return pattern == "*" or name == pattern


def side(model: str, marks: Sequence[float], **fields: object) -> Side:
    table = {f"s{i}": mark for i, mark in enumerate(marks)}
    whole = Side(model, owed=len(marks), marked=len(marks), marks={OWN: table})
    return replace(whole, **fields)  # type: ignore[arg-type]


def evidence(
    tuned: Sequence[float], base: Sequence[float] | None = None, **fields: object
) -> Evidence:
    found = Evidence(
        eval="e",
        samples=tuple(f"s{i}" for i in range(len(tuned))),
        tuned=side("tuned", tuned),
        base=side("base", base) if base is not None else None,
    )
    return replace(found, **fields)  # type: ignore[arg-type]


def gate(rule: Rule | Sequence[Rule], *found: Evidence, **policy: object) -> Gate:
    rules = (rule,) if isinstance(rule, Rule) else tuple(rule)
    return judged(replace(Policy("p", rules), **policy), found, any_name)  # type: ignore[arg-type]


def only(rule: Rule, found: Evidence, **policy: object) -> Check:
    (check,) = gate(rule, found, **policy).checks
    return check


def table(both: int, fixed: int, broken: int, neither: int) -> tuple[list[float], list[float]]:
    tuned = [1.0] * (both + fixed) + [0.0] * (broken + neither)
    base = [1.0] * both + [0.0] * fixed + [1.0] * broken + [0.0] * neither
    return tuned, base


# --- comparisons ---------------------------------------------------------------------


def test_a_clear_gain_passes() -> None:
    check = only(BETTER, evidence(*table(36, 12, 2, 0)))
    assert check.outcome == "pass"
    assert check.estimate is not None
    assert check.estimate.low == pytest.approx(0.061112, abs=1e-5)


def test_a_worse_candidate_fails_and_is_not_inconclusive() -> None:
    for rule in (NOT_WORSE, BETTER, Rule("gain", "*", 0.05), Rule("forgetting", "*", 0.03)):
        assert only(rule, evidence(*table(50, 5, 25, 20))).outcome == "fail"


def test_five_ties_are_inconclusive_and_say_how_many_samples_are_missing() -> None:
    check = only(NOT_WORSE, evidence(*table(3, 0, 0, 2)))
    assert check.outcome == "inconclusive"
    assert check.needed is not None
    assert check.needed > 50


def test_the_samples_missing_count_that_the_model_was_picked_from_several() -> None:
    floor = Rule("floor", "*", 0.6)
    found = evidence([1.0] * 16 + [0.0] * 6)
    alone, picked = only(floor, found), only(floor, replace(found, candidates=6))
    assert (alone.outcome, picked.outcome) == ("inconclusive", "inconclusive")
    assert (alone.needed, picked.needed) == (72, 130)


def test_the_answers_missing_are_counted_in_samples() -> None:
    ceiling = Rule("ceiling", "*", 0.05, "failure_share")
    found = evidence([1.0] * 22)
    assert only(ceiling, found).needed == 59 - 22
    assert only(ceiling, replace(found, candidates=6)).needed == 94 - 22
    twice = replace(found, tuned=replace(found.tuned, owed=44, marked=44))
    assert only(ceiling, twice).needed == 8


def test_the_samples_missing_count_that_one_of_several_evals_is_enough() -> None:
    found = [replace(evidence(*table(30, 6, 2, 2)), eval=name) for name in "abc"]
    one = only(BETTER, found[0])
    several = gate(BETTER, *found, combine="any").checks[0]
    assert one.needed is not None
    assert several.needed is not None
    assert several.needed > one.needed


def test_many_ties_pass_within_a_margin_but_show_no_gain() -> None:
    tied = evidence(*table(150, 0, 0, 50))
    assert only(NOT_WORSE, tied).outcome == "pass"
    assert only(BETTER, tied).outcome == "inconclusive"


def test_the_exact_unconditional_p_decides() -> None:
    check = only(Rule("non_inferior", "*", 0.05), evidence(*table(80, 10, 8, 2)))
    assert check.p_value == pytest.approx(0.058993, abs=1e-4)
    assert check.outcome == "inconclusive"


def test_alpha_is_the_policys() -> None:
    check = only(Rule("non_inferior", "*", 0.05), evidence(*table(80, 10, 8, 2)), alpha=0.1)
    assert check.outcome == "pass"


def test_a_metric_where_lower_is_better_is_turned_round() -> None:
    more, less = table(20, 40, 5, 35)
    base, tuned = side("base", []), side("tuned", [])
    ids = [f"s{i}" for i in range(100)]
    for one, marks in ((base, more), (tuned, less)):
        one_marks = {OWN: dict.fromkeys(ids, 1.0), "made_up": dict(zip(ids, marks, strict=True))}
        filled = replace(one, owed=100, marked=100, marks=one_marks)
        if one is base:
            base = filled
        else:
            tuned = filled
    found = Evidence("e", tuple(ids), tuned, base)
    rule = Rule("superior", "*", metric="made_up", lower_is_better=True)
    check = only(rule, found)
    assert check.outcome == "pass"
    assert check.estimate is not None
    assert check.estimate.value == pytest.approx(-0.35)
    assert only(replace(rule, lower_is_better=False), found).outcome == "fail"


def test_the_best_of_several_passes_with_its_p_times_their_number() -> None:
    found = evidence(*table(60, 15, 5, 20))
    alone, picked = only(BETTER, found), only(BETTER, replace(found, candidates=5))
    assert alone.outcome == "pass"
    assert picked.p_value == pytest.approx(5 * (alone.p_value or 0))
    assert picked.outcome == "inconclusive"


def test_few_clusters_never_pass() -> None:
    tuned, base = table(0, 60, 0, 40)
    clusters = {f"s{i}": f"doc{i % 7}" for i in range(100)}
    check = only(BETTER, evidence(tuned, base, clusters=clusters))
    assert check.outcome == "inconclusive"
    assert "7 clusters" in check.reason


# --- floors, ceilings and the rest ---------------------------------------------------


def test_a_floor_holds_by_its_exact_bound() -> None:
    floor = Rule("floor", "*", 0.9)
    assert only(floor, evidence([1.0] * 29)).outcome == "pass"
    assert only(floor, evidence([1.0] * 28)).outcome == "inconclusive"
    assert only(floor, evidence([1.0] * 70 + [0.0] * 30)).outcome == "fail"


def capped(name: str, values: Sequence[float]) -> Evidence:
    found = evidence([1.0] * len(values))
    numbers = {f"s{i}": value for i, value in enumerate(values)}
    return replace(found, tuned=replace(found.tuned, capped={name: numbers}))


def test_ceilings_bound_shares_and_costs() -> None:
    few = Rule("ceiling", "*", 0.05, metric="refusal_share")
    assert only(few, capped("refusal_share", [0.0] * 60)).outcome == "pass"
    assert only(few, capped("refusal_share", [0.0] * 20)).outcome == "inconclusive"
    assert only(few, capped("refusal_share", [1.0] * 20 + [0.0] * 40)).outcome == "fail"
    cheap = Rule("ceiling", "*", 100.0, metric="tokens")
    assert only(cheap, capped("tokens", [80.0, 90.0, 85.0] * 10)).outcome == "pass"
    assert only(cheap, capped("tokens", [80.0] * 10)).outcome == "pass"
    assert only(cheap, capped("tokens", [180.0, 190.0, 185.0] * 10)).outcome == "fail"


def test_the_95th_percentile_of_latency_is_bounded_by_the_share_of_slower_answers() -> None:
    quick = Rule("ceiling", "*", 2.0, metric="latency_p95_s")

    def answered(*seconds: float) -> Evidence:
        found = evidence([1.0] * len(seconds))
        return replace(found, tuned=replace(found.tuned, latencies_s=seconds))

    assert only(quick, answered(*[1.0] * 60)).outcome == "pass"
    assert only(quick, answered(*[1.0] * 40)).outcome == "inconclusive"
    assert only(quick, answered(*[3.0] * 40, *[1.0] * 20)).outcome == "fail"
    assert only(quick, answered()).outcome == "unjudged"
    assert only(quick, evidence([1.0] * 60)).outcome == "unjudged"


def test_a_model_is_blamed_for_its_own_failures_only() -> None:
    rule = Rule("ceiling", "*", 0.05, metric="failure_share")

    def failing(kind: str, count: int) -> Evidence:
        found = evidence([1.0] * 100)
        one = replace(found.tuned, marked=100 - count, failed={kind: count})
        return replace(found, tuned=one)

    assert only(rule, failing("no_text", 20)).outcome == "fail"
    assert only(rule, failing("no_text", 0)).outcome == "pass"
    assert only(rule, failing("unreachable", 20)).outcome == "unjudged"


def test_samples_that_must_be_right() -> None:
    found = evidence([1.0, 0.0, 1.0], other_ids={"order-3": "s2"})
    assert only(Rule("must_pass", "*", samples=("s0", "order-3")), found).outcome == "pass"
    missed = only(Rule("must_pass", "*", samples=("s0", "s1")), found)
    assert (missed.outcome, missed.reason) == ("fail", "wrong: s1")
    stranger = only(Rule("must_pass", "*", samples=("s9",)), found)
    assert (stranger.outcome, stranger.reason) == ("unjudged", "the data hold no sample s9")


@pytest.mark.parametrize(
    ("ratio", "outcome"),
    [
        (Estimate(0.97, 0.92, 1.02, 20, ""), "pass"),
        (Estimate(0.7, 0.6, 0.8, 20, ""), "fail"),
        (Estimate(0.9, 0.8, 1.0, 20, ""), "inconclusive"),
        (Estimate(math.nan, 0, math.inf, 20, ""), "unjudged"),
        (None, "unjudged"),
    ],
)
def test_variety_is_judged_by_the_whole_interval(ratio: Estimate | None, outcome: str) -> None:
    found = evidence([1.0] * 20, [1.0] * 20, diversity=ratio)
    assert only(Rule("diversity", "*", 0.1), found).outcome == outcome


# --- evidence that is not whole ------------------------------------------------------


def test_nothing_passes_on_missing_evidence_and_no_model_fails_for_it() -> None:
    good = evidence(*table(36, 12, 2, 0))
    dropped = replace(good, tuned=replace(good.tuned, marked=40, failed={"server_down": 10}))
    fewer = replace(good, base=replace(good.base or good.tuned, marked=49))
    empty = replace(good, samples=(), tuned=Side("tuned", 0, 0, {}), base=Side("base", 0, 0, {}))
    for found, reason in (
        (dropped, "10 of 50 answers have no mark (10 server down)"),
        (fewer, "base: 1 of 50 answers have no mark (1 not asked)"),
        (empty, "0 samples, and the policy wants 1"),
        (replace(good, offered=80), "only 50 of the 80 samples of the data were asked for"),
        (replace(good, faults=("the file was cut",)), "the file was cut"),
        (replace(good, base=None), "there is no base model"),
    ):
        for rule in (BETTER, NOT_WORSE, Rule("gain", "*", 0.01)):
            check = only(rule, found)
            assert check.outcome == "unjudged"
            assert reason in check.reason


def test_a_policy_that_says_how_many_samples_are_enough_accepts_a_part() -> None:
    part = evidence(*table(36, 12, 2, 0), offered=80)
    assert only(BETTER, part, samples=50).outcome == "pass"
    assert only(BETTER, part, samples=60).outcome == "unjudged"


def test_a_policy_may_accept_more_failures() -> None:
    found = evidence(*table(36, 12, 2, 0))
    found = replace(found, tuned=replace(found.tuned, marked=48))
    assert only(BETTER, found).outcome == "unjudged"
    assert only(BETTER, found, graded=0.9).outcome == "pass"


def test_a_metric_that_was_not_measured_is_named() -> None:
    check = only(Rule("floor", "*", 0.5, metric="f1"), evidence([1.0] * 50))
    assert check.outcome == "unjudged"
    assert "'f1' was measured on 0 of 50 samples" in check.reason


def test_a_pattern_without_an_eval_is_unjudged() -> None:
    assert gate(Rule("superior", "other"), evidence(*table(36, 12, 2, 0))).outcome == "unjudged"
    assert gate(BETTER).outcome == "unjudged"


# --- several evals -------------------------------------------------------------------

CLEAR, OPEN, LOST = table(36, 12, 2, 0), table(40, 3, 2, 5), table(50, 5, 25, 20)


def named(name: str, tables: tuple[list[float], list[float]]) -> Evidence:
    return replace(evidence(*tables), eval=name)


def test_all_evals_have_to_pass() -> None:
    assert gate(BETTER, named("a", CLEAR), named("b", CLEAR)).outcome == "pass"
    assert gate(BETTER, named("a", CLEAR), named("b", OPEN)).outcome == "inconclusive"
    assert gate(BETTER, named("a", CLEAR), named("b", LOST)).outcome == "fail"


def test_one_better_eval_is_enough_where_the_policy_says_so() -> None:
    found = gate(BETTER, named("a", CLEAR), named("b", LOST), combine="any")
    assert found.outcome == "pass"
    assert [check.decisive for check in found.checks] == [True, False]
    assert found.checks[0].p_value == pytest.approx(
        2 * (only(BETTER, named("a", CLEAR)).p_value or 0)
    )


def test_any_still_asks_for_everything_else() -> None:
    rules = (BETTER, NOT_WORSE)
    assert gate(rules, named("a", CLEAR), named("b", LOST), combine="any").outcome == "fail"


def test_any_is_open_while_one_eval_is_and_fails_when_all_do() -> None:
    assert gate(BETTER, named("a", OPEN), named("b", LOST), combine="any").outcome == "inconclusive"
    assert gate(BETTER, named("a", LOST), named("b", LOST), combine="any").outcome == "fail"


def test_any_does_not_pass_while_evidence_is_missing() -> None:
    lost = replace(named("b", OPEN), faults=("cut",))
    assert gate(BETTER, named("a", CLEAR), lost, combine="any").outcome == "unjudged"


def test_holm_asks_more_of_the_best_of_many() -> None:
    slight = table(60, 15, 5, 20)
    evals = [named(f"e{i}", OPEN) for i in range(5)]
    assert gate(BETTER, named("a", slight)).outcome == "pass"
    assert gate(BETTER, named("a", slight), *evals, combine="any").outcome == "inconclusive"


# --- refusals ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("I’m sorry, I cannot assist with this request.", True),
        ("I cannot provide that information.", True),
        ("As an AI language model, I am unable to say.", True),
        ("I must decline.", True),
        ("Paris", False),
        ("The train cannot leave before 8.", False),
        ("I'm sorry to hear that; take a rest.", False),
        ("", False),
    ],
)
def test_a_refusal_is_known_by_its_opening(text: str, refuses: bool) -> None:
    assert is_refusal(text) is refuses
