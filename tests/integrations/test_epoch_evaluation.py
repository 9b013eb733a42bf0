"""The trainer's callback, held to the protocol by a small double of Hugging Face's Trainer."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.errors import UsageError
from harness.integrations import EpochEvaluation

STEPS = 5
SAMPLES = 200
EVAL = """
colours.test.v1:
  class: evals.elsuite.basic.match:Match
  args: {samples_jsonl: SAMPLES}
"""


@dataclass
class Model:
    """Learns a share of the colours each epoch; in training mode it knows none."""

    known: int = 0
    training: bool = True

    def eval(self) -> None:
        self.training = False

    def train(self) -> None:
        self.training = True


@dataclass
class State:
    epoch: float | None = None
    global_step: int = 0
    log_history: list[dict[str, float]] = field(default_factory=list)
    is_world_process_zero: bool = True


@dataclass
class Control:
    should_training_stop: bool = False


@dataclass
class Args:
    num_train_epochs: int = 3
    world_size: int = 1


@dataclass
class Trainer:
    """Calls callbacks at the events, in the order and with the words of transformers' Trainer."""

    learning: tuple[int, ...]
    callbacks: list[Any] = field(default_factory=list)
    args: Args = field(default_factory=Args)
    state: State = field(default_factory=State)
    control: Control = field(default_factory=Control)
    model: Model = field(default_factory=Model)

    def add_callback(self, callback: Any) -> None:
        self.callbacks.append(callback)

    def call(self, event: str) -> None:
        for callback in self.callbacks:
            given = {"model": self.model, "processing_class": "tokenizer", "optimizer": None}
            result = getattr(callback, event)(self.args, self.state, self.control, **given)
            self.control = result if result is not None else self.control

    def log(self, logs: dict[str, float]) -> None:
        self.state.log_history.append(
            {**logs, "epoch": self.state.epoch or 0.0, "step": self.state.global_step}
        )
        self.call("on_log")

    def train(self) -> None:
        self.call("on_init_end")
        self.call("on_train_begin")
        for epoch, known in enumerate(self.learning, 1):
            self.call("on_epoch_begin")
            for step in range(STEPS):
                self.call("on_step_begin")
                self.state.global_step += 1
                self.state.epoch = epoch - 1 + (step + 1) / STEPS
                self.call("on_step_end")
            self.model.known = known
            self.log({"loss": 1 / epoch})
            self.log({"eval_loss": 1.1 / epoch})
            self.call("on_evaluate")
            self.call("on_epoch_end")
            if self.control.should_training_stop:
                break
        self.call("on_train_end")

    @property
    def epochs(self) -> int:
        return self.state.global_step // STEPS


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> harness.Settings:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "reg" / "evals").mkdir(parents=True)
    samples = [{"input": f"{n}", "ideal": "blue"} for n in range(SAMPLES)]
    path = tmp_path / "samples.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in samples))
    text = EVAL.replace("SAMPLES", str(path))
    (tmp_path / "reg" / "evals" / "colours.yaml").write_text(text)
    return harness.Settings(
        registry=[tmp_path / "reg"], data=[tmp_path], concurrency=1, cache=False, progress=False
    )


