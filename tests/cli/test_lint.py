from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.errors import HarnessError, UsageError
from harness.reports.lint_json import LINT_SCHEMA

ROOT = Path(__file__).parents[2]
TICKETS = ROOT / "datasets" / "tickets"
KEY = "sk-proj-Ab3dE6gH9jK2mN5pQ8sT1vW4yZ7b"
run = CliRunner().invoke


def line(prompt: str, answer: str) -> str:
    turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": turns}) + "\n"


@pytest.fixture
def nasty(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    bad = "<script>alert(1)</script>[red]x[/red] \u001b[31m"
    path.write_text("".join(line(f"{bad} {i}", f"{bad} {KEY}") for i in range(60)))
    return path


@pytest.mark.parametrize("name", ["orders", "slogans", "tickets"])
def test_our_own_data_pass_and_every_check_is_listed(name: str) -> None:
    folder = ROOT / "datasets" / name
    shown = run(app, ["lint", f"{folder}/train.jsonl", "--heldout", f"{folder}/heldout.jsonl"])
    assert shown.exit_code == 0
    assert "PASS: nothing blocks" in shown.output
    assert "Passed:" in shown.output
    assert "unknown facts: needs the base model's own answers" in shown.output


def test_a_blocking_finding_ends_with_1_and_shows_no_secret(nasty: Path, tmp_path: Path) -> None:
    html, as_json = tmp_path / "lint.html", tmp_path / "lint.json"
    shown = run(app, ["lint", str(nasty), "--html", str(html), "--json", str(as_json)])
    assert shown.exit_code == 1
    assert "BLOCKS  secrets" in shown.output
    page = html.read_text(encoding="utf-8")
    for text in (shown.output, page, as_json.read_text(encoding="utf-8")):
        assert KEY not in text
    assert "<script>alert" not in page
    assert "\x1b[31m" not in shown.output


def test_json_follows_its_schema(nasty: Path) -> None:
    schema = json.loads(LINT_SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    for args in (
        [str(nasty)],
        [f"{TICKETS}/train.jsonl", "--heldout", f"{TICKETS}/heldout.jsonl"],
    ):
        shown = run(app, ["lint", *args, "--json", "-"])
        jsonschema.validate(json.loads(shown.output), schema)


def test_what_cannot_be_judged_ends_with_4(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text("")
    shown = run(app, ["lint", str(path), "--json", str(tmp_path / "out.json")])
    assert shown.exit_code == 4
    assert "COULD NOT JUDGE" in shown.output
    assert "is empty" in shown.output
    schema = json.loads(LINT_SCHEMA.read_text())
    jsonschema.validate(json.loads((tmp_path / "out.json").read_text()), schema)


@pytest.mark.parametrize(
    "args",
    [
        ["none.jsonl"],
        ["."],
        ["{train}", "--fix", "{train}"],
        ["{train}", "--html", "{train}"],
        ["{train}", "--heldout", "none.jsonl"],
    ],
)
def test_wrong_arguments_are_told(args: list[str]) -> None:
    train = f"{TICKETS}/train.jsonl"
    shown = run(app, ["lint", *(arg.format(train=train) for arg in args)])
    assert isinstance(shown.exception, HarnessError | UsageError)


def test_a_cleaned_copy_is_written_beside_the_report(tmp_path: Path) -> None:
    path, out = tmp_path / "train.jsonl", tmp_path / "clean.jsonl"
    path.write_text("".join(line(f"question {i} about it", f"answer {i}") for i in range(60)) * 2)
    shown = run(app, ["lint", str(path), "--fix", str(out)])
    assert "60 exact duplicates removed" in shown.output
    assert len(out.read_text().splitlines()) == 60


def test_json_on_the_terminal_stays_json_beside_a_cleaned_copy(tmp_path: Path) -> None:
    out = tmp_path / "clean.jsonl"
    shown = run(app, ["lint", f"{TICKETS}/train.jsonl", "--json", "-", "--fix", str(out)])
    assert json.loads(shown.stdout)["outcome"] == "pass"
    assert "Cleaned copy" in shown.stderr


def test_a_copy_that_cannot_be_written_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "there.jsonl").touch()
    for name in ("there.jsonl", "a.jsonl.gz", "no/folder.jsonl"):
        shown = run(app, ["lint", f"{TICKETS}/train.jsonl", "--fix", str(tmp_path / name)])
        assert isinstance(shown.exception, UsageError)
        assert shown.output == ""


def test_two_things_are_not_written_into_one_file(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    shown = run(app, ["lint", f"{TICKETS}/train.jsonl", "--html", out, "--json", out])
    assert isinstance(shown.exception, UsageError)


def test_no_copy_of_what_cannot_be_judged_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").touch()
    shown = run(app, ["lint", str(tmp_path / "a.jsonl"), "--fix", str(tmp_path / "b.jsonl")])
    assert shown.exit_code == 4
    assert "No cleaned copy" in shown.output
    assert not (tmp_path / "b.jsonl").exists()


def test_prices_and_epochs_can_be_given(tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text('"ft:mine": {input: 1, output: 1, training: 1000, as_of: "2026-01"}\n')
    args = ["--prices", str(prices), "--model", "mine", "--epochs", "7"]
    shown = run(app, ["lint", f"{TICKETS}/train.jsonl", *args])
    assert "cost of 7 epochs (the default would be 3, by estimate): mine $" in shown.output
    assert "(price of 2026-01)" in shown.output
