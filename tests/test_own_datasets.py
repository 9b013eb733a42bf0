"""The three data sets that the product ships: what their cards promise."""

from __future__ import annotations

import importlib.util
import itertools
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from harness.embedded.checkpoint import load_base
from harness.embedded.corpus import chats
from harness.embedded.decoding import generate
from harness.embedded.network import Network
from harness.embedded.training import EpochReport, Hyperparameters, finetune
from harness.graders.table import make_grader
from harness.records import Completion, Sample
from harness.registry import load_registry

DATASETS = Path(__file__).parents[1] / "datasets"
NAMES = ("orders", "slogans", "tickets")
SIZES = {"orders": (160, 150), "slogans": (220, 30), "tickets": (100, 150)}
TOKENIZER, BASE = load_base()
Line = dict[str, Any]


def lines(name: str, part: str) -> list[Line]:
    text = (DATASETS / name / f"{part}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"make_{name}", DATASETS / name / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def asked(line: Line) -> str:
    """The last user message."""
    return str((line["input"] if "input" in line else line["messages"][:-1])[-1]["content"])


def answers(line: Line) -> list[str]:
    if "messages" in line:
        return [line["messages"][-1]["content"]]
    return line["ideal"] if isinstance(line["ideal"], list) else [line["ideal"]]


def product(line: Line) -> str:
    return re.findall(r"\w+", asked(line))[-1]


def test_the_script_makes_the_basics_byte_for_byte(tmp_path: Path) -> None:
    script("basics").make(tmp_path)
    file = tmp_path / "heldout.jsonl"
    assert file.read_bytes() == (DATASETS / "basics" / "heldout.jsonl").read_bytes()


# --- every data set ------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_script_makes_the_files_byte_for_byte(name: str, tmp_path: Path) -> None:
    script(name).make(tmp_path)
    for file in ("train.jsonl", "heldout.jsonl"):
        assert (tmp_path / file).read_bytes() == (DATASETS / name / file).read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_sizes_are_those_of_the_card(name: str) -> None:
    train, heldout = (len(lines(name, part)) for part in ("train", "heldout"))
    assert (train, heldout) == SIZES[name]
    card = (DATASETS / name / "README.md").read_text(encoding="utf-8")
    assert f"{train} training examples" in card
    assert f"{heldout} held-out" in card


@pytest.mark.parametrize("name", NAMES)
def test_training_lines_are_chats_that_end_with_the_assistant(name: str) -> None:
    for line in lines(name, "train"):
        assert list(line) == ["messages"]
        assert [m["role"] for m in line["messages"]] == ["system", "user", "assistant"]


@pytest.mark.parametrize("name", NAMES)
def test_held_out_lines_are_samples_with_the_same_instruction(name: str) -> None:
    (instruction,) = {line["messages"][0]["content"] for line in lines(name, "train")}
    for line in lines(name, "heldout"):
        assert [m["role"] for m in line["input"]] == ["system", "user"]
        assert line["input"][0]["content"] == instruction
        assert all(answers(line))


@pytest.mark.parametrize("name", NAMES)
def test_no_held_out_prompt_stands_in_the_training_data(name: str) -> None:
    train = {asked(line) for line in lines(name, "train")}
    heldout = [asked(line) for line in lines(name, "heldout")]
    assert not train & set(heldout)
    assert len(set(heldout)) == len(heldout)


@pytest.mark.parametrize("name", NAMES)
def test_no_training_example_stands_there_twice(name: str) -> None:
    train = [json.dumps(line) for line in lines(name, "train")]
    assert len(set(train)) == len(train)


@pytest.mark.parametrize("name", NAMES)
def test_the_base_model_has_a_token_for_every_word(name: str) -> None:
    texts = {
        text
        for part in ("train", "heldout")
        for line in lines(name, part)
        for text in (asked(line), *answers(line))
    }
    for text in texts:
        raw = [TOKENIZER.token_bytes(token) for token in TOKENIZER.encode(text)]
        assert not [byte for byte in raw if len(byte) == 1 and byte.isalnum()], text


@pytest.mark.parametrize("name", NAMES)
def test_the_base_model_has_never_read_the_task(name: str) -> None:
    """No corpus chat asks one of its questions or gives one of a task's longer answers."""
    import random

    read = list(itertools.islice(chats(random.Random(2)), 20_000))
    said = {message["content"] for chat in read for message in chat if message["role"] != "system"}
    examples = lines(name, "train") + lines(name, "heldout")
    if name != "tickets":  # customers' sentences are small talk; what they mean is new
        assert not said & {asked(line) for line in examples}
    replies = {chat[-1]["content"] for chat in read}
    assert not replies & {text for line in examples for text in answers(line)}


@pytest.mark.parametrize("name", NAMES)
async def test_the_registered_eval_gives_every_reference_answer_full_marks(name: str) -> None:
    (alias,) = load_registry().evals([name])
    spec = load_registry().eval(f"{name}.heldout.v1")
    assert alias.name == spec.name
    assert spec.samples == DATASETS / name / "heldout.jsonl"
    grader = make_grader(spec)
    for number, line in enumerate(lines(name, "heldout")):
        sample = Sample(
            id=str(number),
            messages=tuple(line["input"]),
            ideal=tuple(answers(line)),
            metadata={key: line[key] for key in line if key not in ("input", "ideal")},
        )
        for text in answers(line):
            score = await grader.grade(sample, Completion(text))
            assert score.value == 1, (text, score)


# --- one by one ----------------------------------------------------------------------


def test_tickets_name_one_of_the_teams_in_the_instruction() -> None:
    teams = set(script("tickets").TEAMS)
    train, heldout = lines("tickets", "train"), lines("tickets", "heldout")
    assert {answers(line)[0] for line in train} == teams
    assert {answers(line)[0] for line in heldout} == teams
    assert all(team in train[0]["messages"][0]["content"] for team in teams)


def test_every_field_of_an_order_stands_in_its_text() -> None:
    for line in lines("orders", "train") + lines("orders", "heldout"):
        order = json.loads(answers(line)[0])
        assert list(order) == ["name", "city", "day", "item"]
        assert all(value in asked(line) for value in order.values())


def test_slogans_of_held_out_products_have_ten_different_references() -> None:
    for line in lines("slogans", "heldout"):
        assert len(set(line["ideal"])) == 10
        assert line["product"] == product(line)


def test_no_held_out_product_has_a_training_slogan() -> None:
    train = {product(line) for line in lines("slogans", "train")}
    heldout = {line["product"] for line in lines("slogans", "heldout")}
    assert (len(train), len(heldout)) == (110, 30)
    assert not train & heldout
    for line in lines("slogans", "train"):
        assert product(line) in answers(line)[0].split()


# --- what tuning does ----------------------------------------------------------------


def accuracy(network: Network, samples: list[Line], max_tokens: int) -> float:
    right = 0
    for line in samples:
        prompt = TOKENIZER.prompt(line["input"])
        (choice,) = generate(
            network, prompt, max_tokens=max_tokens, temperature=0, end=TOKENIZER.end
        )
        right += TOKENIZER.decode(choice.ids) == line["ideal"]
    return right / len(samples)


@pytest.mark.parametrize(("name", "max_tokens"), [("orders", 48), ("tickets", 12)])
def test_five_epochs_teach_what_the_base_model_cannot_do(name: str, max_tokens: int) -> None:
    train = [line["messages"] for line in lines(name, "train")]
    reports = finetune(BASE, TOKENIZER, train, Hyperparameters(epochs=5, seed=1))
    tuned = [report.network for report in reports if isinstance(report, EpochReport)]
    heldout = lines(name, "heldout")[:60]
    first, last = (accuracy(tuned[epoch], heldout, max_tokens) for epoch in (0, -1))
    assert accuracy(BASE, heldout, max_tokens) < 0.3
    assert first < 0.8
    assert last > 0.9


def test_the_script_makes_the_topics_byte_for_byte(tmp_path: Path) -> None:
    script("topics").make(tmp_path)
    for part in ("train", "heldout"):
        made = (tmp_path / f"{part}.jsonl").read_bytes()
        assert made == (DATASETS / "topics" / f"{part}.jsonl").read_bytes()


def test_few_tickets_are_the_first_of_the_tickets() -> None:
    assert lines("few_tickets", "train") == lines("tickets", "train")[:40]
