"""The workshop without a socket: names, threads, cancelling, and models on disk."""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from harness.embedded import trainer as trainer_module
from harness.embedded import worker as worker_module
from harness.embedded.checkpoint import load_base
from harness.embedded.recipes import default_epochs
from harness.embedded.refusals import Refusal, UnknownModel
from harness.embedded.workshop import Workshop
from harness.errors import ModelNotFound, RequestRejected, UsageError

BODY = {"model": "tiny-base", "messages": [{"role": "user", "content": "hello"}]}
WAIT_S = 30.0
WHERE_THREADS_MEET = {m.__file__ for m in (trainer_module, worker_module, threading, contextlib)}


def upload(workshop: Workshop, path: Path) -> str:
    return workshop.files.upload(path.name, "fine-tune", path.read_bytes()).id


def create(workshop: Workshop, path: Path, epochs: int = 1, **options: Any) -> str:
    body = {
        "model": "tiny-base",
        "training_file": upload(workshop, path),
        "hyperparameters": {"n_epochs": epochs},
    }
    return str(workshop.jobs.create(body | options)["id"])


def finished(workshop: Workshop, job_id: str) -> Mapping[str, Any]:
    workshop.jobs.wait(job_id, events=10**9, timeout_s=WAIT_S)
    return workshop.jobs.job(job_id)


def content(workshop: Workshop, model: str | None) -> list[str]:
    reply = workshop.chat(BODY | {"model": model, "n": 3, "seed": 5, "temperature": 1.0})
    return [choice["message"]["content"] for choice in reply["choices"]]


def test_two_workshops_give_one_job_the_same_name_and_weights(
    triage_files: tuple[Path, Path],
) -> None:
    names, weights = [], []
    for _ in range(2):
        with Workshop() as workshop:
            job = finished(workshop, create(workshop, triage_files[0], seed=4))
            names.append(job["fine_tuned_model"])
            weights.append(workshop.models.find(names[-1]).network.weights.tobytes())
    assert names[0] == names[1]
    assert weights[0] == weights[1]


def test_a_name_depends_on_everything_that_decides_the_model(
    workshop: Workshop, triage_files: tuple[Path, Path]
) -> None:
    training, validation = triage_files
    jobs = [
        create(workshop, training),
        create(workshop, validation.parent / training.name, seed=1),
        create(workshop, training, epochs=2),
        create(workshop, training, validation_file=upload(workshop, validation)),
        create(workshop, training, hyperparameters={"n_epochs": 1, "batch_size": 8}),
        create(
            workshop, training, hyperparameters={"n_epochs": 1, "learning_rate_multiplier": 2.0}
        ),
    ]
    assert len({finished(workshop, job)["fine_tuned_model"] for job in jobs}) == len(jobs)


def test_epoch_k_of_a_long_run_is_the_k_epoch_run(
    workshop: Workshop, triage_files: tuple[Path, Path]
) -> None:
    short = finished(workshop, create(workshop, triage_files[0], epochs=1))["fine_tuned_model"]
    long = create(workshop, triage_files[0], epochs=3)
    finished(workshop, long)
    first = workshop.jobs.checkpoints(long)[0]["fine_tuned_model_checkpoint"]
    assert content(workshop, first) == content(workshop, short)


def test_tuning_leaves_the_base_as_it_was(
    workshop: Workshop, triage_files: tuple[Path, Path]
) -> None:
    before = workshop.models.find("tiny-base").network.weights.copy()
    tuned = finished(workshop, create(workshop, triage_files[0]))["fine_tuned_model"]
    assert (workshop.models.find("tiny-base").network.weights == before).all()
    assert (workshop.models.find(tuned).network.weights != before).any()


def test_answers_during_training_are_those_without_it(
    workshop: Workshop, triage_files: tuple[Path, Path]
) -> None:
    alone = content(workshop, "tiny-base")
    job = create(workshop, triage_files[0], epochs=50)
    workshop.jobs.wait(job, events=5, timeout_s=WAIT_S)
    assert workshop.jobs.job(job)["status"] == "running"
    assert content(workshop, "tiny-base") == alone


def test_jobs_are_trained_in_the_order_of_their_creation(
    workshop: Workshop, triage_files: tuple[Path, Path]
) -> None:
    first, second = (create(workshop, triage_files[0], epochs=2, seed=s) for s in (1, 2))
    workshop.jobs.wait(second, events=4, timeout_s=WAIT_S)  # its first step
    assert workshop.jobs.job(first)["status"] == "succeeded"
    assert finished(workshop, second)["status"] == "succeeded"


def test_a_job_keeps_its_content_when_its_file_is_deleted(
    workshop: Workshop, triage_files: tuple[Path, Path]
) -> None:
    job = create(workshop, triage_files[0])
    workshop.files.delete(workshop.jobs.job(job)["training_file"])
    assert finished(workshop, job)["status"] == "succeeded"


