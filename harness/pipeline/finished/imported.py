"""Runs of other tools as a run folder of ours: its samples, its journal, its manifest, its report.

The marks are the other tool's. Every command that works on a finished run works on the folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness import __version__
from harness.datasets import file_hash
from harness.errors import UsageError, did_you_mean
from harness.importing import ForeignRun, foreign_runs
from harness.importing.foreign import IMPORTED, data_hash
from harness.openai_evals.bridge_files import add_samples, samples_path
from harness.pipeline.finished.folder_report import report_of
from harness.pipeline.folder.manifest import Manifest, Plan
from harness.pipeline.folder.runfolder import RunFolder, open_folder
from harness.pipeline.reporting.documents import Written, write_reports
from harness.records import Checkpoint, EvalSpec, Experiment, Outcome, Study
from harness.reports.document import Document
from harness.running.journal import Journal

NAME = "imported"
MOST_NAMED = 6


@dataclass(frozen=True, slots=True)
class Place:
    """Where runs lie, and what their model is to be called (None: as the log calls it)."""

    path: Path
    label: str | None = None

    @classmethod
    def parse(cls, text: str) -> Place:
        """``PATH``, or ``LABEL=PATH`` where no file has that whole name."""
        label, separator, path = text.partition("=")
        if not separator or Path(text).exists():
            return cls(Path(text))
        return cls(Path(path), label)

    def runs(self, kind: str) -> Iterator[ForeignRun]:
        """The runs there, under the model's label."""
        found = foreign_runs(self.path, kind)
        models = sorted({run.model for run in found})
        if self.label and len(models) > 1:
            raise UsageError(
                f"{self.label}={self.path}: holds {len(models)} models ({', '.join(models)}), which"
                " cannot share one name; give the path without a name"
            )
        yield from (replace(run, model=self.label or run.model) for run in found)


@dataclass(frozen=True, slots=True)
class Import:
    """What to make of the runs: whose are the base's, and after how many epochs models stand."""

    kind: str
    places: Sequence[Place]
    out: Path
    command: str
    base: str | None = None
    epochs: Mapping[str, float] | None = None
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class ImportedFolder:
    """The run folder that was written, what it holds, and its report."""

    base: str
    models: tuple[str, ...]
    evals: tuple[str, ...]
    answers: int
    document: Document
    written: Written
    notes: tuple[str, ...]


def import_runs(asked: Import) -> ImportedFolder:
    """Write a run folder out of other tools' runs.

    Raises:
        DatasetError: a file that cannot be read.
        UsageError: a model that is not there, or two runs of one model and eval.
        RunFolderError: the folder holds another run, or cannot be written.
    """
    runs = [run for place in asked.places for run in place.runs(asked.kind)]
    _refuse_twins(runs)
    models = tuple(dict.fromkeys(run.model for run in runs))
    base = _base(models, asked.base)
    specs = _specs(runs)
    study = _study(asked, base, models, tuple(specs), runs)
    manifest = Manifest(Plan(study, tuple(specs.values())), asked.command, __version__)
    again = asked.overwrite or _was_stopped(RunFolder(asked.out), manifest)
    folder = open_folder(asked.out, manifest, overwrite=again)
    if not folder.complete():
        _fill(folder, manifest, runs)
    document = report_of(folder.path, _notes(runs))
    return ImportedFolder(
        base,
        models,
        tuple(specs),
        sum(len(run.outcomes) for run in runs),
        document,
        write_reports(document, folder.path),
        _notes(runs),
    )


def _was_stopped(folder: RunFolder, wanted: Manifest) -> bool:
    """Does the folder hold this very import, not whole? Nobody paid for it: it is made anew."""
    return folder.exists() and not folder.complete() and folder.read().hash == wanted.hash


def _refuse_twins(runs: Sequence[ForeignRun]) -> None:
    seen: dict[tuple[str, str], Path] = {}
    for run in runs:
        key = (run.model, run.spec.name)
        if key in seen:
            raise UsageError(
                f"{seen[key]} and {run.path}: both hold {run.spec.name} of '{run.model}'; call one"
                f" of them something else: tuned={run.path}"
            )
        seen[key] = run.path


def _base(models: Sequence[str], wanted: str | None) -> str:
    if wanted is not None and wanted not in models:
        raise UsageError(f"--base {wanted}: no such model{did_you_mean(wanted, models)}")
    return wanted or models[0]


def _specs(runs: Sequence[ForeignRun]) -> dict[str, EvalSpec]:
    """Every eval once, its samples where the folder holds them."""
    specs: dict[str, EvalSpec] = {}
    for run in runs:
        known = specs.get(run.spec.name)
        repeats = max(run.spec.repeats, known.repeats if known else 1)
        place = samples_path(Path(), run.spec.name)
        args = {IMPORTED: run.tool}
        specs[run.spec.name] = replace(
            known or run.spec, samples=place, repeats=repeats, args=args, source=None
        )
    return specs


def _study(
    asked: Import,
    base: str,
    models: Sequence[str],
    evals: tuple[str, ...],
    runs: Sequence[ForeignRun],
) -> Study:
    epochs = asked.epochs or {}
    unknown = next((model for model in epochs if model not in models or model == base), None)
    if unknown is not None:
        tuned = [model for model in models if model != base]
        raise UsageError(f"--epochs {unknown}: no such tuned model{did_you_mean(unknown, tuned)}")
    others = (model for model in models if model != base and model not in epochs)
    return Study(
        name=f"Imported from {asked.kind}",
        base=base,
        experiments=(
            Experiment(
                name=NAME,
                evals=evals,
                tuned=tuple(Checkpoint(model, epoch) for model, epoch in epochs.items()),
                others=tuple(others),
                train_probe=0,
            ),
        ),
        provider=" and ".join(dict.fromkeys(run.tool for run in runs)),
        description=_description(runs),
    )


def _description(runs: Sequence[ForeignRun]) -> str:
    """Which files were read, and a hash of what is in them all."""
    files = list(dict.fromkeys(run.path for run in runs))
    named = [f"{path.parent.name}/{path.name}" for path in files[:MOST_NAMED]]
    more = [f"{len(files) - MOST_NAMED} more"] if len(files) > MOST_NAMED else []
    whole = data_hash([file_hash(path) for path in files])
    return (
        f"Nothing was asked again, marks are the logs' own: {', '.join([*named, *more])}"
        f" (hash of all: {whole})."
    )


def _fill(folder: RunFolder, manifest: Manifest, runs: Sequence[ForeignRun]) -> None:
    for run in runs:
        add_samples(samples_path(folder.path, run.spec.name), run.samples.values())
    with Journal.open(folder.journal, manifest.hash) as journal:
        for run in runs:
            for outcome in run.outcomes:
                journal.append(_of_model(outcome, run.model))


def _of_model(outcome: Outcome, model: str) -> Outcome:
    return outcome if outcome.model == model else replace(outcome, model=model)


def _notes(runs: Sequence[ForeignRun]) -> tuple[str, ...]:
    """What was passed over, once for each file."""
    return tuple(dict.fromkeys(f"{run.path}: {note}" for run in runs for note in run.notes))
