"""The sides of a comparison of earlier runs: one model in a run folder, or in a log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.datasets import file_hash, read_few_shot
from harness.errors import RunFolderError, UsageError, did_you_mean
from harness.importing import ForeignRun, foreign_runs, kind_of
from harness.importing.foreign import DATA, IMPORTED
from harness.messages import prompt_text
from harness.openai_evals.logs import Log, read_log
from harness.pipeline.finished.read_back import read_tracks
from harness.pipeline.folder.manifest import portable
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.measuring.decoding import Decoding
from harness.pipeline.measuring.measurement import Answers, answers_by_model
from harness.pipeline.measuring.track import Track
from harness.records import Experiment, Finding, Sample


@dataclass(frozen=True, slots=True)
class Side:
    """One model in one run folder or log.

    ``files`` are hashes as provenance shows them, ``hashes`` those of the data by their portable
    path. A log knows only the samples that it holds, so it is paired sample by sample.
    ``ended`` says whether the run came to its end, as far as that is known; ``overruled`` are
    sampling parameters that the model's own settings replace. ``is_foreign`` says that another
    tool ran and marked it, and how it sampled.
    """

    label: str
    model: str
    tracks: tuple[Track, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    is_log: bool = False
    is_foreign: bool = False
    ended: bool = True
    overruled: Mapping[str, Any] = field(default_factory=dict)

    def track(self, eval_name: str) -> Track | None:
        """This side's track of an eval, if it has one with answers of the model."""
        found = (t for t in self.tracks if t.spec.name == eval_name and t.of(self.model))
        return next(found, None)

    @property
    def evals(self) -> list[str]:
        """The evals that the model answered."""
        return [track.spec.name for track in self.tracks if track.of(self.model)]

    def decoding(self, track: Track) -> Decoding:
        """How the answers to a track's eval were sampled; a log of OpenAI evals does not say."""
        if self.is_log and not self.is_foreign:
            return Decoding(self.label, None)
        return Decoding.of(self.label, track.spec, self.overruled)

    def data_hash(self, track: Track) -> str | None:
        """The hash of a track's held-out data."""
        return self.hashes.get(portable(track.spec.samples))


def side_of(place: str) -> Side:
    """Read one place: a run folder, a log, or either with ``#model`` behind it.

    A log is one of OpenAI evals, or what Inspect or lm-eval wrote, a file or a folder of theirs.

    Raises:
        UsageError: a model that is not there.
        DatasetError, RunFolderError: a log or folder that cannot be read.
    """
    path, _, model = place.partition("#")
    if not RunFolder(Path(path)).exists() and (kind := kind_of(Path(path))):
        return _foreign_side(path, model, foreign_runs(Path(path), kind))
    return _log_side(Path(path), model) if Path(path).is_file() else _folder_side(path, model)


def _folder_side(path: str, model: str) -> Side:
    folder = RunFolder(Path(path))
    manifest = folder.read()
    tracks = read_tracks(folder, manifest)
    model = _chosen(path, model, [name for track in tracks for _, name in track.answers])
    imported = any(IMPORTED in spec.args for spec in manifest.plan.evals)
    overruled = {
        key: value
        for r in manifest.study.routes
        if r.name == model
        for key, value in r.extra.items()
    }
    return Side(
        model,
        model,
        tracks,
        manifest.files,
        manifest.plan.files,
        is_log=imported,
        is_foreign=imported,
        overruled=overruled,
    )


def _chosen(path: str, model: str, names: Sequence[str]) -> str:
    """The model that is asked for, or the only one.

    Raises:
        UsageError: it is not there, or there are several to choose from.
    """
    models = list(dict.fromkeys(names))
    if not model and len(models) == 1:
        return models[0]
    if not model:
        raise UsageError(
            f"{path}: holds {len(models)} models; name one behind '{path}#': {', '.join(models)}"
        )
    if model not in models:
        raise UsageError(f"{path}: no answers of '{model}'{did_you_mean(model, models)}")
    return model


def _foreign_side(path: str, model: str, runs: Sequence[ForeignRun]) -> Side:
    """One model's runs in another tool's files."""
    model = _chosen(path, model, [run.model for run in runs])
    own = [run for run in runs if run.model == model]
    return Side(
        model,
        model,
        tuple(_foreign_track(run) for run in own),
        {str(file): file_hash(file) for file in dict.fromkeys(run.path for run in own)},
        is_log=True,
        is_foreign=True,
        ended=all(run.ended for run in own),
    )


def _foreign_track(run: ForeignRun) -> Track:
    return Track(
        spec=run.spec,
        experiment=Experiment(name="log", evals=(run.spec.name,)),
        base=run.model,
        heldout=run.samples,
        checkpoints=(),
        answers=answers_by_model(run.outcomes),
        findings=tuple(Finding("log", "info", f"{run.path}: {note}") for note in run.notes),
    )


