from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from harness.cli import app
from harness.errors import UsageError
from harness.registry import load_registry

DATASETS = Path(__file__).parents[2] / "datasets"
run = CliRunner().invoke


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The orders' training file in the working directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "orders.jsonl"
    path.write_bytes((DATASETS / "orders" / "train.jsonl").read_bytes())
    return Path("orders.jsonl")


def test_both_files_lie_beside_the_data_and_what_went_where_is_told(data: Path) -> None:
    shown = run(app, ["split", str(data)])
    assert shown.exit_code == 0
    assert "orders.train.jsonl: 112 lines to train on" in shown.output
    assert "orders.heldout.jsonl: 48 samples to judge by" in shown.output
    assert "30% of the examples; to show 10 points it would take 234" in shown.output
    assert "harness lint orders.train.jsonl --heldout orders.heldout.jsonl" in shown.output
    assert len(Path("orders.train.jsonl").read_text().splitlines()) == 112


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_folder_is_no_data(name: str, data: Path) -> None:
    done = run(app, ["split", name])
    assert isinstance(done.exception, UsageError)
    assert "is a folder" in str(done.exception)


def test_a_second_split_writes_over_nothing(data: Path) -> None:
    run(app, ["split", str(data)])
    second = run(app, ["split", str(data)])
    assert isinstance(second.exception, UsageError)
    assert "orders.train.jsonl: exists already" in str(second.exception)


def test_an_eval_and_a_study_are_ready_to_run(data: Path) -> None:
    words = ["--eval", "mine", "--registry", "reg", "--base", "embedded:tiny-base"]
    shown = run(app, ["split", str(data), *words])
    assert "harness study mine --registry reg" in shown.output
    spec = load_registry([Path("reg")]).eval("mine.heldout.v1")
    assert spec.grader == "extraction"
    assert spec.task == "one-answer"
    study = load_registry([Path("reg")]).study("mine")
    assert study.provider == "embedded"
    assert study.experiments[0].training_data == Path("reg/data/mine/train.jsonl")


def test_the_study_names_the_data_that_it_is_about(data: Path) -> None:
    run(app, ["split", str(data), "--eval", "mine", "--base", "embedded:tiny-base"])
    entry = yaml.safe_load(Path("my-registry/studies/mine.yaml").read_text())
    assert entry["mine"]["description"] == "Does tuning on orders.jsonl help?"


def test_labels_that_contradict_each_other_are_told_with_their_lines(data: Path) -> None:
    labels = ("billing", "shipping", "returns")
    lines = [{"prompt": f"{i * 7919}?", "completion": labels[i % 3]} for i in range(90)]
    lines[40] = {**lines[3], "completion": "shipping"}
    data.write_text("".join(json.dumps(line) + "\n" for line in lines))
    shown = run(app, ["split", str(data)])
    assert shown.exit_code == 0
    assert "warn: 1 prompt answered in several ways" in shown.output
    assert "lines 4, 41: billing / shipping" in shown.output
    assert "harness lint orders.jsonl\n" in shown.output


def test_labels_in_accord_are_not_warned_of(data: Path) -> None:
    assert "warn" not in run(app, ["split", str(data)]).output


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (["yes", "no"], "evals.elsuite.basic.match:Match"),
        ([f"number {i}" for i in range(90)], "evals.elsuite.basic.fuzzy_match:FuzzyMatch"),
        ([f"{i} " * 40 for i in range(90)], "harness.graders.generation:Generation"),
    ],
)
def test_answers_decide_how_the_eval_marks(data: Path, answer: list[str], kind: str) -> None:
    lines = [
        {"prompt": f"{i * 7919} and {i * 104729}?", "completion": answer[i % len(answer)]}
        for i in range(90)
    ]
    data.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert run(app, ["split", str(data), "--eval", "mine"]).exit_code == 0
    entries = yaml.safe_load(Path("my-registry/evals/mine.yaml").read_text())
    assert entries["mine.heldout.v1"]["class"] == kind
    load_registry([Path("my-registry")]).eval("mine.heldout.v1")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--heldout", "many"], "give a number of lines, or auto"),
        (["--detect", "0"], "give a difference such as"),
        (["--base", "gpt-x"], "name the eval with --eval"),
        (["--eval", "../out"], "write letters, digits"),
        (["--out-train", "orders.jsonl"], "is the file itself"),
        (["--out-train", "x.jsonl", "--out-heldout", "x.jsonl"], "name two"),
    ],
)
def test_wrong_words_are_one_clear_line(data: Path, words: list[str], says: str) -> None:
    shown = run(app, ["split", str(data), *words])
    assert isinstance(shown.exception, UsageError)
    assert says in str(shown.exception)
    assert "\n" not in str(shown.exception)


def test_no_study_is_written_that_could_not_tune(data: Path) -> None:
    lines = [
        {
            "input": {"messages": [{"role": "user", "content": f"{i * 7919} {i * 104729}"}]},
            "preferred_output": [{"role": "assistant", "content": f"good {i}"}],
            "non_preferred_output": [{"role": "assistant", "content": f"bad {i}"}],
        }
        for i in range(80)
    ]
    data.write_text("".join(json.dumps(line) + "\n" for line in lines))
    shown = run(app, ["split", str(data), "--eval", "mine", "--base", "gpt-x"])
    assert isinstance(shown.exception, UsageError)
    assert "studies do not tune on preferences" in str(shown.exception)
    assert not Path("my-registry").exists()
    assert run(app, ["split", str(data), "--eval", "mine"]).exit_code == 0
