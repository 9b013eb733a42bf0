"""Advice from a training run alone: what its curves say, and which measurement is missing.

Logs of answers, of the base model and of tuned ones, stand beside the run where there are some:
then the answers decide, and the curves say what they cannot.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from harness.analysis.advice import advise
from harness.analysis.cost import TUNED, PriceTable, Training, price_of
from harness.analysis.curves import Evaluation, not_evaluated
from harness.analysis.evidence import Evidence
from harness.errors import RunFolderError, UsageError
from harness.finetuning.job_runs import ENDED
from harness.finetuning.runs import read_run
from harness.finetuning.training_run import TrainingRun
from harness.models.providers import OPENAI_URL
from harness.pipeline.folder.runfolder import RunFolder
from harness.records import Advice, Checkpoint, Fact

if TYPE_CHECKING:
    from harness.pipeline.finished.sides import Side
    from harness.pipeline.measuring.track import Track
    from harness.pipeline.measuring.variety import Variety

STEP_IN_NAME = re.compile(r"(?:ckpt-step-|checkpoint-|step-)(\d{1,12})/?$")
"""How hosted models and trainers' folders name the step of a checkpoint."""
MISSING = "missing measurement"
NOT_DETERMINABLE = 24
SERVED_HERE = "http://127.0.0.1:8000/v1"
"""Where ``harness serve`` listens unless told otherwise, and vLLM, too."""
CHECKPOINT_RULES = frozenset({26, 27, 28})
"""Rows that leave open whether an earlier checkpoint answers better than the last."""


def is_training_run(path: Path) -> bool:
    """Is this what training wrote, rather than a run folder of answers?"""
    from harness.finetuning import runs

    return runs.is_training_run(path) and not (path.is_dir() and RunFolder(path).exists())


def advice_of_saved_run(path: Path, epochs: int | None = None) -> Advice:
    """Read a saved job, a result file, a trainer's state or a W&B export, and judge its curves.

    Raises:
        DatasetError: it is none of these.
        RunFolderError: there is no checkpoint to advise on.
    """
    return advice_of(read_run(path, epochs))


def advice_of(
    run: TrainingRun, base_url: str | None = None, prices: Sequence[PriceTable] = ()
) -> Advice:
    """What the curves of a run allow to say, and what would decide; ``prices`` those of training.

    Raises:
        RunFolderError: there is no checkpoint to advise on.
    """
    advice = advise(evidence_of(run), training=training_of(run, prices))
    if advice.rule == NOT_DETERMINABLE:
        advice = replace(advice, action=f"measure {held_out_answers(run, advice)}")
    missing = Fact(MISSING, None, missing_of_curves(run, advice, base_url))
    return replace(advice, evidence=(*advice.evidence, *spoiled(run), *assumed(run), missing))


def refuse_without_checkpoint(run: TrainingRun) -> None:
    """Refuse a run that has come to no checkpoint yet.

    Raises:
        RunFolderError: it has not.
    """
    if not run.checkpoints:
        raise RunFolderError(
            f"{run.name}: {run.status}, no checkpoint to advise on; "
            "let it come to the end of an epoch (harness finetune --job takes it up again)"
        )


def evidence_of(run: TrainingRun) -> Evidence:
    """The curves of a run as evidence, without an answer."""
    refuse_without_checkpoint(run)
    last = run.checkpoints[-1]
    return Evidence(
        eval=run.name,
        task="one-answer",
        model=last.model,
        epochs=run.epochs,
        losses=tuple(s.train_loss for s in run.curve if s.train_loss is not None),
        valid_losses=tuple(e.valid_loss for e in run.evaluations if e.valid_loss is not None),
        train_token_accuracies=tuple(
            s.train_token_accuracy for s in run.checkpoints if s.train_token_accuracy is not None
        ),
        valid_token_accuracies=tuple(
            e.valid_token_accuracy for e in run.evaluations if e.valid_token_accuracy is not None
        ),
        earlier=tuple(state.epoch for state in run.checkpoints[:-1]),
        evaluations=evaluations_of(run),
    )


