"""harness gate from end to end: its outcomes, exit codes and files; what never passes."""

from __future__ import annotations

import json
import random
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator

from harness.cli import main
from harness.reports.json import SCHEMA

N = 120
EVAL = """
sums.test.v1:
  class: evals.elsuite.basic.match:Match
  args: {samples_jsonl: sums.jsonl}
"""
POLICY = 'evals: {"sums.*": {non_inferior: {margin: 5%}}}\n'
Harness = Callable[..., int]
RNG = random.Random(7)
BASE = frozenset(i for i in range(N) if RNG.random() < 0.7)
MARKS: Mapping[str, frozenset[int]] = {
    "base": BASE,
    "better": BASE | {i for i in range(N) if RNG.random() < 0.5},
    "worse": frozenset(i for i in BASE if RNG.random() < 0.7),
    "alike": (BASE - set(sorted(BASE)[:5])) | set([i for i in range(N) if i not in BASE][:4]),
}


def answers(model: str, right: Iterable[int], asked: Iterable[int] = range(N)) -> str:
    known = frozenset(right)
    lines = (
        {"sample_id": f"sums.test.{i}", "model": model, "text": str(i + 1) if i in known else "no"}
        for i in asked
    )
    return "".join(json.dumps(line) + "\n" for line in lines)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a registry, answers of four models, and a policy; we are in it."""
    (tmp_path / "reg" / "evals").mkdir(parents=True)
    (tmp_path / "reg" / "data").mkdir()
    (tmp_path / "reg" / "evals" / "sums.yaml").write_text(EVAL)
    lines = (json.dumps({"input": f"{i}+1=", "ideal": str(i + 1)}) for i in range(N))
    (tmp_path / "reg" / "data" / "sums.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "answers.jsonl").write_text(
        "".join(answers(model, right) for model, right in MARKS.items())
    )
    (tmp_path / "policy.yaml").write_text(POLICY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def harness(place: Path, monkeypatch: pytest.MonkeyPatch) -> Harness:
    """Call the command line, and return its exit code."""

    def called(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["harness", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return called


def study(place: Path, *models: str, policy: str = "", **fields: str) -> str:
    name = f"{'-'.join(models)}.yaml"
    asked = {"provider": "recorded", "answers": "answers.jsonl", "base": "base", **fields}
    text = "".join(f"  {key}: {value}\n" for key, value in asked.items())
    text = f"s:\n{text}  others: [{', '.join(models)}]\n  evals: [sums.test.v1]\n"
    (place / name).write_text(text + (f"  policy: {policy}\n" if policy else ""))
    return name


def asked(harness: Harness, place: Path, *models: str, words: tuple[str, ...] = ()) -> str:
    """Run a study without a policy; the folder's name."""
    out = f"run-{'-'.join(models)}"
    assert harness("study", study(place, *models), "--registry", "reg", "--out", out, *words) == 0
    return out


def log(path: Path, model: str, right: Iterable[int], **change: Any) -> str:
    """A log of Match as OpenAI evals writes it."""
    known, run = frozenset(right), {"run_id": model}
    config = {"eval_spec": {"cls": "evals.elsuite.basic.match:Match", "args": {}}}
    spec = {"completion_fns": [model], "eval_name": "sums.test.v1", "run_config": config, **run}
    lines: list[dict[str, Any]] = [{"spec": spec}]
    for i in change.get("asked", range(N)):
        about = {**run, "sample_id": f"sums.test.{i}"}
        said = str(i + 1) if i in known else "no"
        sampling = {"prompt": [{"role": "user", "content": f"{i}+1="}], "sampled": [said]}
        match = {"correct": i in known, "expected": str(i + 1), "picked": said}
        for kind, data in (("sampling", sampling), ("match", match)):
            lines.append({**about, "event_id": len(lines), "type": kind, "data": data})
    if change.get("ended", True):
        lines.append({"final_report": {}, **run})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


# --- the three outcomes --------------------------------------------------------------


@pytest.mark.parametrize(("model", "code"), [("better", 0), ("worse", 1), ("alike", 3)])
def test_a_folder_passes_fails_or_is_inconclusive(
    harness: Harness, place: Path, model: str, code: int
) -> None:
    folder = asked(harness, place, model)
    assert harness("gate", folder, "--policy", "policy.yaml") == code


@pytest.mark.parametrize(("model", "code"), [("better", 0), ("worse", 1), ("alike", 3)])
def test_two_logs_pass_fail_or_are_inconclusive(
    harness: Harness, place: Path, model: str, code: int
) -> None:
    base = log(place / "base.jsonl", "base", MARKS["base"])
    tuned = log(place / "tuned.jsonl", model, MARKS[model])
    assert harness("gate", base, tuned, "--policy", "policy.yaml") == code


