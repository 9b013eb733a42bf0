from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.records import REVERSES, Advice, Comparison, DiversityChange, Estimate, Fact
from harness.reports import wording
from harness.reports.verdicts import clarity


def estimate(value: float, low: float, high: float, n: int = 138) -> Estimate:
    return Estimate(value, low, high, n, "test")


def advice(recommend: int = 0, rule: int = 22, **fields) -> Advice:
    defaults = {
        "action": "keep: ship this checkpoint",
        "diagnosis": "good",
        "confidence": "high",
        "evidence": (),
        "would_change": "a drop",
    }
    return Advice(
        eval="e", model="m", epochs=5, recommend=recommend, rule=rule, **{**defaults, **fields}
    )


def compared(low: float, high: float, excluded: int = 4) -> Comparison:
    score = estimate(0.5, 0.4, 0.6)
    delta = estimate((low + high) / 2, low, high)
    return Comparison("e", "b", "t", "accuracy", score, score, delta, 0.03, excluded)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.814, "81%"),
        (0, "0%"),
        (1, "100%"),
        (0.996, "99.6%"),
        (0.004, "0.4%"),
        (0.9999, ">99.9%"),
        (0.0002, "<0.1%"),
        (0.995, "99.5%"),
        (0.005, "0.5%"),
        (1.5, "150%"),
        (-0.2, "−20%"),
        (math.nan, "not measured"),
    ],
)
def test_only_the_ends_of_the_scale_are_shown_as_0_and_100_percent(share, text):
    assert wording.percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.134, "+13"), (-0.02, "−2"), (0.0, "0"), (-0.001, "0"), (0.001, "0")]
)
def test_points_carry_a_sign_unless_they_are_none(value, text):
    assert wording.points(value) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.003, "p = .003"),
        (0.0004, "p < .001"),
        (0.0349, "p = .035"),
        (0.34, "p = .34"),
        (0.5, "p = .50"),
        (1.0, "p = 1"),
        (0.0996, "p = .100"),
        (math.nan, "p not measured"),
    ],
)
def test_p_values_drop_the_leading_zero(p, text):
    assert wording.p_value(p) == text


@pytest.mark.parametrize(
    ("epochs", "text"),
    [
        (1, "after 1 epoch"),
        (5.0, "after 5 epochs"),
        (2.5, "after 2.5 epochs"),
        (0, "before tuning"),
        (10, "after 10 epochs"),
        (None, "epochs unknown"),
    ],
)
def test_states_are_named_by_their_epochs(epochs, text):
    assert wording.after(epochs) == text


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        ("share", 0.81, "81%"),
        ("loss", 1.2345, "1.23"),
        ("loss", 0.01234, "0.0123"),
        ("loss", 0.0, "0"),
        ("nats", 2.302, "2.30"),
        ("ratio", 0.63, "0.63"),
        ("ratio", 0.004, "0.004"),
        ("ratio", 0.0, "0"),
        ("count", 1234.0, "1,234"),
        ("count", 2.5, "2.5"),
        ("loss", math.inf, "not measured"),
    ],
)
def test_a_value_is_as_precise_as_its_unit_deserves(unit, value, text):
    assert wording.value_in(unit, value) == text


def test_an_interval_names_the_unit_once():
    assert wording.estimate_in("share", estimate(0.81, 0.75, 0.86)) == "81% (75 to 86%)"


@pytest.mark.parametrize("bounds", [(0.5, 0.5), (math.nan, math.nan), (-math.inf, math.inf)])
def test_a_value_without_an_interval_stands_alone(bounds):
    assert wording.estimate_in("ratio", estimate(0.5, *bounds)) == "0.50"


