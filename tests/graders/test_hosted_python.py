from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from openai.types.graders import PythonGrader as ApiPythonGrader

from harness.errors import RegistryError, UsageError
from harness.graders import make_grader
from harness.graders.hosted_python import PythonGrader
from harness.records import Completion, EvalSpec, Sample, Score

PYTHON = frozenset({"python"})
SOURCE = """
import json

def grade(sample, item) -> float:
    return 1.0 if sample["output_json"]["label"] == item["label"] else 0.25
"""


def spec(**args: Any) -> EvalSpec:
    return EvalSpec("e.c.v1", "python", Path("s.jsonl"), args=args, source=Path("e.yaml"))


def marked(answer: str, **args: Any) -> Score:
    grader = make_grader(spec(**args), allow_code=PYTHON)
    sample = Sample("s.0", ({"role": "user", "content": "?"},), metadata={"item": {"label": "x"}})
    return asyncio.run(grader.grade(sample, Completion(answer)))


def test_the_apis_own_object_runs() -> None:
    raw = ApiPythonGrader(type="python", name="Label", source=SOURCE, image_tag="2025-05-08")
    assert marked('{"label": "x"}', **raw.model_dump()).value == 1.0


def test_a_threshold_makes_a_verdict_and_keeps_the_number() -> None:
    score = marked('{"label": "y"}', source=SOURCE, pass_threshold=0.5)
    assert (score.value, score.details) == (0.0, {"grade": 0.25})
    assert marked('{"label": "y"}', source=SOURCE).value == 0.25


def test_a_fault_of_the_code_is_no_mark() -> None:
    score = marked("no JSON", source=SOURCE)
    assert score.value is None
    assert score.reason == "the grader's code gave no mark: KeyError: 'output_json'"


def test_code_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(RegistryError, match=r"^e\.yaml: eval 'e\.c\.v1': .*--allow-code python"):
        make_grader(spec(source=SOURCE))
    with pytest.raises(RegistryError, match="--allow-code python"):
        make_grader(spec(source=SOURCE), allow_code=frozenset({"some.module"}))


def test_no_registry_can_allow_itself() -> None:
    with pytest.raises(RegistryError, match="unknown key 'allowed'"):
        make_grader(spec(source=SOURCE, allowed=True), allow_code=PYTHON)


def test_a_grader_that_was_not_allowed_does_not_run() -> None:
    sample = Sample("s.0", ())
    with pytest.raises(UsageError, match="--allow-code python"):
        asyncio.run(PythonGrader(SOURCE).grade(sample, Completion("")))


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({}, "'source' is missing"),
        ({"source": "x = 1"}, "no function grade"),
        ({"source": "def grade(s, i): return 1\n" + "#" * 300_000}, "256 kB"),
        ({"source": SOURCE, "timeout_s": 0}, "timeout_s"),
    ],
)
def test_a_wrong_option_is_named(args: dict[str, Any], said: str) -> None:
    with pytest.raises(RegistryError, match=r"eval 'e\.c\.v1'") as caught:
        make_grader(spec(**args), allow_code=PYTHON)
    assert said in str(caught.value)
