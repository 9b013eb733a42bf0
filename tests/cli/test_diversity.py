"""harness diversity: any file, at the command line."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cli import main

Harness = Callable[..., int]

STORIES = [
    {"prompt": f"Tell me story {p}", "completion": f"Once upon a time there was {what} {p}"}
    for p in range(4)
    for what in ("a cat", "a dog", "a cat", "nobody at all to be seen on the hill")
]


@pytest.fixture
def stories(tmp_path: Path) -> Path:
    path = tmp_path / "stories.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in STORIES))
    return path


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> Harness:
    def run(*words: object) -> int:
        monkeypatch.setattr(sys, "argv", ["harness", "diversity", *map(str, words)])
        try:
            main()
        except SystemExit as stop:
            return int(stop.code or 0)
        return 0

    return run


def test_a_file_is_told_in_full(stories, harness, capsys):
    assert harness(stories) == 0
    out = capsys.readouterr().out
    assert "16 texts, 4 prompts, 4 answers each" in out
    assert "read: field 'completion', prompts by 'prompt'" in out
    assert "Per prompt, mean of 4" in out
    assert "100% of texts, 100% of prompts: “Once upon a time there was”" in out
    assert "2 x in 1 prompt: “Once upon a time there was a cat 0”" in out
    assert "\x1b" not in out


def test_a_file_against_itself_shows_no_difference(stories, harness, capsys):
    assert harness(stories, stories) == 0
    out = capsys.readouterr().out
    assert f"{stories.name} (2) against" in out
    assert "no difference shown" in out
    assert "4 prompts, paired by name" in out


def test_values_of_cut_texts_are_told_apart_from_those_of_whole_ones(tmp_path, harness, capsys):
    (tmp_path / "a.txt").write_text("a b c d e f g\na b c d e f g\nx y z\n")
    (tmp_path / "b.txt").write_text("a b c\nd e f\na b q\n")
    assert harness(tmp_path / "a.txt", tmp_path / "b.txt") == 0
    assert "which are of all texts, uncut" in capsys.readouterr().out
    assert harness(tmp_path / "b.txt", tmp_path / "b.txt") == 0
    assert "uncut" not in capsys.readouterr().out


def test_copies_of_training_texts_are_shown(stories, tmp_path, harness, capsys):
    train = tmp_path / "train.jsonl"
    train.write_text(json.dumps({"prompt": "x", "completion": STORIES[3]["completion"]}))
    assert harness(stories, "--training", train) == 0
    out = capsys.readouterr().out
    assert "Copied from the 1 training text: 25.0%" in out
    assert "learned: “Once upon a time there was nobody" in out


def test_json_and_csv_hold_the_same(stories, tmp_path, harness, capsys):
    table = tmp_path / "out.csv"
    assert harness(stories, "--json", "--csv", table) == 0
    data = json.loads(capsys.readouterr().out)
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["metric"] for row in rows] == [m["metric"] for m in data["files"][0]["metrics"]]


def test_documented_json_has_the_documented_fields(stories, harness, capsys):
    harness(stories, stories, "--json")
    data = json.loads(capsys.readouterr().out)
    docs = (Path(__file__).parents[2] / "docs" / "diversity.md").read_text(encoding="utf-8")
    for name in (*data, *data["files"][0], *data["comparisons"][0]):
        assert f"`{name}`" in docs, name


def test_many_files_are_a_line_each(stories, tmp_path, harness, capsys):
    assert harness(*[stories] * 6) == 0
    out = capsys.readouterr().out
    assert out.count("not shown") == 5
    assert "For what repeats in a file, name it alone" in out


def test_strangers_texts_cannot_write_to_the_terminal(tmp_path, harness, capsys):
    nasty = {"prompt": "[red]\x1b[31m\u202e", "completion": "[bold]\x1b[2J a b c d\r\n e"}
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps(nasty) + "\n" + json.dumps(nasty))
    assert harness(path) == 0
    out = capsys.readouterr().out
    assert "[bold]" in out
    assert not {"\x1b", "\r", "\u202e"} & set(out)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nope.jsonl"], "nope.jsonl: no such file or folder"),
        (["-", "-"], "a pipe can be read once"),
        (["{stories}", "--metrics", "blue"], "--metrics: unknown diversity metric 'blue'"),
        (["{stories}", "--metrics", ","], "name at least one"),
        (["{stories}", "--tokenizer", "x"], "unknown tokenizer 'x'"),
        (["{stories}", "--k", "9"], "at most 4 to a prompt"),
        (["{stories}", "--rarefy"], "give a second one"),
        (["{stories}", "--csv", "/nowhere/x.csv"], "--csv /nowhere/x.csv: cannot be written"),
        (["{stories}", "--field", "complete"], "has no 'complete'; did you mean 'completion'"),
        (["{stories}", "--training", "no.jsonl"], "no.jsonl: no such file"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(stories, harness, capsys, words, says):
    assert harness(*[word.format(stories=stories) for word in words]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1


def test_noveltybench_prompts_are_told_apart(harness, capsys):
    data = Path(__file__).parents[3] / "shared" / "data" / "noveltybench" / "curated.jsonl"
    if not data.exists():
        pytest.skip(f"no {data.name} beside the checkout")
    assert harness(data, "--field", "prompt_paraphrases") == 0
    assert "1,000 texts, 100 prompts, 10 answers each" in capsys.readouterr().out