def evaluations_of(run: TrainingRun) -> tuple[Evaluation, ...]:
    """The measurements of the validation set, and what they say of checkpoints between them."""
    measured = tuple(evaluation_of(run, state) for state in run.evaluations)
    known = {state.step for state in run.evaluations}
    others = [one for one in run.checkpoints if run.is_kept(one) and one.step not in known]
    read = (not_evaluated(measured, one.epoch, one.model) for one in others)
    every = [*measured, *(one for one in read if one is not None)]
    return tuple(sorted(every, key=lambda one: one.epoch))


def evaluation_of(run: TrainingRun, state: Checkpoint) -> Evaluation:
    """A measurement of the validation set, with its checkpoint where that is known to exist."""
    return Evaluation(
        epoch=state.epoch,
        valid_loss=state.valid_loss if state.valid_loss is not None else float("nan"),
        valid_token_accuracy=state.valid_token_accuracy,
        model=state.model if run.is_kept(state) else None,
    )


def training_of(run: TrainingRun, prices: Sequence[PriceTable]) -> Training | None:
    """What an epoch of a run took, and what it costs; None where its server has not counted."""
    if not run.trained_tokens or not run.epochs:
        return None
    name = TUNED + (run.base or "").removeprefix(TUNED)
    price = price_of(name, prices)
    return Training(run.trained_tokens / run.epochs, price, name if run.base else "")


def assumed(run: TrainingRun) -> tuple[Fact, ...]:
    """What was taken for granted about a run."""
    notes = [*run.notes]
    if run.status in ("running", "queued", "validating_files", "paused"):
        notes.append(f"the job is {run.status}: this is about what it has done so far")
    if run.status in ENDED:
        why = f": {run.error}" if run.error else ""
        notes.append(f"the job is {run.status}{why}; this is about what it did before")
    settings = (Fact("trained with", None, run.settings),) if run.settings else ()
    return (
        *settings,
        *(Fact("assumed" if run.curve else "the curve", None, note) for note in notes),
    )


def spoiled(run: TrainingRun) -> tuple[Fact, ...]:
    """From which step on the loss is not a number, and which checkpoints come before it."""
    losses = (
        (step.step, loss) for step in run.curve for loss in (step.train_loss, step.valid_loss)
    )
    first = next((step for step, loss in losses if loss is not None and not isfinite(loss)), None)
    if first is None:
        return ()
    sound = [one.model for one in run.checkpoints if (one.step or 0) < first and run.is_kept(one)]
    reading = f"from step {first} on; " + (
        f"kept before it: {sound[-1]}" if sound else "no checkpoint is known to be kept before it"
    )
    return (Fact("not a number", None, reading),)


# --- what is missing -----------------------------------------------------------------


def missing_of_curves(run: TrainingRun, advice: Advice, base_url: str | None) -> str:
    """The measurement that would decide, with its command: curves know no answers."""
    held = f"{held_out_answers(run, advice)}: {comparing(run, compared(run, advice), base_url)}"
    if run.curve and len(run.evaluations) < 2:
        return (
            f"{held}; and a validation loss after every epoch: train with a validation file "
            "(harness finetune --valid FILE, or a trainer's eval_strategy)"
        )
    return held


def held_out_answers(run: TrainingRun, advice: Advice) -> str:
    """What would decide, in words."""
    return "held-out answers of {} and {}".format(*compared(run, advice))


def compared(run: TrainingRun, advice: Advice) -> tuple[str, str]:
    """The two models whose answers would decide."""
    last = run.checkpoints[-1].model if run.is_named else "TUNED"
    chosen = advice.checkpoint or last
    if advice.rule in CHECKPOINT_RULES and chosen != last:
        return chosen, last
    return run.base or "BASE", last