def test_narrow_differences_show_tenths_of_points():
    assert wording.delta_text(estimate(0.012, 0.004, 0.02)) == "+1.2 points (+0.4 to +2.0)"
    assert wording.delta_text(estimate(0.13, 0.08, 0.19)) == "+13 points (+8 to +19)"
    assert wording.delta_text(estimate(-0.01, -0.06, 0.04)) == "−1 point (−6 to +4)"


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.08, 0.19, "The tuned model is better than base by 8 to 19 points; "),
        (-0.12, -0.03, "The tuned model is worse than base by 3 to 12 points; "),
        (-0.03, 0.08, "The tuned model is not clearly different from base (−3 to +8 points); "),
    ],
)
def test_a_comparison_says_whether_the_difference_is_clear(low, high, text):
    assert wording.gain(compared(low, high)) == f"{text}138 samples, 4 excluded."


def varied(verdict: str, low: float = 0.08, high: float = 0.19) -> Comparison:
    ratio = None if verdict == "unmeasured" else estimate(0.43, 0.4, 0.46)
    change = DiversityChange(verdict, ratio, "distinct-2", "base")
    return replace(compared(low, high), metric="format compliance", diversity=change)


def test_a_better_but_less_diverse_model_is_never_just_better():
    told = wording.gain(varied("less"))
    assert "better than base by 8 to 19 points in format compliance, but less diverse" in told
    assert "(distinct-2 ratio 0.43, 0.40 to 0.46)" in told
    assert clarity(varied("less")) == "mixed"
    assert clarity(varied("less", -0.05, 0.05)) == "worse"


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("level", " and as diverse as base"),
        ("more", " and more diverse than base"),
        ("unclear", " and not shown to be less diverse than base"),
        ("unmeasured", "; diversity was not measured"),
    ],
)
def test_an_open_eval_names_quality_and_diversity(verdict, words):
    told = wording.gain(varied(verdict))
    assert "in format compliance" in told
    assert words in told


def test_a_difference_on_the_minority_of_samples_is_no_verdict():
    told = wording.gain(compared(0.08, 0.19, excluded=139))
    assert told.startswith("Cannot tell: 139 of 277 samples are excluded; on the others")
    assert clarity(compared(0.08, 0.19, excluded=139)) == "unsure"
    assert clarity(compared(0.08, 0.19, excluded=138)) == "better"


def test_a_comparison_names_its_epochs_where_they_are_known():
    assert wording.gain(compared(0.08, 0.19), 5).startswith("After 5 epochs the model is better")


def test_a_comparison_without_numbers_says_so():
    assert wording.versus_base(compared(math.nan, math.nan)) == "not comparable with base"
    assert wording.samples(compared(0.1, 0.2, excluded=0)) == "138 samples, none excluded"


BEHIND = Estimate(-0.2, -0.3, -0.1, 100, "paired-t")


@pytest.mark.parametrize(
    ("given", "headline", "chip"),
    [
        (advice(2, 5), "Train 2 epochs more", "2 more"),
        (advice(1, 5), "Train 1 epoch more", "1 more"),
        (advice(-1, 10), "Train 1 epoch fewer", "1 fewer"),
        (
            advice(-2, 7, checkpoint="c", checkpoint_epoch=4),
            "Train 2 epochs fewer, or use the checkpoint of epoch 4 now",
            "2 fewer",
        ),
        (
            advice(-1, 7, checkpoint="c", checkpoint_epoch=2),
            "Use the checkpoint of epoch 2; if you train anew, 4 epochs or fewer",
            "1 fewer",
        ),
        (
            advice(checkpoint="c", checkpoint_epoch=5.0),
            "Keep: ship the checkpoint of epoch 5",
            "keep",
        ),
        (advice(), "Keep: 5 epochs are right", "keep"),
        (
            advice(rule=7, action=REVERSES, checkpoint="c", checkpoint_epoch=3),
            "Stop changing epochs: ship the checkpoint of epoch 3",
            "keep",
        ),
        (
            advice(rule=19, checkpoint="c", checkpoint_epoch=3, behind_base=BEHIND),
            "Keep the base model: no checkpoint does as well",
            "keep",
        ),
        (
            advice(-1, 7, checkpoint="c", checkpoint_epoch=2, behind_base=BEHIND),
            "Use the base model; if you train anew, 4 epochs or fewer",
            "1 fewer",
        ),
        (
            advice(
                rule=23,
                diagnosis="not enough data to tell",
                action="collect 140 more held-out samples",
            ),
            "Not enough data to tell: collect 140 more held-out samples",
            "cannot tell",
        ),
        (
            advice(rule=4, action="Fix the training data."),
            "Fix the training data",
            "fix first",
        ),
        (
            advice(rule=16, action="rebalance the refusals"),
            "Fix first: rebalance the refusals",
            "fix first",
        ),
        (advice(rule=4, action="JSON is broken"), "Fix first: JSON is broken", "fix first"),
    ],
)
def test_a_verdict_reads_as_one_plain_sentence(given, headline, chip):
    assert wording.headline(given) == headline
    assert wording.chip(given) == chip


