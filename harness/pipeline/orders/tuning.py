"""The tuned side of an experiment: run its jobs, or read the checkpoints that exist."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from harness.errors import ProviderError, RequestRejected, RunFolderError
from harness.finetuning.exports import TuningResult
from harness.finetuning.jobs import (
    EmbeddedTuning,
    TuningProgress,
    TuningRequest,
    TuningService,
    tune,
)
from harness.pipeline.folder.runfolder import RunFolder, write_lines
from harness.pipeline.orders.parts import parts_of, write_part
from harness.pipeline.orders.suffixes import suffix_of
from harness.records import Checkpoint, Experiment, Sample, Study, Tuning
from harness.whole_file import whole_file

AT_END = 1e-6


class TuningWatch(Protocol):
    """Told of every event of a tuning job."""

    def tuning(self, label: str, progress: TuningProgress) -> None:
        """One event of the job named ``label``."""
        ...

    def tuned(self, label: str) -> None:
        """The job named ``label`` has ended."""
        ...


@dataclass(frozen=True, slots=True)
class TunedRun:
    """One finished job of an experiment: its checkpoints, and its training losses by step.

    ``trained_tokens`` counts every epoch. ``part`` names the part of the data that it was tuned
    on, if it was not the whole.
    """

    experiment: str
    seed: int | None
    epochs: int
    job_id: str
    checkpoints: tuple[Checkpoint, ...]
    losses: tuple[float, ...] = ()
    trained_tokens: int | None = None
    part: str = ""


@dataclass(frozen=True, slots=True)
class Tuner:
    """Runs the jobs of a study once, and remembers them in the run folder.

    ``keeps_models`` says whether the service still has the jobs and models of an earlier process;
    a ``shelf`` keeps models in the run folder where it has not.
    """

    service: TuningService
    folder: RunFolder
    watch: TuningWatch
    keeps_models: bool
    shelf: EmbeddedTuning | None = None

    def runs(
        self, study: Study, experiment: Experiment, heldout: Sequence[Sample]
    ) -> list[TunedRun]:
        """Tune every seed; each run holds the checkpoints of the epoch counts to judge.

        Raises:
            ProviderError: a job did not succeed, or a checkpoint is nowhere to be had.
        """
        tuning, training = experiment.tuning, experiment.training_data
        if tuning is None or training is None:
            return []
        asked = TuningRequest(
            base=study.base,
            training=training,
            validation=self._validation_file(experiment, heldout),
            batch_size=tuning.batch_size,
            learning_rate_multiplier=tuning.learning_rate_multiplier,
            suffix=suffix_of(experiment.name),
        )
        whole = [
            run
            for seed in tuning.seeds
            for run in self._runs_of_seed(experiment.name, replace(asked, seed=seed), tuning)
        ]
        return whole + list(self._runs_of_parts(experiment, asked))

    def _runs_of_parts(self, experiment: Experiment, asked: TuningRequest) -> Iterator[TunedRun]:
        """The same recipe on random parts of the data, seeds taking turns."""
        tuning = experiment.tuning
        for part in parts_of(experiment):
            request = replace(
                asked,
                training=write_part(part, asked.training, self._data_file(experiment, part.name)),
                seed=part.seed(tuning.seeds) if tuning else None,
                suffix=suffix_of(f"{experiment.name}-{part.name}"),
            )
            judged = Tuning(part.epochs)
            yield from self._runs_of_seed(experiment.name, request, judged, part.name)

    def _runs_of_seed(
        self, experiment: str, asked: TuningRequest, tuning: Tuning, part: str = ""
    ) -> Iterator[TunedRun]:
        """One job to the most epochs; further jobs only for epochs whose checkpoint it lacks."""
        wanted = sorted(tuning.epochs, reverse=True)
        while wanted:
            run = self._run(experiment, replace(asked, epochs=wanted[0]), part)
            judged = (*wanted, *tuning.spares)
            kept = tuple(c for c in run.checkpoints if round(c.epoch) in judged)
            found = {round(checkpoint.epoch) for checkpoint in kept}
            if wanted[0] not in found:
                raise ProviderError(
                    f"job {run.job_id}: gave no checkpoint after {wanted[0]} epochs, only "
                    f"{sorted(c.epoch for c in run.checkpoints)}; look at the job on the server"
                )
            yield replace(run, checkpoints=kept)
            wanted = [epochs for epochs in wanted if epochs not in found]

    def _run(self, experiment: str, request: TuningRequest, part: str) -> TunedRun:
        remembered = self._remembered(experiment, request, part)
        if remembered is not None and (self.keeps_models or self._taken_back(remembered)):
            return remembered
        label = ", ".join(filter(None, (experiment, part, f"seed {request.seed}")))
        result = tune(
            self.service,
            request,
            lambda progress: self.watch.tuning(label, progress),
            started=lambda job_id: self._note_started(_identity(experiment, request, part), job_id),
            job_id=self._under_way(_identity(experiment, request, part)),
        )
        self.watch.tuned(label)
        run = replace(tuned_run(experiment, request, result), part=part)
        if self.shelf is not None:
            self.shelf.save(self.folder.models, [c.model for c in run.checkpoints])
        if remembered is None:
            write_tuning(self.folder.tuning, [*read_tuning(self.folder.tuning), run])
        return run

    def _taken_back(self, run: TunedRun) -> bool:
        """Whether the run's models came back from the run folder."""
        if self.shelf is None or not self.folder.models.exists():
            return False
        known = set(self.shelf.load(self.folder.models))
        return all(checkpoint.model in known for checkpoint in run.checkpoints)

    # --- jobs under way --------------------------------------------------------------

    def _note_started(self, identity: Mapping[str, Any], job_id: str) -> None:
        """Write a job down before it is followed: it runs on whatever happens to us."""
        if not self.keeps_models:
            return
        line = {"job_id": job_id, **identity}
        try:
            with self.folder.started.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise RunFolderError(
                f"{self.folder.started}: cannot be written: {error.strerror}; job {job_id} was "
                "started and runs on"
            ) from error

    def _under_way(self, identity: Mapping[str, Any]) -> str | None:
        """The job that an earlier process started for this, unless it failed or is gone."""
        if not (self.keeps_models and self.folder.started.exists()):
            return None
        lines = self.folder.started.read_text(encoding="utf-8").splitlines()
        known = [one for one in map(_json_line, lines) if identity.items() <= one.items()]
        job_id = str(known[-1]["job_id"]) if known else None
        return job_id if job_id and self._is_alive(job_id) else None

    def _is_alive(self, job_id: str) -> bool:
        """Whether a job can still come to its end, or has."""
        try:
            status = self.service.export(job_id).job.get("status")
        except RequestRejected:
            return False
        return status not in ("failed", "cancelled")

    # --- memory ----------------------------------------------------------------------

    def _remembered(self, experiment: str, request: TuningRequest, part: str) -> TunedRun | None:
        wanted = (experiment, part, request.seed, request.epochs)
        for run in read_tuning(self.folder.tuning):
            if (run.experiment, run.part, run.seed, run.epochs) == wanted:
                return run
        return None

    def _data_file(self, experiment: Experiment, name: str) -> Path:
        return self.folder.data / f"{suffix_of(experiment.name)}.{name}.jsonl"

    def _validation_file(self, experiment: Experiment, heldout: Sequence[Sample]) -> Path | None:
        """Held-out samples as chats with their first ideal answer, for the validation loss."""
        chats = [
            {"messages": [*sample.messages, {"role": "assistant", "content": sample.ideal[0]}]}
            for sample in heldout
            if sample.ideal
        ]
        if not chats:
            return None
        return write_lines(self._data_file(experiment, "valid"), chats)


