"""A run folder read back: its manifest, tuning jobs and journal become tracks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.datasets import read_training
from harness.errors import RunFolderError
from harness.messages import content_text
from harness.pipeline.folder.manifest import Manifest
from harness.pipeline.folder.runfolder import RunFolder, check_files
from harness.pipeline.measuring.classes import Classes
from harness.pipeline.measuring.measurement import Answers, answers_in
from harness.pipeline.measuring.scores import mean_score
from harness.pipeline.measuring.semantics import Semantics, kept_in
from harness.pipeline.measuring.track import PartRun, Track
from harness.pipeline.measuring.training_cost import training_of
from harness.pipeline.orders.names import PROMPT_MARK, eval_of, probe_name
from harness.pipeline.orders.parts import parts_of
from harness.pipeline.questions.bridging import in_folder, own_reports
from harness.pipeline.questions.evaluation import Question, ideal_marks
from harness.pipeline.questions.ideals import EmptyIdeals, rejected_ideals
from harness.pipeline.questions.leaks import answers_in_training
from harness.prompts import train_probe
from harness.records import (
    Checkpoint,
    EvalSpec,
    Experiment,
    Finding,
    Round,
    Sample,
    TrainingExample,
)
from harness.running.journal import Contents

if TYPE_CHECKING:
    from harness.pipeline.orders.tuning import TunedRun


def read_tracks(folder: RunFolder, manifest: Manifest) -> tuple[Track, ...]:
    """The tracks of a run folder: one for each eval of each experiment.

    Raises:
        RunFolderError: no journal, or a data file is not what it was.
    """
    return tracks_with(kept_in(folder.embeddings), folder, manifest)


def tracks_with(
    semantics: Semantics | None, folder: RunFolder, manifest: Manifest
) -> tuple[Track, ...]:
    """The same, with what embeddings say."""
    if not folder.journal.exists():
        raise RunFolderError(f"{folder.path}: nothing was answered yet (no journal.jsonl in it)")
    check_files(manifest.plan.files, folder.path)
    answers = answers_in(Contents.of(folder.journal), _classes(folder, manifest))
    tuned = _tuned(folder)
    found = tuple(
        replace(
            _track(
                folder,
                manifest,
                in_folder(spec, folder.path),
                experiment,
                [r for r in tuned if r.experiment == experiment.name],
                answers,
            ),
            semantics=semantics,
        )
        for experiment in manifest.study.experiments
        for spec in manifest.plan.evals
        if spec.name in (*experiment.evals, *experiment.forgetting)
    )
    return tuple(_with_general(track, found) for track in found)


def _tuned(folder: RunFolder) -> list[TunedRun]:
    """The finished jobs; most runs tune nothing."""
    if not folder.tuning.exists():
        return []
    from harness.pipeline.orders.tuning import read_tuning

    return read_tuning(folder.tuning)


def _classes(folder: RunFolder, manifest: Manifest) -> dict[str, Classes]:
    """The labels of those evals whose samples have one of few."""
    questions = [
        Question.answered(in_folder(spec, folder.path), manifest.plan.max_samples)
        for spec in manifest.plan.evals
    ]
    found = ((one.spec, Classes.of(one.spec, one.samples())) for one in questions)
    return {spec.name: classes for spec, classes in found if classes is not None}


def _with_general(track: Track, tracks: Sequence[Track]) -> Track:
    """A track that chooses epochs, with those of its experiment that say what was forgotten."""
    if track.is_general:
        return track
    name = track.experiment.name
    return replace(
        track, general=tuple(t for t in tracks if t.is_general and t.experiment.name == name)
    )


def _lints(
    folder: RunFolder, experiment: Experiment, spec: EvalSpec, heldout: Mapping[str, Sample]
) -> tuple[Finding, ...]:
    """What was found in the training data; looked for now where the run has not noted it."""
    if experiment.training_data is None or spec.name in experiment.forgetting:
        return ()
    from harness.pipeline.questions.linting import kept_in as kept_lints
    from harness.pipeline.questions.linting import training_findings

    kept = kept_lints(folder).get((experiment.name, spec.name))
    if kept is not None:
        return kept
    wanted = experiment.wanted_refusals
    return training_findings(experiment.training_data, heldout.values(), spec.task, wanted)


def _track(
    folder: RunFolder,
    manifest: Manifest,
    spec: EvalSpec,
    experiment: Experiment,
    tuned: Sequence[TunedRun],
    answers: Mapping[tuple[str, str], Answers],
) -> Track:
    question = Question.answered(spec, manifest.plan.max_samples)
    heldout = question.samples_by_id()
    is_general = spec.name in experiment.forgetting
    training = _learnt(experiment) if not is_general else []
    names = {spec.name, probe_name(spec.name)}
    names |= {name for name, _ in answers if eval_of(name) == spec.name and PROMPT_MARK in name}
    whole = [run for run in tuned if not run.part]
    empty = EmptyIdeals(spec)  # ideals of its graders are always marked, so all samples pass
    ideals = asyncio.run(ideal_marks(question, empty.passing(heldout.values())))
    about = (
        empty.finding(),
        rejected_ideals(spec, ideals),
        answers_in_training(training, heldout.values()),
        *_lints(folder, experiment, spec, heldout),
        *_reviewed(folder, spec, answers),
    )
    return Track(
        spec=spec,
        experiment=experiment,
        base=manifest.study.base,
        heldout=heldout,
        checkpoints=(*experiment.tuned, *_checkpoints(experiment, whole)),
        answers={key: table for key, table in answers.items() if key[0] in names},
        parts=tuple(_parts(experiment, tuned, len(training))) if not is_general else (),
        probe={sample.id: sample for sample in train_probe(training, experiment.train_probe)},
        training_texts=tuple(content_text(e.messages[-1]["content"]) for e in training),
        curves={run.seed: run.losses for run in whole} if not is_general else {},
        training=training_of(whole, training, manifest.study.provider),
        curve_epochs=max((run.epochs for run in whole), default=None),
        earlier=tuple(_rounds_of(manifest, experiment, spec)),
        leaked=frozenset(leaked(training, heldout)),
        ideal_score=mean_score(ideals.marks),
        own_reports=own_reports(folder, spec),
        findings=tuple(finding for finding in about if finding),
    )


def _reviewed(
    folder: RunFolder, spec: EvalSpec, answers: Mapping[tuple[str, str], Answers]
) -> tuple[Finding, ...]:
    """What people's reviews say of the marks, and which samples went into training files."""
    if not (folder.reviews.exists() or folder.copied.exists()):
        return ()
    from harness.pipeline.reviewing.collecting import copied_findings
    from harness.pipeline.reviewing.raters import findings, lookup_in, raters_on
    from harness.pipeline.reviewing.reviews import read_reviews

    own = [review for review in read_reviews(folder) if review.eval == spec.name]
    told = raters_on(spec, spec.name, own, lookup_in(answers)) if own else ()
    return (*findings(told), *copied_findings(folder, spec.name))