def _log_side(path: Path, model: str) -> Side:
    log = read_log(path)
    if model and model != log.model:
        raise UsageError(f"{path}: holds answers of '{log.model}', none of '{model}'")
    if not log.outcomes:
        raise RunFolderError(f"{path}: the log holds no answers; run the eval again")
    return Side(
        log.model,
        log.model,
        (_log_track(log),),
        {str(path): file_hash(path)},
        is_log=True,
        ended=log.final_report is not None,
    )


def _log_track(log: Log) -> Track:
    """A log as a track; there is nothing in it but one model's answers."""
    return Track(
        spec=log.spec,
        experiment=Experiment(name="log", evals=(log.eval_name,)),
        base=log.model,
        heldout=log.samples,
        checkpoints=(),
        answers=answers_by_model(log.outcomes),
        findings=tuple(Finding("log", "info", f"log {log.path}: {note}") for note in log.notes),
    )


def labelled(sides: Sequence[Side]) -> Iterator[Side]:
    """The sides under names that differ: the model's, with a number where it occurs again."""
    seen: dict[str, int] = {}
    for side in sides:
        seen[side.model] = count = seen.get(side.model, 0) + 1
        yield side if count == 1 else replace(side, label=f"{side.model} ({count})")


# --- samples that all sides were asked -----------------------------------------------


@dataclass(frozen=True, slots=True)
class Pairing:
    """The samples that can be compared, and how many cannot."""

    samples: Mapping[str, Sample]
    unpaired: int
    changed: int
    reworded: int = 0

    def findings(self) -> Iterator[Finding]:
        """What a report says about those that were left out."""
        if self.unpaired:
            yield Finding(
                "unpaired",
                "warn",
                f"{_samples(self.unpaired)} not asked in every run: left out",
                {"samples": self.unpaired},
            )
        if self.changed:
            yield Finding(
                "changed",
                "warn",
                f"{_samples(self.changed)} with another prompt or expected answer in one of the "
                "runs, so the data changed between them: left out",
                {"samples": self.changed},
            )
        if self.reworded:
            yield Finding(
                "reworded",
                "warn",
                f"{_samples(self.reworded)} asked in other words in one of the runs (another "
                "system prompt, template or worked examples): part of any difference is the "
                "prompt's and not the model's",
                {"samples": self.reworded},
            )


def _samples(count: int) -> str:
    return f"{count:,} sample{'' if count == 1 else 's'}"


def pairing(eval_name: str, tracks: Sequence[Track]) -> Pairing:
    """The samples that every track was asked in the same words, in the first one's order.

    Raises:
        RunFolderError: there is none.
    """
    asked = [_asked(track) for track in tracks]
    shared = [key for key in asked[0] if all(key in other for other in asked[1:])]
    same = {key: _best(key, asked) for key in shared if _is_same([one[key] for one in asked])}
    if not same:
        why = "their prompts differ" if shared else "no sample was asked in all of them"
        raise RunFolderError(
            f"{eval_name}: these runs cannot be compared sample by sample: {why}; "
            "run one of them again on the same data"
        )
    everything = set().union(*asked)
    reworded = sum(len(_prompts([one[key] for one in asked])) > 1 for key in same)
    return Pairing(same, len(everything) - len(shared), len(shared) - len(same), reworded)


def _asked(track: Track) -> dict[str, Sample]:
    """The samples of a track with their whole prompts, worked examples included."""
    spec = track.spec
    shots = read_few_shot(spec.few_shot, spec.num_few_shot) if spec.few_shot else ()
    if not shots:
        return dict(track.heldout)
    return {
        key: replace(sample, messages=(*sample.messages[:-1], *shots, *sample.messages[-1:]))
        for key, sample in track.heldout.items()
    }


def _best(key: str, asked: Sequence[Mapping[str, Sample]]) -> Sample:
    """The sample from the first run that knows its prompt."""
    return next((one[key] for one in asked if one[key].messages), asked[0][key])


def _is_same(samples: Sequence[Sample]) -> bool:
    """One item of the data where all runs name it, else one prompt; and one set of ideals."""
    ideals = {sample.ideal for sample in samples if sample.ideal}
    items = {sample.metadata.get(DATA) for sample in samples}
    known = None not in items
    return len(ideals) <= 1 and len(items if known else _prompts(samples)) <= 1


def _prompts(samples: Iterable[Sample]) -> set[str]:
    """The different prompts, of those runs that know them."""
    return {prompt_text(sample.messages).strip() for sample in samples if sample.messages}


def only(answers: Answers, samples: Mapping[str, Sample]) -> Answers:
    """The answers to some of the samples; counts of failures and tokens stay the whole run's."""
    return replace(
        answers,
        values={k: v for k, v in answers.values.items() if k in samples},
        places=answers.places.only(samples),
        details={k: v for k, v in answers.details.items() if k in samples},
        failed_samples={k for k in answers.failed_samples if k in samples},
        cut=[(k, place) for k, place in answers.cut if k in samples],
    )
