"""What calls return: frames that add up, cards and text that say the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import harness
from harness.records import Policy, Rule

EVAL = "colours.test.v1"


async def mostly(request: harness.Request) -> str:
    number = int(request.sample_id.rpartition(".")[2])
    if number == 3:
        raise ValueError("<b>no</b> \x1b[31m idea")
    return "red" if number % 5 == 0 else "blue"


def red(request: harness.Request) -> str:
    return "red"


@pytest.fixture
def found(settings: harness.Settings) -> harness.Results:
    settings = harness.Settings(
        registry=settings.registry,
        data=settings.data,
        policy=Policy("p", (Rule("superior", "*"),), graded=0.9),
    )
    return harness.compare(red, mostly, evals=EVAL, out="run", settings=settings)


def test_metrics_follow_from_samples(found: harness.Results) -> None:
    means = found.samples().groupby("model")["score"].mean()
    own = found.metrics().query("metric == 'accuracy'").set_index("model")
    assert own["value"].to_dict() == pytest.approx(means.to_dict())
    assert own["excluded"].to_dict() == {"red": 0, "mostly": 1}


def test_samples_can_be_chosen(found: harness.Results) -> None:
    assert len(found.samples()) == 60
    assert len(found.samples(EVAL, "mostly")) == 30
    assert len(found.samples(evals="colours.*", models=["red", "mostly"])) == 60


def test_missing_numbers_are_missing_and_texts_are_texts(found: harness.Results) -> None:
    samples = found.samples(models="mostly")
    failed = samples[samples["failure"] != ""].iloc[0]
    assert failed["score"] != failed["score"]
    assert failed["answer"] == ""
    assert str(samples["prompt_tokens"].dtype) == "Int64"
    assert samples["prompt_tokens"].isna().all()


def test_card_and_text_say_the_verdict_without_what_means_harm(found: harness.Results) -> None:
    card, text = found._repr_html_(), repr(found)
    assert "better" in card
    assert "better than base" in text
    assert "<b>no</b>" not in card
    assert "\x1b" not in card + text
    assert "run/report.html" in text


def test_a_gate_is_a_row_for_each_check(found: harness.Results) -> None:
    assert found.gate is not None
    frame = found.gate.frame()
    assert list(frame["outcome"]) == ["pass"]
    assert frame.loc[0, "base"] == "red"
    assert "Gate" in found.gate._repr_html_()
    assert repr(found.gate).startswith("PASS: 1 check passed")


def test_reports_are_what_the_files_hold(found: harness.Results) -> None:
    assert found.json() == json.loads(Path("run/report.json").read_text())
    assert found.markdown() == Path("run/report.md").read_text()


def test_without_epochs_there_is_no_advice(found: harness.Results) -> None:
    assert len(found.advice) == 0
    assert repr(found.advice) == "no advice"
    assert list(found.advice.frame()) == list(harness.api.frames.ADVICE)
    with pytest.raises(harness.HarnessError, match="advice needs a study"):
        harness.advise(found)


def test_a_folder_says_the_same_later(found: harness.Results) -> None:
    later = harness.load_run("run")
    assert later.metrics().equals(found.metrics())
    assert later.findings().equals(found.findings())