def _parts(experiment: Experiment, tuned: Sequence[TunedRun], examples: int) -> Iterator[PartRun]:
    """The models that were tuned on parts of the data, after the epochs that are compared."""
    sizes = {part.name: part.size(examples) for part in parts_of(experiment)}
    wanted = {part.name: part.epochs for part in parts_of(experiment)}
    for run in tuned:
        for checkpoint in run.checkpoints if run.part in sizes else ():
            if round(checkpoint.epoch) in wanted[run.part]:
                yield PartRun(run.part, sizes[run.part], checkpoint)


def _rounds_of(manifest: Manifest, experiment: Experiment, spec: EvalSpec) -> Iterator[Round]:
    """The earlier rounds of this experiment that this eval judged."""
    for one in manifest.plan.after:
        if (one.experiment, one.eval) == (experiment.name, spec.name):
            yield one


def _learnt(experiment: Experiment) -> list[TrainingExample]:
    return read_training(experiment.training_data) if experiment.training_data else []


def _checkpoints(experiment: Experiment, tuned: Sequence[TunedRun]) -> Iterator[Checkpoint]:
    tuning = experiment.tuning
    wanted = (*tuning.epochs, *tuning.spares) if tuning else ()
    for run in tuned:
        yield from (c for c in run.checkpoints if round(c.epoch) in wanted)


def leaked(training: Sequence[TrainingExample], heldout: Mapping[str, Sample]) -> Iterator[str]:
    """Ids of held-out samples whose prompt and first ideal also stand in the training data."""
    learned = [_whole(e.messages[:-1], content_text(e.messages[-1]["content"])) for e in training]
    if not learned:
        return
    from harness.analysis.leakage import exact_overlap

    asked = [_whole(s.messages, s.ideal[0] if s.ideal else "") for s in heldout.values()]
    ids = list(heldout)
    yield from (ids[overlap.heldout] for overlap in exact_overlap(learned, asked))


def _whole(messages: Sequence[Mapping[str, object]], answer: str) -> str:
    asked = (content_text(m.get("content")) for m in messages if m.get("role") != "system")
    return "\n".join([*asked, answer])
