"""Reading what training wrote, in the shapes of OpenAI, Azure and Hugging Face."""

from __future__ import annotations

import base64
import math
from typing import Any

import pytest

from harness.errors import DatasetError
from harness.finetuning.curves import (
    TrainingStep,
    checkpoints_of_job,
    curve_of_events,
    curve_of_result_file,
    read_objects,
)

OPENAI = """step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy
1,2.5,0.25,,
2,1.5,0.5,1.75,0.625
"""
AZURE = """step,train_loss,train_mean_token_accuracy,valid_loss,validation_mean_token_accuracy,\
full_valid_loss,full_valid_mean_token_accuracy
1,2.5,0.25,,,,
2,1.5,0.5,9.0,0.1,1.75,0.625
"""
CURVE = (
    TrainingStep(1, train_loss=2.5, train_token_accuracy=0.25),
    TrainingStep(2, 1.5, 0.5, 1.75, 0.625),
)


@pytest.mark.parametrize("text", [OPENAI, AZURE, "\ufeff" + OPENAI, OPENAI.replace("\n", "\r\n")])
@pytest.mark.parametrize("encoded", [False, True])
def test_result_files_read_the_same_plain_and_in_base64(text: str, encoded: bool) -> None:
    if encoded:
        text = base64.encodebytes(text.encode()).decode()
    assert curve_of_result_file(text, "r.csv") == CURVE


def test_rows_are_put_in_order_of_their_steps() -> None:
    head, first, second = OPENAI.splitlines()
    assert curve_of_result_file("\n".join([head, second, first]), "r.csv") == CURVE


def test_a_loss_that_went_wrong_stays_not_a_number() -> None:
    curve = curve_of_result_file("step,train_loss\n1,nan\n", "r.csv")
    assert math.isnan(curve[0].train_loss or 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "r.csv:1: expected a CSV"),
        ("<html>", "r.csv:1: expected a CSV"),
        ("loss,step\n1,2\n", "r.csv:1: expected a CSV"),
        ("aGVsbG8=", "r.csv:1: expected a CSV"),
        ("steps,train_loss\n1,2\n", "r.csv:1: no column 'step'"),
        ("step,train_loss\n1,2\n2,low\n", "r.csv:3: 'train_loss' is 'low', not a number"),
        ("step,train_loss\n1.5,2\n", "r.csv:2: 'step' is '1.5'"),
        ("step,train_loss\n,2\n", "r.csv:2: 'step' is ''"),
        ("step,train_loss\nnan,2\n", "r.csv:2: 'step' is 'nan'"),
        ("step,train_loss\n1\n", "r.csv:2: not as many cells"),
        ("step,train_loss\n1,2,3\n", "r.csv:2: not as many cells"),
    ],
)
def test_a_broken_result_file_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        curve_of_result_file(text, "r.csv")
    assert str(caught.value).startswith(message)


# --- events and checkpoints ----------------------------------------------------------


def metrics(**data: Any) -> dict[str, Any]:
    return {"type": "metrics", "message": "Step", "data": data}


def test_events_give_the_curve_in_any_order() -> None:
    events = [
        metrics(step=2, train_loss=1.5, train_mean_token_accuracy=0.5, valid_loss=9.0)
        | {"id": "b"},
        {"type": "message", "message": "started", "data": None},
        metrics(step=1, train_loss=2.5, train_mean_token_accuracy=0.25, valid_loss=None),
    ]
    events[0]["data"] |= {"full_valid_loss": 1.75, "full_valid_mean_token_accuracy": 0.625}
    assert curve_of_events(events, "events") == CURVE


@pytest.mark.parametrize(
    ("data", "problem"),
    [({"step": 1, "train_loss": "x"}, "train_loss"), ({"step": 0}, "step"), ({}, "step")],
)
def test_a_broken_event_is_counted_out(data: dict[str, Any], problem: str) -> None:
    with pytest.raises(DatasetError, match=f"e.json: event 2: '{problem}'"):
        curve_of_events([{"type": "message"}, metrics(**data)], "e.json")


def checkpoint(model: str, step: Any, **measured: float) -> dict[str, Any]:
    return {"fine_tuned_model_checkpoint": model, "step_number": step, "metrics": measured}


def test_checkpoints_know_their_epoch_and_come_in_order_of_training() -> None:
    objects = [
        checkpoint("ft", 30, train_loss=0.5, full_valid_loss=0.75),
        checkpoint("ft:ckpt-step-20", 20, train_mean_token_accuracy=0.5),
    ]
    first, last = checkpoints_of_job(objects, steps_per_epoch=10, seed=7, source="job")
    assert (first.model, first.epoch, first.step, first.seed) == ("ft:ckpt-step-20", 2.0, 20, 7)
    assert first.train_token_accuracy == 0.5
    assert (last.epoch, last.train_loss, last.valid_loss) == (3.0, 0.5, 0.75)


@pytest.mark.parametrize("broken", [{}, checkpoint("ft", None), checkpoint("ft", "ten")])
def test_a_broken_checkpoint_is_named(broken: dict[str, Any]) -> None:
    with pytest.raises(DatasetError, match="job: checkpoint 1"):
        checkpoints_of_job([broken], steps_per_epoch=1, seed=None, source="job")


@pytest.mark.parametrize(
    "text",
    [
        '[{"a": 1}, {"a": 2}]',
        '{"object": "list", "data": [{"a": 1}, {"a": 2}]}',
        '{"a": 1}\n\n{"a": 2}\n',
        '[\n {"a": 1},\n {"a": 2}\n]',
    ],
)
def test_lists_of_objects_are_read_in_three_shapes(text: str) -> None:
    assert read_objects(text, "e.json") == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1}\n{"a": \n', "e.json:2: not JSON"),
        ('[\n {"a": 1},\n {"a" 2}\n]', "e.json:3: not JSON"),
        ("", "e.json:1: not JSON"),
        ("[1, 2]", "e.json: expected a list of objects"),
        ("3", "e.json: expected a list of objects"),
        ("[" * 100_000, "e.json"),
    ],
)
def test_what_is_no_list_of_objects_is_named(text: str, message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        read_objects(text, "e.json")
    assert str(caught.value).startswith(message)


def test_one_page_of_a_list_is_refused() -> None:
    page = '{"object": "list", "data": [{"type": "metrics"}], "has_more": true}'
    with pytest.raises(DatasetError, match="one page of several"):
        read_objects(page, "events.json")
    assert len(read_objects(page.replace("true", "false"), "events.json")) == 1


def test_the_older_columns_of_a_result_file_are_read() -> None:
    text = (
        "step,training_loss,training_token_accuracy,validation_loss,validation_token_accuracy\n"
        "1,2.0,0.5,1.5,0.625\n"
    )
    assert curve_of_result_file(text, "r.csv") == (TrainingStep(1, 2.0, 0.5, 1.5, 0.625),)