def comparing(run: TrainingRun, models: tuple[str, str], base_url: str | None) -> str:
    """The command that compares two models on an eval, and what has to be served before it."""
    address, first = base_url or run.server, ""
    if address is None and holds_embedded(run.folder):
        first = f"{shlex.join(['harness', 'serve', '--models', str(run.folder)])}, and beside it: "
        address = SERVED_HERE
    elif address is None and run.is_of_trainer:
        first = "serve them (docs/trainers.md), and then: "
        address = SERVED_HERE
    command = ["harness", "compare", *models, "--eval", "EVAL"]
    if address is not None and address != OPENAI_URL:
        command += ["--base-url", address]
    return f"{first}{shlex.join(command)} (and --registry DIR, if EVAL is in one of yours)"


def holds_embedded(folder: Path | None) -> bool:
    """Whether a folder holds tuned embedded models."""
    from harness.embedded.models import INDEX

    return folder is not None and (folder / INDEX).is_file()


# --- with logs of answers ------------------------------------------------------------


def advice_with_logs(
    run: TrainingRun, places: Sequence[str], prices: Sequence[PriceTable] = ()
) -> list[Advice]:
    """Judge a run by answers, too: the base model's log first, then those of tuned models.

    A log belongs to the checkpoint that its model is named after; the only tuned one without
    such a name to the last checkpoint. One advice for each eval that all logs share.

    Raises:
        UsageError: not enough logs, or one whose checkpoint nobody can tell.
        DatasetError, RunFolderError: a log that cannot be read, or no sample that all share.
    """
    from harness.pipeline.finished.sides import labelled, side_of

    if len(places) < 2:
        raise UsageError(
            "--log: give the base model's log first and then a tuned one's, each with --log"
        )
    refuse_without_checkpoint(run)
    sides = [side_of(place) for place in places]
    refuse_mixed_up(run, places, sides)
    base, *tuned = labelled(sides)
    states = states_of(run, tuned, places[1:])
    shared = [name for name in base.evals if all(side.track(name) for side in tuned)]
    if not shared:
        each = "; ".join(
            f"{place}: {', '.join(side.evals) or 'none'}"
            for place, side in zip(places, (base, *tuned), strict=True)
        )
        raise UsageError(f"--log: the logs share no eval ({each}); run one eval on both models")
    training, newest = training_of(run, prices), max(states, key=lambda state: state.epoch)
    evidence = evidence_of(until(run, newest))
    told = [advice_on(run, evidence, name, base, tuned, states, training) for name in shared]
    if newest.epoch >= run.epochs:
        return told
    return [with_the_rest(run, one) if one.recommend > 0 else one for one in told]


def with_the_rest(run: TrainingRun, asked: Advice) -> Advice:
    """More epochs than a checkpoint had are in the run already: what its end says counts."""
    whole = advice_of(run)
    if whole.recommend > 0:
        return asked
    curves = [fact for fact in whole.evidence if fact.name.startswith("validation ")]
    answers = [fact for fact in asked.evidence if not fact.name.startswith("validation ")]
    return replace(
        asked,
        recommend=0,
        rule=whole.rule,
        diagnosis=whole.diagnosis,
        confidence=whole.confidence,
        action=f"keep this checkpoint: the run went on to {whole.epochs:g} epochs, and its curves "
        "do not ask for more",
        evidence=(*curves, *answers),
        would_change=whole.would_change,
        cost=None,
        next_run=None,
    )


def until(run: TrainingRun, state: Checkpoint) -> TrainingRun:
    """A run as it was when it had come to a state: what it did later says nothing of that one."""
    if state.step is None:
        return run
    end = state.step
    return replace(
        run,
        curve=tuple(step for step in run.curve if step.step <= end),
        checkpoints=(
            *(one for one in run.checkpoints if one.step is not None and one.step < end),
            state,
        ),
        evaluations=tuple(one for one in run.evaluations if (one.step or 0) <= end),
        epochs=state.epoch,
    )


