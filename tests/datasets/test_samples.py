from __future__ import annotations

import itertools
import json
import random
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.datasets import Reading, count_samples, ordered, read_few_shot, read_samples
from harness.errors import DatasetError, UsageError
from harness.records import Sample
from harness.registry import load_registry

USER = {"role": "user", "content": "1 + 1 ="}


def write(folder: Path, *lines: Any) -> Path:
    path = folder / "s.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def read_one(folder: Path, line: Any, **options: Any) -> Sample:
    (sample,) = read_samples(write(folder, line), "sums.heldout.v1", **options)
    return sample


def test_a_line_becomes_a_sample(tmp_path: Path) -> None:
    line = {"input": [USER], "ideal": "2", "cluster": 7, "level": "easy"}
    assert read_one(tmp_path, line) == Sample(
        id="sums.heldout.0",
        messages=(USER,),
        ideal=("2",),
        cluster="7",
        metadata={"level": "easy"},
    )


def test_a_bare_text_is_a_system_message(tmp_path: Path) -> None:
    sample = read_one(tmp_path, {"input": "1 + 1 =", "ideal": "2"})
    assert sample.messages == ({"role": "system", "content": "1 + 1 ="},)


@pytest.mark.parametrize(
    ("ideal", "texts"),
    [
        ("2", ("2",)),
        ("", ("",)),
        (["2", "two"], ("2", "two")),
        (2, ("2",)),
        (True, ("true",)),
        ({"city": "Åbo"}, ('{"city": "Åbo"}',)),
        ([{"a": 1}, {"a": 2}], ('{"a": 1}', '{"a": 2}')),
    ],
)
def test_ideals_become_texts(tmp_path: Path, ideal: Any, texts: tuple[str, ...]) -> None:
    assert read_one(tmp_path, {"input": "x", "ideal": ideal}).ideal == texts


def test_an_eval_that_needs_no_ideal_takes_lines_without(tmp_path: Path) -> None:
    assert read_one(tmp_path, {"input": "x"}, reading=Reading(needs_ideal=False)).ideal == ()


def test_fields_of_metadata_stand_beside_the_others(tmp_path: Path) -> None:
    line = {"input": "x", "ideal": "y", "topic": "tea", "metadata": {"word": "cup"}}
    metadata = read_one(tmp_path, line).metadata
    assert (metadata["topic"], metadata["word"]) == ("tea", "cup")


def test_messages_may_have_parts_names_and_tool_calls(tmp_path: Path) -> None:
    messages = [
        {"role": "user", "name": "example_user", "content": [{"type": "text", "text": "hi"}]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "tool", "content": "4", "tool_call_id": "1"},
    ]
    sample = read_one(tmp_path, {"input": messages, "ideal": "4"})
    assert sample.messages == tuple(messages)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"input": "x"}, "sample has no 'ideal'; add the expected answer"),
        ({"input": "x", "ideal": None}, "sample has no 'ideal'"),
        ({"input": "x", "ideal": []}, "sample has no 'ideal'"),
        ({"input": "x", "ideal": [["a"]]}, "'ideal' has to be text"),
        ({"input": "x", "ideal": [None]}, "'ideal' has to be text"),
        ({"question": "x", "ideal": "y"}, "no 'input' (it has 'question', 'ideal')"),
        ({"input": 3, "ideal": "y"}, "'input' has to be a list of messages"),
        ({"input": [], "ideal": "y"}, "'input' has to be a list of messages"),
        ({"input": ["x"], "ideal": "y"}, "'input': message 1 is not an object"),
        ({"input": [USER, {"role": "user"}], "ideal": "y"}, "message 2 has no text"),
        ({"input": [{"role": "user", "content": []}], "ideal": "y"}, "message 1 has no text"),
        ({"input": [{"content": "x"}], "ideal": "y"}, "has the role None; add one"),
        ({"input": [{"role": "usr", "content": ""}], "ideal": "y"}, "did you mean 'user'"),
    ],
)
def test_a_wrong_sample_is_named_with_its_repair(tmp_path: Path, line: Any, said: str) -> None:
    path = write(tmp_path, {"input": "x", "ideal": "y"}, line)
    with pytest.raises(DatasetError) as caught:
        list(read_samples(path, "a.b"))
    message = str(caught.value)
    assert message.startswith(f"{path}:2: ")
    assert said in message


def test_an_empty_file_shows_what_a_line_looks_like(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"holds no samples; add a line like \{\"input\""):
        list(read_samples(write(tmp_path), "a.b"))


# --- ids and order -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "prefix"),
    [("base.split.v1", "base.split"), ("a.b.c.d", "a.b"), ("a.b", "a.b"), ("alone", "alone")],
)
def test_ids_are_base_split_index(tmp_path: Path, name: str, prefix: str) -> None:
    path = write(tmp_path, *[{"input": "x", "ideal": "y"}] * 2)
    assert [s.id for s in read_samples(path, name)] == [f"{prefix}.0", f"{prefix}.1"]


