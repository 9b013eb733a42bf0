"""When the rows of the decision table apply that read validation curves alone.

They speak only where no answers to training prompts were measured, and weakly: a loss says how
sure a model is of the reference answers, not how good its own are. A rising validation loss
alone never takes epochs away; see docs/curves.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.analysis.conditions import Match
from harness.analysis.curves import CurveReading, Evaluation, read_curve, same_within_noise
from harness.analysis.evidence import Evidence, sign
from harness.analysis.thresholds import Thresholds
from harness.records import Fact

MOST_NAMED = 6
"""Checkpoints that a fact lists before it counts the others."""

ACCURACY_READINGS = {
    "up": "rose while the loss rose",
    "level": "stayed level while the loss rose",
    "down": "fell while the loss rose",
    None: "not logged",
}


def overfit_by_both_curves(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 26."""
    reading = _over(evidence, limits)
    if reading is None or reading.accuracy != "down":
        return None
    past = evidence.epochs - reading.lowest.epoch
    return _match(
        evidence, limits, reading, _lowest_kept(evidence), recommend=-1 if past <= 1 else -2
    )


def drift_by_curves(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 27."""
    reading = _over(evidence, limits)
    if reading is None or reading.accuracy not in ("up", "level"):
        return None
    rose = reading.accuracy == "up"
    return _match(
        evidence, limits, reading, _last_kept(evidence) if rose else _lowest_kept(evidence)
    )


def over_by_loss(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 28."""
    reading = _over(evidence, limits)
    if reading is None:
        return None
    chosen = _lowest_kept(evidence)
    return _match(
        evidence, limits, reading, chosen, action=_to_compare(reading, chosen, _kept(evidence))
    )


def _to_compare(
    reading: CurveReading, chosen: Evaluation | None, kept: Sequence[Evaluation]
) -> str:
    """Which answers would tell whether training less is better."""
    place, last = _place(reading.lowest), reading.last.epoch
    compare = "compare its answers with the last one's before training less"
    if chosen is None and kept:
        return (
            "no checkpoint that is known to be kept was evaluated, or lies between two "
            f"evaluations: look for one kept {place}, and {compare}"
        )
    if chosen is None:
        return f"use the checkpoint {place}, if it was kept, and {compare}"
    if chosen.epoch >= last:
        return (
            f"{chosen.model}, the last, has the lowest validation loss of those known to be kept: "
            f"look for one kept {place}, and {compare}"
        )
    if all(one.epoch < last for one in kept):
        compare = "compare its answers with the base model's: the last one is not known to be kept"
    lowest = f"the lowest validation loss{_how_read(chosen)}"
    return f"use {chosen.model}, the kept one with {lowest}, and {compare}"


def still_falling(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 29."""
    reading = _alone(evidence, limits)
    if reading is None or reading.shape != "falling" or sign(evidence.gain, limits) == "-":
        return None
    if _is_at_ceiling(evidence, limits):
        return None
    return _match(
        evidence,
        limits,
        reading,
        _last_kept(evidence),
        recommend=2 if reading.next_fall >= limits.steep_fall else 1,
    )


def better_and_learnt(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 31."""
    if evidence.train is not None or sign(evidence.gain, limits) != "+":
        return None
    reading = _alone(evidence, limits)
    shape = reading.shape if reading is not None else ""
    is_level = shape == "level" or (bool(shape) and _is_at_ceiling(evidence, limits))
    tokens = evidence.train_token_accuracies[-1:]
    learnt = bool(tokens) and tokens[0] >= limits.token_accuracy_learnt
    if not (is_level or (learnt and reading is None)) or sign(evidence.heldout_step, limits) == "-":
        return None
    course = _course(reading) if reading else f"{_percent(tokens[0])}: nothing left to learn"
    return Match(
        (
            Fact("gain over the base model", evidence.gain, "better"),
            Fact("held-out score", evidence.heldout, "measured"),
            Fact("validation loss" if reading else "training token accuracy", None, course),
        )
    )


def _is_at_ceiling(evidence: Evidence, limits: Thresholds) -> bool:
    """Are held-out answers as good as the data allow? A lower loss makes them no better."""
    held = evidence.heldout
    return held is not None and held.low >= evidence.ceiling - limits.fit_slack


def level_by_curves(evidence: Evidence, limits: Thresholds) -> Match | None:
    """Row 30."""
    reading = _alone(evidence, limits)
    if reading is None or reading.shape != "level" or sign(evidence.gain, limits) in ("?", "-"):
        return None
    return _match(evidence, limits, reading, _lowest_kept(evidence))


def _alone(evidence: Evidence, limits: Thresholds) -> CurveReading | None:
    """The reading of the validation curve, where there is little else to go by."""
    if evidence.train is not None or not evidence.evaluations:
        return None
    return read_curve(evidence.evaluations, limits)


def _over(evidence: Evidence, limits: Thresholds) -> CurveReading | None:
    """The reading of a curve that rose, where answers leave open what came of it.

    They do not where they are as good as the data allow, nor where those of an earlier
    checkpoint stand beside the last one's: what noise hides then more samples have to tell.
    """
    reading = _alone(evidence, limits)
    if reading is None or reading.shape != "over" or _is_at_ceiling(evidence, limits):
        return None
    compared = evidence.earlier and evidence.heldout_step is not None
    return None if compared and sign(evidence.heldout_step, limits) == "?" else reading


# --- checkpoints ---------------------------------------------------------------------


def _kept(evidence: Evidence) -> list[Evaluation]:
    return [one for one in evidence.evaluations if one.model and math.isfinite(one.valid_loss)]


def _known(evidence: Evidence) -> list[Evaluation]:
    """The kept checkpoints that were evaluated, or lie between two evaluations."""
    return [one for one in _kept(evidence) if one.source != "nearest"]


def _lowest_kept(evidence: Evidence) -> Evaluation | None:
    """The kept checkpoint with the lowest loss, where one is known; else one of the run's end."""
    known = _known(evidence)
    end = max((e.epoch for e in evidence.evaluations if e.source == "measured"), default=0.0)
    late = [one for one in _kept(evidence) if one.epoch > end]
    return min(known or late, key=lambda one: one.valid_loss, default=None)


def _last_kept(evidence: Evidence) -> Evaluation | None:
    return max(_kept(evidence), key=lambda one: one.epoch, default=None)


# --- words ---------------------------------------------------------------------------


def _match(
    evidence: Evidence,
    limits: Thresholds,
    reading: CurveReading,
    chosen: Evaluation | None,
    *,
    recommend: int = 0,
    action: str | None = None,
) -> Match:
    facts = [Fact("validation loss", None, _course(reading))]
    if reading.shape == "over":
        facts.append(Fact("validation token accuracy", None, ACCURACY_READINGS[reading.accuracy]))
    if evidence.gain is not None:
        reads = "better" if evidence.gain.low > 0 else "not shown to be better"
        facts.append(Fact("gain over the base model", evidence.gain, reads))
    if evidence.heldout is not None:
        facts.append(Fact("held-out score", evidence.heldout, _against_ceiling(evidence, limits)))
    return Match(
        facts=(*facts, *_checkpoint_facts(evidence, reading, chosen)),
        recommend=recommend,
        use_epoch=chosen.epoch if chosen else None,
        use_model=chosen.model if chosen else None,
        action=action,
    )


def _against_ceiling(evidence: Evidence, limits: Thresholds) -> str:
    """Is it as good as the data allow?"""
    bar = f"{evidence.ceiling - limits.fit_slack:.0%}"
    return f"at least {bar}" if _is_at_ceiling(evidence, limits) else f"not shown to reach {bar}"


def _course(reading: CurveReading) -> str:
    """What the validation loss did, with the noise of its evaluations."""
    lowest, last = reading.lowest, reading.last
    noise = f"evaluations scatter by about {_percent(reading.noise)}"
    if reading.shape == "over":
        return (
            f"lowest {lowest.valid_loss:.3g} {_place(lowest)}, {last.valid_loss:.3g} "
            f"{_place(last)} (+{_percent(reading.rise)}); {noise}"
        )
    if reading.shape == "falling":
        return (
            f"{last.valid_loss:.3g} {_place(last)} and still falling, by about "
            f"{_percent(reading.next_fall)} an epoch; {noise}"
        )
    return f"{last.valid_loss:.3g} {_place(last)}, neither clearly up nor still falling; {noise}"


def _checkpoint_facts(
    evidence: Evidence, reading: CurveReading, chosen: Evaluation | None
) -> list[Fact]:
    if chosen is None:
        return [Fact("checkpoints", None, "none is known to exist at an evaluated step")]
    known = _known(evidence)
    facts = []
    if chosen.source != "measured":
        loss = f"validation loss {chosen.valid_loss:.3g}{_how_read(chosen)}"
        facts.append(Fact(str(chosen.model), None, f"not evaluated itself: {loss}"))
    if reading.lowest.model is None:
        facts.append(
            Fact("the lowest loss", None, f"{_place(reading.lowest)}: not known to be kept")
        )
    same = [str(one.model) for one in same_within_noise(chosen, known, reading.noise)]
    if same:
        facts.append(Fact(f"the same as {chosen.model} within noise", None, _listed(same)))
    return facts


def _how_read(evaluation: Evaluation) -> str:
    """Where the loss of a checkpoint comes from that was not evaluated."""
    return {
        "measured": "",
        "between": " (read between two evaluations)",
        "nearest": " (that of the nearest evaluation)",
    }[evaluation.source]


def _place(evaluation: Evaluation) -> str:
    count = f"{evaluation.epoch:.3g}"
    return f"after {count} epoch{'' if count == '1' else 's'}"


def _percent(share: float) -> str:
    return f"{100 * share:.2g}%" if share < 1 else f"{100 * share:.0f}%"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