def states_of(
    run: TrainingRun, tuned: Sequence[Side], places: Sequence[str]
) -> tuple[Checkpoint, ...]:
    """The checkpoint of each tuned side, under the side's label."""
    found = [state_named(run, side.model) for side in tuned]
    nameless = [
        at
        for at, (side, state) in enumerate(zip(tuned, found, strict=True))
        if state is None and not STEP_IN_NAME.search(side.model)
    ]
    if len(nameless) == 1:
        found[nameless[0]] = run.checkpoints[-1]
    for place, side, state in zip(places, tuned, found, strict=True):
        if state is None:
            known = ", ".join(dict.fromkeys(state.model for state in states_along(run)))
            raise UsageError(
                f"--log {place}: {side.model!r} is no checkpoint of {run.name}; known are {known}"
            )
    return tuple(
        replace(state, model=side.label)
        for side, state in zip(tuned, found, strict=True)
        if state is not None
    )


def state_named(run: TrainingRun, model: str) -> Checkpoint | None:
    """The state of a run that a model's name means, by itself or by the step in it."""
    for state in states_along(run):
        if state.model == model:
            return state
    step = STEP_IN_NAME.search(model)
    if step is None:
        return None
    return next((state for state in states_along(run) if state.step == int(step[1])), None)


def states_along(run: TrainingRun) -> list[Checkpoint]:
    """The states of a run that a log can be of: checkpoints, and where it was evaluated."""
    ends = {state.step for state in run.checkpoints}
    others = [state for state in run.evaluations if state.step not in ends]
    return sorted([*run.checkpoints, *others], key=lambda state: state.epoch)


def refuse_mixed_up(run: TrainingRun, places: Sequence[str], sides: Sequence[Side]) -> None:
    """Refuse logs that are not of a base model first and tuned ones after it.

    Raises:
        UsageError: a model is there twice, or the first one is tuned and another one is not.
    """
    base, *tuned = sides
    for place, side in zip(places[1:], tuned, strict=True):
        if side.model == base.model:
            raise UsageError(
                f"--log {place}: answers of {side.model!r}, as the base model's log before it; "
                "give the tuned model's log"
            )
    if is_tuned(run, base.model) and not any(is_tuned(run, side.model) for side in tuned):
        raise UsageError(
            f"--log {places[0]}: answers of the tuned model {base.model!r}; "
            "give the base model's log first"
        )


def is_tuned(run: TrainingRun, model: str) -> bool:
    """Whether a model is known to be one that was tuned."""
    return model.startswith(TUNED) or state_named(run, model) is not None


def advice_on(
    run: TrainingRun,
    curves: Evidence,
    eval_name: str,
    base: Side,
    tuned: Sequence[Side],
    states: tuple[Checkpoint, ...],
    training: Training | None = None,
) -> Advice:
    """The advice on one eval, from answers and curves."""
    from harness.pipeline.finished.comparing import joined
    from harness.pipeline.judging.judgement import candidates, variety_of

    track = replace(joined(eval_name, base, tuned), checkpoints=states)
    variety = variety_of(track)
    last = track.epochs[-1]
    evidence = with_curves(track, curves, variety)
    advice = advise(evidence, candidates(track, last, variety), training=training)
    missing = Fact(MISSING, None, missing_of_answers(run, track))
    return replace(advice, evidence=(*advice.evidence, *spoiled(run), *assumed(run), missing))


def with_curves(track: Track, curves: Evidence, variety: Variety | None) -> Evidence:
    """The answers of a track as evidence, with the curves of its run."""
    from harness.pipeline.judging.judgement import evidence_after

    return replace(
        evidence_after(track, track.epochs[-1], variety),
        losses=curves.losses,
        valid_losses=curves.valid_losses,
        train_token_accuracies=curves.train_token_accuracies,
        valid_token_accuracies=curves.valid_token_accuracies,
        evaluations=curves.evaluations,
    )


def missing_of_answers(run: TrainingRun, track: Track) -> str:
    """What logs on held-out samples leave open, and how to measure it."""
    study = "a study with 'training_data' and 'tuned' asks them (harness study; harness show demo)"
    train = f"answers to training prompts: {study}"
    if len(track.epochs) > 1:
        return train
    which = "an earlier" if track.epochs[-1] >= run.epochs else "the last"
    return f"{train}; and the log of {which} checkpoint on {track.spec.name} (another --log)"
