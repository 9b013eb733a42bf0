"""The decision table: which evidence leads to which advice, in order, as data.

The first row that matches wins. Rows 1-4 veto every change of epochs; copying (14) beats
accuracy; open tasks are read for diversity (10-13) before underfitting (5); underfitting
and lost diversity together (25) are never averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from harness import extensions
from harness.analysis import conditions as when
from harness.analysis import curve_conditions as curve
from harness.analysis.conditions import Match
from harness.analysis.evidence import Evidence
from harness.analysis.thresholds import Thresholds
from harness.errors import ExtensionError
from harness.records import Confidence, Task

BOTH: frozenset[Task] = frozenset({"one-answer", "open"})
ONE: frozenset[Task] = frozenset({"one-answer"})
OPEN: frozenset[Task] = frozenset({"open"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table."""

    number: int
    evidence: str
    diagnosis: str
    action: str
    confidence: Confidence
    would_change: str
    when: Callable[[Evidence, Thresholds], Match | None]
    tasks: frozenset[Task] = BOTH


TABLE: tuple[Rule, ...] = (
    Rule(
        1,
        "many answers without a mark or cut short, or ideal answers that do not score 1",
        "the evaluation is invalid",
        "fix the evaluation, then run again",
        "high",
        "an evaluation in which nearly every answer can be marked",
        when.invalid_evaluation,
    ),
    Rule(
        2,
        "leaked held-out samples move the score by more than the margin, or are so many that this "
        "is not excluded",
        "the held-out set is contaminated",
        "remove the leaked samples and score the clean part",
        "high",
        "a score that stays the same without the leaked samples",
        when.contaminated,
    ),
    Rule(
        3,
        "the training loss does not fall, spikes, or is not a number",
        "the optimisation does not work",
        "change the learning rate",
        "high",
        "a training loss that falls",
        when.optimisation,
    ),
    Rule(
        4,
        "a lint blocks, or the grader cannot read many of the training answers",
        "the training data are faulty",
        "fix the training data",
        "high",
        "data without a blocking finding",
        when.blocking_lint,
    ),
    Rule(
        14,
        "more copied answers than the limit allows",
        "the model has memorised its training data",
        "use an earlier checkpoint, or train fewer epochs and remove duplicates",
        "high",
        "a copy rate below the limit on the same prompts",
        when.memorised,
    ),
    Rule(
        25,
        "underfit and less diverse at once, validation loss not risen (at the first checkpoint, or "
        "where it falls steeply: one epoch more)",
        "underfit and less diverse: more epochs would trade one for the other",
        "look at learning rate, data and decoding",
        "medium",
        "one of the two signs gone",
        when.underfit_and_less_diverse,
        OPEN,
    ),
    Rule(
        10,
        "less diverse than base and references, and the validation loss has risen since its "
        "lowest, or quality is not better than one checkpoint before; or diversity lost, if not "
        "clearly more than expected, and no quality won in two epochs",
        "mode collapse",
        "use an earlier checkpoint that is still diverse, or train fewer epochs",
        "medium",
        "a diversity ratio above the limit; or, with a validation loss that has not risen, better "
        "quality bought with it",
        when.mode_collapse,
        OPEN,
    ),
    Rule(
        11,
        "less diverse than base, like the references; not underfit",
        "the training data are narrow",
        "diversify the training data",
        "high",
        "references that are more diverse than the tuned model",
        when.narrow_data,
        OPEN,
    ),
    Rule(
        12,
        "less diverse from the first checkpoint on, clearly no more so since, and the validation "
        "loss has not risen",
        "lost diversity is no effect of the epochs",
        "lower the learning rate and check the decoding parameters",
        "medium",
        "a first checkpoint that is as diverse as expected",
        when.not_an_epoch_effect,
        OPEN,
    ),
    Rule(
        13,
        "less diverse, better quality, validation loss not risen",
        "a trade-off between diversity and quality",
        "decide which of the two matters more",
        "low",
        "a quality that no longer rises, or a validation loss that does",
        when.trade_off,
        OPEN,
    ),
    Rule(
        32,
        "the train score has risen, hardly anything of it reaches held-out samples, whose score "
        "does not rise, nor does the validation loss fall steeply; enough examples",
        "learnt by heart: what is to be learnt does not stand in the prompts",
        "fix the data or the task: unknown facts, names that mean nothing, labels at random, "
        "missing context; a learning rate that is far too high looks the same",
        "high",
        "a held-out score clearly above the best constant answer",
        when.learns_by_heart,
        ONE,
    ),
    Rule(
        33,
        "samples (of JSON answers: fields) that the prompt holds are answered well, those that it "
        "lacks are not, and no better than before",
        "missing context: prompts do not hold what the answers say",
        "fix the data: put into the prompts what the answers are taken from, or let the answers "
        "say that it is not there",
        "medium",
        "a rising score of the samples whose prompt lacks the answer",
        when.lacks_context,
        ONE,
    ),
    Rule(
        35,
        "underfit after 8 epochs or more with next to no training prompt answered right yet, or at "
        "the limit of 25 epochs",
        "does not converge at this learning rate",
        "raise the learning rate multiplier, two- or threefold: at this pace one or two epochs "
        "more bring little",
        "medium",
        "training prompts that are answered right",
        when.does_not_converge,
    ),
    Rule(
        5,
        "the train score is below the ceiling, and it or the held-out score rises, or a loss still "
        "falls (that of validation; that of training, but of open tasks at the first checkpoint "
        "alone); "
        "held-out does not fall from checkpoint to checkpoint",
        "underfit",
        "train longer",
        "high",
        "a train score within the slack of the ceiling, or one that stops rising",
        when.underfit,
    ),
    Rule(
        6,
        "the train score is below the ceiling and no longer rises, nor does the held-out score, "
        "and no loss says that more is being learnt",
        "ill-posed task, missing context, or a learning rate that is too small",
        "fix the prompt or the task; probe one higher learning rate",
        "medium",
        "a train score that rises with another epoch",
        when.plateaued,
    ),
    Rule(
        7,
        "held-out peaked at least one epoch before the last, and fell since",
        "overfit",
        "use the checkpoint of the peak; if it is gone, train fewer epochs",
        "high",
        "fresh held-out samples on which the last checkpoint is no worse",
        when.overfit,
        ONE,
    ),
    Rule(
        34,
        "another prompt of the base model reaches the tuned model, which beats the data's prompt",
        "a better prompt does what tuning does",
        "prompt engineering first",
        "high",
        "a gain over the base model's best prompt, or calls enough for shorter prompts to pay",
        when.prompt_alone,
    ),
    Rule(
        8,
        "follows the training data, no gain over base model or constant answer, enough examples",
        "a problem of data or task",
        "rethink the task or the data before adding more",
        "high",
        "a gain over the base model's best prompt",
        when.no_gain,
    ),
    Rule(
        9,
        "few examples: followed without a gain over base model or constant answer; or learnt by "
        "heart, held-out samples get hardly anything of it, neither by score nor by loss",
        "too little data",
        "collect 50 to 100 good examples",
        "medium",
        "a gain over the base model with more examples",
        when.too_little_data,
    ),
    Rule(
        15,
        "the general set fell beyond its tolerance",
        "forgetting",
        "mix general data into the training set, or lower the learning rate",
        "medium",
        "a general score inside the tolerance",
        when.forgot,
    ),
    Rule(
        16,
        "more refusals than wanted",
        "over-refusal",
        "rebalance the refusals in the training data",
        "high",
        "a refusal rate inside the wanted interval",
        when.over_refuses,
    ),
    Rule(
        17,
        "follows the training data, held-out still rising: steeply, or tokens not all learnt; or, "
        "where its last step cannot be told from noise and tokens are not all learnt, the "
        "validation loss still falling steeply",
        "still generalising",
        "train longer",
        "medium",
        "a held-out score that no longer rises, or token accuracy near 1",
        when.still_generalising,
    ),
    Rule(
        18,
        "follows the training data, large gap, held-out level: at the last checkpoint, or for two "
        "epochs where the last step cannot be told from noise",
        "limited by the amount of data",
        "add training data; more epochs will not help",
        "high",
        "a held-out score that rises with another epoch",
        when.limited_by_data,
    ),
    Rule(
        19,
        "validation loss rises, held-out score does not fall",
        "calibration drift, not overfitting",
        "keep: a rising validation loss alone is no reason to train less",
        "high",
        "a held-out score that falls",
        when.calibration_drift,
    ),
    Rule(
        20,
        "token accuracy rises, held-out score does not",
        "token accuracy is a poor proxy here",
        "trust the generated answers; token accuracy alone is no reason to train more",
        "high",
        "a held-out score that moves with token accuracy",
        when.proxy_mismatch,
    ),
    Rule(
        21,
        "follows the training data, small gap, gain, below the target",
        "at the ceiling of this model and data",
        "relabel, add data, or use a larger model",
        "medium",
        "a held-out score at the target",
        when.below_target,
    ),
    Rule(
        22,
        "follows the training data, small gap, gain, target met",
        "good",
        "keep: ship this checkpoint",
        "high",
        "a drop on fresh samples, or a higher target",
        when.good,
    ),
    Rule(
        26,
        "curves alone: validation loss rose beyond noise, token accuracy fell with it",
        "overfit, by both validation curves",
        "use the checkpoint with the lowest validation loss; if it is gone, train fewer epochs",
        "medium",
        "held-out answers of the last checkpoint that are no worse",
        curve.overfit_by_both_curves,
    ),
    Rule(
        27,
        "curves alone: validation loss rose beyond noise, token accuracy did not fall",
        "calibration drift as far as curves can tell, not overfitting",
        "keep the epochs: a rising validation loss alone is no reason to train less; "
        "measure held-out answers",
        "low",
        "held-out answers that got worse since the lowest validation loss",
        curve.drift_by_curves,
    ),
    Rule(
        28,
        "curves alone: validation loss rose beyond noise, token accuracy not logged",
        "past the lowest validation loss; whether answers got worse is not known",
        "compare the answers of the checkpoint with the lowest validation loss with the last one's",
        "low",
        "held-out answers of both checkpoints",
        curve.over_by_loss,
    ),
    Rule(
        29,
        "curves alone: validation loss still falls beyond noise, held-out score not at the ceiling",
        "not trained to the end, by its validation loss",
        "train longer",
        "medium",
        "a validation loss that no longer falls, or held-out answers that are good enough",
        curve.still_falling,
    ),
    Rule(
        31,
        "held-out gain, no answers to training prompts: validation loss level, held-out score at "
        "the ceiling, or training token accuracy about 1",
        "better than the base, and the curves ask for no more epochs",
        "keep; answers to training prompts would show whether it could follow them better",
        "medium",
        "a drop on fresh samples, or a train score far below the ceiling",
        curve.better_and_learnt,
    ),
    Rule(
        30,
        "curves alone: validation loss moves within its noise",
        "the curves give no reason to change the epochs",
        "measure held-out answers; the loss has nothing more to say",
        "low",
        "a validation loss that moves beyond its noise, or held-out answers",
        curve.level_by_curves,
    ),
    Rule(
        23,
        "a deciding contrast cannot be told from noise; or the held-out score lies below its best "
        "by more than the margin, perhaps by chance, and the validation loss has risen",
        "not enough data to tell",
        "collect more held-out samples",
        "high",
        "narrower intervals",
        when.underpowered,
    ),
    Rule(
        24,
        "anything else",
        "not determinable from what was measured",
        "look at the measured curves: no rule applies",
        "high",
        "the missing measurement",
        when.not_determinable,
    ),
)

NOT_ENOUGH = 23
FIRST_OF_OTHERS = 1001
"""Rows of other packages have numbers from here on."""


@cache
def decision_table() -> tuple[Rule, ...]:
    """Our rows, and those of other packages, which are read where none of ours tells anything.

    Raises:
        ExtensionError: another package's cannot be used.
    """
    others = tuple(_others())
    place = next(i for i, rule in enumerate(TABLE) if rule.number == NOT_ENOUGH)
    return (*TABLE[:place], *others, *TABLE[place:])


def _others() -> Iterator[Rule]:
    taken: set[int] = set()
    for name, rule in extensions.load_all(extensions.RULES).items():
        where = extensions.origin(extensions.RULES, name)
        if not isinstance(rule, Rule):
            raise ExtensionError(f"{where} is no Rule")
        if rule.number < FIRST_OF_OTHERS or rule.number in taken:
            raise ExtensionError(f"{where}: number {rule.number} is taken; use one from 1001")
        taken.add(rule.number)
        yield rule
