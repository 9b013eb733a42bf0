"""Gorilla's APIBench for Torch Hub, with the stored answers of models, as a registry's files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.datasets.imported import Imported, as_lines, as_yaml, chosen_base, recorded_study
from harness.datasets.lines import Place, objects
from harness.errors import DatasetError

APIS, EVAL, TRAIN = "torchhub_api.jsonl", "torchhub_eval.json", "torchhub_train.json"
ANSWERS = "response_torchhub_"
SAMPLE = "gorilla.torchhub"
INSTRUCTION = re.compile(
    r"###Instruction:\s*(?P<asked>.*?)\s*###Output:\s*(?P<said>.*)"
    r"|\{'Instruction':\s*(?P<asked2>.*?),\s*'Output':\s*(?P<said2>.*)\}\s*$",
    re.DOTALL,
)
SYSTEM = (
    "You name a model of Torch Hub that does what is asked. Answer with five lines, each with"
    " its mark: <<<domain>>>: the kind of task. <<<api_call>>>: the one Python call that loads"
    " the model. <<<api_provider>>>: PyTorch. <<<explanation>>>: why this model."
    " <<<code>>>: a short program that uses it."
)


def gorilla(folder: Path, base: str | None = None) -> Imported:
    """Read a folder with the APIs, the questions, the training set and ``response_torchhub_*``.

    Raises:
        DatasetError: a file is missing or is not APIBench's.
        UsageError: the base model is not clear from the files' names.
    """
    places = {name: _found(folder, name) for name in (APIS, EVAL)}
    answers = _answer_files(folder)
    models = sorted(answers)
    training = next(iter(sorted(folder.rglob(TRAIN))), None)
    files = {
        "evals/gorilla.yaml": as_yaml(EVALS),
        "data/gorilla/apis.jsonl": as_lines(api for _, api in objects(places[APIS])),
        "data/gorilla/torchhub.jsonl": as_lines(_samples(places[EVAL])),
    }
    if training is not None:
        files["data/gorilla/train.jsonl"] = as_lines(_examples(training))
    if not models:
        note = f"no {ANSWERS}*.jsonl in {folder}: no study; ask models with harness run {SAMPLE}.v1"
        return Imported(files, notes=(note,))
    files["data/gorilla/answers.jsonl"] = as_lines(
        line for model in models for line in _recorded(model, answers[model])
    )
    if len(models) < 2:
        note = f"answers of {models[0]} alone: no study; two models are needed to compare"
        return Imported(files, notes=(note,))
    files["studies/gorilla.yaml"] = as_yaml({"gorilla": _study(models, base, training is not None)})
    return Imported(files, study="gorilla")


def _found(folder: Path, name: str) -> Path:
    found = next(iter(sorted(folder.rglob(name))), None)
    if found is None:
        raise DatasetError(f"{folder}: holds no {name}; give the folder with APIBench's data")
    return found


def _answer_files(folder: Path) -> dict[str, Path]:
    found = sorted(folder.rglob(f"{ANSWERS}*.jsonl"))
    return {path.stem.removeprefix(ANSWERS): path for path in found}


EVALS: dict[str, Any] = {
    SAMPLE: {
        "id": f"{SAMPLE}.v1",
        "description": "Calls of Torch Hub's models for an instruction (Gorilla's APIBench).",
        "metrics": ["accuracy"],
    },
    f"{SAMPLE}.v1": {
        "class": "harness.graders.apibench:ApiBench",
        "args": {
            "samples_jsonl": "gorilla/torchhub.jsonl",
            "database": "gorilla/apis.jsonl",
            "hub": "torchhub",
            "metrics": ["exact_api", "hallucination"],
        },
    },
}


def _study(models: list[str], base: str | None, has_training: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "description": "Stored answers on APIBench's Torch Hub questions: did tuning help?"
    }
    if has_training:
        fields["training_data"] = "gorilla/train.jsonl"
    answers = "gorilla/answers.jsonl"
    return recorded_study([f"{SAMPLE}.v1"], answers, chosen_base(models, base), models, **fields)


# --- lines ---------------------------------------------------------------------------


def _samples(path: Path) -> Iterator[dict[str, Any]]:
    for place, line in objects(path):
        api = line.get("api_data")
        if not isinstance(api, dict) or not isinstance(api.get("api_call"), str):
            raise DatasetError(f"{place}: has no 'api_data' with an 'api_call'; is it APIBench's?")
        asked, _ = _conversation(line, place)
        yield {
            "input": [
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": asked},
            ],
            "ideal": _ideal(api["api_call"]),
            "api_data": {key: api.get(key) for key in ("domain", "api_name", "api_call")},
        }


def _examples(path: Path) -> Iterator[dict[str, Any]]:
    for place, line in objects(path):
        asked, said = _conversation(line, place)
        example: dict[str, Any] = {
            "messages": [
                {"role": "user", "content": asked},
                {"role": "assistant", "content": said},
            ]
        }
        if isinstance(line.get("api_call"), str):
            example["ideal"] = _ideal(line["api_call"])
        yield example


def _ideal(call: str) -> str:
    """A reference as a right answer is written; samples and training lines can be compared."""
    return f"<<<api_call>>>: {call}"


def _conversation(line: dict[str, Any], place: Place) -> tuple[str, str]:
    """What is asked and what is said. Lines that are broken off in the source say everything."""
    code = line.get("code")
    if not isinstance(code, str):
        raise DatasetError(f"{place}: has no 'code'; is it a file of APIBench?")
    found = INSTRUCTION.search(code)
    if found is None:
        return code.strip(), str(line.get("api_call", ""))
    asked, said = found["asked"] or found["asked2"] or "", found["said"] or found["said2"] or ""
    return asked.strip(), said.strip()


def _recorded(model: str, path: Path) -> Iterator[dict[str, Any]]:
    """Answers by sample; one without text is an empty answer, as in the published script."""
    for place, line in objects(path):
        number = line.get("question_id")
        if not isinstance(number, int) or number < 1:
            raise DatasetError(f"{place}: has no 'question_id'; it is the question's line from 1")
        text = line.get("text")
        yield {
            "model": model,
            "sample_id": f"{SAMPLE}.{number - 1}",
            "completion": text if isinstance(text, str) else "",
        }
