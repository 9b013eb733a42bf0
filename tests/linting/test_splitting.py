from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harness.analysis.leakage import near_overlap
from harness.embedded.corpus import remark, sentence
from harness.embedded.phrases import PRODUCTS, TOPICS
from harness.errors import DatasetError, UsageError
from harness.graders.calls import FunctionCalls
from harness.linting.split_files import SplitFiles, samples_of, write_split
from harness.linting.splitting import Split, SplitOptions, drawn, shares_of, split
from harness.records import Completion, Sample

Line = dict[str, Any]


def chat(prompt: str, answer: str, **others: Any) -> Line:
    turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return {"messages": turns, **others}


def tickets(n: int, seed: int = 1) -> list[Line]:
    """Labelled sentences, some of them twice and some nearly the same."""
    random = Random(seed)
    found: list[Line] = []
    while len(found) < n:
        topic = random.choice(list(TOPICS)[:5])
        text = sentence(random, topic)
        found.append(chat(text, topic))
        if random.random() < 0.2:
            found.append(chat(random.choice((text, f"{text} Thanks!", f"Hello. {text}")), topic))
    return found[:n]


def file_of(folder: Path, lines: Iterable[Line]) -> Path:
    path = folder / "data.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def sides(found: Split, lines: list[Line]) -> tuple[list[Line], list[Line]]:
    """Training and held-out lines."""
    train = [line for number, line in enumerate(lines, 1) if number not in found.heldout]
    return train, [line for number, line in enumerate(lines, 1) if number in found.heldout]


def prompts(lines: Iterable[Line]) -> list[str]:
    return [line["messages"][0]["content"] for line in lines]


# --- what belongs together -----------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_no_held_out_prompt_is_near_a_training_prompt(tmp_path: Path, seed: int) -> None:
    lines = tickets(300, seed)
    found = split(file_of(tmp_path, lines), SplitOptions(seed=seed))
    train, heldout = sides(found, lines)
    assert near_overlap(prompts(train), prompts(heldout)) == ()
    assert not set(prompts(train)) & set(prompts(heldout))


