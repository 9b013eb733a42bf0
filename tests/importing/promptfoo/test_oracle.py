"""The same prompts and marks as promptfoo's: what promptfoo 0.123.1 made of two configurations.

Its provider `echo` answers with the prompt, so its output tells what was asked and how that was
marked.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.graders.assertions import Assertions
from harness.importing.promptfoo import Promptfoo, read_promptfoo
from harness.importing.promptfoo.prompts import messages_in
from harness.records import Completion, Sample, Score

HERE = Path(__file__).parent


def told_there(path: Path) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = json.loads(path.read_text())["results"]
    return found


def lines_of(made: Promptfoo) -> list[list[dict[str, Any]]]:
    texts = [text for name, text in made.files.items() if name.startswith("data/")]
    return [[json.loads(line) for line in text.splitlines()] for text in texts]


def marked(line: Mapping[str, Any], answer: str) -> Score:
    sample = Sample(line["id"], tuple(line["input"]), metadata=line)
    return asyncio.run(Assertions().grade(sample, Completion(answer)))


def assert_same(score: Score, there: Mapping[str, Any]) -> None:
    named = {name: value for name, value in score.details.items() if name != "mean"}
    assert score.value == float(there["pass"]), there
    assert score.details["mean"] == pytest.approx(there["score"]), there
    assert named == pytest.approx(there["named"]), there


def test_every_assertion_marks_as_there() -> None:
    made = read_promptfoo(HERE / "oracle.yaml")
    there = told_there(HERE / "oracle.json")
    assert made.notes == ()
    here = [line for lines in lines_of(made) for line in lines]
    assert len(here) == len(there) == 120
    for line, one in zip(here, there, strict=True):
        assert line["input"] == [{"role": "user", "content": one["output"]}]
        assert_same(marked(line, one["output"]), one)


def test_files_tables_chats_and_templates_ask_as_there() -> None:
    made = read_promptfoo(HERE / "wide")
    there = told_there(HERE / "wide" / "asked.json")
    prompts = sorted({one["prompt"] for one in there})
    compared = 0
    for prompt, lines in zip(prompts, lines_of(made), strict=False):
        answers = iter([one for one in there if one["prompt"] == prompt])
        for line in lines:
            one = next(a for a in answers if list(messages_in(a["asked"])) == line["input"])
            assert_same(marked(line, one["asked"]), one)
            compared += 1
    assert compared == 83


def test_what_was_not_taken_over_is_what_fails_there_or_is_told() -> None:
    made = read_promptfoo(HERE / "wide")
    prompt, upper, number = made.notes
    assert prompt.startswith("prompt 'prompt-7' left out of 14 tests (1, 2, 3.1, 3.2, 3.3, ...)")
    assert "'group-filters' left out of 2 tests (4, 13): a filter of texts" in upper
    assert "'prompt-5' left out of test 13: a message of the prompt is no text" in number
    failed = [o for o in told_there(HERE / "wide" / "asked.json") if o["pass"] is None]
    assert {one["prompt"] for one in failed} == {5, 6}
    assert sum(one["prompt"] == 5 for one in failed) == 2
