"""The decision table, row by row, and the rules between the rows."""

from __future__ import annotations

from dataclasses import replace
from math import exp
from random import Random

import pytest

from harness.analysis.advice import Candidate, advise, checkpoint_to_use, clamped, decide
from harness.analysis.conditions import overfit
from harness.analysis.curves import Evaluation
from harness.analysis.evidence import (
    BestPrompt,
    DiversityDrop,
    Evidence,
    Knowledge,
    MissingContext,
    Peak,
    Standing,
    level_since,
    loss_shape,
)
from harness.analysis.rules import TABLE
from harness.analysis.thresholds import DEFAULT
from harness.records import DataGain, Estimate, Fact, Finding, Severity


def about(value: float, half: float = 0.01, n: int = 200) -> Estimate:
    return Estimate(value, value - half, value + half, n, "test")


RISING, FALLING, LEVEL, OPEN = about(0.1), about(-0.1), about(0.0, 0.015), about(0.02, 0.05)
FALLING_LOSS = tuple(2.0 / (1 + i) for i in range(20))

FITTED = Evidence(
    eval="orders.heldout.v1",
    task="one-answer",
    model="tuned",
    epochs=3,
    n_train=200,
    n_heldout=200,
    losses=FALLING_LOSS,
    train=about(0.99),
    train_step=LEVEL,
    heldout=about(0.97),
    heldout_step=LEVEL,
    gain=about(0.6),
    gap=about(0.02),
    earlier=(1, 2),
)
UNDERFIT = replace(
    FITTED,
    epochs=1,
    earlier=(),
    train=about(0.5),
    train_step=about(0.5),
    heldout=about(0.45),
    heldout_step=about(0.45),
)
COLLAPSED = replace(
    FITTED,
    task="open",
    epochs=8,
    diversity=DiversityDrop(
        "self-BLEU", to_expected=about(0.7), to_base=about(0.6), to_references=about(0.7)
    ),
)
NARROW = DiversityDrop(
    "self-BLEU", to_expected=about(0.98), to_base=about(0.6), to_references=about(0.98)
)
FROM_THE_START = DiversityDrop("self-BLEU", to_expected=about(0.7), at_first=about(0.72))
SETTLED = (*[2.0] * 10, *[1.0] * 30)
GAP = replace(FITTED, gap=about(0.2), heldout=about(0.79))
PERHAPS_LESS = DiversityDrop("self-BLEU", about(0.85, 0.08))
LEVEL_SINCE_1 = (Standing(1, LEVEL), Standing(2, LEVEL))
FEW_BY_HEART = replace(
    UNDERFIT,
    epochs=4,
    earlier=(1, 2, 3),
    n_train=20,
    heldout=about(0.1),
    heldout_step=OPEN,
    heldout_doubling=OPEN,
    valid_losses=(1.0, 0.9, 0.91, 0.9),
    constant=0.1,
)
PEAKED = Peak(epoch=2, last_minus_peak=FALLING, p_value=0.001)


def curves(losses: list[float], accuracies: list[float] | None = None) -> Evidence:
    """What a run says that has a checkpoint an epoch, and no answers."""
    known = accuracies or [None] * len(losses)
    evaluations = tuple(
        Evaluation(epoch, loss, accuracy, f"e{epoch}")
        for epoch, (loss, accuracy) in enumerate(zip(losses, known, strict=True), start=1)
    )
    return Evidence("e", "one-answer", "m", len(losses), evaluations=evaluations)


PROMPT = BestPrompt("examples", gain_over_own=about(0.3), tokens_saved=120.0)
MORE_DATA = DataGain(
    "orders.heldout.v1",
    examples=200,
    epochs=3,
    seeds=2,
    points=(),
    last_doubling=about(0.05),
    log_linear=about(0.05),
    power_law=about(0.04),
    next_doubling=Estimate(0.045, 0.012, 0.064, 200, "union"),
)

