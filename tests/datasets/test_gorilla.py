from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.datasets.gorilla import gorilla
from harness.datasets.imported import Imported
from harness.errors import DatasetError, UsageError

BIRD = "torch.hub.load(repo_or_dir='acme/vision', model='birdnet', pretrained=True)"
API = {"domain": "Image Classification", "api_name": "birdnet", "api_call": BIRD}
QUESTION = {
    "code": "###Instruction: Which bird is it?\n###Output: {'domain': 'Image Classification'}\n",
    "api_call": BIRD,
    "api_data": {**API, "description": "left out"},
}
TRAINING = {
    "code": "{'Instruction': Name the bird, please., 'Output': {'api_call': \"load('birdnet')\"}}",
    "api_call": BIRD,
}


def write(path: Path, *lines: Any) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "torchhub_api.jsonl", API)
    write(tmp_path / "torchhub_eval.json", QUESTION)
    write(tmp_path / "torchhub_train.json", TRAINING)
    for model in ("gpt-3.5-turbo_0_shot", "Gorilla_RT"):
        path = tmp_path / f"response_torchhub_{model}.jsonl"
        write(path, {"question_id": 1, "text": f"{model} says"})
    return tmp_path


def lines(made: Imported, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in made.files[f"data/gorilla/{name}.jsonl"].splitlines()]


def test_a_question_becomes_a_sample_with_its_reference(folder: Path) -> None:
    [sample] = lines(gorilla(folder), "torchhub")
    assert sample["input"][-1] == {"role": "user", "content": "Which bird is it?"}
    assert sample["ideal"] == f"<<<api_call>>>: {BIRD}"
    assert sample["api_data"] == API


def test_a_training_line_becomes_a_conversation_that_names_its_call(folder: Path) -> None:
    [example] = lines(gorilla(folder), "train")
    asked, said = example["messages"]
    assert asked["content"] == "Name the bird, please."
    assert said["content"] == "{'api_call': \"load('birdnet')\"}"
    assert example["ideal"] == f"<<<api_call>>>: {BIRD}"


def test_every_file_of_answers_is_one_model(folder: Path) -> None:
    assert lines(gorilla(folder), "answers") == [
        {"model": model, "sample_id": "gorilla.torchhub.0", "completion": f"{model} says"}
        for model in ("Gorilla_RT", "gpt-3.5-turbo_0_shot")
    ]


def test_an_answer_without_text_is_an_empty_one(folder: Path) -> None:
    write(folder / "response_torchhub_Gorilla_RT.jsonl", {"question_id": 1})
    assert lines(gorilla(folder), "answers")[0]["completion"] == ""


def test_the_study_compares_all_models_with_the_one_that_is_not_tuned(folder: Path) -> None:
    study = yaml.safe_load(gorilla(folder).files["studies/gorilla.yaml"])["gorilla"]
    assert (study["provider"], study["base"]) == ("recorded", "gpt-3.5-turbo_0_shot")
    assert study["others"] == ["Gorilla_RT"]
    assert study["training_data"] == "gorilla/train.jsonl"


def test_the_base_can_be_named(folder: Path) -> None:
    study = yaml.safe_load(gorilla(folder, "Gorilla_RT").files["studies/gorilla.yaml"])["gorilla"]
    assert (study["base"], study["others"]) == ("Gorilla_RT", ["gpt-3.5-turbo_0_shot"])
    with pytest.raises(UsageError, match="did you mean 'Gorilla_RT'"):
        gorilla(folder, "Gorilla_TR")


def test_a_base_that_is_not_clear_is_asked_for(folder: Path) -> None:
    write(folder / "response_torchhub_LLAMA_0_shot.jsonl", {"question_id": 1, "text": ""})
    with pytest.raises(UsageError, match="--base"):
        gorilla(folder)


def test_without_two_models_there_is_no_study(folder: Path) -> None:
    (folder / "response_torchhub_Gorilla_RT.jsonl").unlink()
    made = gorilla(folder)
    assert made.study is None
    assert "two models" in made.notes[0]


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("torchhub_eval.json", {"code": "x"}, "torchhub_eval.json:1: has no 'api_data'"),
        ("torchhub_train.json", {"api_call": "x"}, "torchhub_train.json:1: has no 'code'"),
        ("response_torchhub_a.jsonl", {"text": "x"}, "response_torchhub_a.jsonl:1: has no 'ques"),
    ],
)
def test_what_is_not_apibenchs_is_named_by_its_line(
    folder: Path, name: str, line: Any, message: str
) -> None:
    write(folder / name, line)
    with pytest.raises(DatasetError, match=message):
        gorilla(folder, "Gorilla_RT")


def test_a_folder_without_the_apis_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"holds no torchhub_api\.jsonl"):
        gorilla(tmp_path)