def test_the_model_to_use_is_the_base_where_it_does_better():
    assert wording.to_use(advice()) == "none"
    assert wording.to_use(advice(checkpoint="c")) == "c"
    assert wording.to_use(advice(checkpoint="c", behind_base=BEHIND)) == (
        "none, but the base model: c has −20 points (−30 to −10)"
    )


def test_why_gives_the_diagnosis_and_the_deciding_facts():
    facts = (
        Fact("train score", estimate(0.78, 0.72, 0.83), "still rising"),
        Fact("train score, last step", estimate(0.09, 0.04, 0.14), "+"),
        Fact("left out", None, "third"),
    )
    assert wording.why(advice(2, 5, diagnosis="underfit", evidence=facts)) == (
        "Underfit. Train score 78% (72 to 83%), still rising; "
        "train score, last step: +9 points (+4 to +14), clearly up."
    )


def test_why_does_not_repeat_a_gain_that_stands_beside_it():
    facts = (Fact("gain over the base model", estimate(0.1, 0.05, 0.15), "better"),)
    assert wording.why(advice(evidence=facts), beside_gain=True) == "Good."
    assert wording.why(advice(rule=23, evidence=facts), beside_gain=True) == ""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("distinct-4, ratio to base", "0.63 (0.58 to 0.68)"),
        ("train minus held-out", "+63 points (+58 to +68)"),
        ("gain over the base model", "+63 points (+58 to +68)"),
        ("change without the leaked samples", "+63 points (+58 to +68)"),
        ("refusals", "63% (58 to 68%)"),
    ],
)
def test_a_fact_is_worded_in_the_unit_of_its_name(name, text):
    assert wording.fact_value(Fact(name, estimate(0.63, 0.58, 0.68), "")) == text


def test_a_fact_without_a_number_keeps_its_reading():
    assert wording.fact_text(Fact("training loss", None, "flat")) == "training loss: flat"


def test_text_becomes_printable_and_keeps_its_lines():
    assert wording.printable("a\x00b\x1b[31m\ud800\r\nc\td") == "a\ufffdb\ufffd[31m\ufffd\nc\td"


def test_a_long_text_says_how_much_was_left_out():
    assert wording.shortened("x" * 12_010, 10) == "xxxxxxxxxx … (12,000 more characters)"
    assert wording.shortened("short", 10) == "short"


@pytest.mark.parametrize(
    ("cost", "text"),
    [(None, "not priced"), (0, "free"), (0.001, "< $0.01"), (1234.5, "$1,234.50")],
)
def test_costs_are_worded(cost, text):
    assert wording.dollars(cost) == text


def test_plurals_and_lists_read_as_prose():
    assert wording.counted(1, "sample") == "1 sample"
    assert wording.counted(0, "reply", "replies") == "0 replies"
    assert wording.listed(["a", "b", "c"]) == "a, b and c"
    assert wording.sentence(" done ") == "Done."
    assert wording.sentence("really?") == "Really?"
    assert wording.day("2031-05-04T10:20:30Z") == "2031-05-04"
    assert wording.day("yesterday") == "yesterday"
