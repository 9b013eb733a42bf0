"""What the decision table reads: the measurements of one eval after a number of epochs.

A field is None when it was not measured. Contrasts are paired and say tuned minus the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import mean, median
from typing import Literal

from harness.analysis.curves import Evaluation
from harness.analysis.stats import contrast
from harness.analysis.thresholds import Thresholds
from harness.records import DataGain, Estimate, Finding, Task

Sign = Literal["+", "-", "0", "?"]
Fit = Literal["full", "low", "unknown"]
LossShape = Literal["falling", "flat", "rising", "spiking", "broken", "zero"]
ZERO_TAIL = 5
"""So many losses of exactly 0 at the end are none: trainers write 0 in the place of NaN."""

ONE_SIDED = 1.645
FAR, TINY = 10, 1e-9
"""A spike is so many times as far from its neighbours, by logarithm, as half of all steps are."""


@dataclass(frozen=True, slots=True)
class Peak:
    """The best earlier checkpoint on held-out data, against the last one.

    ``last_minus_peak`` is paired; ``p_value`` is one-sided and corrected for the number
    of earlier checkpoints that the peak was picked from.
    """

    epoch: float
    last_minus_peak: Estimate
    p_value: float


@dataclass(frozen=True, slots=True)
class Standing:
    """An earlier checkpoint on held-out data, against the best one up to now.

    ``minus_best`` is paired; ``fit_for_use`` is False where its answers are less diverse than
    expected or copied.
    """

    epoch: float
    minus_best: Estimate
    fit_for_use: bool = True


@dataclass(frozen=True, slots=True)
class DiversityDrop:
    """Diversity of the tuned answers as a ratio to what was expected, at equal k and length.

    ``to_expected`` compares with the lower of base and references, ``to_base`` with the base
    model, ``to_references`` with the reference answers, ``to_previous`` with the checkpoint
    before; ``at_first`` is ``to_expected`` at the first checkpoint. ``metric`` names the metric
    that fell most, ``significant`` says whether all of them together show a loss.
    """

    metric: str
    to_expected: Estimate
    to_base: Estimate | None = None
    to_references: Estimate | None = None
    to_previous: Estimate | None = None
    at_first: Estimate | None = None
    significant: bool = True


@dataclass(frozen=True, slots=True)
class MissingContext:
    """Held-out samples whose prompt does not hold the answer, against those whose prompt does.

    ``share`` of all samples are ``lacking``; ``step`` is the change of their score since the
    checkpoint before. Of JSON answers ``fields`` names those that prompts lack, and it is the
    fields of a sample that are held against each other.
    """

    share: float
    lacking: Estimate
    whole: Estimate
    step: Estimate | None
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Shares of prompts that are never answered right, where answers stand in no prompt.

    ``base`` is of training prompts by the base model, ``heldout`` of held-out ones by the base
    model and every checkpoint, over ``tries`` answers each.
    """

    base: Estimate
    heldout: Estimate
    tries: int


