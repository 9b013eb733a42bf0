"""Every threshold of diagnosis and advice, in one place.

All are proposals until a validation study has calibrated them; a study can override any.
Scores, shares and margins are fractions in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where the decision table draws its lines."""

    margin: float = 0.02
    """A difference inside +-margin counts as none."""
    invalid_share: float = 0.05
    """More answers without a mark, or cut short, than this make an evaluation invalid."""
    leaked_share: float = 0.05
    """More leaked held-out samples than this have to be shown to move nothing."""
    fit_slack: float = 0.05
    """The train score follows the data when its lower bound is within this of the ceiling."""
    far_below_ceiling: float = 0.10
    """Further below the ceiling than this, two more epochs rather than one."""
    large_gap: float = 0.05
    """Train minus held-out is a large gap when its lower bound is above this; so far above the
    last checkpoint, held-out answers that still get better are worth two more epochs, not one."""
    small_training_set: int = 50
    """Below this many examples, no gain means too little data."""
    less_diverse: float = 0.90
    """Less diverse than expected: the ratio's upper bound is below this."""
    collapsed: float = 0.60
    """Below this ratio, two epochs fewer rather than one."""
    coherent_base: float = 0.50
    """Diversity is read when at least this share of the answers is usable: that of the base model
    as a yardstick, and that of a tuned one at all."""
    worth_its_variety: float = 0.80
    """An earlier checkpoint that is still varied is used where it keeps this share of the score."""
    copy_limit: float = 0.05
    """More copied answers (tuned minus base, lower bound) than this is memorisation."""
    level_epochs: float = 2.0
    """Held-out answers are level where so many epochs have won nothing, or less than the margin."""
    forgetting_tolerance: float = 0.02
    """A drop on the general set beyond this is forgetting."""
    loss_fall: float = 0.05
    """The train loss falls when its last quarter lies this share below its first quarter."""
    learning_fall: float = 0.05
    """A model still learns when its last epoch lowered the training loss by this share."""
    slow_epochs: float = 8.0
    """After so many epochs with next to nothing right of training, two more are too few."""
    enough_learnt: float = 0.30
    """What is learnt can be looked for elsewhere when the train score has risen by this much."""
    least_transfer: float = 0.25
    """Less than this share of what was learnt reaching held-out samples is nothing learnt."""
    well_learnt: float = 0.80
    """Context is what lacks when samples that have it are answered this well."""
    unknown_facts: float = 0.50
    """More than this share never answered right by anybody are facts that nobody told."""
    loss_spike: float = 3.0
    """A step's loss this many times the median of the steps around it is a spike."""
    valid_loss_rise: float = 0.02
    """Validation loss is up when it ends this share above its minimum."""
    curve_noise: float = 0.02
    """How far evaluations of the loss scatter, as a share, until enough of them say otherwise."""
    accuracy_noise: float = 0.005
    """The same for token accuracy."""
    worthwhile_fall: float = 0.01
    """A validation loss still falls when another epoch would lower it by this share."""
    steep_fall: float = 0.05
    """By this share, two more epochs rather than one; or one more on the loss's word alone."""
    token_accuracy_full: float = 0.995
    """Train token accuracy counts as about 1 from here."""
    token_accuracy_learnt: float = 0.98
    """From here training is as good as learnt, where no training prompt was asked."""
    token_accuracy_rise: float = 0.01
    """Token accuracy is up when it rose by more than this since the last checkpoint."""
    most_epochs: int = 25
    """No recommendation leads beyond this many epochs."""


DEFAULT = Thresholds()