def test_a_log_and_a_folder_can_be_paired(harness: Harness, place: Path) -> None:
    asked(harness, place, "better")
    base = log(place / "base.jsonl", "base", MARKS["base"])
    assert harness("gate", base, "run-better#better", "--policy", "policy.yaml") == 0


def test_a_study_with_a_policy_ends_with_the_gates_code_and_writes_junit(
    harness: Harness, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for model, code, outcome in (("better", 0, "pass"), ("worse", 1, "fail")):
        name = study(place, model, policy=POLICY.removeprefix("evals: ").join(("{evals: ", "}")))
        assert harness("study", name, "--registry", "reg", "--out", model) == code
        assert f"Gate: {outcome.upper()}" in capsys.readouterr().out
        report = json.loads((place / model / "report.json").read_text())
        Draft202012Validator(json.loads(SCHEMA.read_text())).validate(report)
        assert report["gate"]["outcome"] == outcome
        assert ET.parse(place / model / "junit.xml").getroot().tag == "testsuites"
        assert "Gate: " in (place / model / "report.html").read_text()
        assert "Gate: " in (place / model / "report.md").read_text()
        assert harness("gate", model) == code


def test_a_policy_can_be_named_on_run_and_compare(harness: Harness, place: Path) -> None:
    words = ("--registry", "reg", "--policy", "policy.yaml")
    model = "recorded:answers.jsonl#"
    (place / "floor.yaml").write_text('evals: {"sums.*": {floor: 60%}}')
    ran = ("run", "sums.test.v1", "-m", model + "base", "--registry", "reg", "--out", "r")
    assert harness(*ran, "--policy", "floor.yaml") == 0
    assert harness("gate", "r", "--policy", "policy.yaml") == 4  # nothing to compare with
    ran = ("run", "sums.test.v1", "-m", model + "worse", "--registry", "reg", "--out", "w")
    assert harness(*ran) == 0
    assert harness("compare", "r", "w", "--out", "c", *words) == 1
    assert harness("gate", "r", "w", "--policy", "policy.yaml") == 1


def test_the_best_of_several_is_judged_unless_one_is_named(
    harness: Harness, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = asked(harness, place, "worse", "better", "alike")
    capsys.readouterr()
    assert harness("gate", folder, "--policy", "policy.yaml") == 0
    assert "picked from 3 models" in " ".join(capsys.readouterr().out.split())
    assert harness("gate", folder, "--policy", "policy.yaml", "--tuned", "worse") == 1
    named = ("--base", "worse", "--tuned", "base")
    assert harness("gate", folder, "--policy", "policy.yaml", *named) == 0


def test_what_inconclusive_means_changes_how_loud_it_is_but_no_code(
    harness: Harness, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = asked(harness, place, "alike")
    (place / "quiet.yaml").write_text("inconclusive: warn\n" + POLICY)
    capsys.readouterr()
    for policy, level, failures in (("policy.yaml", "error", "1"), ("quiet.yaml", "warning", "0")):
        words = ("--policy", policy, "--github", "--junit", "j.xml")
        assert harness("gate", folder, *words) == 3
        assert f"::{level} title=harness gate::INCONCLUSIVE" in capsys.readouterr().out
        assert ET.parse(place / "j.xml").getroot().get("failures") == failures


# --- the files -----------------------------------------------------------------------


def test_github_gets_annotations_a_summary_and_outputs(
    harness: Harness,
    place: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = asked(harness, place, "worse")
    summary, output = place / "summary.md", place / "output"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_OUTPUT", str(output))
    capsys.readouterr()
    assert harness("gate", folder, "--policy", "policy.yaml", "--github") == 1
    lines = capsys.readouterr().out.splitlines()
    (first, second) = [line for line in lines if line.startswith("::")]
    assert first.startswith("::error title=harness gate::FAIL: ")
    assert second.startswith("::error title=sums.test.v1%3A not worse::FAIL: worse: a drop of up")
    assert summary.read_text().startswith("before\n# Gate: ❌ FAIL")
    assert output.read_text() == "outcome=fail\nchecks=1\n"


def test_json_markdown_and_junit_say_the_same(harness: Harness, place: Path) -> None:
    folder = asked(harness, place, "alike")
    files = ("--json", "g.json", "--markdown", "g.md", "--junit", "g.xml")
    assert harness("gate", folder, "--policy", "policy.yaml", *files) == 3
    told = json.loads((place / "g.json").read_text())
    (check,) = told["checks"]
    assert (told["outcome"], check["outcome"]) == ("inconclusive", "inconclusive")
    assert check["asked"] == "a drop of up to 5 points is accepted"
    assert check["estimate"]["n"] == N
    assert check["needed"] > 0
    assert "a drop of up to 5 points is accepted" in (place / "g.md").read_text()
    (case,) = ET.parse(place / "g.xml").getroot().iter("testcase")
    failure = case.find("failure")
    assert failure is not None
    assert "more samples like these would decide" in str(failure.get("message"))


# --- what never passes ---------------------------------------------------------------


def never_blamed(capsys: pytest.CaptureFixture[str], reason: str) -> None:
    out = " ".join(capsys.readouterr().out.split())
    assert "COULD NOT JUDGE" in out
    assert reason in out


def test_dropped_samples(harness: Harness, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "answers.jsonl").write_text(
        answers("base", BASE) + answers("better", MARKS["better"], sorted(MARKS["better"]))
    )
    folder = asked(harness, place, "better")
    assert harness("gate", folder, "--policy", "policy.yaml") == 4
    never_blamed(capsys, "not recorded")


def test_a_part_of_the_data(
    harness: Harness, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = asked(harness, place, "better", words=("--max-samples", "50"))
    assert harness("gate", folder, "--policy", "policy.yaml") == 4
    never_blamed(capsys, f"only 50 of the {N} samples of the data were asked for")
    (place / "part.yaml").write_text("samples: 50\n" + POLICY)
    assert harness("gate", folder, "--policy", "part.yaml") in (0, 3)


def test_a_truncated_data_file(
    harness: Harness, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = asked(harness, place, "better")
    data = place / "reg" / "data" / "sums.jsonl"
    whole = data.read_text().splitlines(keepends=True)
    for kept in (whole[:60], []):
        data.write_text("".join(kept))
        assert harness("gate", folder, "--policy", "policy.yaml") == 4
        never_blamed(capsys, "has changed since the run")


def test_an_empty_data_file(
    harness: Harness, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "reg" / "data" / "sums.jsonl").write_text("")
    assert harness("study", study(place, "better"), "--registry", "reg", "--out", "empty") == 2
    assert harness("gate", "empty", "--policy", "policy.yaml") == 4
    never_blamed(capsys, "no such run folder")


def test_a_truncated_journal(
    harness: Harness, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = asked(harness, place, "better")
    journal = place / folder / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[:-10]))
    assert harness("gate", folder, "--policy", "policy.yaml") == 4
    never_blamed(capsys, f"10 of {N} answers have no mark (10 not asked)")
    journal.write_text("".join(lines[:1]))
    assert harness("gate", folder, "--policy", "policy.yaml") == 4


def test_an_answer_marked_twice(
    harness: Harness, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = asked(harness, place, "better")
    with (place / folder / "journal.jsonl").open("r+") as journal:
        last = journal.readlines()[-1]
        journal.write(last)
    assert harness("gate", folder, "--policy", "policy.yaml") == 4
    never_blamed(capsys, "twice")


def test_marks_that_are_no_numbers(
    harness: Harness, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = asked(harness, place, "better")
    journal = place / folder / "journal.jsonl"
    text = journal.read_text()
    assert '"value":1.0' in text
    journal.write_text(text.replace('"value":1.0', '"value":null', 5))
    assert harness("gate", folder, "--policy", "policy.yaml") == 4
    never_blamed(capsys, "no mark")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ended": False}, "no final report"),
        ({"asked": range(N - 20)}, "have no mark"),
        ({"asked": [*range(N), 3]}, "answered more often"),
    ],
)
def test_logs_that_are_not_whole(
    harness: Harness,
    place: Path,
    capsys: pytest.CaptureFixture[str],
    change: Mapping[str, Any],
    reason: str,
) -> None:
    base = log(place / "base.jsonl", "base", MARKS["base"])
    tuned = log(place / "tuned.jsonl", "better", MARKS["better"], **change)
    assert harness("gate", base, tuned, "--policy", "policy.yaml") == 4
    never_blamed(capsys, reason)


def test_two_logs_of_the_same_part_where_the_registry_knows_the_whole(
    harness: Harness, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = range(60)
    base = log(place / "base.jsonl", "base", MARKS["base"], asked=part)
    tuned = log(place / "tuned.jsonl", "better", MARKS["better"], asked=part)
    words = ("--policy", "policy.yaml", "--registry", "reg")
    assert harness("gate", base, tuned, *words) == 4
    never_blamed(capsys, f"only 60 of the {N} samples")


def test_samples_are_paired_by_id_and_never_by_prompt(
    harness: Harness, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = log(place / "base.jsonl", "base", MARKS["base"])
    tuned = log(place / "tuned.jsonl", "better", MARKS["better"])
    text = Path(tuned).read_text().replace('"sums.test.', '"sums.test.9')
    Path(tuned).write_text(text)
    assert harness("gate", base, tuned, "--policy", "policy.yaml") == 4
    never_blamed(capsys, "COULD NOT JUDGE")


def test_a_server_that_is_down(
    harness: Harness, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    name = study(place, "better", policy="no-worse")
    text = (place / name).read_text().replace("  answers: answers.jsonl\n", "")
    (place / name).write_text(text.replace("provider: recorded", f"base_url: {url}"))
    words = ("--registry", "reg", "--out", "down", "--max-samples", "3")
    assert harness("study", name, *words) == 4
    assert "COULD NOT JUDGE" in capsys.readouterr().err
    assert harness("gate", "down", "--policy", "policy.yaml") == 4


# --- wrong use -----------------------------------------------------------------------


def test_wrong_use_is_one_line_and_code_2(
    harness: Harness, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = asked(harness, place, "better")
    for words, said in (
        ((folder,), "--policy is missing"),
        ((folder, "--policy", "no-wors"), "did you mean 'no-worse'"),
        ((folder, "--policy", "policy.yaml", "--tuned", "bettr"), "did you mean 'better'"),
        ((folder, folder, folder, "--policy", "policy.yaml"), "3 places"),
        ((folder, folder, "--policy", "policy.yaml"), "holds 2 models; name one"),
        ((folder, "--policy", "policy.yaml", "--junit", "no/j.xml"), "cannot be written"),
    ):
        capsys.readouterr()
        assert harness("gate", *words) == 2
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1


# --- early stopping ------------------------------------------------------------------


@pytest.mark.parametrize("way", [("--looks", "5"), ("--any-time",)])
def test_a_run_stops_when_the_gate_is_decided_and_says_so(
    harness: Harness, place: Path, way: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "floor.yaml").write_text('evals: {"sums.*": {floor: 95%}}\n')
    words = ("--registry", "reg", "--policy", "floor.yaml", *way)
    assert harness("study", study(place, "worse"), "--out", "early", *words) == 1
    asked = len((place / "early" / "journal.jsonl").read_text().splitlines()) - 1
    assert 0 < asked < 2 * N
    report = json.loads((place / "early" / "report.json").read_text())
    (note,) = [one for one in report["findings"] if one["rule"] == "looks"]
    assert "stopped early, the gate was decided" in note["message"]
    assert note["evidence"] == {"asked": asked // 2, "of": N}
    assert report["exclusions"] == []
    assert report["evals"][0]["metrics"]["accuracy"]["n"] == asked // 2
    assert harness("gate", "early") == 1
    capsys.readouterr()
    assert harness("gate", "early", "--policy", "no-worse") == 4
    never_blamed(capsys, "stopped early by a policy of its own")


def test_a_run_that_stays_open_asks_everything_and_can_be_judged_by_others(
    harness: Harness, place: Path
) -> None:
    words = ("--registry", "reg", "--policy", "policy.yaml", "--looks", "4")
    assert harness("study", study(place, "alike"), "--out", "open", *words) == 3
    assert len((place / "open" / "journal.jsonl").read_text().splitlines()) == 2 * N + 1
    assert harness("gate", "open", "--policy", "no-worse") == 3
    (place / "floor.yaml").write_text('evals: {"sums.*": {floor: 40%}}\n')
    assert harness("gate", "open", "--policy", "floor.yaml") == 0


def test_a_stopped_run_is_taken_up_where_it_ended(harness: Harness, place: Path) -> None:
    (place / "floor.yaml").write_text('evals: {"sums.*": {floor: 95%}}\n')
    words = ("--registry", "reg", "--policy", "floor.yaml", "--looks", "5", "--out", "early")
    name = study(place, "worse")
    assert harness("study", name, *words) == 1
    before = (place / "early" / "journal.jsonl").read_text()
    assert harness("study", name, *words, "--resume") == 1
    assert (place / "early" / "journal.jsonl").read_text() == before


def test_looks_need_a_policy_and_one_model(
    harness: Harness, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--registry", "reg", "--out", "x", "--looks", "5")
    assert harness("study", study(place, "worse"), *words) == 2
    assert "need a policy" in capsys.readouterr().err
    two = study(place, "worse", "better")
    assert harness("study", two, *words, "--policy", "policy.yaml") == 2
    assert "one tuned model" in capsys.readouterr().err
