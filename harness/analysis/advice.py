"""From evidence to advice: read the decision table, choose a checkpoint, note who dissents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor

from harness.analysis.conditions import Match, with_open_question
from harness.analysis.cost import Training
from harness.analysis.evidence import Evidence, sign
from harness.analysis.next_run import cost_text, next_run
from harness.analysis.rules import Rule, decision_table
from harness.analysis.thresholds import DEFAULT, Thresholds
from harness.records import REVERSES, Advice, Estimate, NextRun


@dataclass(frozen=True, slots=True)
class Candidate:
    """A checkpoint that could be used now.

    ``minus_best`` is its held-out score minus that of the best candidate, paired, ``minus_base``
    that minus the base model's; ``fit_for_use`` is False where it is less diverse than expected
    or copies.
    """

    model: str
    epoch: float
    heldout: Estimate
    minus_best: Estimate
    fit_for_use: bool = True
    minus_base: Estimate | None = None


def decide(evidence: Evidence, limits: Thresholds = DEFAULT) -> tuple[Rule, Match]:
    """Return the first row of the table that applies; the last row always does."""
    rows = (rule for rule in decision_table() if evidence.task in rule.tasks)
    return next((rule, match) for rule in rows if (match := rule.when(evidence, limits)))


def checkpoint_to_use(
    candidates: Sequence[Candidate], limits: Thresholds = DEFAULT
) -> Candidate | None:
    """Return the earliest usable checkpoint that is not worse than the best by the margin.

    Usable is one that is varied and copies nothing, and keeps most of the best score.

    On a plateau the best mean is mostly luck; the earliest non-inferior one is cheaper to
    train and has had less time to memorise.
    """
    if not candidates:
        return None
    least = limits.worth_its_variety * max(one.heldout.value for one in candidates)
    usable = [one for one in candidates if one.fit_for_use and one.heldout.value >= least]
    usable = usable or list(candidates)
    by_epoch = sorted(usable, key=lambda candidate: candidate.epoch)
    level = [c for c in by_epoch if c.minus_best.low >= -limits.margin]
    return level[0] if level else max(usable, key=lambda candidate: candidate.heldout.value)


def advise(
    evidence: Evidence,
    candidates: Sequence[Candidate] = (),
    *,
    by_seed: Sequence[tuple[str, Evidence]] = (),
    previous: int = 0,
    training: Training | None = None,
    limits: Thresholds = DEFAULT,
) -> Advice:
    """Say what to do next after ``evidence.epochs`` epochs.

    ``by_seed`` holds the evidence of single seeds, whose dissent is named; ``previous`` is
    the change in epochs that led here: a recommendation never reverses it, but chooses
    among the checkpoints that exist. ``training`` says what an epoch takes and costs.
    """
    rule, match = decide(evidence, limits)
    match = with_open_question(match, evidence, limits)
    recommend = clamped(match.recommend, evidence.epochs, limits)
    action = match.action or rule.action
    if previous * recommend < 0:
        recommend, action = 0, REVERSES
    chosen = _chosen(match, candidates, limits)
    behind_base = _behind_base(chosen, limits) if not match.use_model else None
    run = next_run(evidence.epochs, recommend, rule.number, training)
    return Advice(
        eval=evidence.eval,
        model=evidence.model,
        epochs=evidence.epochs,
        recommend=recommend,
        action=action,
        rule=rule.number,
        diagnosis=rule.diagnosis,
        confidence=match.confidence or rule.confidence,
        evidence=match.facts,
        would_change=rule.would_change,
        checkpoint=match.use_model or (chosen.model if chosen else None),
        checkpoint_epoch=match.use_epoch if match.use_model else (chosen.epoch if chosen else None),
        cost=_cost(run, recommend, None if behind_base else chosen) if run else None,
        dissent=_dissent(recommend, by_seed, limits),
        next_run=run,
        behind_base=behind_base,
    )


def _behind_base(chosen: Candidate | None, limits: Thresholds) -> Estimate | None:
    """What the base model does better than the chosen checkpoint, if it does."""
    told = chosen.minus_base if chosen else None
    return told if sign(told, limits) == "-" else None


def _cost(run: NextRun, recommend: int, chosen: Candidate | None) -> str:
    """What the next run costs; of fewer epochs, a checkpoint may be there that needs none."""
    if recommend >= 0 or chosen is None or chosen.epoch > run.epochs:
        return cost_text(run)
    return f"none with the checkpoint of epoch {chosen.epoch:g}; {cost_text(run)}"


def clamped(recommend: int, epochs: float, limits: Thresholds = DEFAULT) -> int:
    """Keep a change of epochs within +-2, and its result within [1, most_epochs]."""
    if recommend > 0:
        return min(recommend, 2, max(0, floor(limits.most_epochs - epochs)))
    return max(recommend, -2, min(0, ceil(1 - epochs)))


def _chosen(match: Match, candidates: Sequence[Candidate], limits: Thresholds) -> Candidate | None:
    if match.use_epoch is not None:
        named = [c for c in candidates if c.epoch == match.use_epoch]
        if named:
            return named[0]
    return checkpoint_to_use(candidates, limits)


def _dissent(
    recommend: int, by_seed: Sequence[tuple[str, Evidence]], limits: Thresholds
) -> tuple[str, ...]:
    """Name each seed that, read alone, would move the epochs another way."""
    voices = []
    for seed, evidence in by_seed:
        rule, match = decide(evidence, limits)
        alone = clamped(match.recommend, evidence.epochs, limits)
        if _direction(alone) != _direction(recommend):
            voices.append(
                f"{seed} alone: {alone:+d} ({rule.diagnosis})"
                if alone
                else f"{seed} alone: no change ({rule.diagnosis})"
            )
    return tuple(voices)


def _direction(change: int) -> int:
    return (change > 0) - (change < 0)
