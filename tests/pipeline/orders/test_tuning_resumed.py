"""A job that was started is taken up, not started again; the embedded model's results are kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.embedded.workshop import Workshop
from harness.errors import RequestRejected
from harness.finetuning.exports import JobExport
from harness.finetuning.jobs import EmbeddedTuning, TuningProgress, TuningRequest
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.orders.tuning import Tuner, read_tuning
from harness.records import Experiment, Study, Tuning

TRAIN = Path(__file__).parents[3] / "datasets" / "tickets" / "train.jsonl"


class Dropped(Exception):
    """Stands for the end of this process."""


class Server:
    """A server that keeps jobs; its first follower dies."""

    def __init__(self, workshop: Workshop, *, dies: bool = True) -> None:
        self.jobs = EmbeddedTuning(workshop)
        self.starts = 0
        self.dies = dies

    def start(self, request: TuningRequest) -> str:
        self.starts += 1
        return self.jobs.start(request)

    def follow(self, job_id: str) -> Iterator[TuningProgress]:
        if self.dies:
            self.dies = False
            raise Dropped
        yield from self.jobs.follow(job_id)

    def export(self, job_id: str) -> JobExport:
        return self.jobs.export(job_id)

    def cancel(self, job_id: str) -> None:
        self.jobs.cancel(job_id)


class Forgetful(Server):
    """A server that no longer knows its jobs."""

    def export(self, job_id: str) -> JobExport:
        if self.starts == 1:
            raise RequestRejected(f"job {job_id}: not here")
        return self.jobs.export(job_id)


class Quiet:
    def __init__(self) -> None:
        self.ended: list[str] = []

    def tuning(self, label: str, progress: TuningProgress) -> None: ...

    def tuned(self, label: str) -> None:
        self.ended.append(label)


def experiment(path: Path, spares: tuple[int, ...] = ()) -> tuple[Study, Experiment]:
    data = path / "train.jsonl"
    lines = TRAIN.read_text(encoding="utf-8").splitlines(keepends=True)
    data.write_text("".join(lines[:12]), encoding="utf-8")
    one = Experiment("t", ("e",), training_data=data, tuning=Tuning((2,), spares=spares))
    return Study("s", "tiny-base", (one,), provider="embedded"), one


def test_a_job_under_way_is_followed_by_the_next_process(tmp_path: Path) -> None:
    study, one = experiment(tmp_path)
    with Workshop() as workshop:
        server = Server(workshop)
        tuner = Tuner(server, RunFolder(tmp_path), Quiet(), keeps_models=True)
        with pytest.raises(Dropped):
            tuner.runs(study, one, [])
        assert read_tuning(RunFolder(tmp_path).tuning) == []
        (run,) = tuner.runs(study, one, [])
        assert server.starts == 1
        assert [c.epoch for c in run.checkpoints] == [2]


def test_a_job_that_the_server_no_longer_knows_is_started_again(tmp_path: Path) -> None:
    study, one = experiment(tmp_path)
    with Workshop() as workshop:
        server = Forgetful(workshop)
        tuner = Tuner(server, RunFolder(tmp_path), Quiet(), keeps_models=True)
        with pytest.raises(Dropped):
            tuner.runs(study, one, [])
        assert len(tuner.runs(study, one, [])) == 1
        assert server.starts == 2


def test_spare_epochs_are_judged_where_they_are_kept_and_no_job_is_run_for_them(
    tmp_path: Path,
) -> None:
    study, one = experiment(tmp_path, spares=(1, 7))
    with Workshop() as workshop:
        server = Server(workshop, dies=False)
        (run,) = Tuner(server, RunFolder(tmp_path), Quiet(), keeps_models=True).runs(study, one, [])
        assert [c.epoch for c in run.checkpoints] == [1, 2]
        assert server.starts == 1


def test_what_the_embedded_model_was_tuned_to_comes_back_from_the_run_folder(
    tmp_path: Path,
) -> None:
    study, one = experiment(tmp_path)
    found = []
    for expected in (1, 0):
        with Workshop() as workshop:
            service, watch = EmbeddedTuning(workshop), Quiet()
            tuner = Tuner(service, RunFolder(tmp_path), watch, keeps_models=False, shelf=service)
            found.append(tuner.runs(study, one, []))
            assert len(watch.ended) == expected
            assert workshop.models.find(found[-1][0].checkpoints[-1].model)
    assert found[0] == found[1]