@dataclass(frozen=True, slots=True)
class BestPrompt:
    """A prompt with which the base model does better than with that of the data.

    ``gain_over_own`` is the tuned model minus the base with the prompt of the data;
    ``tokens_saved`` what the tuned model's prompts are shorter than this one, by call.
    """

    name: str
    gain_over_own: Estimate | None
    tokens_saved: float | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was measured of one eval after ``epochs`` epochs."""

    eval: str
    task: Task
    model: str
    epochs: float
    ceiling: float = 1.0
    target: float | None = None
    n_train: int | None = None
    n_heldout: int = 0

    unmarked_share: float = 0.0
    truncated_share: float = 0.0
    ideal_score: Estimate | None = None
    leaked: int = 0
    leak_shift: Estimate | None = None
    losses: tuple[float, ...] = ()
    lints: tuple[Finding, ...] = ()

    train: Estimate | None = None
    train_step: Estimate | None = None
    """Train score minus that of the checkpoint before (the base model before the first)."""
    train_best: float | None = None
    """The highest train score of an earlier checkpoint."""
    train_is_whole: bool = False
    """Every training prompt was asked: ``train`` and its step are exact, without an interval."""
    unlearnt: tuple[str, ...] = ()
    """Training prompts that are mostly answered wrong, shortened, the worst first."""
    heldout: Estimate | None = None
    heldout_step: Estimate | None = None
    gain: Estimate | None = None
    """Over the base model; where it was asked in several ways, with its best prompt."""
    best_prompt: BestPrompt | None = None
    data_gain: DataGain | None = None
    gap: Estimate | None = None
    peak: Peak | None = None
    constant: float | None = None
    """Score of the best constant answer to held-out samples: the commonest of training."""
    context: MissingContext | None = None
    knowledge: Knowledge | None = None

    diversity: DiversityDrop | None = None
    copied: Estimate | None = None
    forgetting: Estimate | None = None
    """The general set, tuned minus base."""
    remembers: float | None = None
    """Epoch of an earlier checkpoint that is inside the tolerance and not worse by the margin."""
    refusals: Estimate | None = None
    wanted_refusals: tuple[float, float] | None = None

    valid_losses: tuple[float, ...] = ()
    train_token_accuracies: tuple[float, ...] = ()
    valid_token_accuracies: tuple[float, ...] = ()
    earlier: tuple[float, ...] = field(default=())
    """Epochs of the checkpoints before this one."""
    heldout_doubling: Estimate | None = None
    """Held-out score minus that after half as many epochs."""
    standings: tuple[Standing, ...] = ()
    """Of the checkpoints before this one, in their order."""
    evaluations: tuple[Evaluation, ...] = ()
    """The whole validation curve, where the run was read from what its training wrote."""
    unreadable_share: float = 0.0
    """Of the training prompts that were asked, those whose own answer the grader cannot read."""


def sign(estimate: Estimate | None, limits: Thresholds) -> Sign | None:
    """Read a paired contrast: +, -, 0 (inside the margin), ? (cannot tell); None if unmeasured."""
    return None if estimate is None else contrast(estimate, limits.margin)


def fit(evidence: Evidence, limits: Thresholds) -> Fit | None:
    """Does the model follow its training data as far as the ceiling allows?"""
    if evidence.train is None:
        return None
    bar = evidence.ceiling - limits.fit_slack
    if evidence.train.low >= bar:
        return "full"
    return "low" if evidence.train.high < bar else "unknown"


def transfers_little(evidence: Evidence, limits: Thresholds) -> bool:
    """Does at most a small share of what was learnt on training prompts reach held-out ones?

    Counted from the best constant answer, because a model that knows the labels and nothing else
    scores that much.
    """
    if evidence.train is None or evidence.heldout is None or evidence.constant is None:
        return False
    learnt = evidence.train.low - evidence.constant
    reached = evidence.heldout.high - evidence.constant
    return learnt >= limits.enough_learnt and reached < limits.least_transfer * learnt


def is_new_best(evidence: Evidence) -> bool:
    """Does the held-out score lie above that of every earlier checkpoint?

    A rise after a fall is a recovery, no trend.
    """
    return evidence.peak is None or evidence.peak.last_minus_peak.value > 0


def level_since(evidence: Evidence, limits: Thresholds, *, for_use: bool = False) -> float | None:
    """The epoch since which held-out answers have got no better, by mean or by the margin.

    That is the earliest checkpoint which is the best one, or not worse than it by the margin; one
    step is often too small to be told from noise. None where it is fewer epochs back than an
    advice can add; ``for_use`` looks at usable checkpoints alone.
    """
    level = [
        one
        for one in evidence.standings
        if one.minus_best.value >= 0 or one.minus_best.low >= -limits.margin
    ]
    since = next((one.epoch for one in level if one.fit_for_use or not for_use), None)
    return since if since is not None and evidence.epochs - since >= limits.level_epochs else None


def heldout_still_learns(evidence: Evidence, limits: Thresholds) -> bool:
    """Has the held-out score risen while the epochs doubled, or is its loss at a new minimum?

    Scores of whole answers can stand at 0 for epochs while the loss of their tokens falls. What
    was not measured may be rising.
    """
    losses, doubling = evidence.valid_losses, evidence.heldout_doubling
    if doubling is None or len(losses) < 2 or sign(doubling, limits) == "+":
        return True
    return validation_falls(evidence, limits.worthwhile_fall)


def training_still_falls(evidence: Evidence, limits: Thresholds) -> bool:
    """Did the last epoch lower the training loss (the first: its second half against its first)?

    Scores of whole answers can stand at 0 for epochs while every token is learnt.
    """
    losses, epochs = evidence.losses, max(2.0, evidence.epochs)
    steps = int(len(losses) / epochs)
    if steps < 1:
        return False
    before, last = mean(losses[-2 * steps : -steps]), mean(losses[-steps:])
    return last < before * (1 - limits.learning_fall)


def validation_falls(evidence: Evidence, share: float) -> bool:
    """Is the validation loss below all before, by this share or more for each epoch since?"""
    losses, before = evidence.valid_losses, evidence.earlier[-1:]
    epochs = max(1.0, evidence.epochs - before[0]) if before else 1.0
    return len(losses) > 1 and losses[-1] < min(losses[:-1]) * (1 - share) ** epochs


def gap_is_large(evidence: Evidence, limits: Thresholds) -> bool | None:
    """Is the train score clearly above the held-out score? None if unmeasured."""
    return None if evidence.gap is None else evidence.gap.low > limits.large_gap


def less_diverse(ratio: Estimate | None, limits: Thresholds) -> bool:
    """Is a diversity ratio clearly below what was expected?"""
    return ratio is not None and ratio.high < limits.less_diverse


def loss_shape(losses: Sequence[float], limits: Thresholds) -> LossShape | None:
    """Read a step curve of training losses; None when it is too short or too noisy to read.

    The last quarter is held against the first. Losses of single batches are noisy: a curve is flat
    where the upper bound of its fall is less than what counts as one, and rises where the lower
    bound of its rise is above 0, bounds of 95 % each.
    """
    if any(not math.isfinite(loss) for loss in losses):
        return "broken"
    if len(losses) >= ZERO_TAIL and not any(losses[-ZERO_TAIL:]):
        return "zero"
    if len(losses) < 8:
        return None
    quarter = len(losses) // 4
    start, end = mean(losses[:quarter]), mean(losses[-quarter:])
    if end > start and _spikes(losses, limits.loss_spike):
        return "spiking"
    if end < start * (1 - limits.loss_fall):
        return "falling"
    half = ONE_SIDED * _noise(losses) * math.sqrt(2 / quarter)
    if end > start * (1 + limits.loss_fall):
        return "rising" if end - half > start else None
    return "flat" if start - end + half < limits.loss_fall * start else None


def _noise(losses: Sequence[float]) -> float:
    """Standard deviation about the trend, from steps between neighbours."""
    return math.sqrt(mean((b - a) ** 2 for a, b in pairwise(losses)) / 2)


def _spikes(losses: Sequence[float], times: float) -> bool:
    """Does a step stand out from those around it, by far more than most steps do?"""
    ratios = [
        losses[i] / middle
        for i in range(2, len(losses) - 2)
        if (middle := median(losses[i - 2 : i + 3])) > 0
    ]
    usual = median(abs(math.log(max(one, TINY))) for one in ratios)
    return any(one > times and math.log(one) > FAR * usual for one in ratios)


def rises_after_minimum(values: Sequence[float], share: float) -> bool:
    """Does a curve end more than ``share`` above an earlier minimum?"""
    return len(values) > 1 and values[-1] > min(values[:-1]) * (1 + share)


def last_change(values: Sequence[float]) -> float | None:
    """The last step of a curve."""
    return values[-1] - values[-2] if len(values) > 1 else None
