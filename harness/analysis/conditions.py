"""When a row of the decision table applies: one function a row, from evidence to a match.

A condition returns None where it does not apply or cannot be told; the table's last rows
(23, 24) say which of the two it was. Formulas and readings follow docs/advice.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import mean

from harness.analysis.evidence import (
    DiversityDrop,
    Evidence,
    Peak,
    fit,
    gap_is_large,
    heldout_still_learns,
    is_new_best,
    last_change,
    less_diverse,
    level_since,
    loss_shape,
    rises_after_minimum,
    sign,
    training_still_falls,
    transfers_little,
    validation_falls,
)
from harness.analysis.shortfall import (
    samples_to_decide,
    samples_to_reach,
    wanted_prompts,
    wanted_samples,
)
from harness.analysis.thresholds import Thresholds
from harness.analysis.wilson import wilson_limits
from harness.records import Confidence, Estimate, Fact, Finding

PEAKED = 0.05
"""The held-out score has fallen since its best where chance does so less often, corrected."""


@dataclass(frozen=True, slots=True)
class Match:
    """A row that applies: the change in epochs, the facts that decided, and a checkpoint's epoch.

    ``action`` and ``confidence`` replace the row's own where the evidence makes them sharper;
    ``use_model`` names a checkpoint that is known to exist, though nobody asked it.
    """

    facts: tuple[Fact, ...]
    recommend: int = 0
    use_epoch: float | None = None
    action: str | None = None
    confidence: Confidence | None = None
    use_model: str | None = None


def _fact(name: str, estimate: Estimate | None, reading: str) -> Fact:
    return Fact(name, estimate, reading if estimate else "not measured")


def _train_fact(evidence: Evidence, reading: str) -> Fact:
    if evidence.train_is_whole and evidence.train is not None:
        reading += f" (all {evidence.train.n} training prompts were asked)"
    return _fact("train score", evidence.train, reading)


def _share(name: str, value: float, reading: str) -> Fact:
    return _fact(name, Estimate(value, value, value, 0, "observed share"), reading)


# --- rows 1-4: nothing below can be trusted --------------------------------------------


def invalid_evaluation(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 1."""
    facts = []
    if evidence.unmarked_share > limits.invalid_share:
        facts.append(_share("answers without a mark", evidence.unmarked_share, "too many"))
    if evidence.truncated_share > limits.invalid_share:
        facts.append(_share("answers cut by the token limit", evidence.truncated_share, "too many"))
    if evidence.ideal_score is not None and evidence.ideal_score.value < 1:
        facts.append(
            _fact("score of the ideal answers", evidence.ideal_score, "the grader rejects some")
        )
    return Match(tuple(facts)) if facts else None


