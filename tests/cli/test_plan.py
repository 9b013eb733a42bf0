"""harness plan: samples and repeats by what a run has shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.analysis import stats
from harness.cli import main
from harness.cli.plan import lines_of
from harness.errors import UsageError
from harness.pipeline.finished.planning import plan_of
from harness.records import Price

EVAL = """
sums.test.v1:
  class: evals.elsuite.basic.match:Match
  args: {samples_jsonl: sums.jsonl}
"""
N = 100
Harness = Callable[..., int]


@pytest.fixture
def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Harness:
    (tmp_path / "reg" / "evals").mkdir(parents=True)
    (tmp_path / "reg" / "data").mkdir()
    (tmp_path / "reg" / "evals" / "sums.yaml").write_text(EVAL)
    lines = (json.dumps({"input": f"{i}+1=", "ideal": "yes"}) for i in range(N))
    (tmp_path / "reg" / "data" / "sums.jsonl").write_text("\n".join(lines) + "\n")
    right = {"base": lambda i, _: i % 2 == 0, "tuned": lambda i, _: i % 2 == 0 or i % 10 == 1}
    right["wavering"] = lambda i, repeat: (i + repeat) % 3 > 0
    answers = (
        {
            "sample_id": f"sums.test.{i}",
            "model": model,
            "completion": {
                "text": "yes" if is_right(i, repeat) else "no",
                "usage": {"prompt_tokens": 90, "completion_tokens": 10},
            },
        }
        for model, is_right in right.items()
        for i in range(N)
        for repeat in range(4)
    )
    (tmp_path / "answers.jsonl").write_text("".join(json.dumps(one) + "\n" for one in answers))
    (tmp_path / "pair.yaml").write_text(
        "s: {provider: recorded, answers: answers.jsonl, base: base, others: [tuned],"
        " evals: [sums.test.v1]}"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))

    def called(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["harness", *words])
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    return called


def run(harness: Harness, model: str, *words: str) -> str:
    where = ("--registry", "reg", "--out", model)
    assert (
        harness("run", "sums.test.v1", "-m", f"recorded:answers.jsonl#{model}", *where, *words) == 0
    )
    return model


def pair(harness: Harness) -> str:
    assert harness("study", "pair.yaml", "--registry", "reg", "--out", "pair") == 0
    return "pair"


def test_a_pair_plans_by_its_discordance(
    harness: Harness, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = pair(harness)
    capsys.readouterr()
    assert harness("plan", "--eval", "sums.test.v1", "--base", folder, "--detect", "5pp") == 0
    out = capsys.readouterr().out
    assert "to find a difference of 5 points with 80% power" in out
    assert "samples on which exactly one is right: 10%" in out
    assert f"{stats.samples_needed(0.05, 0.1):,} samples to show a gain of 5 points" in out
    assert f"{stats.samples_for_margin(0.05, 0.1):,} samples to show no drop" in out
    assert "about 200 tokens, both models together" in out


@pytest.mark.parametrize("written", ["3pp", "3%", "0.03", "3 points"])
def test_a_difference_is_written_as_people_do(harness: Harness, written: str) -> None:
    assert harness("plan", "--base", pair(harness), "--detect", written) == 0


def test_one_model_plans_as_if_two_were_right_independently(harness: Harness) -> None:
    found = plan_of(run(harness, "base"), 0.05)
    assert found.tuned is None
    assert found.discordance is not None
    assert found.discordance.value == pytest.approx(0.5)
    assert found.discordance.high <= 0.5
    assert found.needs[0].gain == stats.samples_needed(0.05, 0.5)


def test_repeats_save_prompts_where_answers_vary(harness: Harness) -> None:
    found = plan_of(run(harness, "wavering", "--repeats", "4"), 0.05)
    assert [need.repeats for need in found.needs] == [1, 2, 4, 8]
    gains = [need.gain for need in found.needs]
    assert gains == sorted(gains, reverse=True)
    assert gains[0] > gains[-1]
    assert not found.prompts_dominate


def test_a_price_gives_the_cost_of_both_models(harness: Harness) -> None:
    found = plan_of(pair(harness), 0.05)
    assert found.needs[0].cost_usd == 0  # recorded answers are free
    from harness.pipeline.finished.planning import _cost_of
    from harness.pipeline.finished.read_back import read_tracks
    from harness.pipeline.folder.runfolder import RunFolder
    from harness.pipeline.measuring.spending import Payers

    folder = RunFolder(Path("pair"))
    (track,) = read_tracks(folder, folder.read())
    answers = track.of("base")
    assert answers is not None
    paid = Payers([{"base": Price(1.0, 10.0)}], "openai")
    assert _cost_of(answers, paid) == pytest.approx(190e-6)
    assert _cost_of(answers, Payers([], "openai")) is None


def test_the_words_say_when_the_data_are_too_few(harness: Harness) -> None:
    lines = list(lines_of(plan_of(pair(harness), 0.02)))
    assert lines[-1] == "  the data hold 100 samples, fewer than that"


def test_wrong_use_is_one_line(harness: Harness, capsys: pytest.CaptureFixture[str]) -> None:
    folder = pair(harness)
    for words, said in (
        (("--base", folder, "--detect", "much"), "give a difference such as 3pp"),
        (("--base", folder, "--detect", "3pp", "--eval", "sums.tset.v1"), "did you mean"),
        (("--base", folder, "--detect", "3pp", "--tuned", "tund"), "did you mean 'tuned'"),
        (("--base", "nowhere", "--detect", "3pp"), "no such run folder"),
    ):
        capsys.readouterr()
        assert harness("plan", *words) == 2
        assert said in capsys.readouterr().err
    with pytest.raises(UsageError):
        plan_of(folder, 0.03, "other")