def test_a_fault_in_training_fails_the_job_and_the_next_one_runs(
    workshop: Workshop, triage_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise FloatingPointError("overflow")

    with monkeypatch.context() as patch:
        patch.setattr(trainer_module, "finetune", broken)
        job = finished(workshop, create(workshop, triage_files[0]))
    assert (job["status"], job["error"]["code"]) == ("failed", "training_failed")
    assert "overflow" in job["error"]["message"]
    assert finished(workshop, create(workshop, triage_files[0]))["status"] == "succeeded"


def test_closing_cancels_what_is_queued_and_running(triage_files: tuple[Path, Path]) -> None:
    with Workshop() as workshop:
        running = create(workshop, triage_files[0], epochs=50)
        queued = create(workshop, triage_files[0], epochs=50, seed=2)
        workshop.jobs.wait(running, events=5, timeout_s=WAIT_S)
    assert workshop.jobs.job(running)["status"] == "cancelled"
    assert workshop.jobs.job(queued)["status"] == "cancelled"


@contextmanager
def ctrl_c(at: int) -> Iterator[None]:
    """Ctrl-C comes at one of the places where CPython looks for it: calls, and ends of C calls."""
    left = at

    def look(frame: FrameType, event: str, _: object) -> None:
        nonlocal left
        if event in ("call", "c_return") and frame.f_code.co_filename in WHERE_THREADS_MEET:
            left -= 1
            if left == 0:
                sys.setprofile(None)
                raise KeyboardInterrupt

    sys.setprofile(look)
    try:
        yield
    finally:
        sys.setprofile(None)


def test_ctrl_c_at_any_place_leaves_nothing_locked(triage_files: tuple[Path, Path]) -> None:
    base = load_base()
    for at in itertools.count(1):
        workshop = Workshop(base)
        try:
            with ctrl_c(at):
                job = create(workshop, triage_files[0])
                workshop.jobs.wait(job, events=5, timeout_s=WAIT_S)
                workshop.jobs.job(job)
                workshop.jobs.events(job)
        except KeyboardInterrupt:  # caught, so that its frames live on while all is closed
            closing = threading.Thread(target=workshop.close, daemon=True)
            closing.start()
            closing.join(WAIT_S)
            assert not closing.is_alive(), f"stuck after Ctrl-C at {at}"
        else:
            workshop.close()
            break
    assert at > 20


def test_examples_longer_than_the_context_are_told(workshop: Workshop, tmp_path: Path) -> None:
    long = [
        {"role": "user", "content": "invoice " * 200},
        {"role": "assistant", "content": "A"},
    ]
    path = tmp_path / "long.jsonl"
    path.write_text((json.dumps({"messages": long}) + "\n") * 10)
    job = create(workshop, path)
    assert finished(workshop, job)["status"] == "succeeded"
    warnings = [e["message"] for e in workshop.jobs.events(job) if e["level"] == "warn"]
    assert len(warnings) == 1
    assert "10 example(s)" in warnings[0]


def test_refusals_are_errors_of_the_house(workshop: Workshop) -> None:
    with pytest.raises(RequestRejected):
        workshop.chat(BODY | {"n": -1})
    with pytest.raises(ModelNotFound, match="tiny-base") as caught:
        workshop.chat(BODY | {"model": "tiny"})
    assert caught.value.fatal
    assert isinstance(caught.value, UnknownModel)
    assert caught.value.body["error"]["code"] == "model_not_found"


def test_an_unknown_job_is_refused(workshop: Workshop) -> None:
    for ask in (workshop.jobs.job, workshop.jobs.events, workshop.jobs.cancel):
        with pytest.raises(Refusal, match="ftjob-none"):
            ask("ftjob-none")


@pytest.mark.parametrize(
    ("examples", "epochs"),
    [(1, 25), (10, 10), (33, 3), (34, 3), (8333, 3), (8334, 2), (30_000, 1)],
)
def test_default_epochs_follow_the_number_of_examples(examples: int, epochs: int) -> None:
    assert default_epochs(examples) == epochs


# --- models on disk ------------------------------------------------------------------


@pytest.fixture
def saved(
    workshop: Workshop, triage_files: tuple[Path, Path], tmp_path: Path
) -> tuple[Path, str, list[str]]:
    model = finished(workshop, create(workshop, triage_files[0]))["fine_tuned_model"]
    workshop.models.save(tmp_path / "models", [model])
    return tmp_path / "models", model, content(workshop, model)


def test_a_saved_model_answers_the_same_in_another_workshop(
    saved: tuple[Path, str, list[str]],
) -> None:
    folder, model, answers = saved
    with Workshop() as other:
        assert other.models.load(folder) == [model]
        assert content(other, model) == answers


def test_saving_adds_to_a_folder(workshop: Workshop, saved: tuple[Path, str, list[str]]) -> None:
    folder, model, _ = saved
    workshop.models.publish("other", workshop.models.find(model).network)
    workshop.models.save(folder, ["other"])
    assert sorted(workshop.models.load(folder)) == sorted([model, "other"])


@pytest.mark.parametrize(
    "index", [None, "", "[]", '{"m": 3}', '{"m": "../../etc/passwd"}', '{"m": "none.npz"}']
)
def test_a_folder_without_saved_models_is_named(
    workshop: Workshop, tmp_path: Path, index: str | None
) -> None:
    if index is not None:
        (tmp_path / "models.json").write_text(index)
    with pytest.raises(UsageError, match=str(tmp_path)):
        workshop.models.load(tmp_path)


def test_a_damaged_model_is_named(workshop: Workshop, saved: tuple[Path, str, list[str]]) -> None:
    weights = next(saved[0].glob("*.npz"))
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UsageError, match=r"\.npz"):
        workshop.models.load(saved[0])
