"""The registry's own generation eval, asked, judged, marked anew and reported without a network."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.running.journal import latest

EVAL = "slogans.quality.v1"
PROMPTS = 30
DATA = Path(__file__).parents[2] / "datasets" / "slogans" / "heldout.jsonl"

Harness = Callable[..., int]


@pytest.fixture
def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Harness:
    """The command, in a folder with answers of two models and a judge's words on them."""
    lines = [json.loads(line) for line in DATA.read_text().splitlines()]
    said = {
        "good": lambda line: line["ideal"][:5],
        "collapsed": lambda line: [line["ideal"][0]] * 4 + ["no slogan here"],
        "refuses": lambda _: ["I'm sorry, but I cannot help with that."] * 5,
    }
    for model, answers in said.items():
        write(tmp_path / f"{model}.jsonl", [(i, answers(x)) for i, x in enumerate(lines)])
    verdicts = ["good", "fair", "poor"] * 9 + ["good", "fair", "Who knows?"]
    write(tmp_path / "judge.jsonl", [(i, [one]) for i, one in enumerate(verdicts)])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))

    def called(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["harness", *words])
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    return called


def write(path: Path, answers: list[tuple[int, list[str]]]) -> None:
    rows = ({"sample_id": f"slogans.quality.{i}", "completions": said} for i, said in answers)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def run(harness: Harness, model: str) -> dict[str, Any]:
    words = ("run", EVAL, "--model", f"recorded:{model}.jsonl", "--judge", "recorded:judge.jsonl")
    assert harness(*words, "--out", model) in (0, 1)
    report: dict[str, Any] = json.loads((Path(model) / "report.json").read_text())
    return report


def values(report: dict[str, Any], model: int = 0) -> dict[str, float]:
    return {name: one["value"] for name, one in report["evals"][model]["metrics"].items()}


def test_quality_form_length_and_refusals_stand_beside_diversity(harness: Harness) -> None:
    report = run(harness, "good")
    found = values(report)
    assert found["accuracy"] == pytest.approx((10 + 0.5 * 10) / 29)
    assert report["evals"][0]["excluded"] == 1
    assert found["format"] == 1.0
    assert found["good"] == pytest.approx(20 / 29)
    assert found["refusal_share"] == 0.0
    assert 10 < found["words"] < 20
    assert found["good_and_different"] < found["distinct_k"] / 5
    assert report["evals"][0]["metrics"]["good_and_different"]["n"] == 29
    assert report["repetitions"][0]["answers"] == 5 * PROMPTS


def test_a_judgement_without_a_choice_is_left_out_and_counted(harness: Harness) -> None:
    (exclusion,) = run(harness, "good")["exclusions"]
    assert (exclusion["count"], exclusion["kind"]) == (3, "no_mark")
    assert exclusion["example"] == "no choice in the judgement"


def test_the_judge_reads_only_the_stated_number_of_answers(harness: Harness) -> None:
    run(harness, "good")
    outcomes = list(latest(Path("good/journal.jsonl")))
    judged = [o.repeat for o in outcomes for score in o.scores.values() if score.judged]
    assert sorted(set(judged)) == [0, 1, 2]
    assert len(judged) == 3 * PROMPTS


def test_a_collapse_and_refusals_show_beside_a_good_model(harness: Harness) -> None:
    for model in ("good", "collapsed", "refuses"):
        run(harness, model)
    assert harness("compare", "good", "collapsed", "refuses", "--out", "compared") in (0, 1)
    report = json.loads(Path("compared/report.json").read_text())
    assert values(report, 1)["good_and_different"] < values(report, 0)["good_and_different"] / 2
    refusing = values(report, 2)
    assert (refusing["refusal_share"], refusing["good_and_different"]) == (1.0, 0.0)
    told = {(one["tuned"], one["metric"]): one["delta"]["value"] for one in report["comparisons"]}
    assert told[("refuses.jsonl", "refusal_share")] == 1.0
    assert told[("refuses.jsonl", "format")] == -1.0
    assert any(one["rule"] == "over-refusal" for one in report["findings"])


def test_marking_anew_reads_what_the_judge_said(harness: Harness) -> None:
    before = values(run(harness, "good"))
    assert harness("regrade", "good", "--out", "again") == 0
    assert values(json.loads(Path("again/report.json").read_text())) == before


POLICY = """
graded: 90%
evals:
  "slogans*":
    ceilings: {refusal_share: 5%}
    metrics:
      good_and_different: {non_inferior: 5%}
      utility: {floor: 5%}
      words: {direction: lower, ceiling: 30}
      refusal_share: {direction: lower, non_inferior: 1%}
      format: {floor: 90%}
"""


def test_a_policy_names_what_is_measured_beside_the_grader(harness: Harness) -> None:
    for model in ("good", "collapsed"):
        run(harness, model)
    Path("policy.yaml").write_text(POLICY)
    assert harness("compare", "good", "collapsed", "--policy", "policy.yaml", "--out", "c") == 1
    checks = json.loads(Path("c/report.json").read_text())["gate"]["checks"]
    found = {(one["demand"], one["metric"]): one["outcome"] for one in checks}
    assert found == {
        ("ceiling", "refusal_share"): "inconclusive",
        ("non_inferior", "good_and_different"): "fail",
        ("floor", "utility"): "pass",
        ("ceiling", "words"): "pass",
        ("non_inferior", "refusal_share"): "inconclusive",
        ("floor", "format"): "fail",
    }