class Answering:
    """Says what the model knows, and counts who was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, request: harness.Request, model: Model, tokenizer: object) -> str:
        self.asked.append(request.model)
        assert tokenizer == "tokenizer"
        assert not model.training
        number = int(str(request.messages[-1]["content"]).split()[-1])
        return "blue" if number < model.known else "red"


def conversation(asked: str, answer: str) -> str:
    turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": turns}) + "\n"


def evaluation(tmp_path: Path, settings: harness.Settings, **more: Any) -> EpochEvaluation:
    more.setdefault("generate", Answering())
    return EpochEvaluation("colours.test.v1", tmp_path / "run", settings=settings, **more)


def test_every_epoch_is_asked_once_and_stands_in_one_report(
    tmp_path: Path, settings: harness.Settings
) -> None:
    answering = Answering()
    trainer = Trainer((50, 150))
    trainer.add_callback(evaluation(tmp_path, settings, generate=answering, stop_on=()))
    trainer.train()
    asked = {name: answering.asked.count(name) for name in answering.asked}
    assert asked == {"base": SAMPLES, "epoch-1": SAMPLES, "epoch-2": SAMPLES}
    metrics = harness.load_run(tmp_path / "run").metrics()
    own = metrics[metrics.metric == "accuracy"].set_index("epochs").value
    assert own.to_dict() == pytest.approx({0: 0, 1: 1 / 4, 2: 3 / 4})
    assert trainer.model.training
    assert not (tmp_path / "run" / "earlier-epochs.jsonl").exists()


def test_metrics_stand_in_the_trainers_log(tmp_path: Path, settings: harness.Settings) -> None:
    for attached in (False, True):
        trainer = Trainer((100,))
        callback = EpochEvaluation(
            "colours.test.v1", tmp_path / f"run-{attached}", Answering(), settings=settings
        )
        (callback.attach if attached else lambda t, c=callback: t.add_callback(c))(trainer)
        trainer.train()
        name = "harness/colours.test.v1/accuracy"
        told = [(e["step"], e[name]) for e in trainer.state.log_history if name in e]
        assert told == [(0, 0.0), (STEPS, 0.5)]


def test_training_stops_where_advice_is_to_keep_or_to_train_less(
    tmp_path: Path, settings: harness.Settings
) -> None:
    trainer = Trainer((190, 150, 100, 50))
    lines = (conversation(f"Learn {n}", "blue") for n in range(SAMPLES))
    (tmp_path / "train.jsonl").write_text("".join(lines))
    callback = evaluation(tmp_path, settings, training_data=tmp_path / "train.jsonl")
    trainer.add_callback(callback)
    trainer.train()
    assert trainer.epochs < 4
    assert trainer.control.should_training_stop
    assert callback.results is not None
    assert len(callback.results.advice) == trainer.epochs


def test_training_goes_on_while_it_helps(tmp_path: Path, settings: harness.Settings) -> None:
    trainer = Trainer((50, 120))
    trainer.add_callback(evaluation(tmp_path, settings))
    trainer.train()
    assert trainer.epochs == 2


def test_a_failed_evaluation_warns_and_training_goes_on(
    tmp_path: Path, settings: harness.Settings
) -> None:
    def broken(request: harness.Request, model: Model, tokenizer: object) -> str:
        raise ValueError("out of memory")

    trainer = Trainer((10, 20))
    trainer.add_callback(evaluation(tmp_path, settings, generate=broken))
    with pytest.warns(UserWarning, match="training goes on"):
        trainer.train()
    assert trainer.epochs == 2
    assert trainer.model.training


def test_a_server_that_is_not_there_warns(tmp_path: Path, settings: harness.Settings) -> None:
    served = {"generate": None, "served": "adapter-{step}", "base_url": "http://127.0.0.1:9/v1"}
    quick = harness.Settings(
        registry=settings.registry, data=settings.data, max_attempts=1, cache=False, progress=False
    )
    trainer = Trainer((10,))
    trainer.add_callback(evaluation(tmp_path, quick, **served))
    with pytest.warns(UserWarning, match="not evaluated at step") as warned:
        trainer.train()
    assert len(warned) == 2


def test_only_the_first_process_evaluates(tmp_path: Path, settings: harness.Settings) -> None:
    answering = Answering()
    trainer = Trainer((10,), state=State(is_world_process_zero=False))
    trainer.add_callback(evaluation(tmp_path, settings, generate=answering))
    trainer.train()
    assert not answering.asked


def test_who_answers_has_to_be_said(tmp_path: Path, settings: harness.Settings) -> None:
    with pytest.raises(UsageError, match="generate= or served="):
        evaluation(tmp_path, settings, generate=None)


def test_a_folder_with_another_run_is_kept(tmp_path: Path, settings: harness.Settings) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "journal.jsonl").write_text("")
    with pytest.raises(UsageError, match="not empty"):
        evaluation(tmp_path, settings)
