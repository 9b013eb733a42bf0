"""What a user gets for a mistake: one line that names the repair, exit code 2, no traceback."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

GOOD_SAMPLE = {"input": [{"role": "user", "content": "Say yes"}], "ideal": "yes"}
MATCH = "evals.elsuite.basic.match:Match"
KEY = "sk-planted-secret-0123456789"


@dataclass
class Ended:
    code: int
    out: str
    err: str

    @property
    def message(self) -> str:
        lines = [line for line in self.err.splitlines() if line.startswith("harness: ")]
        assert len(lines) == 1, self.err
        return lines[0]


def harness(*args: str, cwd: Path, env: dict[str, str] | None = None) -> Ended:
    base = {k: v for k, v in os.environ.items() if not k.startswith("OPENAI_")}
    done = subprocess.run(
        [sys.executable, "-m", "harness", *args],
        cwd=cwd,
        env={**base, "HOME": str(cwd), **(env or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """A registry with one good eval, whose files tests then spoil."""
    folder = tmp_path / "reg"
    (folder / "evals").mkdir(parents=True)
    (folder / "data").mkdir()
    declare(folder, "good", "good.dev.v1:\n  class: " + MATCH + samples_args("good.jsonl"))
    write_samples(folder, "good.jsonl", [json.dumps(GOOD_SAMPLE)] * 3)
    return folder


def samples_args(name: str) -> str:
    return f"\n  args: {{samples_jsonl: {name}}}\n"


def declare(registry: Path, name: str, text: str) -> None:
    (registry / "evals" / f"{name}.yaml").write_text(text)


def write_samples(registry: Path, name: str, lines: list[str]) -> None:
    (registry / "data" / name).write_text("".join(f"{line}\n" for line in lines))


def run(registry: Path, name: str = "good.dev.v1", *options: str) -> Ended:
    chosen = options or ("--model", "embedded:tiny-base")
    return harness("run", name, "--registry", str(registry), *chosen, cwd=registry.parent)


def refused(ended: Ended, *parts: str) -> None:
    assert ended.code == 2, ended
    assert "Traceback" not in ended.err
    for part in parts:
        assert part in ended.message


def test_the_good_eval_of_these_tests_runs(registry: Path) -> None:
    assert run(registry).code == 0


def test_a_missing_eval_names_the_nearest(registry: Path) -> None:
    refused(run(registry, "goood.dev.v1"), "goood.dev.v1", "good.dev.v1")


def test_an_alias_loop_names_its_chain(registry: Path) -> None:
    declare(registry, "loop", "one: two\ntwo: {id: one}\n")
    refused(run(registry, "one"), "one -> two -> one", "loop.yaml")


def test_a_duplicate_name_names_both_files(registry: Path) -> None:
    declare(registry, "again", "good.dev.v1: {id: other}\n")
    refused(run(registry), "again.yaml", "good.yaml")


def test_broken_yaml_names_file_and_line(registry: Path) -> None:
    declare(registry, "broken", "a.b.c:\n  class: [1, 2\n")
    refused(run(registry), "broken.yaml:")


def test_a_broken_line_names_file_and_line(registry: Path) -> None:
    write_samples(registry, "good.jsonl", [json.dumps(GOOD_SAMPLE), '{"input": '])
    refused(run(registry), "good.jsonl:2")


def test_a_sample_without_ideal_says_what_to_add(registry: Path) -> None:
    write_samples(registry, "good.jsonl", [json.dumps({"input": "Say yes"})])
    refused(run(registry), "good.jsonl:1", "ideal")


def test_an_empty_dataset_is_named(registry: Path) -> None:
    write_samples(registry, "good.jsonl", [])
    refused(run(registry), "good.jsonl", "no samples")


def test_a_missing_samples_file_is_named(registry: Path) -> None:
    (registry / "data" / "good.jsonl").unlink()
    refused(run(registry), "good.jsonl")


def test_an_unknown_embedded_model_names_the_known(registry: Path) -> None:
    refused(run(registry, "good.dev.v1", "--model", "embedded:tiny"), "tiny", "tiny-base")


def test_an_unknown_model_of_a_server_is_named(registry: Path, embedded_server: str) -> None:
    ended = run(registry, "good.dev.v1", "--model", "tinny-base", "--base-url", embedded_server)
    refused(ended, "tinny-base")


def test_a_server_that_is_down_is_named(registry: Path) -> None:
    address = "http://127.0.0.1:9/v1"
    refused(run(registry, "good.dev.v1", "--model", "m", "--base-url", address), address)


def test_a_wrong_key_stops_the_run_and_is_not_shown(registry: Path, keyed_server: str) -> None:
    options = ("--model", "tiny-base", "--base-url", keyed_server)
    ended = harness(
        "run",
        "good.dev.v1",
        "--registry",
        str(registry),
        *options,
        cwd=registry.parent,
        env={"OPENAI_API_KEY": KEY},
    )
    refused(ended, "key")
    assert KEY not in ended.err + ended.out
    written = (registry.parent / "reports").rglob("*")
    assert not any(KEY in path.read_text() for path in written if path.is_file())


def test_no_key_and_no_server_says_what_to_set(registry: Path) -> None:
    refused(run(registry, "good.dev.v1", "--model", "gpt-4o-mini"), "OPENAI_API_KEY", "--base-url")


def test_a_server_for_a_model_that_needs_none_is_refused(registry: Path) -> None:
    options = ("--model", "embedded:tiny-base", "--base-url", "http://127.0.0.1:9/v1")
    refused(run(registry, "good.dev.v1", *options), "embedded:tiny-base", "--base-url")


def test_the_environments_server_does_not_take_over_embedded_models(registry: Path) -> None:
    words = ("run", "good.dev.v1", "--registry", str(registry), "--model", "embedded:tiny-base")
    elsewhere = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    assert harness(*words, cwd=registry.parent, env=elsewhere).code == 0


def test_an_unfinished_run_is_not_mixed_with_a_new_one(registry: Path) -> None:
    out = registry.parent / "out"
    out.mkdir()
    (out / "journal.jsonl").write_text("")
    ended = run(registry, "good.dev.v1", "--model", "embedded:tiny-base", "--out", str(out))
    assert ended.code == 2
    assert str(out) in ended.message


def test_another_run_in_the_folder_says_what_differs(registry: Path) -> None:
    out = str(registry.parent / "out")
    options = ("--model", "embedded:tiny-base", "--out", out)
    assert run(registry, "good.dev.v1", *options).code == 0
    refused(run(registry, "good.dev.v1", *options, "--max-samples", "2"), "max_samples", "--out")


@pytest.mark.parametrize("concurrency", ["0", "-3", "many"])
def test_a_wrong_concurrency_is_refused(registry: Path, concurrency: str) -> None:
    options = ("--model", "embedded:tiny-base", "--concurrency", concurrency)
    refused(run(registry, "good.dev.v1", *options), "--concurrency")


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    refused(harness("report", str(tmp_path), cwd=tmp_path), str(tmp_path))
    refused(harness("advise", str(tmp_path / "nowhere"), cwd=tmp_path), "nowhere")


def test_an_unknown_command_or_option_is_a_usage_error(tmp_path: Path) -> None:
    for words in (["demoo"], ["run", "x", "--modell", "y"]):
        ended = harness(*words, cwd=tmp_path)
        assert ended.code == 2
        assert "Traceback" not in ended.err


def test_an_empty_ideal_is_told_before_the_run_and_in_the_report(
    registry: Path, tmp_path: Path
) -> None:
    empty = {**GOOD_SAMPLE, "ideal": ""}
    write_samples(registry, "good.jsonl", [json.dumps(GOOD_SAMPLE), json.dumps(empty)])
    answers = tmp_path / "answers.jsonl"
    answers.write_text(json.dumps({"prompt": "Say yes", "completion": "no"}) + "\n")
    model = f"recorded:{answers}"
    ran = harness("run", "good.dev.v1", "--registry", "reg", "-m", model, cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert "warn: good.dev.v1: 1 of 2 samples have an empty ideal" in ran.err
    report = json.loads((tmp_path / "reports" / "run" / "report.json").read_text())
    assert [found["rule"] for found in report["findings"]] == ["empty ideal"]


@pytest.mark.parametrize(
    "options",
    [
        ("--model", "embedded:tiny"),
        ("--model", "m", "--base-url", "http://127.0.0.1:9/v1"),
        ("--model", "recorded:missing.jsonl"),
        ("--model", "embedded:tiny-base", "--out", "mine/deep", "--resume"),
    ],
)
def test_an_error_before_the_first_answer_leaves_no_folder_and_no_hint(
    registry: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    before = set(tmp_path.iterdir())
    ended = run(registry, "good.dev.v1", *options)
    refused(ended)
    assert "--resume" not in ended.err.replace("without --resume", "")
    assert set(tmp_path.iterdir()) == before


def test_an_error_before_the_first_answer_leaves_what_was_there(
    registry: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("keep me")
    refused(run(registry, "good.dev.v1", "--model", "embedded:tiny", "--out", "mine"))
    assert [path.name for path in mine.iterdir()] == ["notes.txt"]


def test_resume_without_a_run_is_refused(registry: Path) -> None:
    options = ("--model", "embedded:tiny-base", "--out", "nowhere", "--resume")
    refused(run(registry, "good.dev.v1", *options), "nowhere", "no run to go on with", "--out")


def test_show_prints_the_whole_command(registry: Path) -> None:
    shown = harness("show", "good.dev.v1", "--registry", "reg", cwd=registry.parent)
    (command,) = [line for line in shown.out.splitlines() if line.startswith("Run it: ")]
    assert command == "Run it: harness run good.dev.v1 --registry reg --model MODEL"
    words = command.removeprefix("Run it: harness ").replace("MODEL", "embedded:tiny-base").split()
    assert harness(*words, cwd=registry.parent).code == 0


def test_a_mistyped_command_is_told_the_nearest(tmp_path: Path) -> None:
    ended = harness("runn", cwd=tmp_path)
    assert (ended.code, ended.message) == (2, "harness: no command 'runn'; did you mean 'run'?")
    assert "harness --help lists them" in harness("xyzzy", cwd=tmp_path).message


def test_a_mistyped_folder_is_named_when_runs_are_compared(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    ended = harness("compare", "run", "nonrun", cwd=tmp_path)
    assert ended.message.startswith("harness: nonrun: no such folder or log;")


def test_a_run_that_another_process_writes_was_not_stopped(tmp_path: Path, registry: Path) -> None:
    words = ("run", "good.dev.v1", "--registry", str(registry), "--model", "dummy")
    words = (*words, "--out", str(tmp_path / "run"))
    assert harness(*words, cwd=tmp_path).code == 0
    (tmp_path / "run" / "report.json").unlink()
    journal = os.open(tmp_path / "run" / "journal.jsonl", os.O_RDWR)
    fcntl.flock(journal, fcntl.LOCK_EX)
    try:
        ended = harness(*words, "--resume", cwd=tmp_path)
    finally:
        os.close(journal)
    assert "another process is writing it" in ended.message
    assert "Stopped" not in ended.err
    assert "Stopped" not in harness(*words, cwd=tmp_path).err  # unfinished, and no --resume