def test_the_lines_of_a_document_stay_on_one_side(tmp_path: Path) -> None:
    lines = [{**line, "cluster": i // 7} for i, line in enumerate(tickets(210))]
    found = split(file_of(tmp_path, lines))
    train, heldout = sides(found, lines)
    assert heldout
    assert not {line["cluster"] for line in train} & {line["cluster"] for line in heldout}


def test_a_field_that_no_line_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no line has the field 'nosuch'"):
        split(file_of(tmp_path, tickets(60)), SplitOptions(cluster="nosuch"))


def test_documents_may_be_named_by_another_field_or_in_the_metadata(tmp_path: Path) -> None:
    lines = [{**line, "metadata": {"page": f"p{i // 5}"}} for i, line in enumerate(tickets(200))]
    found = split(file_of(tmp_path, lines), SplitOptions(cluster="page"))
    train, heldout = sides(found, lines)
    pages = [{line["metadata"]["page"] for line in side} for side in (train, heldout)]
    assert pages[1]
    assert not pages[0] & pages[1]


def test_prompts_of_one_template_are_compared_by_what_they_say_else(tmp_path: Path) -> None:
    random = Random(3)
    lines = [
        chat(f"Write a slogan for the {p}.", remark(random, p)) for p in PRODUCTS for _ in "ab"
    ]
    found = split(file_of(tmp_path, lines))
    train, heldout = sides(found, lines)
    assert found.template == ("write", "a", "slogan", "for", "the")
    assert len(heldout) == found.wanted
    assert not set(prompts(train)) & set(prompts(heldout))


def test_one_document_alone_cannot_be_split(tmp_path: Path) -> None:
    path = file_of(tmp_path, ({**line, "cluster": "same"} for line in tickets(100)))
    with pytest.raises(DatasetError, match=r"nothing can be held out: .* groups of up to 100"):
        split(path)


# --- who is held out -----------------------------------------------------------------


def test_labels_keep_their_shares(tmp_path: Path) -> None:
    random = Random(5)
    names = random.choices(("often", "sometimes", "seldom"), (70, 25, 5), k=400)
    lines = [chat(f"{random.random()} {random.random()}", name) for name in names]
    found = split(file_of(tmp_path, lines), SplitOptions(heldout=100))
    assert len(found.heldout) == 100
    for stratum in found.strata:
        assert abs(stratum.heldout - stratum.examples / 4) <= 1


def test_a_label_never_leaves_training(tmp_path: Path) -> None:
    lines = [chat(f"{i * 7919} and {i * 104729}", "abc"[i % 3]) for i in range(120)]
    lines.append(chat("something else altogether", "lonely"))
    found = split(file_of(tmp_path, lines), SplitOptions(heldout=110))
    train, _ = sides(found, lines)
    assert {line["messages"][-1]["content"] for line in train} == {"a", "b", "c", "lonely"}


def test_shares_are_whole_and_add_up() -> None:
    shares = shares_of(Counter({0: 50, 1: 30, 2: 21, 3: 1}), 34)
    assert sum(shares.values()) == 34
    assert shares[3] == 0


def test_groups_are_never_parted() -> None:
    groups = [[0, 1, 2], [3], [4, 5], [6], [7], [8]]
    for seed in range(20):
        chosen = set(drawn(groups, [0] * 9, 3, seed))
        assert len(chosen) <= 3
        assert all(not chosen & set(group) or chosen >= set(group) for group in groups)


def test_a_seed_gives_the_same_lines_again_and_another_one_others(tmp_path: Path) -> None:
    path = file_of(tmp_path, tickets(200))
    assert split(path).heldout == split(path).heldout
    assert split(path).heldout != split(path, SplitOptions(seed=1)).heldout


# --- how many ------------------------------------------------------------------------


def test_large_data_give_what_shows_ten_points(tmp_path: Path) -> None:
    lines = [chat(f"{i * 7919} and {i * 104729}", f"{i}") for i in range(1200)]
    found = split(file_of(tmp_path, lines))
    assert len(found.heldout) == found.wanted == 234
    assert found.why == "enough to show a difference of 10 points"


def test_small_data_give_three_tenths(tmp_path: Path) -> None:
    lines = [chat(f"{i * 7919} and {i * 104729}", f"{i}") for i in range(100)]
    assert len(split(file_of(tmp_path, lines)).heldout) == 30


def test_too_small_data_are_refused_in_one_line(tmp_path: Path) -> None:
    path = file_of(tmp_path, tickets(40))
    with pytest.raises(DatasetError, match=r"40 examples: too few to split.*collect 67 or more"):
        split(path)


@pytest.mark.parametrize("heldout", [0, 91, 1000])
def test_a_number_that_leaves_too_little_is_refused(tmp_path: Path, heldout: int) -> None:
    with pytest.raises(UsageError, match="between 1 and 90 can be held out"):
        split(file_of(tmp_path, tickets(100)), SplitOptions(heldout=heldout))


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = file_of(tmp_path, [*tickets(80), {"messages": [{"role": "user", "content": "?"}]}])
    with pytest.raises(DatasetError, match=r"data.jsonl:81: the last message is the user's"):
        split(path)


# --- files ---------------------------------------------------------------------------


def completion(line: Line) -> Line:
    asked, answer = line["messages"]
    return {"prompt": asked["content"], "completion": answer["content"]}


def preference(line: Line) -> Line:
    asked, answer = line["messages"]
    worse = [{"role": "assistant", "content": f"not {answer['content']}"}]
    return {
        "input": {"messages": [asked]},
        "preferred_output": [answer],
        "non_preferred_output": worse,
    }


@pytest.mark.parametrize("form", [lambda line: line, completion, preference])
def test_every_line_is_in_exactly_one_file(tmp_path: Path, form: Any) -> None:
    lines = [form(line) for line in tickets(150)]
    path = file_of(tmp_path, lines)
    before = path.read_bytes()
    found = split(path)
    files = SplitFiles(tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    assert write_split(found, files) == len(files.heldout.read_text().splitlines())
    train = files.train.read_bytes().splitlines()
    samples = [json.loads(line) for line in files.heldout.read_text().splitlines()]
    held = sorted(number for sample in samples for number in sample["lines"])
    rest = [number for number in range(1, 151) if number not in held]
    assert held == sorted(found.heldout)
    assert train == [before.splitlines()[number - 1] for number in rest]
    assert path.read_bytes() == before
    for sample in samples:
        whole = tickets(150)[sample["lines"][0] - 1]["messages"]
        assert sample["input"] == whole[:-1]
        assert sample["ideal"] == whole[-1]["content"]


def test_further_fields_and_tools_go_with_a_sample(tmp_path: Path) -> None:
    tool = {"type": "function", "function": {"name": "look", "parameters": {}}}
    more = [{"tools": [tool], "page": f"p{i}", "by": "me"} for i in range(80)]
    lines = [line | other for line, other in zip(tickets(80), more, strict=True)]
    samples = list(samples_of(split(file_of(tmp_path, lines), SplitOptions(cluster="page"))))
    for sample in samples:
        assert sample["tools"] == [tool]
        assert sample["by"] == "me"
        assert sample["cluster"] == sample["page"] == f"p{sample['lines'][0] - 1}"


async def test_calls_of_functions_are_right_in_their_own_eyes(tmp_path: Path) -> None:
    tool = {"type": "function", "function": {"name": "look", "parameters": {}}}
    lines = []
    for i in range(80):
        call = {"name": "look", "arguments": json.dumps({"at": i})}
        made = {"id": f"c{i}", "type": "function", "function": call}
        turns = [
            {"role": "user", "content": f"{i * 7919} {i * 104729}"},
            {"role": "assistant", "content": None, "tool_calls": [made]},
        ]
        lines.append({"messages": turns, "tools": [tool]})
    found = split(file_of(tmp_path, lines))
    assert found.kind == "calls"
    for line in list(samples_of(found))[:3]:
        sample = Sample("a", tuple(line["input"]), (line["ideal"],), tools=tuple(line["tools"]))
        score = await FunctionCalls().grade(sample, Completion(line["ideal"]))
        assert score.value == 1, score.reason


def test_several_answers_to_one_prompt_are_one_sample(tmp_path: Path) -> None:
    words = [f"{i * 7919} and {i * 104729}" for i in range(60)]
    lines = [
        chat(word, f"{word} {n} is long enough to be no label") for word in words for n in "ab"
    ]
    samples = list(samples_of(split(file_of(tmp_path, lines))))
    assert all(len(sample["ideal"]) == len(sample["lines"]) == 2 for sample in samples)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    path = file_of(tmp_path, tickets(100))
    found = split(path)
    with pytest.raises(UsageError, match="is the file itself"):
        write_split(found, SplitFiles(path, tmp_path / "b.jsonl"))
    (tmp_path / "b.jsonl").write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        write_split(found, SplitFiles(tmp_path / "a.jsonl", tmp_path / "b.jsonl"))
    assert not (tmp_path / "a.jsonl").exists()
    assert (tmp_path / "b.jsonl").read_text() == "mine"


def test_one_question_about_different_pictures_can_be_split(tmp_path: Path) -> None:
    lines = []
    for i in range(100):
        shown = [
            {"type": "text", "text": "What is it?"},
            {"type": "image_url", "image_url": {"url": f"https://a.example/{i}.png"}},
        ]
        asked = {"role": "user", "content": shown}
        answer = {"role": "assistant", "content": ("cat", "dog")[i % 2]}
        lines.append({"messages": [asked, answer]})
    found = split(file_of(tmp_path, lines))
    assert [(s.examples, s.heldout) for s in found.strata] == [(50, 15), (50, 15)]


def test_many_labels_with_few_examples_each_are_stratified(tmp_path: Path) -> None:
    random = Random(5)
    lines = [chat(f"{sentence(random, 'billing')} {i}", f"label {i % 75}") for i in range(300)]
    found = split(file_of(tmp_path, lines), SplitOptions(heldout=75))
    assert found.stratified_by == "label"
    assert max(stratum.heldout for stratum in found.strata) <= 2
