"""Questions of the Berkeley Function-Calling Leaderboard, with answers, as a registry's files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.datasets.imported import Imported, as_lines, as_yaml, chosen_base, recorded_study
from harness.datasets.lines import objects
from harness.errors import DatasetError

QUESTIONS = re.compile(r"BFCL_v\d+_(?P<category>\w+?)(?P<result>_result)?\.jsonl?")
OTHER_LANGUAGES = re.compile(r"java")
JSON_SCHEMA: Mapping[str, str] = {"dict": "object", "float": "number", "tuple": "array"}
Line = dict[str, Any]


def bfcl(folder: Path, base: str | None = None) -> Imported:
    """Read ``BFCL_v*_CATEGORY.json`` with ``possible_answer``, and results by model if any.

    Results are ``MODEL/BFCL_v*_CATEGORY_result.json``, as the leaderboard writes them.

    Raises:
        DatasetError: no category with possible answers, or a line that is not the leaderboard's.
        UsageError: the base model is not clear from the folders' names.
    """
    files: dict[str, str] = {}
    evals: dict[str, Any] = {}
    answers: list[Line] = []
    categories = dict(_categories(folder))
    if not categories:
        raise DatasetError(f"{folder}: holds no BFCL_v*.json that has possible answers beside it")
    for category, (questions, possible) in categories.items():
        samples = list(_samples(questions, possible))
        files[f"data/bfcl/{category}.jsonl"] = as_lines(samples)
        evals |= _evals(category)
        answers += _recorded(folder, category, [sample["id"] for sample in samples])
    files["evals/bfcl.yaml"] = as_yaml(evals)
    models = sorted({line["model"] for line in answers})
    if len(models) < 2:
        example = f"bfcl.{next(iter(categories))}.v1"
        note = f"results of {len(models)} models: no study; ask models with harness run {example}"
        return Imported(files, notes=(note,))
    files["data/bfcl/answers.jsonl"] = as_lines(answers)
    study = recorded_study(
        [name for name in evals if name.endswith(".v1")],
        "bfcl/answers.jsonl",
        chosen_base(models, base),
        models,
        description="Stored answers to the questions of BFCL: did tuning help?",
    )
    files["studies/bfcl.yaml"] = as_yaml({"bfcl": study})
    return Imported(files, study="bfcl")


def _categories(folder: Path) -> Iterator[tuple[str, tuple[Path, Path]]]:
    """Questions and possible answers of every category of Python that has both."""
    possible = {
        path.name.removeprefix("possible_answer_"): path
        for path in sorted(folder.rglob("*BFCL_v*"))
        if path.name.startswith("possible_answer_") or path.parent.name == "possible_answer"
    }
    for path in sorted(folder.rglob("BFCL_v*")):
        found = QUESTIONS.fullmatch(path.name)
        answer = possible.get(path.name)
        if found is None or found["result"] or answer in (None, path):
            continue
        is_python = not OTHER_LANGUAGES.search(found["category"])
        if answer is not None and is_python and _has_calls(answer):
            yield found["category"], (path, answer)


def _has_calls(path: Path) -> bool:
    """Whether the possible answers are calls with allowed values; of several turns they are not."""
    _, line = next(objects(path), (None, {}))
    truth = line.get("ground_truth")
    return isinstance(truth, list) and bool(truth) and all(isinstance(c, dict) for c in truth)


def _evals(category: str) -> dict[str, Any]:
    name = f"bfcl.{category}"
    return {
        name: {
            "id": f"{name}.v1",
            "description": f"Function calls of the Berkeley leaderboard: {category}.",
            "metrics": ["accuracy"],
        },
        f"{name}.v1": {
            "class": "harness.graders.calls:FunctionCalls",
            "args": {
                "samples_jsonl": f"bfcl/{category}.jsonl",
                "metrics": ["name", "arguments"],
            },
        },
    }


# --- samples -------------------------------------------------------------------------


def _samples(questions: Path, possible: Path) -> Iterator[Line]:
    truths = {line.get("id"): line.get("ground_truth") for _, line in objects(possible)}
    for place, line in objects(questions):
        turns, functions = line.get("question"), line.get("function")
        truth = truths.get(line.get("id"))
        if not (isinstance(turns, list) and turns and isinstance(functions, list) and truth):
            raise DatasetError(f"{place}: has no question, function or possible answer")
        yield {
            "id": line["id"],
            "input": turns[0],
            "ideal": example_answer(truth, functions),
            "tools": [{"type": "function", "function": _offered(one)} for one in functions],
            "ground_truth": truth,
            "function": functions,
        }


def _offered(function: Mapping[str, Any]) -> Line:
    """A function as servers take it: without dots in its name, with the types of JSON Schema."""
    name = str(function["name"]).replace(".", "_")
    return {**function, "name": name, "parameters": json_schema(function.get("parameters"))}


def json_schema(schema: Any) -> Any:
    """The leaderboard's schema with the type names of JSON Schema; ``any`` is no type."""
    if isinstance(schema, list):
        return [json_schema(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    fields = {key: json_schema(value) for key, value in schema.items()}
    if isinstance(fields.get("type"), str):
        word = fields.pop("type")
        fields |= {} if word == "any" else {"type": JSON_SCHEMA.get(word, word)}
    return fields


def example_answer(truth: list[Any], functions: list[Any]) -> str:
    """One right answer in Python's syntax: of every argument the first value allowed."""
    required = {
        one["name"]: one.get("parameters", {}).get("required", ())
        for one in functions
        if isinstance(one, dict) and "name" in one
    }
    calls = (
        f"{name}({', '.join(_written(allowed, required.get(name, ())))})"
        for call in truth
        for name, allowed in call.items()
    )
    return f"[{', '.join(calls)}]"


def _written(allowed: Mapping[str, list[Any]], required: Any) -> Iterator[str]:
    for name, values in allowed.items():
        given = [value for value in values if value != ""]
        if given and ("" not in values or name in required):
            yield f"{name}={_example(given[0])!r}"


def _example(value: Any) -> Any:
    """A value of the allowed ones; the values in an object are lists of allowed ones."""
    if isinstance(value, dict):
        return {key: _example(one[0]) for key, one in value.items() if one and "" not in one}
    if isinstance(value, list):
        return [_example(one) for one in value]
    return value


# --- results -------------------------------------------------------------------------


def _recorded(folder: Path, category: str, ids: list[str]) -> Iterator[Line]:
    """Every model's answers to a category; a model is the folder that its results lie in."""
    numbers = {name: number for number, name in enumerate(ids)}
    for path in sorted(folder.rglob("BFCL_v*_result.json*")):
        found = QUESTIONS.fullmatch(path.name)
        if found is None or found["category"] != category:
            continue
        for _, line in objects(path):
            if line.get("id") in numbers:
                yield {
                    "model": _model_of(path, folder),
                    "sample_id": f"bfcl.{category}.{numbers[line['id']]}",
                    "completion": _text(line.get("result")),
                }


def _model_of(path: Path, folder: Path) -> str:
    """The first folder below ``result``, or below the one imported."""
    below = path.relative_to(folder).parts[:-1]
    behind = below[below.index("result") + 1 :] if "result" in below else below
    return behind[0] if behind else folder.name


def _text(result: Any) -> str:
    """Text as it is; calls of the wire format as the JSON that they are."""
    return result if isinstance(result, str) else json.dumps(result)