def _identity(experiment: str, request: TuningRequest, part: str) -> dict[str, Any]:
    """What tells a job from the others of its run folder."""
    about = {"experiment": experiment, "seed": request.seed, "epochs": request.epochs}
    return {**about, "part": part}


def _json_line(line: str) -> dict[str, Any]:
    """A line of started.jsonl; {} where it was torn by a crash."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and "job_id" in found else {}


def tuned_run(experiment: str, request: TuningRequest, result: TuningResult) -> TunedRun:
    """What is remembered of a finished job."""
    return TunedRun(
        experiment=experiment,
        seed=request.seed,
        epochs=request.epochs or 0,
        job_id=result.job_id,
        checkpoints=tuple(whole_epochs(result.checkpoints)),
        losses=tuple(s.train_loss for s in result.curve if s.train_loss is not None),
        trained_tokens=result.trained_tokens,
    )


def whole_epochs(checkpoints: Sequence[Checkpoint]) -> Iterator[Checkpoint]:
    """The checkpoints that stand at the end of an epoch."""
    for checkpoint in checkpoints:
        if math.isclose(checkpoint.epoch, round(checkpoint.epoch), abs_tol=AT_END):
            yield checkpoint


def read_tuning(path: Path) -> list[TunedRun]:
    """Read the finished jobs of a run folder; none where there is no such file.

    Raises:
        RunFolderError: a line is not what was written.
    """
    if not path.exists():
        return []
    runs = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            raw = json.loads(line)
            checkpoints = tuple(Checkpoint(**c) for c in raw.pop("checkpoints"))
            losses = tuple(raw.pop("losses"))
            runs.append(TunedRun(**raw, checkpoints=checkpoints, losses=losses))
        except (ValueError, TypeError, KeyError) as error:
            raise RunFolderError(
                f"{path}:{number}: is no finished tuning job ({error}); "
                "remove the line and --resume to tune it again"
            ) from error
    return runs


def write_tuning(path: Path, runs: Sequence[TunedRun]) -> None:
    """Write the finished jobs of a run folder, all or nothing.

    Raises:
        RunFolderError: the folder cannot be written.
    """
    try:
        with whole_file(path) as file:
            file.writelines(json.dumps(asdict(run)).encode() + b"\n" for run in runs)
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be written: {error.strerror}") from error