CASES: dict[str, tuple[Evidence, int, int]] = {
    "prompt_does_it": (replace(FITTED, gain=LEVEL, best_prompt=PROMPT), 34, 0),
    "unmarked": (replace(FITTED, unmarked_share=0.06), 1, 0),
    "truncated": (replace(UNDERFIT, truncated_share=0.2), 1, 0),
    "ideals_rejected": (replace(FITTED, ideal_score=about(0.98, 0.0)), 1, 0),
    "leaked": (replace(FITTED, leaked=9, leak_shift=about(-0.05)), 2, 0),
    "leaked_and_maybe_harmless": (
        replace(FITTED, leaked=50, n_heldout=100, leak_shift=about(-0.01, 0.03)),
        2,
        0,
    ),
    "all_leaked": (replace(FITTED, leaked=100, n_heldout=100), 2, 0),
    "loss_flat": (replace(UNDERFIT, losses=(2.0,) * 20), 3, 0),
    "loss_nan": (replace(UNDERFIT, losses=(2.0, float("nan"), 1.0)), 3, 0),
    "blocked": (replace(UNDERFIT, lints=(Finding("conflicts", "block", "9 of 90"),)), 4, 0),
    "underfit_far": (UNDERFIT, 5, 2),
    "underfit_near": (replace(UNDERFIT, train=about(0.92)), 5, 1),
    "nothing_right_after_eight_epochs": (
        replace(UNDERFIT, epochs=8, train=about(0.0), train_step=LEVEL, heldout=about(0.0)),
        35,
        0,
    ),
    "nothing_right_after_seven_epochs": (
        replace(UNDERFIT, epochs=7, train=about(0.0), train_step=LEVEL, heldout=about(0.0)),
        5,
        2,
    ),
    "underfit_at_the_limit": (replace(UNDERFIT, epochs=25, earlier=(24,)), 35, 0),
    "loss_rises": (replace(UNDERFIT, losses=tuple(1 + i / 5 for i in range(20))), 3, 0),
    "plateaued": (replace(UNDERFIT, train_step=LEVEL, epochs=3, losses=SETTLED), 6, 0),
    "not_rising_yet": (replace(UNDERFIT, train_step=LEVEL), 5, 2),
    "overfit_by_one": (replace(FITTED, peak=PEAKED), 7, -1),
    "overfit_by_two": (replace(FITTED, peak=replace(PEAKED, epoch=1)), 7, -2),
    "no_gain": (replace(FITTED, gain=LEVEL), 8, 0),
    "too_little_data": (replace(FITTED, gain=LEVEL, n_train=20), 9, 0),
    "by_heart_alone": (replace(GAP, heldout=about(0.26), constant=0.25), 32, 0),
    "missing_context": (
        replace(UNDERFIT, context=MissingContext(0.6, about(0.02), about(0.95), LEVEL)),
        33,
        0,
    ),
    "by_heart_before_it_fits": (
        replace(UNDERFIT, heldout=about(0.1), heldout_step=LEVEL, constant=0.1),
        32,
        0,
    ),
    "little_reaches_heldout_yet": (replace(UNDERFIT, heldout=about(0.1), constant=0.1), 5, 2),
    "by_heart_alone_from_few": (
        replace(GAP, heldout=about(0.26), constant=0.25, n_train=20),
        9,
        0,
    ),
    "few_learnt_by_heart_before_they_fit": (FEW_BY_HEART, 9, 0),
    "few_whose_validation_loss_still_falls": (
        replace(FEW_BY_HEART, valid_losses=(1.0, 0.9, 0.85, 0.8)),
        5,
        2,
    ),
    "few_that_rose_while_epochs_doubled": (replace(FEW_BY_HEART, heldout_doubling=RISING), 5, 2),
    "few_without_a_validation_loss": (replace(FEW_BY_HEART, valid_losses=()), 5, 2),
    "level_for_two_epochs": (replace(GAP, heldout_step=OPEN, standings=LEVEL_SINCE_1), 18, 0),
    "level_for_one_epoch": (
        replace(GAP, heldout_step=OPEN, standings=(Standing(1, FALLING), Standing(2, LEVEL))),
        23,
        0,
    ),
    "diversity_perhaps_lost_for_nothing": (
        replace(COLLAPSED, diversity=PERHAPS_LESS, standings=LEVEL_SINCE_1),
        10,
        -1,
    ),
    "diversity_perhaps_lost_for_quality": (
        replace(COLLAPSED, diversity=PERHAPS_LESS, standings=(Standing(1, FALLING),)),
        23,
        0,
    ),
    "diversity_perhaps_lost_and_underfit": (
        replace(
            COLLAPSED,
            diversity=PERHAPS_LESS,
            standings=LEVEL_SINCE_1,
            train=about(0.5),
            train_step=RISING,
        ),
        5,
        2,
    ),
    "collapse": (COLLAPSED, 10, -1),
    "collapse_severe": (
        replace(COLLAPSED, diversity=DiversityDrop("self-BLEU", about(0.5))),
        10,
        -2,
    ),
    "narrow_data": (replace(COLLAPSED, diversity=NARROW), 11, 0),
    "low_from_the_start": (replace(COLLAPSED, diversity=FROM_THE_START), 12, 0),
    "trade_off": (replace(COLLAPSED, heldout_step=RISING), 13, 0),
    "copied": (replace(COLLAPSED, copied=about(0.2)), 14, -1),
    "forgot": (replace(FITTED, forgetting=about(-0.1)), 15, 0),
    "over_refusal": (
        replace(FITTED, refusals=about(0.3), wanted_refusals=(0.0, 0.05)),
        16,
        0,
    ),
    "still_generalising": (
        replace(GAP, heldout_step=about(0.05), train_token_accuracies=(0.8, 0.9)),
        17,
        1,
    ),
    "limited_by_data": (GAP, 18, 0),
    "learned_by_heart": (
        replace(GAP, heldout_step=about(0.02), train_token_accuracies=(0.9, 0.999)),
        18,
        0,
    ),
    "steep_though_learned": (
        replace(GAP, heldout_step=about(0.2), train_token_accuracies=(0.9, 0.999)),
        17,
        2,
    ),
    "calibration_drift": (replace(FITTED, valid_losses=(1.0, 0.5, 0.7)), 19, 0),
    "proxy_mismatch": (replace(FITTED, valid_token_accuracies=(0.80, 0.85)), 20, 0),
    "below_target": (replace(FITTED, target=0.99), 21, 0),
    "good": (replace(FITTED, target=0.9), 22, 0),
    "good_without_a_target": (FITTED, 22, 0),
    "fit_unclear": (replace(FITTED, train=about(0.95, 0.03)), 23, 0),
    "diversity_unclear": (
        replace(COLLAPSED, diversity=DiversityDrop("self-BLEU", about(0.85, 0.08))),
        23,
        0,
    ),
    "gain_unclear": (replace(FITTED, gain=OPEN), 23, 0),
    "training_answers_unreadable": (replace(FITTED, unreadable_share=0.27), 4, 0),
    "target_unclear": (replace(FITTED, target=0.975), 23, 0),
    "nothing_measured": (Evidence("e", "one-answer", "m", 3), 24, 0),
    "loss_zero": (Evidence("e", "one-answer", "m", 3, losses=(2.0, *[0.0] * 9)), 3, 0),
    "valid_loss_of_a_study_nan": (replace(UNDERFIT, valid_losses=(0.5, float("nan"))), 3, 0),
    "valid_loss_nan": (curves([1.5, 1.2, float("nan")]), 3, 0),
    "over_by_both_curves": (curves([1.2, 1.0, 1.5], [0.6, 0.7, 0.6]), 26, -1),
    "over_by_both_curves_long_ago": (curves([1.0, 1.3, 1.7], [0.7, 0.6, 0.5]), 26, -2),
    "loss_up_accuracy_up": (curves([1.2, 1.0, 1.5], [0.6, 0.7, 0.75]), 27, 0),
    "over_by_loss": (curves([1.2, 1.0, 1.5]), 28, 0),
    "still_falling_fast": (curves([2.0, 1.6, 1.3]), 29, 2),
    "still_falling_slowly": (curves([2.0, 1.9, 1.84]), 29, 1),
    "better_and_learnt": (
        Evidence("e", "one-answer", "m", 3, gain=RISING, train_token_accuracies=(0.9, 0.99)),
        31,
        0,
    ),
    "better_and_level": (replace(curves([1.2, 1.0, 1.0, 1.0, 1.0]), gain=RISING), 31, 0),
    "level_curve": (curves([1.2, 1.0, 1.0, 1.01, 1.0]), 30, 0),
    "underfit_and_less_diverse": (
        replace(COLLAPSED, train=about(0.5), train_step=RISING, heldout_step=LEVEL),
        25,
        0,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_row_is_reached_by_its_evidence(name: str) -> None:
    evidence, rule, recommend = CASES[name]
    found, match = decide(evidence)
    assert (found.number, match.recommend) == (rule, recommend)
    assert match.facts


def test_every_row_has_a_number_of_its_own() -> None:
    numbers = [rule.number for rule in TABLE]
    assert len(set(numbers)) == len(numbers)


def test_every_row_of_the_table_has_a_case() -> None:
    assert {rule.number for rule in TABLE} == {rule for _, rule, _ in CASES.values()}


@pytest.mark.parametrize("veto", [1, 2, 3, 4])
def test_the_first_four_rows_veto_every_change_of_epochs(veto: int) -> None:
    cause = next(evidence for evidence, rule, _ in CASES.values() if rule == veto)
    spoiled = replace(
        UNDERFIT,
        unmarked_share=cause.unmarked_share,
        truncated_share=cause.truncated_share,
        leaked=cause.leaked,
        leak_shift=cause.leak_shift,
        losses=cause.losses,
        lints=cause.lints,
    )
    assert decide(spoiled)[1].recommend == 0


def test_the_best_checkpoint_is_level_with_itself_however_wide_its_interval() -> None:
    seen = replace(FITTED, standings=(Standing(1, about(0.0, 0.04)), Standing(2, FALLING)))
    assert level_since(seen, DEFAULT) == 1


def test_only_usable_checkpoints_are_level_for_use() -> None:
    seen = replace(FITTED, epochs=4, standings=(Standing(1, LEVEL, False), Standing(2, LEVEL)))
    assert level_since(seen, DEFAULT) == 1
    assert level_since(seen, DEFAULT, for_use=True) == 2


def test_missing_heldout_data_never_blocks_underfitting() -> None:
    blind = replace(UNDERFIT, heldout=None, heldout_step=None, gain=None, gap=None)
    rule, match = decide(blind)
    assert (rule.number, match.recommend) == (5, 2)
    assert any(fact.reading == "not measured" for fact in match.facts)


def test_a_few_leaks_that_hardly_move_the_score_are_no_contamination() -> None:
    few = replace(FITTED, leaked=4, n_heldout=100, leak_shift=about(-0.01, 0.03))
    many_but_harmless = replace(few, leaked=50, leak_shift=about(-0.005, 0.01))
    assert decide(few)[0].number == decide(many_but_harmless)[0].number == 22


def test_fields_that_get_better_are_no_missing_context() -> None:
    rising = MissingContext(0.6, about(0.1), about(0.95), about(0.08))
    assert decide(replace(UNDERFIT, context=rising))[0].number == 5


def test_one_answer_tasks_are_not_read_for_diversity() -> None:
    assert decide(replace(COLLAPSED, task="one-answer"))[0].number == 22


def test_an_insignificant_drop_in_diversity_is_none() -> None:
    drop = DiversityDrop("self-BLEU", about(0.7), significant=False)
    assert decide(replace(COLLAPSED, diversity=drop))[0].number == 22


def test_a_rising_validation_loss_alone_never_cuts_epochs() -> None:
    for heldout_step in (RISING, LEVEL, OPEN):
        evidence = replace(FITTED, valid_losses=(1.0, 0.4, 2.0), heldout_step=heldout_step)
        assert decide(evidence)[1].recommend >= 0


@pytest.mark.parametrize(
    ("recommend", "epochs", "clamp"),
    [
        *((2, 1, 2), (-2, 2, -1), (-2, 1, 0), (2, 24, 1), (2, 25, 0), (2, 40, 0), (5, 3, 2)),
        *((2, 23.5, 1), (1, 24.4, 0), (-2, 2.5, -1), (-1, 1.6, 0)),
    ],
)
def test_changes_stay_within_two_epochs_and_the_limits(
    recommend: int, epochs: float, clamp: int
) -> None:
    assert clamped(recommend, epochs) == clamp


def test_a_reversal_chooses_among_existing_checkpoints() -> None:
    advice = advise(UNDERFIT, previous=-1)
    assert advice.recommend == 0
    assert "checkpoints that exist" in advice.action


def test_a_plateau_near_the_ceiling_shows_its_count_and_is_told_with_low_confidence() -> None:
    exact = Estimate(49 / 52, 49 / 52, 49 / 52, 52, "exact")
    near = replace(
        UNDERFIT,
        train=exact,
        train_is_whole=True,
        train_step=LEVEL,
        epochs=3,
        losses=SETTLED,
        unlearnt=("one", "two", "three", "four"),
    )
    advice = advise(near)
    assert (advice.rule, advice.confidence) == (6, "low")
    assert advice.action.startswith("read the few training prompts that are not learnt")
    assert "49 of 52, held against 95% (the ceiling of 100%" in advice.evidence[0].reading
    assert advice.evidence[-1].reading == "'one', 'two', 'three' and 1 more"
    assert advise(replace(near, train=about(0.5))).confidence == "medium"


def test_on_a_plateau_the_earliest_checkpoint_is_used() -> None:
    plateau = [
        Candidate("e1", 1, about(0.7), about(-0.2)),
        Candidate("e2", 2, about(0.89), about(-0.005)),
        Candidate("e3", 3, about(0.9), about(0.0)),
    ]
    chosen = checkpoint_to_use(plateau)
    assert chosen is not None
    assert chosen.model == "e2"


def test_a_checkpoint_that_lost_its_diversity_is_not_used() -> None:
    pair = [
        Candidate("diverse", 2, about(0.8), about(-0.1)),
        Candidate("collapsed", 8, about(0.9), about(0.0), fit_for_use=False),
    ]
    chosen = checkpoint_to_use(pair)
    assert chosen is not None
    assert chosen.model == "diverse"


def test_overfitting_names_the_checkpoint_of_the_peak() -> None:
    held = [Candidate(f"e{e}", e, about(0.9), about(-0.3 if e != 2 else 0.0)) for e in (1, 2, 3)]
    assert advise(replace(FITTED, peak=PEAKED), held).checkpoint == "e2"


def test_a_checkpoint_that_the_base_model_beats_is_said_to() -> None:
    def told(minus_base: Estimate) -> Estimate | None:
        one = Candidate("e1", 1, about(0.6), LEVEL, minus_base=minus_base)
        return advise(UNDERFIT, [one]).behind_base

    assert told(FALLING) == FALLING
    assert [told(one) for one in (RISING, LEVEL, OPEN)] == [None, None, None]


def test_facts_that_were_guessed_once_are_no_peak() -> None:
    low = replace(FITTED, peak=PEAKED, heldout=about(0.0, n=50), constant=0.05)

    def speaks(unknown: float | None, constant: float = 0.05) -> bool:
        known = Knowledge(about(1.0), about(unknown), 1) if unknown is not None else None
        return overfit(replace(low, constant=constant, knowledge=known), DEFAULT) is not None

    assert [speaks(None), speaks(0.5), speaks(0.9), speaks(0.9, 0.01)] == [True, True, False, True]


def test_more_epochs_on_what_may_be_unknown_facts_are_advised_with_low_confidence() -> None:
    def told(base: float, heldout: float) -> tuple[int, int, str, bool]:
        known = Knowledge(about(base), about(heldout), 2)
        found = advise(replace(UNDERFIT, knowledge=known))
        says_so = any("source of the facts" in fact.reading for fact in found.evidence)
        return found.rule, found.recommend, found.confidence, says_so

    assert told(1.0, 1.0) == (5, 2, "low", True)
    assert told(1.0, 0.3) == told(0.3, 1.0) == (5, 2, "high", False)


def test_what_a_lint_warns_of_is_named_while_held_out_answers_get_no_better() -> None:
    def told(step: Estimate, rule: str, severity: Severity = "warn") -> tuple[int, str, bool]:
        finding = Finding(rule, severity, f"training data, {rule}: 40% of them")
        found = advise(replace(UNDERFIT, heldout_step=step, lints=(finding,)))
        fact = Fact(rule, None, "40% of them")
        return found.recommend, found.confidence, fact in found.evidence

    assert told(LEVEL, "opaque identifiers") == (2, "low", True)
    assert told(RISING, "opaque identifiers") == (2, "high", False)
    assert told(LEVEL, "opaque identifiers", "info") == (2, "high", False)
    assert told(LEVEL, "exact duplicates") == (2, "high", False)


def test_a_dissenting_seed_is_named() -> None:
    advice = advise(UNDERFIT, by_seed=[("seed 1", UNDERFIT), ("seed 2", FITTED)])
    assert advice.recommend == 2
    assert len(advice.dissent) == 1
    assert "seed 2" in advice.dissent[0]


def test_an_unclear_gain_says_how_many_heldout_samples_would_settle_it() -> None:
    action = advise(replace(FITTED, gain=Estimate(0.05, -0.01, 0.11, 100, "test"))).action
    assert action == "collect about 200 more held-out samples (100 are there)"


def test_an_unclear_train_score_asks_for_training_prompts() -> None:
    unclear = replace(FITTED, train=Estimate(0.95, 0.92, 0.98, 100, "test"))
    assert "ask all 200 training prompts (train_probe: 200)" in advise(unclear).action


def test_a_difference_too_small_to_tell_asks_for_no_samples() -> None:
    tiny = Estimate(0.01, -0.11, 0.13, 40, "test")
    action = advise(replace(FITTED, gain=tiny)).action
    assert "no practicable number of held-out samples" in action
    assert "+1.0 points" in action
    assert "measure another epoch" in action


def test_loss_curves_are_read_by_their_quarters() -> None:
    assert loss_shape(FALLING_LOSS, DEFAULT) == "falling"
    assert loss_shape((1.0,) * 20, DEFAULT) == "flat"
    assert loss_shape((1.0, 0.5), DEFAULT) is None
    spiking = (1.0,) * 12 + (9.0, 2.0, 2.0, 9.0, 2.0, 2.0, 2.0, 2.0)
    assert loss_shape(spiking, DEFAULT) == "spiking"
    assert loss_shape([1 + 0.01 * i for i in range(20)], DEFAULT) == "rising"


@pytest.mark.parametrize("noise", [0.2, 0.5])
@pytest.mark.parametrize("steps", [60, 300])
@pytest.mark.parametrize("fall", [0.1, 0.25])
def test_losses_of_single_batches_are_not_read_as_flat_or_spiking(
    noise: float, steps: int, fall: float
) -> None:
    random, seen = Random(7), []
    for _ in range(100):
        losses = [(1 - fall * i / steps) * exp(random.gauss(0, noise)) for i in range(steps)]
        seen.append(loss_shape(losses, DEFAULT))
    assert len([one for one in seen if one in ("flat", "rising", "spiking")]) <= 10


def test_a_flat_training_loss_is_no_fault_where_the_validation_loss_has_fallen() -> None:
    flat = replace(UNDERFIT, losses=(1.0,) * 20)
    assert advise(flat).rule == 3
    assert advise(replace(flat, valid_losses=(1.0, 0.9, 0.97))).rule == 3
    assert advise(replace(flat, valid_losses=(1.0, 0.98, 0.97))).rule == 3
    assert advise(replace(flat, valid_losses=(1.0, 0.95, 0.9))).rule == 5


def test_a_small_training_set_asked_whole_is_read_by_its_value() -> None:
    known = Estimate(1.0, 1.0, 1.0, 36, "exact")
    part = replace(FITTED, train=Estimate(1.0, 0.904, 1.0, 36, "Wilson 95 %"))
    assert decide(part)[0].number == 23
    rule, match = decide(replace(FITTED, train=known, train_is_whole=True))
    assert rule.number == 22
    assert any("all 36 training prompts were asked" in fact.reading for fact in match.facts)


def test_a_prompt_that_does_what_tuning_does_comes_first_with_what_tuning_would_save() -> None:
    level = advise(replace(FITTED, gain=LEVEL, best_prompt=PROMPT))
    assert level.action == (
        "prompt engineering first: ask the base model with 'examples'; "
        "tuning would only save its 120 fewer prompt tokens a call"
    )
    worse = advise(replace(FITTED, gain=FALLING, best_prompt=PROMPT))
    assert worse.action == "prompt engineering first: ask the base model with 'examples'"
    assert any("120 fewer prompt tokens" in fact.reading for fact in worse.evidence)


def test_a_prompt_that_tuning_beats_changes_nothing() -> None:
    assert advise(replace(FITTED, best_prompt=PROMPT)).rule == advise(FITTED).rule
    useless = replace(PROMPT, gain_over_own=LEVEL)
    assert advise(replace(FITTED, gain=LEVEL, best_prompt=useless)).rule == 8


def test_more_data_are_advised_with_the_gain_to_expect() -> None:
    advice = advise(replace(GAP, data_gain=MORE_DATA))
    assert advice.rule == 18
    assert advice.action == (
        "add training data: twice as much is expected to bring +1.2 to +6.4 points"
    )
    assert advice.evidence[-1].estimate == MORE_DATA.next_doubling
    assert advice.evidence[-1].reading == "200 to 400 examples"


def test_data_that_bring_little_are_not_recommended() -> None:
    little = replace(MORE_DATA, next_doubling=Estimate(0.0, -0.01, 0.013, 200, "union"))
    action = advise(replace(GAP, data_gain=little)).action
    assert "more of the same is expected to bring at most 1.3 points" in action


def test_gains_that_still_grow_and_single_seeds_are_said() -> None:
    growing = replace(MORE_DATA, growth=about(0.05))
    assert "still grow" in advise(replace(GAP, data_gain=growing)).evidence[-1].reading
    alone = replace(MORE_DATA, seeds=1)
    assert (
        "seed variance not included" in advise(replace(GAP, data_gain=alone)).evidence[-1].reading
    )


def test_a_first_epoch_that_costs_the_base_model_its_form_is_underfit() -> None:
    losing = {"train_step": FALLING, "heldout_step": FALLING, "losses": FALLING_LOSS}
    first = replace(UNDERFIT, task="open", **losing)
    assert decide(first)[0].number == 5
    assert decide(replace(first, epochs=2, earlier=(1.0,)))[0].number == 6


def test_an_open_task_is_underfit_while_its_validation_loss_falls() -> None:
    level = replace(
        UNDERFIT, task="open", epochs=3, earlier=(1.0, 2.0), train_step=LEVEL, heldout_step=LEVEL
    )
    assert decide(replace(level, valid_losses=(2.0, 1.5, 1.4)))[0].number == 5
    assert decide(replace(level, valid_losses=(2.0, 1.5, 1.495)))[0].number == 6
    assert decide(replace(level, valid_losses=(2.0, 1.5, 1.6)))[0].number == 6


def test_a_held_out_score_that_has_just_risen_stands_on_no_plateau() -> None:
    level = replace(UNDERFIT, epochs=3, earlier=(1.0, 2.0), train_step=LEVEL, losses=SETTLED)
    assert decide(replace(level, heldout_step=LEVEL))[0].number == 6
    rises = decide(replace(level, heldout_step=RISING))
    assert (rises[0].number, rises[1].recommend) == (5, 2)
    assert rises[1].facts[1].reading == "not rising, though the held-out score does"


def test_the_validation_loss_speaks_where_the_held_out_score_cannot_tell() -> None:
    open_step = replace(GAP, heldout_step=OPEN, valid_losses=(1.0, 0.5, 0.4))
    advice = advise(open_step)
    assert (advice.rule, advice.recommend, advice.confidence) == (17, 1, "low")
    assert advice.evidence[-1].reading == "fell from 0.5 to 0.4"
    assert advise(replace(open_step, valid_losses=(1.0, 0.5, 0.49))).rule != 17
    assert advise(replace(open_step, heldout_step=FALLING)).rule != 17
    assert advise(replace(open_step, heldout=about(0.97), gap=about(0.02))).rule != 17


def test_a_falling_loss_asks_for_no_more_once_every_token_is_learnt() -> None:
    falling = replace(GAP, heldout_step=OPEN, valid_losses=(1.0, 0.5, 0.4))
    learnt = replace(falling, train_token_accuracies=(0.9, 0.999))
    assert advise(falling).rule == 17
    assert (advise(learnt).rule, advise(learnt).recommend) == (23, 0)


@pytest.mark.parametrize("row", ["limited_by_data", "calibration_drift", "good"])
def test_nothing_is_well_where_the_score_may_have_fallen_and_the_loss_has_risen(row: str) -> None:
    fallen = Peak(epoch=2, last_minus_peak=about(-0.03, 0.05), p_value=0.4)
    sound = CASES[row][0]
    risen = replace(sound, epochs=4, peak=fallen, valid_losses=(1.0, 0.5, 0.7))
    advice = advise(risen)
    assert (advice.rule, advice.recommend) == (23, 0)
    assert advice.evidence[0].reading == "lower than after epoch 2, perhaps by chance"
    assert "more held-out samples" in advice.action
    small = replace(fallen, last_minus_peak=about(-0.01, 0.05))
    assert advise(replace(risen, peak=small)).rule != 23
    assert advise(replace(risen, valid_losses=(1.0, 0.5, 0.4))).rule != 23
    shown = replace(fallen, last_minus_peak=about(-0.06), p_value=0.01)
    assert advise(replace(risen, peak=shown)).rule == 7


def test_held_out_answers_that_rise_steeply_are_worth_two_epochs() -> None:
    steep = replace(GAP, heldout_step=about(0.09))
    assert (advise(steep).rule, advise(steep).recommend) == (17, 2)
    assert advise(replace(GAP, heldout_step=about(0.04))).recommend == 1


def test_a_falling_loss_asks_for_nothing_where_answers_are_as_good_as_they_can_be() -> None:
    falling = curves([1.0, 0.6, 0.3])
    assert decide(falling)[0].number == 29
    measured = replace(falling, heldout=about(0.98), gain=about(0.9))
    assert decide(measured)[0].number == 31


def test_the_diversity_of_answers_that_mostly_miss_the_task_is_not_read() -> None:
    missing = replace(UNDERFIT, task="open", diversity=COLLAPSED.diversity)
    assert decide(missing)[0].number == 5
    assert decide(replace(missing, heldout=about(0.7)))[0].number == 25


@pytest.mark.parametrize(
    "collapsed",
    [
        COLLAPSED,
        replace(COLLAPSED, heldout_step=RISING),
        replace(COLLAPSED, diversity=FROM_THE_START),
        replace(COLLAPSED, train=about(0.5), train_step=RISING),
    ],
    ids=["level", "better", "low from the start", "underfit"],
)
def test_lost_diversity_and_a_risen_validation_loss_ask_for_fewer_epochs(
    collapsed: Evidence,
) -> None:
    advice = advise(replace(collapsed, valid_losses=(1.0, 0.5, 0.52)))
    assert (advice.rule, advice.recommend) == (10, -1)
    assert advice.evidence[-1].reading == "rose from 0.5 to 0.52"
    assert advise(replace(collapsed, valid_losses=(1.0, 0.5, 0.505))).rule == advise(collapsed).rule


def test_diversity_that_was_low_at_first_and_is_lower_now_is_an_effect_of_the_epochs() -> None:
    fell = replace(FROM_THE_START, to_expected=about(0.65))
    assert decide(replace(COLLAPSED, diversity=FROM_THE_START))[0].number == 12
    assert decide(replace(COLLAPSED, diversity=fell))[0].number == 10


def test_underfit_and_less_diverse_goes_on_while_the_validation_loss_falls_steeply() -> None:
    torn = replace(CASES["underfit_and_less_diverse"][0], epochs=3)
    steep = advise(replace(torn, valid_losses=(2.0, 1.5, 1.4)))
    assert (steep.rule, steep.recommend, steep.confidence) == (25, 1, "low")
    assert steep.evidence[-1].reading == "fell from 1.5 to 1.4"
    assert advise(replace(torn, valid_losses=(2.0, 1.5, 1.45))).recommend == 0
    first = advise(replace(torn, epochs=1, earlier=()))
    assert (first.rule, first.recommend) == (25, 1)


def test_narrow_data_do_not_keep_an_underfit_model_from_its_epochs() -> None:
    narrow = replace(COLLAPSED, diversity=NARROW, train=about(0.7), train_step=RISING)
    assert decide(narrow)[0].number == 5


def test_what_still_lowers_the_validation_loss_steeply_is_not_learnt_by_heart_alone() -> None:
    by_heart = CASES["by_heart_before_it_fits"][0]
    assert decide(replace(by_heart, valid_losses=(1.0, 0.9, 0.89)))[0].number == 32
    assert decide(replace(by_heart, valid_losses=(1.0, 0.9, 0.8)))[0].number == 5


def test_a_fall_of_the_validation_loss_counts_by_epoch() -> None:
    torn = CASES["underfit_and_less_diverse"][0]
    far = replace(torn, epochs=18, earlier=(1.0, 8.0), valid_losses=(2.0, 1.5, 1.4))
    assert advise(far).recommend == 0
    assert advise(replace(far, earlier=(1.0, 17.0))).recommend == 1


def test_what_does_not_converge_after_its_loss_rose_needs_a_lower_learning_rate() -> None:
    slow = CASES["nothing_right_after_eight_epochs"][0]
    assert advise(slow).action.startswith("raise the learning rate")
    steep = tuple(3.0 if i < 2 else 9.0 / i**0.5 for i in range(40))
    assert advise(replace(slow, losses=steep)).action.startswith("lower the learning rate")


def test_one_epoch_that_collapses_has_no_shorter_run() -> None:
    first = advise(replace(COLLAPSED, epochs=1, earlier=()))
    assert (first.rule, first.recommend) == (10, 0)
    assert first.action.startswith("lower the learning rate")
    copied = advise(replace(COLLAPSED, epochs=1, earlier=(), copied=about(0.2)))
    assert (copied.rule, copied.recommend) == (14, 0)
    assert copied.action.startswith("remove duplicates")


def test_a_validation_loss_that_falls_stands_on_no_plateau() -> None:
    level = replace(UNDERFIT, epochs=3, earlier=(1.0, 2.0), train_step=LEVEL, losses=SETTLED)
    level = replace(level, heldout_step=LEVEL)
    assert decide(replace(level, valid_losses=(1.0, 0.5, 0.499)))[0].number == 6
    assert decide(replace(level, valid_losses=(1.0, 0.5, 0.49)))[0].number == 5


def test_a_varied_checkpoint_that_has_not_learnt_the_task_is_not_used() -> None:
    early = Candidate("early", 1, about(0.36), about(-0.58))
    late = Candidate("late", 7, about(0.94), about(0.0), fit_for_use=False)
    near = Candidate("near", 4, about(0.9), about(-0.04))
    assert checkpoint_to_use([early, late]) == late
    assert checkpoint_to_use([early, near, late]) == near
