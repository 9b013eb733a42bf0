"""Samples of a run as examples for the next training set."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.datasets import read_training
from harness.errors import RunFolderError, UsageError
from harness.pipeline import report_of
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.reviewing.collecting import (
    Collection,
    Wanted,
    collect,
    copied_ids,
    eval_meant,
    models_meant,
    note_copied,
)
from harness.pipeline.reviewing.reviews import Review, add_review, answer_hash
from tests.small_run import BASE, EVAL, TUNED, base_mark, made_run, outcome, tuned_mark


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return made_run(tmp_path / "run")


def wanted(**changes: Any) -> Wanted:
    return Wanted(**{"eval": EVAL, "model": TUNED, "base": BASE, **changes})


def ids_of(found: Collection) -> list[int]:
    list(found.lines())
    return [int(key.rpartition(".")[2]) for key in found.ids]


def test_what_is_wrong_becomes_chats_that_end_with_the_ideal(
    folder: RunFolder, tmp_path: Path
) -> None:
    found = collect(folder, wanted(states=("wrong",)))
    (tmp_path / "more.jsonl").write_bytes(b"".join(found.lines()))
    examples = read_training(tmp_path / "more.jsonl")
    assert len(examples) == found.taken == sum(tuned_mark(n) == 0 for n in range(40))
    assert examples[1].messages == (
        {"role": "user", "content": "colour 3?"},
        {"role": "assistant", "content": "red 3"},
    )
    assert examples[1].metadata == {}


def test_states_are_those_of_the_mark_and_of_the_change(folder: RunFolder) -> None:
    marks = {n: (base_mark(n), tuned_mark(n)) for n in range(40)}
    by_state = {
        "right": [n for n, (_, now) in marks.items() if now == 1],
        "failed": [n for n, (_, now) in marks.items() if now is None],
        "fixed": [n for n, one in marks.items() if one == (0, 1)],
        "broken": [n for n, one in marks.items() if one == (1, 0)],
        "both_wrong": [n for n, one in marks.items() if one == (0, 0)],
        "both_right": [n for n, one in marks.items() if one == (1, 1)],
        "partly": [],
    }
    for state, numbers in by_state.items():
        assert ids_of(collect(folder, wanted(states=(state,)))) == numbers, state


def test_what_people_call_wrong_is_taken_whatever_the_grader_says(folder: RunFolder) -> None:
    said = {1: "wrong", 2: "right", 4: "wrong"}
    for number, opinion in said.items():
        one = outcome(TUNED, number, 1.0, text="replaced since" if number == 4 else None)
        place = (EVAL, TUNED, one.sample_id, 0, one.request_key, answer_hash(one))
        add_review(folder, Review(*place, opinion, "ana", "2026-01-01"))  # type: ignore[arg-type]
    assert ids_of(collect(folder, wanted(states=("called_wrong",)))) == [1]


def test_picked_samples_come_along_and_unknown_ones_are_counted(folder: RunFolder) -> None:
    picked = frozenset({"colours.test.5", "colours.test.999"})
    found = collect(folder, wanted(ids=picked))
    assert ids_of(found) == [5]
    assert found.unknown == 1


def test_samples_without_an_ideal_are_left_out_and_counted(tmp_path: Path) -> None:
    lines: list[dict[str, object]] = [{"input": "a", "ideal": " "}, {"input": "b", "ideal": "x"}]
    folder = made_run(tmp_path / "run", lines=lines)
    found = collect(folder, wanted(states=("wrong", "right")))
    assert ids_of(found) == [1]
    assert found.no_ideal == 1


def test_prompts_alone_hold_no_answers(folder: RunFolder) -> None:
    lines = collect(folder, wanted(states=("broken",), form="prompts")).lines()
    assert {tuple(json.loads(line)) for line in lines} == {("input",)}


def test_samples_of_an_eval_keep_ideals_and_documents(tmp_path: Path) -> None:
    lines: list[dict[str, object]] = [{"input": "a", "ideal": ["x", "y"], "cluster": "d"}]
    folder = made_run(tmp_path / "run", lines=lines)
    (line,) = collect(folder, wanted(ids=frozenset({"colours.test.0"}), form="eval")).lines()
    assert json.loads(line) == {
        "input": [{"role": "system", "content": "a"}],
        "ideal": ["x", "y"],
        "cluster": "d",
    }


def test_functions_are_answered_with_calls_not_with_text(tmp_path: Path) -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    lines: list[dict[str, object]] = [
        {"input": "a", "ideal": '{"name": "f", "arguments": {"x": 1}}', "tools": tools}
    ]
    folder = made_run(tmp_path / "run", lines=lines)
    (line,) = collect(folder, wanted(ids=frozenset({"colours.test.0"}))).lines()
    example = json.loads(line)
    assert example["tools"] == tools
    (call,) = example["messages"][-1]["tool_calls"]
    assert call["function"] == {"name": "f", "arguments": '{"x": 1}'}


def test_a_part_keeps_documents_together_and_the_rest_stays_held_out(tmp_path: Path) -> None:
    lines: list[dict[str, object]] = [
        {"input": f"q{n}", "ideal": "x", "cluster": f"d{n // 4}"} for n in range(80)
    ]
    folder = made_run(tmp_path / "run", lines=lines)
    found = collect(folder, wanted(states=("wrong", "right"), part=0.5))
    taken = set(ids_of(found))
    assert 20 < len(taken) < 60
    assert found.kept_back == len([n for n in range(80) if tuned_mark(n) is not None]) - len(taken)
    assert not {n // 4 for n in taken} & {
        n // 4 for n in range(80) if n not in taken and tuned_mark(n) is not None
    }
    left = [json.loads(line)["input"] for line in found.rest()]
    assert left == [f"q{n}" for n in range(80) if n not in taken]
    again = collect(folder, wanted(states=("wrong", "right"), part=0.5))
    assert set(ids_of(again)) == taken


def test_a_maximum_is_kept(folder: RunFolder) -> None:
    found = collect(folder, wanted(states=("wrong",), most=3))
    assert ids_of(found) == [0, 3, 6]
    assert found.kept_back == sum(tuned_mark(n) == 0 for n in range(40)) - 3


def test_ids_are_told_before_their_lines_are_out(folder: RunFolder) -> None:
    told: list[str] = []
    found = collect(folder, wanted(states=("wrong",)))
    found.copied = told.extend
    lines = found.lines()
    next(lines)
    assert told
    assert told == found.ids


def test_what_was_copied_is_kept_and_told_in_the_report(folder: RunFolder) -> None:
    note_copied(folder, wanted(states=("wrong",)), ["colours.test.1", "colours.test.2"], "now")
    note_copied(folder, wanted(form="prompts"), ["colours.test.3"], "now")
    assert copied_ids(folder, EVAL) == {"colours.test.1", "colours.test.2"}
    assert copied_ids(folder, "other") == frozenset()
    (section,) = report_of(folder.path).sections
    (finding,) = (one for one in section.findings if one.rule == "copied")
    assert finding.evidence == {"copied": 2}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"eval": "colors.test.v1"}, "no eval 'colors.test.v1'.*did you mean"),
        ({"model": "tunde"}, "'tunde' answered nothing.*did you mean 'tuned'"),
        ({"states": ("worng",)}, "no state.*did you mean 'wrong'"),
        ({"states": ("fixed",), "base": ""}, "compares two models"),
        ({"part": 0.0}, "share above 0"),
        ({"most": 0}, "at least one"),
    ],
)
def test_what_a_run_does_not_have_is_refused(
    folder: RunFolder, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        collect(folder, wanted(**{"states": ("wrong",), **changes}))


def test_data_that_changed_since_are_refused(folder: RunFolder) -> None:
    data = folder.path.with_name("run-samples.jsonl")
    data.write_text(data.read_text().replace("red", "blue"))
    with pytest.raises(RunFolderError, match="has changed"):
        collect(folder, wanted(states=("wrong",)))


def test_the_model_meant_is_the_one_advised_or_the_only_tuned_one(folder: RunFolder) -> None:
    assert eval_meant(folder, None) == EVAL
    assert models_meant(folder, EVAL) == (BASE, TUNED)
    report = {"advice": [{"eval": EVAL, "checkpoint": BASE}]}
    (folder.path / "report.json").write_text(json.dumps(report))
    assert models_meant(folder, EVAL) == (BASE, BASE)
    assert models_meant(folder, EVAL, "other") == (BASE, "other")


def test_texts_are_not_held(tmp_path: Path) -> None:
    def peak(samples: int) -> float:
        folder = made_run(tmp_path / f"run{samples}", lines=list(rows(samples)))
        tracemalloc.start()
        found = collect(folder, wanted(states=("right", "wrong", "failed")))
        size = sum(map(len, found.lines()))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most / size

    def rows(samples: int) -> Iterator[dict[str, object]]:
        for n in range(samples):
            yield {"input": f"{n} " + "word " * 800, "ideal": "x"}

    # Some hundred lines wait for their ids to be noted; beyond them ids and numbers are held.
    assert peak(4000) < 0.4
