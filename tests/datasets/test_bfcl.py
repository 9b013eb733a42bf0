from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.datasets.bfcl import bfcl, example_answer, json_schema
from harness.datasets.imported import Imported
from harness.errors import DatasetError

FUNCTION = {
    "name": "shop.order",
    "description": "Order something.",
    "parameters": {
        "type": "dict",
        "properties": {
            "item": {"type": "string"},
            "price": {"type": "float"},
            "place": {"type": "tuple", "items": {"type": "float"}},
            "note": {"type": "any"},
        },
        "required": ["item"],
    },
}
ASKED = [{"role": "user", "content": "Order tea."}]
QUESTION = {"id": "simple_python_0", "question": [ASKED], "function": [FUNCTION]}
TRUTH = [{"shop.order": {"item": ["tea"], "price": ["", 2.0]}}]
NAME = "BFCL_v4_simple_python.json"


def write(path: Path, *lines: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "data" / NAME, QUESTION)
    answer = {"id": "simple_python_0", "ground_truth": TRUTH}
    write(tmp_path / "data" / "possible_answer" / NAME, answer)
    return tmp_path


def lines(made: Imported, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in made.files[f"data/bfcl/{name}.jsonl"].splitlines()]


def test_a_question_becomes_a_sample_that_offers_its_functions(folder: Path) -> None:
    [sample] = lines(bfcl(folder), "simple_python")
    assert sample["input"] == ASKED
    assert sample["ideal"] == "[shop.order(item='tea')]"
    assert sample["ground_truth"] == TRUTH
    assert sample["function"] == [FUNCTION]
    [tool] = sample["tools"]
    assert (tool["type"], tool["function"]["name"]) == ("function", "shop_order")


def test_offered_functions_have_the_types_of_json_schema() -> None:
    assert json_schema(FUNCTION["parameters"]) == {
        "type": "object",
        "properties": {
            "item": {"type": "string"},
            "price": {"type": "number"},
            "place": {"type": "array", "items": {"type": "number"}},
            "note": {},
        },
        "required": ["item"],
    }


def test_the_example_answer_gives_what_is_required_and_leaves_the_rest() -> None:
    truth = [{"shop.order": {"item": ["", "tea"], "price": ["", 2.0], "parts": [[{"a": [1]}]]}}]
    assert example_answer(truth, [FUNCTION]) == "[shop.order(item='tea', parts=[{'a': 1}])]"


def test_both_places_of_possible_answers_are_found(tmp_path: Path) -> None:
    write(tmp_path / NAME, QUESTION)
    answer = {"id": "simple_python_0", "ground_truth": TRUTH}
    write(tmp_path / f"possible_answer_{NAME}", answer)
    assert len(lines(bfcl(tmp_path), "simple_python")) == 1


def test_other_languages_and_several_turns_are_left_out(folder: Path) -> None:
    for category, truth in (("simple_java", TRUTH), ("multi_turn_base", [["cd('x')"]])):
        name = f"BFCL_v4_{category}.json"
        write(folder / "data" / name, QUESTION)
        write(folder / "data/possible_answer" / name, {"id": "x", "ground_truth": truth})
    assert [name for name in bfcl(folder).files if "data" in name] == [
        "data/bfcl/simple_python.jsonl"
    ]


def test_results_are_stored_answers_by_model(folder: Path) -> None:
    called = [{"shop_order": '{"item": "tea"}'}]
    for model, result in (("tiny-base", "shop.order(item='tea')"), ("tiny-tuned", called)):
        path = folder / "result" / model / "non_live" / "BFCL_v4_simple_python_result.json"
        write(path, {"id": "simple_python_0", "result": result}, {"id": "unknown", "result": ""})
    made = bfcl(folder)
    assert lines(made, "answers") == [
        {
            "model": "tiny-base",
            "sample_id": "bfcl.simple_python.0",
            "completion": "shop.order(item='tea')",
        },
        {
            "model": "tiny-tuned",
            "sample_id": "bfcl.simple_python.0",
            "completion": json.dumps(called),
        },
    ]
    study = yaml.safe_load(made.files["studies/bfcl.yaml"])["bfcl"]
    assert (study["base"], study["others"]) == ("tiny-base", ["tiny-tuned"])


def test_without_results_there_is_no_study(folder: Path) -> None:
    made = bfcl(folder)
    assert made.study is None
    assert "harness run bfcl.simple_python.v1" in made.notes[0]


def test_a_folder_without_possible_answers_is_named(tmp_path: Path) -> None:
    write(tmp_path / NAME, QUESTION)
    with pytest.raises(DatasetError, match="possible answers"):
        bfcl(tmp_path)


def test_a_question_without_possible_answer_is_named_by_its_line(folder: Path) -> None:
    write(folder / "data" / NAME, QUESTION, {**QUESTION, "id": "simple_python_1"})
    with pytest.raises(DatasetError, match=f"{NAME}:2: has no question"):
        bfcl(folder)