def contaminated(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 2: leaks that move the score, or so many that they have to be shown to move nothing."""
    if not evidence.leaked:
        return None
    reading = f"{evidence.leaked} of {evidence.n_heldout} held-out samples stand in training data"
    shift, share = evidence.leak_shift, evidence.leaked / max(1, evidence.n_heldout)
    if shift is None:
        return Match((Fact("held-out samples", None, reading),)) if share >= 1 else None
    if abs(shift.value) <= limits.margin:
        is_inside = max(-shift.low, shift.high) <= limits.margin
        if is_inside or share <= limits.leaked_share:
            return None
        reading += f"; that this moves the score by {100 * limits.margin:g} points is not excluded"
    return Match((_fact("change without the leaked samples", shift, reading),))


def optimisation(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 3."""
    shape = loss_shape(evidence.losses, limits)
    curve = "training loss"
    validation = (*evidence.valid_losses, *(one.valid_loss for one in evidence.evaluations))
    if not all(map(math.isfinite, validation)):
        curve, shape = "validation loss", "broken"
    if shape is None or shape == "falling":
        return None
    is_learning = fit(evidence, limits) == "full" or _has_fallen(validation, limits.loss_fall)
    if shape in ("flat", "rising") and is_learning:
        return None
    action = {
        "flat": "raise the learning rate: the training loss does not fall",
        "rising": "lower the learning rate: the training loss rises",
        "spiking": "lower the learning rate: the training loss spikes",
        "broken": "lower the learning rate: the loss is not a number",
        "zero": "check precision and loss mask: the training loss is exactly 0",
    }[shape]
    reading = "not a number" if shape == "broken" else shape
    return Match((Fact(curve, None, reading),), action=action)


def _has_fallen(losses: Sequence[float], share: float) -> bool:
    """Do losses end at their lowest, by such a share below the first?"""
    return len(losses) > 1 and losses[-1] <= min(losses[0] * (1 - share), *losses)


def blocking_lint(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 4."""
    blocking = [finding for finding in evidence.lints if finding.severity == "block"]
    if blocking:
        return Match(tuple(Fact(one.rule, None, _of_lint(one)) for one in blocking))
    if evidence.unreadable_share <= limits.invalid_share:
        return None
    fact = _share("training answers", evidence.unreadable_share, "the grader cannot read them")
    return Match((fact,), action="fix the training answers that the grader cannot read")


def _of_lint(finding: Finding) -> str:
    """What a lint says, without its name, which stands before it."""
    return finding.message.removeprefix(f"training data, {finding.rule}: ")


# --- rows 5-9: one ideal answer --------------------------------------------------------


def learns_by_heart(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 32."""
    if (evidence.n_train or 0) < limits.small_training_set:
        return None
    if not transfers_little(evidence, limits) or _quality_rises(evidence, limits):
        return None
    if validation_falls(evidence, limits.steep_fall):
        return None
    facts = (
        _train_fact(evidence, "rises: the training data are being learnt"),
        _heldout_at_constant(evidence),
    )
    return _with_unknown_facts(Match(facts), evidence, limits)


def lacks_context(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 33."""
    found = evidence.context
    if found is None or sign(found.step, limits) == "+":
        return None
    learnt = found.whole.value >= limits.well_learnt * evidence.ceiling
    if not learnt or found.lacking.high >= limits.least_transfer * found.whole.value:
        return None
    reading = f"{found.share:.0%} of the held-out samples"
    if found.fields:
        reading += f" (fields: {', '.join(found.fields)})"
    return Match(
        (
            _fact("score where the prompt holds the answer", found.whole, "learnt"),
            _fact("score where the prompt lacks the answer", found.lacking, reading),
        )
    )


def _with_unknown_facts(match: Match, evidence: Evidence, limits: Thresholds) -> Match:
    """The same, sharpened where what is to be learnt are facts that nobody told."""
    facts = _unknown_facts(evidence, limits, ": facts that it does not know")
    return replace(match, facts=(*match.facts, *facts), action=UNKNOWN_FACTS) if facts else match


UNKNOWN_FACTS = (
    "fix the data: put the source of the facts into the prompts; questions and answers alone teach "
    "unknown facts by heart, and to make others up"
)


def with_open_question(match: Match, evidence: Evidence, limits: Thresholds) -> Match:
    """More epochs are advised with low confidence where what is to be learnt may not be learnable.

    Before the training data are learnt, facts that nobody told look like any other task, and so do
    data that a lint warns of, until held-out answers get better.
    """
    if match.recommend <= 0:
        return match
    facts = _unknown_facts(evidence, limits)
    doubts: tuple[Fact, ...] = (MAY_BE_UNKNOWN,) if facts else ()
    if sign(evidence.heldout_step, limits) != "+":
        doubts += tuple(Fact(one.rule, None, _of_lint(one)) for one in _doubtful(evidence))
    if not doubts:
        return match
    told = (match.facts[0], *doubts, *match.facts[1:], *facts)
    return replace(match, facts=told, confidence="low")


def _doubtful(evidence: Evidence) -> list[Finding]:
    """What lints warn of that can keep held-out answers from getting better."""
    return [one for one in evidence.lints if one.severity == "warn" and one.rule in UNLEARNABLE]


UNLEARNABLE = frozenset(
    {"conflicts", "label noise", "opaque identifiers", "ungrounded answers", "ungrounded fields"}
)

MAY_BE_UNKNOWN = Fact(
    "not told apart yet",
    None,
    "a task that is not learnt yet, or facts that no prompt tells; where held-out answers stay "
    "wrong as the train score rises, put the source of the facts into the prompts",
)


def _unknown_facts(evidence: Evidence, limits: Thresholds, meaning: str = "") -> tuple[Fact, ...]:
    """What the base model never knew and no model gets right; () where that is not the rule."""
    known = evidence.knowledge
    if known is None or min(known.base.low, known.heldout.low) <= limits.unknown_facts:
        return ()
    others = f"by any model, over {known.tries} answers each"
    return (
        _fact("training prompts never answered right", known.base, f"by the base model{meaning}"),
        _fact("held-out prompts never answered right", known.heldout, others),
    )


def _heldout_at_constant(evidence: Evidence) -> Fact:
    reading = f"hardly above one answer to everything, which scores {evidence.constant or 0:.2f}"
    return _fact("held-out score", evidence.heldout, reading)


def underfit(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 5."""
    if fit(evidence, limits) != "low" or evidence.train is None or evidence.train_step is None:
        return None
    if _few_learnt_by_heart(evidence, limits):
        return None
    rising = (
        sign(evidence.train_step, limits) == "+"
        and evidence.train_step.value >= limits.margin
        and evidence.train.value > (evidence.train_best or 0)
    )
    learning = _still_learns(evidence, limits)
    falls = bool(evidence.earlier) and sign(evidence.heldout_step, limits) == "-"
    if not (rising or learning or _carries_over(evidence, limits)) or falls:
        return None
    trend = (
        "not shown to fall" if evidence.earlier else "from the base model, which is no trend yet"
    )
    reading = "not rising, though the held-out score does"
    if rising:
        reading = "still rising"
    elif learning:
        reading = "no clear new best, though a loss still falls"
    far = evidence.ceiling - evidence.train.value > limits.far_below_ceiling
    return Match(
        facts=(
            _train_fact(evidence, "does not follow the training data yet"),
            _fact("train score, last step", evidence.train_step, reading),
            _fact("held-out, last step", evidence.heldout_step, trend),
        ),
        recommend=2 if far else 1,
        confidence="high" if evidence.task == "one-answer" else "medium",
    )


def does_not_converge(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 35: underfit at the limit of epochs, or so far from the first right answer that two more
    bring none."""
    found, train = underfit(evidence, limits), evidence.train
    if found is None or train is None:
        return None
    is_far = evidence.epochs >= limits.slow_epochs and train.value <= limits.margin
    if evidence.epochs < limits.most_epochs and (not is_far or _carries_over(evidence, limits)):
        return None
    begins, means = _epoch_losses(evidence)
    rose = bool(means) and max(means) > begins * (1 + limits.loss_fall)
    reading = f"{means[0]:.3g} in the first epoch, {means[-1]:.3g} in the last" if means else ""
    facts = (
        _train_fact(evidence, f"hardly followed after {evidence.epochs:g} epochs"),
        Fact("training loss", None, f"began at {begins:.3g}, {reading}" if means else "not known"),
    )
    return Match(facts, action=TOO_FAST if rose else None)


TOO_FAST = (
    "lower the learning rate multiplier, two- to tenfold: the training loss rose above its start"
)


def _epoch_losses(evidence: Evidence) -> tuple[float, list[float]]:
    """The first loss, and the mean of every whole epoch."""
    losses = evidence.losses
    steps = int(len(losses) / max(1.0, evidence.epochs))
    if steps < 1:
        return math.nan, []
    return losses[0], [mean(losses[i : i + steps]) for i in range(0, len(losses), steps)]


def _still_learns(evidence: Evidence, limits: Thresholds) -> bool:
    """Does a loss say that more is being learnt?

    The validation loss does, whose fall no learning by heart explains. The training loss of an open
    task falls for as long as it memorises: it says something before the second checkpoint alone,
    when there is no trend yet to read.
    """
    if validation_falls(evidence, limits.worthwhile_fall):
        return True
    trusts_training = evidence.task == "one-answer" or not evidence.earlier
    return trusts_training and training_still_falls(evidence, limits)


def _carries_over(evidence: Evidence, limits: Thresholds) -> bool:
    """Do held-out answers still get better from checkpoint to checkpoint?"""
    return bool(evidence.earlier) and _quality_rises(evidence, limits)


def plateaued(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 6."""
    if fit(evidence, limits) != "low" or sign(evidence.train_step, limits) not in ("0", "-"):
        return None
    if _still_learns(evidence, limits) or _carries_over(evidence, limits):
        return None
    is_near = _could_be_chance(evidence, limits)
    return Match(
        (
            _train_fact(evidence, f"does not follow the training data: {_held(evidence, limits)}"),
            _fact("train score, last step", evidence.train_step, "no longer rising"),
            *_unlearnt(evidence),
        ),
        action=FEW_LEFT if is_near and evidence.unlearnt else None,
        confidence="low" if is_near else None,
    )


def _held(evidence: Evidence, limits: Thresholds) -> str:
    """How many training prompts are answered right, and what that is held against."""
    train, bar = evidence.train, evidence.ceiling - limits.fit_slack
    right = f"{train.value * train.n:.3g} of {train.n}, " if train is not None else ""
    return f"{right}held against {bar:.0%} (the ceiling of {evidence.ceiling:.0%}, less a slack)"


def _unlearnt(evidence: Evidence) -> tuple[Fact, ...]:
    """The first training prompts that are not learnt, to be read."""
    found = evidence.unlearnt
    if not found:
        return ()
    more = f" and {len(found) - NAMED:,} more" if len(found) > NAMED else ""
    named = ", ".join(f"'{one}'" for one in found[:NAMED])
    return (Fact("training prompts not learnt", None, f"{named}{more}"),)


FEW_LEFT = "read the few training prompts that are not learnt; the others are followed"
NAMED = 3
"""So many training prompts stand in an advice."""


def _could_be_chance(evidence: Evidence, limits: Thresholds) -> bool:
    """Could as many other prompts of the kind be followed, though all of these were asked?"""
    train = evidence.train
    if train is None or train.n < 1:
        return False
    _, high = wilson_limits(min(max(train.value, 0.0), 1.0), train.n)
    return high >= evidence.ceiling - limits.fit_slack


NEVER_KNOWN = 0.8
"""Of so many held-out prompts no model ever says the answer: what is right is a guess."""


def overfit(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 7."""
    peak = evidence.peak
    if peak is None or peak.p_value > PEAKED or peak.last_minus_peak.value >= 0:
        return None
    if _is_guessed(peak, evidence):
        return None
    back = evidence.epochs - peak.epoch
    reading = f"fell since epoch {peak.epoch:g} (p = {peak.p_value:.3g}, corrected)"
    return Match(
        (_fact("held-out, last minus best", peak.last_minus_peak, reading),),
        recommend=-1 if back <= 1 else -2,
        use_epoch=peak.epoch,
    )


def _is_guessed(peak: Peak, evidence: Evidence) -> bool:
    """Has the peak hit on no more of many facts that no model knows than one answer to all can?"""
    held, known = evidence.heldout, evidence.knowledge
    if held is None or known is None or known.heldout.value < NEVER_KNOWN:
        return False
    score = min(max(held.value - peak.last_minus_peak.value, 0.0), 1.0)
    return wilson_limits(score, held.n)[0] <= (evidence.constant or 0.0)


def prompt_alone(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 34: what tuning gained over the data's prompt, another prompt gains without tuning."""
    best = evidence.best_prompt
    if best is None or sign(evidence.gain, limits) not in ("0", "-"):
        return None
    still_rising = bool(evidence.earlier) and sign(evidence.heldout_step, limits) == "+"
    if sign(best.gain_over_own, limits) != "+" or still_rising:
        return None
    facts: tuple[Fact, ...] = (
        _fact(f"gain over the base model with '{best.name}'", evidence.gain, "none"),
        _fact("gain over it with the data's prompt", best.gain_over_own, "a better prompt does it"),
    )
    action = f"prompt engineering first: ask the base model with '{best.name}'"
    if best.tokens_saved is not None and best.tokens_saved >= 1 and evidence.gain is not None:
        saved = f"{best.tokens_saved:,.0f} fewer prompt tokens a call"
        facts += (Fact("prompt", None, f"the tuned model needs {saved}"),)
        if sign(evidence.gain, limits) == "0":
            action += f"; tuning would only save its {saved}"
    return Match(facts, action=action)


def with_data_gain(
    match: Match | None, evidence: Evidence, limits: Thresholds, action: str
) -> Match | None:
    """A row that asks for more data, with what twice as much is expected to bring."""
    gain = evidence.data_gain
    if match is None or gain is None:
        return match
    low, high = (100 * bound for bound in (gain.next_doubling.low, gain.next_doubling.high))
    reading = f"{gain.examples:,} to {2 * gain.examples:,} examples"
    if gain.is_before_the_power_law:
        reading += "; gains still grow with each doubling, it may be more"
    elif gain.seeds == 1:
        reading += "; seed variance not included"
    if gain.at_equal_steps is not None:
        reading += f"; the last doubling at equal steps: {100 * gain.at_equal_steps.value:+.1f}"
    expected = f"twice as much is expected to bring {low:+.1f} to {high:+.1f} points"
    if gain.next_doubling.high <= limits.margin and not gain.is_before_the_power_law:
        expected = f"but more of the same is expected to bring at most {high:.1f} points"
    fact = _fact("expected gain of twice the data", gain.next_doubling, reading)
    return replace(match, facts=(*match.facts, fact), action=f"{action}: {expected}")


def _fits_without_gain(evidence: Evidence, limits: Thresholds) -> Match | None:
    if fit(evidence, limits) != "full":
        return None
    train = _train_fact(evidence, "follows the training data")
    if sign(evidence.gain, limits) in ("0", "-"):
        found = Match((train, _fact("gain over the base model", evidence.gain, "none")))
    elif transfers_little(evidence, limits):
        found = Match((train, _heldout_at_constant(evidence)))
    else:
        return None
    return _with_unknown_facts(found, evidence, limits)


def no_gain(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 8."""
    enough = evidence.n_train is None or evidence.n_train >= limits.small_training_set
    return _fits_without_gain(evidence, limits) if enough else None


def _few_examples(evidence: Evidence, limits: Thresholds) -> bool:
    return evidence.n_train is not None and evidence.n_train < limits.small_training_set


def _few_learnt_by_heart(evidence: Evidence, limits: Thresholds) -> bool:
    """Are few examples learnt, and nothing else, by score and by loss, over several checkpoints?

    Few examples are often learnt by heart first and understood a few epochs later.
    """
    if not _few_examples(evidence, limits) or _quality_rises(evidence, limits):
        return False
    return transfers_little(evidence, limits) and not heldout_still_learns(evidence, limits)


def _unreached(evidence: Evidence) -> tuple[Fact, ...]:
    """What shows that held-out samples have nothing of it."""
    least, last = min(evidence.valid_losses), evidence.valid_losses[-1]
    doubling = _fact("held-out, since half the epochs", evidence.heldout_doubling, "not rising")
    loss = Fact("validation loss", None, f"{last:.3g}, lowest {least:.3g}: falls no more")
    return (_heldout_at_constant(evidence), doubling, loss)


def too_little_data(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 9."""
    found = _fits_without_gain(evidence, limits) if _few_examples(evidence, limits) else None
    if found is None and _few_learnt_by_heart(evidence, limits):
        facts = (_train_fact(evidence, "being learnt by heart"), *_unreached(evidence))
        found = _with_unknown_facts(Match(facts), evidence, limits)
    return with_data_gain(found, evidence, limits, "collect 50 to 100 good examples")


# --- rows 10-16: what a score does not show --------------------------------------------


def _collapse_facts(evidence: Evidence, reading: str) -> tuple[Fact, ...]:
    drop = evidence.diversity
    if drop is None:
        return ()
    facts = [_fact(f"{drop.metric}, ratio to expected", drop.to_expected, reading)]
    if drop.to_base is not None:
        facts.append(_fact(f"{drop.metric}, ratio to base", drop.to_base, "against the base model"))
    if drop.to_references is not None:
        reading = "against the reference answers"
        facts.append(_fact(f"{drop.metric}, ratio to references", drop.to_references, reading))
    if drop.to_previous is not None:
        reading = "against the checkpoint before"
        facts.append(_fact(f"{drop.metric}, ratio to the last one", drop.to_previous, reading))
    return tuple(facts)


def _is_less_diverse(evidence: Evidence, limits: Thresholds) -> bool:
    drop = evidence.diversity
    if drop is None or not drop.significant or _mostly_misses(evidence, limits):
        return False
    return less_diverse(drop.to_expected, limits)


def _mostly_misses(evidence: Evidence, limits: Thresholds) -> bool:
    """Do most answers miss the task? Then their diversity says nothing yet, as the base's does."""
    return evidence.heldout is not None and evidence.heldout.value < limits.coherent_base


def _diversity_is_open(evidence: Evidence, limits: Thresholds) -> bool:
    """Is something lost, and not told whether it is more than expected?"""
    drop = evidence.diversity
    if drop is None or not drop.significant:
        return False
    return drop.to_expected.value < limits.less_diverse <= drop.to_expected.high


def _low_from_the_start(evidence: Evidence, limits: Thresholds) -> bool:
    """Was it lost at the first checkpoint, and no more since? Then epochs have no part in it."""
    drop = evidence.diversity
    if drop is None or not evidence.earlier or drop.at_first is None:
        return False
    lost_since = drop.to_expected.high < drop.at_first.low
    return less_diverse(drop.at_first, limits) and not lost_since


def _loss_has_risen(evidence: Evidence, limits: Thresholds) -> bool:
    """Has the validation loss turned? Alone that is no reason for fewer epochs.

    Where diversity is lost, too, what training still wins is learnt by heart.
    """
    return rises_after_minimum(evidence.valid_losses, limits.valid_loss_rise)


def _risen_loss(evidence: Evidence) -> Fact:
    least, last = min(evidence.valid_losses), evidence.valid_losses[-1]
    return Fact("validation loss", None, f"rose from {least:.3g} to {last:.3g}")


def _fallen_loss(evidence: Evidence) -> Fact:
    before, last = min(evidence.valid_losses[:-1]), evidence.valid_losses[-1]
    return Fact("validation loss", None, f"fell from {before:.3g} to {last:.3g}")


def underfit_and_less_diverse(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 25."""
    if not _is_less_diverse(evidence, limits) or underfit(evidence, limits) is None:
        return None
    if _loss_has_risen(evidence, limits):
        return None
    lost = _collapse_facts(evidence, "less diverse than expected")
    facts = (_train_fact(evidence, "does not follow the training data yet"), *lost)
    if evidence.epochs >= limits.most_epochs:
        return Match(facts)
    if not evidence.earlier:
        return Match(facts, recommend=1, action=ONE_MORE, confidence="low")
    if not validation_falls(evidence, limits.steep_fall):
        return Match(facts)
    return Match((*facts, _fallen_loss(evidence)), recommend=1, action=ONE_MORE, confidence="low")


ONE_MORE = "train one epoch more, and read the diversity again"


def mode_collapse(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 10."""
    if evidence.diversity is None:
        return None
    if not _is_less_diverse(evidence, limits):
        return _costs_diversity_for_nothing(evidence, limits)
    rises, risen = _quality_rises(evidence, limits), _loss_has_risen(evidence, limits)
    if not risen and (rises or _low_from_the_start(evidence, limits)):
        return None
    reading = "better, but the validation loss has risen" if rises else "not shown to be better"
    facts = (
        *_collapse_facts(evidence, "less diverse than expected"),
        _fact("quality, last step", evidence.heldout_step, reading),
        *([_risen_loss(evidence)] if risen else []),
    )
    severe = evidence.diversity.to_expected.value < limits.collapsed
    return Match(
        facts,
        recommend=-2 if severe else -1,
        action=NOTHING_EARLIER if evidence.epochs <= 1 else None,
        confidence="low" if rests_on_base_alone(evidence.diversity, limits) else None,
    )


NOTHING_EARLIER = "lower the learning rate, or diversify the training data: no run is shorter"


def _costs_diversity_for_nothing(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Diversity is lost, perhaps not more than expected, for a quality that was there before."""
    since = level_since(evidence, limits, for_use=True)
    if since is None or not _diversity_is_open(evidence, limits):
        return None
    if _low_from_the_start(evidence, limits):
        return None
    if _mostly_misses(evidence, limits) or underfit(evidence, limits) is not None:
        return None
    facts = _collapse_facts(evidence, f"lost, perhaps less than to {limits.less_diverse:.2f}")
    return Match((*facts, _since_fact(evidence, since)), recommend=-1, confidence="low")


def _quality_rises(evidence: Evidence, limits: Thresholds) -> bool:
    return sign(evidence.heldout_step, limits) == "+" and is_new_best(evidence)


def rests_on_base_alone(drop: DiversityDrop, limits: Thresholds) -> bool:
    """A base model is varied by incoherence too: neither references nor checkpoint agree."""
    return drop.to_references is None and not less_diverse(drop.to_previous, limits)


def narrow_data(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 11."""
    drop = evidence.diversity
    if drop is None or drop.to_references is None or not less_diverse(drop.to_base, limits):
        return None
    if _mostly_misses(evidence, limits) or underfit(evidence, limits) is not None:
        return None
    if drop.to_references.low < limits.less_diverse:
        return None
    if less_diverse(drop.to_expected, limits):
        return None
    return Match(_collapse_facts(evidence, "below the base model, like the references"))


def not_an_epoch_effect(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 12."""
    if not (_is_less_diverse(evidence, limits) and _low_from_the_start(evidence, limits)):
        return None
    first = evidence.diversity.at_first if evidence.diversity else None
    fact = _fact("diversity at the first checkpoint, ratio", first, "low from the start")
    return Match((*_collapse_facts(evidence, "less diverse than expected"), fact))


def trade_off(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 13."""
    if not _is_less_diverse(evidence, limits) or not _quality_rises(evidence, limits):
        return None
    quality = _fact("quality, last step", evidence.heldout_step, "better")
    return Match((*_collapse_facts(evidence, "less diverse than expected"), quality))


def memorised(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 14."""
    if evidence.copied is None or evidence.copied.low <= limits.copy_limit:
        return None
    fact = _fact("copied from training data, tuned minus base", evidence.copied, "above the limit")
    is_shortest = evidence.epochs <= 1
    return Match((fact,), recommend=-1, action=COPIED_AT_ONCE if is_shortest else None)


COPIED_AT_ONCE = "remove duplicates from the training data, or lower the learning rate"


def forgot(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 15."""
    lost = evidence.forgetting
    if lost is None or lost.high >= -limits.forgetting_tolerance:
        return None
    fact = _fact("general set, tuned minus base", lost, "beyond the tolerance")
    if evidence.remembers is None:
        return Match((fact,))
    action = (
        f"use the checkpoint of epoch {evidence.remembers:g}: it forgot less than the tolerance "
        "and costs less than the margin; or mix general data into the training set"
    )
    return Match((fact,), use_epoch=evidence.remembers, action=action)


def over_refuses(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 16."""
    if evidence.refusals is None or evidence.wanted_refusals is None:
        return None
    if evidence.refusals.low <= evidence.wanted_refusals[1]:
        return None
    return Match((_fact("refusals", evidence.refusals, "more than wanted"),))


# --- rows 17-22: the data are followed; is that enough? --------------------------------


def _fits_with_gap(evidence: Evidence, limits: Thresholds) -> tuple[Fact, ...] | None:
    if fit(evidence, limits) != "full" or not gap_is_large(evidence, limits):
        return None
    return (
        _train_fact(evidence, "follows the training data"),
        _fact("train minus held-out", evidence.gap, "a large gap"),
        _fact("held-out, last step", evidence.heldout_step, "the trend"),
    )


def _tokens_learned(evidence: Evidence, limits: Thresholds) -> bool:
    accuracies = evidence.train_token_accuracies
    return bool(accuracies) and accuracies[-1] >= limits.token_accuracy_full


def _has_room(evidence: Evidence, limits: Thresholds) -> bool:
    """Is the held-out score below what counts as following the data?"""
    held = evidence.heldout
    return held is not None and held.value < evidence.ceiling - limits.fit_slack


def still_generalising(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 17: by the held-out score or, where that cannot tell, by the loss of its tokens."""
    if fit(evidence, limits) != "full" or not _has_room(evidence, limits):
        return None
    facts = (
        _train_fact(evidence, "follows the training data"),
        _fact("train minus held-out", evidence.gap, "the gap"),
    )
    step = evidence.heldout_step
    if _tokens_learned(evidence, limits) and (step is None or step.low <= limits.margin):
        return None
    if _quality_rises(evidence, limits) and step is not None:
        rising = _fact("held-out, last step", step, "still rising")
        return Match((*facts, rising), recommend=2 if step.low > limits.large_gap else 1)
    if sign(step, limits) in ("?", "0") and validation_falls(evidence, limits.steep_fall):
        level = _fact("held-out, last step", step, "does not tell")
        return Match((*facts, level, _fallen_loss(evidence)), recommend=1, confidence="low")
    return None


def _since_fact(evidence: Evidence, since: float) -> Fact:
    """What the best checkpoint has over one of several epochs ago."""
    standing = next(one for one in evidence.standings if one.epoch == since)
    reading = "no more has been won since than the margin"
    return _fact(f"held-out, epoch {since:g} minus best", standing.minus_best, reading)


def _may_have_peaked(evidence: Evidence, limits: Thresholds) -> bool:
    """Has the held-out score fallen by more than the margin since its best, if perhaps by chance?

    A validation loss that rose makes it likelier: then nobody can say that all is well.
    """
    peak = evidence.peak
    if peak is None or not _loss_has_risen(evidence, limits):
        return False
    return peak.p_value > PEAKED and peak.last_minus_peak.value < -limits.margin


def limited_by_data(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 18."""
    if _may_have_peaked(evidence, limits):
        return None
    facts = _fits_with_gap(evidence, limits)
    trend, since = sign(evidence.heldout_step, limits), level_since(evidence, limits)
    settled = trend == "0" or (trend == "+" and _tokens_learned(evidence, limits))
    found = Match(facts) if facts is not None and settled else None
    if facts is not None and trend == "?" and since is not None:
        found = Match((*facts, _since_fact(evidence, since)), confidence="medium")
    return with_data_gain(found, evidence, limits, "add training data")


def calibration_drift(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 19."""
    if _may_have_peaked(evidence, limits):
        return None
    risen = _loss_has_risen(evidence, limits)
    if not risen or sign(evidence.heldout_step, limits) not in ("0", "+"):
        return None
    if evidence.evaluations and not evidence.earlier:  # a step from the base model spans no rise
        return None
    if fit(evidence, limits) == "low" or _is_less_diverse(evidence, limits):
        return None
    if _diversity_is_open(evidence, limits):
        return None
    return Match(
        (
            _risen_loss(evidence),
            _fact("held-out, last step", evidence.heldout_step, "not falling"),
        )
    )


def proxy_mismatch(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 20."""
    change = last_change(evidence.valid_token_accuracies)
    if change is None or change <= limits.token_accuracy_rise:
        return None
    if sign(evidence.heldout_step, limits) != "0":
        return None
    return Match(
        (
            _share("validation token accuracy, last step", change, "up"),
            _fact("held-out, last step", evidence.heldout_step, "unchanged"),
        )
    )


def _fits_and_gains(evidence: Evidence, limits: Thresholds) -> tuple[Fact, ...] | None:
    if fit(evidence, limits) != "full" or gap_is_large(evidence, limits) is not False:
        return None
    if sign(evidence.gain, limits) != "+" or _diversity_is_open(evidence, limits):
        return None
    return (
        _fact("gain over the base model", evidence.gain, "better"),
        _fact("held-out score", evidence.heldout, "measured on samples never trained on"),
        _train_fact(evidence, "follows the training data"),
        _fact("train minus held-out", evidence.gap, "no large gap"),
    )


def below_target(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 21."""
    facts = _fits_and_gains(evidence, limits)
    if facts is None or evidence.target is None or evidence.heldout is None:
        return None
    found = Match(facts) if evidence.heldout.high < evidence.target else None
    return with_data_gain(found, evidence, limits, "relabel, add data, or use a larger model")


def good(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 22."""
    if _may_have_peaked(evidence, limits):
        return None
    facts = _fits_and_gains(evidence, limits)
    if facts is None or evidence.heldout is None:
        return None
    met = evidence.target is None or evidence.heldout.low >= evidence.target
    return Match(facts) if met else None


# --- rows 23-24: saying that we do not know --------------------------------------------


def underpowered(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 23."""
    undecided = _undecided(evidence, limits)
    if undecided is None:
        return None
    fact, action = undecided
    return Match((fact,), action=action)


def _undecided(evidence: Evidence, limits: Thresholds) -> tuple[Fact, str] | None:
    """The contrast that stopped the table, and what would settle it."""
    drop = evidence.diversity
    if drop is not None and _diversity_is_open(evidence, limits):
        reading = f"lost, neither above nor below {limits.less_diverse:.2f}"
        fact = _fact(f"{drop.metric}, ratio to expected", drop.to_expected, reading)
        return fact, "collect more held-out prompts, or more answers to each"
    follows = fit(evidence, limits)
    if follows == "unknown" and evidence.train is not None:
        bar = evidence.ceiling - limits.fit_slack
        more = samples_to_reach(evidence.train, bar)
        fact = _train_fact(evidence, f"neither above nor below {bar:.2f}")
        return fact, wanted_prompts(more, evidence.train.n, evidence.n_train)
    if follows == "low" and evidence.train_step is not None:
        more = samples_to_decide(evidence.train_step, limits.margin)
        fact = _fact("train score, last step", evidence.train_step, "cannot be told yet")
        return fact, wanted_prompts(more, evidence.train_step.n, evidence.n_train)
    if evidence.peak is not None and _may_have_peaked(evidence, limits):
        fallen, name = evidence.peak.last_minus_peak, "held-out, last minus best"
        reading = f"lower than after epoch {evidence.peak.epoch:g}, perhaps by chance"
        action = wanted_samples(samples_to_decide(fallen, limits.margin), name, fallen)
        return _fact(name, fallen, reading), action
    for name, estimate in (
        ("gain over the base model", evidence.gain),
        ("held-out, last step", evidence.heldout_step),
    ):
        if estimate is not None and sign(estimate, limits) == "?":
            action = wanted_samples(samples_to_decide(estimate, limits.margin), name, estimate)
            return _fact(name, estimate, "cannot be told yet"), action
    if evidence.heldout is not None and evidence.target is not None and _target_is_open(evidence):
        more = samples_to_reach(evidence.heldout, evidence.target)
        fact = _fact("held-out score", evidence.heldout, "neither above nor below target")
        distance = _moved(evidence.heldout, evidence.target)
        return fact, wanted_samples(more, "distance to the target", distance)
    return None


def _target_is_open(evidence: Evidence) -> bool:
    if evidence.target is None or evidence.heldout is None:
        return False
    return evidence.heldout.low < evidence.target <= evidence.heldout.high


def _moved(estimate: Estimate, zero: float) -> Estimate:
    low, high = estimate.low - zero, estimate.high - zero
    return Estimate(estimate.value - zero, low, high, estimate.n, estimate.method)


def not_determinable(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 24."""
    wanted = {
        "a score on training prompts": evidence.train,
        "a held-out score": evidence.heldout,
        "the base model's score": evidence.gain,
        "the score of the checkpoint before": evidence.heldout_step,
    }
    missing = [name for name, estimate in wanted.items() if estimate is None]
    facts = tuple(Fact(name, None, "not measured") for name in missing)
    known = (
        ("train score", evidence.train),
        ("held-out score", evidence.heldout),
        ("gain over the base model", evidence.gain),
    )
    facts += tuple(_fact(name, estimate, "measured") for name, estimate in known if estimate)
    return Match(facts, action=f"measure {missing[0]}" if missing else None)