def test_a_maximum_picks_the_same_samples_as_openai_evals(tmp_path: Path) -> None:
    path = write(tmp_path, *({"input": str(i), "ideal": "y"} for i in range(30)))
    indices = list(range(30))
    random.Random(123).shuffle(indices)
    picked = [int(s.id.split(".")[-1]) for s in read_samples(path, "a.b", max_samples=5)]
    assert picked == sorted(indices[:5])
    assert ordered(30, 5) == indices[:5]


def test_a_maximum_above_the_count_takes_all(tmp_path: Path) -> None:
    path = write(tmp_path, *[{"input": "x", "ideal": "y"}] * 3)
    assert len(list(read_samples(path, "a.b", max_samples=99))) == 3
    assert count_samples(path) == 3


def test_a_maximum_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one sample"):
        ordered(10, 0)


@given(st.integers(0, 200), st.integers(1, 250))
def test_order_is_a_permutation_and_cutting_keeps_its_start(count: int, cut: int) -> None:
    assert sorted(ordered(count)) == list(range(count))
    assert ordered(count, cut) == ordered(count)[:cut]


def test_reading_streams(tmp_path: Path) -> None:
    path = tmp_path / "large.jsonl"
    line = json.dumps({"input": "x" * 1000, "ideal": "y"}) + "\n"
    path.write_text(line * 20_000)
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_samples(path, "a.b")) == 20_000
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


# --- few-shot examples ---------------------------------------------------------------


def test_few_shot_takes_the_first_lines(tmp_path: Path) -> None:
    path = write(tmp_path, *({"sample": [{"role": "user", "content": str(i)}]} for i in range(5)))
    assert [m["content"] for m in read_few_shot(path, 2)] == ["0", "1"]
    assert len(read_few_shot(path, 99)) == 5


def test_few_shot_lines_need_a_sample(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="'sample' has to be a list of messages"):
        read_few_shot(write(tmp_path, {"input": "x"}), 1)


# --- the reference -------------------------------------------------------------------

LOGS = ("2d_movement.dev.v0", "ambiguous-sentences.dev.v0", "balance-chemical-equation.dev.v0")


SUM = {"type": "function", "function": {"name": "sum"}}


def test_a_sample_may_offer_functions(tmp_path: Path) -> None:
    assert read_one(tmp_path, {"input": [USER], "ideal": "2", "tools": [SUM]}).tools == (SUM,)


@pytest.mark.parametrize("tools", [[], ["Adder"], "Adder", None, [{"name": "sum"}]])
def test_a_field_of_that_name_may_mean_something_else(tmp_path: Path, tools: Any) -> None:
    sample = read_one(tmp_path, {"input": [USER], "ideal": "2", "tools": tools})
    assert (sample.tools, sample.metadata["tools"]) == ((), tools)


@pytest.mark.parametrize("broken", ["Adder", {"function": {}}, {"function": "sum"}])
def test_a_broken_function_is_named(tmp_path: Path, broken: Any) -> None:
    with pytest.raises(DatasetError, match=r"s.jsonl:1: 'tools': item 2 is no function"):
        read_one(tmp_path, {"input": [USER], "ideal": "2", "tools": [SUM, broken]})


@pytest.mark.oracle
@pytest.mark.parametrize("name", LOGS)
def test_golden_logs_ask_the_same_samples(
    golden: Path, reference_registry: Path, name: str
) -> None:
    lines = (golden / f"{name}.jsonl").read_text().rstrip().split("\n")
    events = [json.loads(line) for line in lines]
    asked = {e["sample_id"]: e["data"]["prompt"] for e in events if e.get("type") == "sampling"}
    spec = load_registry([reference_registry]).eval(name)
    ours = {s.id: list(s.messages) for s in read_samples(spec.samples, name, max_samples=8)}
    assert ours == asked


@pytest.mark.oracle
def test_the_samples_of_every_native_eval_read(reference_registry: Path) -> None:
    registry = load_registry([reference_registry])
    runnable = [one.spec for one in registry.listing() if one.runnable and not one.entry.alias_of]
    theirs = [spec.name for spec in runnable if spec.root == reference_registry]
    specs = [registry.eval(name) for name in theirs]
    local = [spec for spec in specs if spec.fetched_from is None]
    assert (len(specs), len(local)) == (626, 568)
    for spec in local:
        reading = Reading.of(spec, needs_ideal=spec.layout == "chat")
        for sample in itertools.islice(read_samples(spec.samples, spec.name, reading), 20):
            assert sample.messages
            assert sample.ideal or spec.layout == "fields"
