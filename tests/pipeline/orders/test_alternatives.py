"""What tuning is weighed against, from the study's file to its report, on the real model."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from harness.datasets import read_training
from harness.errors import DatasetError, UsageError
from harness.pipeline.orders.alternatives import Aside, check_alternatives, prompt_asides
from harness.pipeline.orders.names import eval_of, probe_name, prompt_name
from harness.pipeline.orders.parts import DataPart, check_parts, parts_of, write_part
from harness.records import Doubling, EvalSpec, Experiment, PromptVariant, Sample, Tuning
from harness.reports.json import SCHEMA

DATA = Path(__file__).parents[3] / "datasets"
TOPICS = DATA / "topics" / "train.jsonl"
STUDY = """
whole:
  provider: embedded
  base: tiny-base
  training_data: topics.jsonl
  evals: [topics.heldout.v1]
  tune: {epochs: [3], seeds: [1], batch_size: 4}
  train_probe: 120
  doubling: {halves: 2}
  prompts:
    - {name: words named, system: Choose one of recipe or match.}
    - {name: too long, few_shot: 40}
  instead_of: {model: tiny-base, system: Choose one of recipe or match., ask: true}
"""
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module")
def report(place: Path, start: Start) -> dict[str, Any]:
    """The report of a study with prompts, halves and a model to replace."""
    (place / "whole.yaml").write_text(STUDY)
    (place / "topics.jsonl").write_text(TOPICS.read_text())
    process = start("study", "whole.yaml", "--out", "alternatives")
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    found: dict[str, Any] = json.loads((place / "alternatives" / "report.json").read_text())
    return {**found, "printed": out, "html": (place / "alternatives" / "report.html").read_text()}


def test_a_prompt_that_does_what_tuning_does_is_the_advice(report: dict[str, Any]) -> None:
    (advice,) = report["advice"]
    assert advice["rule"] == 34
    assert advice["action"].startswith("prompt engineering first: ask the base model with 'words")
    assert "prompt engineering first" in report["printed"].lower()


def test_tuning_is_compared_with_the_best_prompt(report: dict[str, Any]) -> None:
    (prompts,) = report["prompts"]
    assert prompts["best"] == "words named"
    (compared,) = report["comparisons"]
    assert compared["base"] == "tiny-base, prompt 'words named'"
    assert abs(compared["delta"]["value"]) < 0.02
    assert "corrected" in compared["delta"]["method"]


def test_a_prompt_that_the_model_cannot_read_is_left_out_and_named(report: dict[str, Any]) -> None:
    assert [row["name"] for row in report["prompts"][0]["prompts"]] == [
        "the prompt of the data",
        "words named",
    ]
    messages = [f["message"] for f in report["findings"] if f["rule"] == "prompts"]
    assert len(messages) == 1
    assert "'too long' is left out" in messages[0]


def test_halves_say_what_more_data_would_bring(report: dict[str, Any]) -> None:
    (gain,) = report["data_gains"]
    assert gain["examples"] == 120
    assert [(p["examples"], p["epochs"], p["runs"]) for p in gain["points"]] == [
        (60, 6, 2),
        (60, 3, 2),
        (120, 3, 1),
    ]
    assert "seed variance not included" in gain["last_doubling"]["method"]
    assert gain["at_equal_steps"] is not None
    assert "Score against training examples" in report["html"]


def test_a_free_model_pays_nothing_back(report: dict[str, Any]) -> None:
    dearer, prompt = report["break_evens"]
    assert dearer["reason"] == prompt["reason"] == "neither costs anything"
    assert dearer["other"]["source"].startswith("measured")
    assert abs(dearer["quality"]["value"]) < 0.02


def test_models_beside_the_candidates_are_no_candidates(report: dict[str, Any]) -> None:
    assert [row["epochs"] for row in report["evals"]] == [0, 3]


def test_such_a_report_follows_its_schema(report: dict[str, Any]) -> None:
    bare = {key: value for key, value in report.items() if key not in ("printed", "html")}
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(bare)


def test_a_finished_run_has_the_same_numbers_anew(
    place: Path, start: Start, report: dict[str, Any]
) -> None:
    process = start("report", "alternatives")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    again = json.loads((place / "alternatives" / "report.json").read_text())
    for key in ("prompts", "data_gains", "break_evens", "advice"):
        assert again[key] == report[key]


# --- parts ---------------------------------------------------------------------------


def experiment(**fields: Any) -> Experiment:
    return Experiment("e", ("topics.heldout.v1",), TOPICS, Tuning((2, 5), (1, 2)), **fields)


def test_parts_are_half_and_a_quarter_and_train_as_many_steps_too() -> None:
    parts = parts_of(experiment(doubling=Doubling(halves=2, quarters=2, epochs=2)))
    assert [(part.name, part.epochs) for part in parts] == [
        ("half-1", (2, 4)),
        ("half-2", (2, 4)),
        ("quarter-1", (2, 8)),
        ("quarter-2", (2, 8)),
    ]
    assert [part.seed((7, 8)) for part in parts] == [7, 8, 7, 8]
    alone = parts_of(experiment(doubling=Doubling(halves=2, step_matched=False)))
    assert [part.epochs for part in alone] == [(5,), (5,)]


def test_a_part_is_a_random_half_of_the_lines_and_always_the_same(tmp_path: Path) -> None:
    one, two = (DataPart(2, number, (1,)) for number in (1, 2))
    first = write_part(one, TOPICS, tmp_path / "a.jsonl").read_bytes()
    assert write_part(one, TOPICS, tmp_path / "b.jsonl").read_bytes() == first
    assert write_part(two, TOPICS, tmp_path / "c.jsonl").read_bytes() != first
    assert len(read_training(tmp_path / "a.jsonl")) == 60


def test_data_that_are_too_few_to_divide_are_refused(tmp_path: Path) -> None:
    few = tmp_path / "few.jsonl"
    few.write_text("".join(TOPICS.read_text().splitlines(keepends=True)[:30]))
    asked = Experiment("e", ("x",), few, Tuning((1,)), doubling=Doubling(quarters=2))
    with pytest.raises(DatasetError, match=r"few.jsonl: a quarter of its 30 examples"):
        check_parts(asked)
    check_parts(Experiment("e", ("x",), few, Tuning((1,)), doubling=Doubling()))


# --- prompts -------------------------------------------------------------------------

CHAT = ({"role": "system", "content": "Own."}, {"role": "user", "content": "Hello"})


def test_a_prompt_replaces_the_system_message_and_brings_worked_examples() -> None:
    variant = PromptVariant("two", "Other.", 2)
    (aside,) = prompt_asides("base", experiment(prompts=(variant,)))
    asked = aside.asked(Sample("s", CHAT))
    assert asked.messages == ({"role": "system", "content": "Other."}, CHAT[1])
    assert [message["role"] for message in aside.shots] == ["user", "assistant"] * 2
    assert Aside("base").asked(Sample("s", CHAT)).messages == CHAT


def test_names_in_the_journal_lead_back_to_their_eval() -> None:
    assert eval_of(prompt_name("a.b.v1", "x@train")) == "a.b.v1"
    assert eval_of(probe_name("a.b.v1")) == eval_of("a.b.v1") == "a.b.v1"


def test_early_stopping_and_prompts_exclude_each_other() -> None:
    specs = [EvalSpec("e", "match", TOPICS)]
    with pytest.raises(UsageError, match="--looks"):
        check_alternatives(experiment(doubling=Doubling()), specs, looks=5)
    check_alternatives(experiment(), specs, looks=5)
