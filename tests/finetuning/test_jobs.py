"""Tuning in this process: start, follow, take up again, cancel."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from harness.embedded.workshop import Workshop
from harness.errors import DatasetError, ModelNotFound, ProviderError, RequestRejected
from harness.finetuning.exports import result_of
from harness.finetuning.jobs import EmbeddedTuning, TuningProgress, TuningRequest, tune


@pytest.fixture
def service(workshop: Workshop) -> EmbeddedTuning:
    return EmbeddedTuning(workshop)


@pytest.fixture
def request_(triage_files: tuple[Path, Path]) -> TuningRequest:
    training, validation = triage_files
    return TuningRequest("tiny-base", training, validation, epochs=3, seed=5, suffix="triage")


def test_a_job_has_a_checkpoint_for_every_epoch(
    service: EmbeddedTuning, request_: TuningRequest
) -> None:
    result = tune(service, request_)
    assert [checkpoint.epoch for checkpoint in result.checkpoints] == [1.0, 2.0, 3.0]
    assert [checkpoint.step for checkpoint in result.checkpoints] == [6, 12, 18]
    assert result.checkpoints[-1].model == result.model
    assert {checkpoint.seed for checkpoint in result.checkpoints} == {5}
    for checkpoint in result.checkpoints:
        assert checkpoint.train_loss is not None
        assert checkpoint.valid_loss is not None
        assert 0 <= (checkpoint.train_token_accuracy or 0) <= 1
        assert 0 <= (checkpoint.valid_token_accuracy or 0) <= 1


def test_the_result_says_how_the_job_ended(
    service: EmbeddedTuning, request_: TuningRequest
) -> None:
    result = tune(service, request_)
    assert (result.status, result.base, result.epochs) == ("succeeded", "tiny-base", 3)
    assert [step.step for step in result.curve] == list(range(1, 19))
    assert (result.trained_tokens or 0) > 100
    assert result.error is None


def test_progress_has_every_step_with_its_loss(
    service: EmbeddedTuning, request_: TuningRequest
) -> None:
    seen: list[TuningProgress] = []
    tune(service, request_, watch=seen.append)
    steps = [progress for progress in seen if progress.step is not None]
    assert [progress.step for progress in steps] == list(range(1, 19))
    assert {progress.total_steps for progress in steps} == {18}
    assert all(progress.train_loss is not None for progress in steps)
    assert [p.step for p in steps if p.valid_loss is not None] == [6, 12, 18]
    assert seen[-1].message == "The job has successfully completed"


def test_a_follower_may_leave_and_another_sees_the_job_from_its_start(
    service: EmbeddedTuning, request_: TuningRequest
) -> None:
    job_id = service.start(request_)
    assert len(list(islice(service.follow(job_id), 2))) == 2
    steps = [progress.step for progress in service.follow(job_id) if progress.step]
    assert steps == list(range(1, 19))
    assert result_of(service.export(job_id), "job").status == "succeeded"


def test_a_cancelled_job_keeps_the_checkpoints_it_has(
    service: EmbeddedTuning, triage_files: tuple[Path, Path]
) -> None:
    job_id = service.start(TuningRequest("tiny-base", triage_files[0], epochs=50))
    for progress in service.follow(job_id):
        if progress.step == 8:
            service.cancel(job_id)
    service.cancel(job_id)  # once more changes nothing
    result = result_of(service.export(job_id), "job")
    assert (result.status, result.model) == ("cancelled", None)
    assert result.checkpoints[0].epoch == 1.0


def test_hyperparameters_reach_the_job(
    service: EmbeddedTuning, triage_files: tuple[Path, Path]
) -> None:
    request = TuningRequest(
        "tiny-base", triage_files[0], epochs=1, batch_size=8, learning_rate_multiplier=0.5
    )
    job_id = service.start(request)
    list(service.follow(job_id))
    assert service.export(job_id).job["hyperparameters"] == {
        "n_epochs": 1,
        "batch_size": 8,
        "learning_rate_multiplier": 0.5,
    }


def test_a_request_leaves_out_what_it_does_not_choose(triage_files: tuple[Path, Path]) -> None:
    body = TuningRequest("gpt", triage_files[0], epochs=2).body("file-1", None)
    assert body == {
        "model": "gpt",
        "training_file": "file-1",
        "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}},
    }


def test_a_bad_line_is_named_with_the_file(service: EmbeddedTuning, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"messages": 3}\n' * 12)
    with pytest.raises(ProviderError, match=r"bad\.jsonl.*failed.*line 1"):
        tune(service, TuningRequest("tiny-base", path, epochs=1))


@pytest.mark.parametrize("content", [None, "", " \n"])
def test_a_missing_or_empty_file_is_named(
    service: EmbeddedTuning, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "train.jsonl"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DatasetError, match=r"train\.jsonl"):
        service.start(TuningRequest("tiny-base", path))


def test_an_unknown_base_or_wrong_parameter_is_refused(
    service: EmbeddedTuning, triage_files: tuple[Path, Path]
) -> None:
    with pytest.raises(ModelNotFound, match="tiny-base"):
        service.start(TuningRequest("gpt-4.1", triage_files[0]))
    with pytest.raises(RequestRejected, match="n_epochs"):
        service.start(TuningRequest("tiny-base", triage_files[0], epochs=0))


def test_a_tuned_models_answers_follow_its_training(
    workshop: Workshop, service: EmbeddedTuning, triage_files: tuple[Path, Path]
) -> None:
    result = tune(service, TuningRequest("tiny-base", triage_files[0], epochs=12))
    chat = json.loads(triage_files[0].read_text().splitlines()[0])["messages"]
    reply = workshop.chat({"model": result.model, "messages": chat[:-1], "temperature": 0})
    assert reply["choices"][0]["message"]["content"] == chat[-1]["content"]


def test_samples_of_an_eval_are_a_validation_set(
    service: EmbeddedTuning, request_: TuningRequest, tmp_path: Path
) -> None:
    heldout = tmp_path / "heldout.jsonl"
    asked = [{"role": "user", "content": "a card was charged twice"}]
    samples = ({"input": asked, "ideal": ideal} for ideal in ("billing", ["billing", "card"]))
    heldout.write_text("".join(json.dumps(sample) + "\n" for sample in samples))
    result = tune(service, replace(request_, validation=heldout, epochs=1))
    assert result.checkpoints[-1].valid_loss is not None


def test_a_refused_file_is_named(
    service: EmbeddedTuning, request_: TuningRequest, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"text": "no chat"}\n')
    with pytest.raises(ProviderError, match=r"bad\.jsonl: job .*Invalid validation file: line 1"):
        tune(service, replace(request_, validation=bad))
    with pytest.raises(ProviderError, match=r"bad\.jsonl: job .*Invalid training file: line 1"):
        tune(service, replace(request_, training=bad))


def test_a_sample_without_an_answer_is_no_validation_data(
    service: EmbeddedTuning, request_: TuningRequest, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"input": "hello"}\n')
    with pytest.raises(DatasetError, match=r"bad\.jsonl:1: the sample has no 'ideal'"):
        service.start(replace(request_, validation=bad))
