"""Logs of Inspect as marked answers. The logs were written by inspect-ai 0.3.285.

Its events and tracebacks were taken out of them, to keep them small.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import DatasetError
from harness.importing import ForeignRun
from harness.importing.inspect_logs import number_of, read_inspect_log

EXAMPLE = Path(__file__).parents[2] / "docs" / "import-example" / "inspect"
SUMS = EXAMPLE / "base" / "sums.eval"
CHOICE = EXAMPLE / "base" / "sums_choice.json"
JUDGED = Path(__file__).parent / "inspect" / "sums_judged.eval"


def marks(run: ForeignRun) -> dict[str, float | None]:
    return {one.sample_id: one.scores["accuracy"].value for one in run.outcomes if one.scores}


def test_every_scorer_is_an_eval_of_its_own() -> None:
    match, includes = read_inspect_log(SUMS)
    assert (match.spec.name, includes.spec.name) == ("sums.match", "sums.includes")
    assert {run.model for run in (match, includes)} == {"openai/base"}
    assert match.tool == "inspect-ai 0.3.285"
    assert marks(match)["sum-7"] == 0.0  # "The answer is 21.", and the match is exact
    assert marks(includes)["sum-7"] == 1.0


def test_a_sample_is_its_prompt_and_targets() -> None:
    sample = read_inspect_log(SUMS)[0].samples["sum-4"]
    assert [m["role"] for m in sample.messages] == ["system", "user"]
    assert sample.messages[-1]["content"] == "What is 4 + 8? Answer with the number alone."
    assert sample.ideal == ("12",)


def test_an_answer_keeps_its_tokens_time_and_reason_to_stop() -> None:
    (seventh,) = (o for o in read_inspect_log(SUMS)[0].outcomes if o.sample_id == "sum-7")
    assert seventh.completion is not None
    assert seventh.completion.text == "The answer is 21."
    assert seventh.completion.finish_reason == "length"
    assert seventh.completion.usage is not None
    assert seventh.completion.usage.completion_tokens == 3
    assert seventh.completion.latency_s > 0


def test_a_sample_that_failed_is_no_wrong_answer() -> None:
    (failed,) = (o for o in read_inspect_log(SUMS)[0].outcomes if o.failure)
    assert failed.sample_id == "sum-11"
    assert failed.scores == {}
    assert "this prompt is refused" in failed.failure.message if failed.failure else False


def test_options_are_what_the_model_was_shown() -> None:
    (run,) = read_inspect_log(CHOICE)
    sample = run.samples["1"]
    assert sample.ideal == ("B",)
    assert "B) 2" in sample.messages[0]["content"]
    assert marks(run) == {str(i): float(i in (1, 4, 6, 7)) for i in range(1, 9)}


def test_epochs_are_repeats_and_the_judge_is_paid_for() -> None:
    (run,) = read_inspect_log(JUDGED)
    assert run.spec.repeats == 2
    assert sorted({one.repeat for one in run.outcomes}) == [0, 1]
    assert all(one.scores["accuracy"].judged for one in run.outcomes)
    (judged,) = run.outcomes[0].scores["accuracy"].judged
    assert judged.usage is not None
    assert judged.usage.prompt_tokens > 0


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("C", 1.0),
        ("I", 0.0),
        ("P", 0.5),
        ("N", 0.0),
        ("yes", 1.0),
        ("False", 0.0),
        (True, 1.0),
        (0.25, 0.25),
        ("0.75", 0.75),
        ("c", None),
        ("nan", None),
        (float("inf"), None),
        (10**400, None),
        ([1], None),
        (None, None),
    ],
)
def test_marks_are_read_as_inspects_accuracy_reads_them(value: Any, number: float | None) -> None:
    assert number_of(value) == number


# --- logs that were changed ----------------------------------------------------------


def changed(tmp_path: Path, change: Callable[[Any], object]) -> Path:
    log = json.loads(CHOICE.read_text())
    change(log)
    path = tmp_path / "log.json"
    path.write_text(json.dumps(log))
    return path


def test_a_scorer_with_several_values_is_several_evals(tmp_path: Path) -> None:
    def change(log: Any) -> None:
        for sample in log["samples"]:
            sample["scores"]["choice"]["value"] = {"style": "P", "fact": 1}

    runs = read_inspect_log(changed(tmp_path, change))
    found = {run.spec.name: set(marks(run).values()) for run in runs}
    assert found == {"sums_choice.choice.style": {0.5}, "sums_choice.choice.fact": {1.0}}


def test_a_mark_that_is_no_number_is_no_mark_and_is_told(tmp_path: Path) -> None:
    def change(log: Any) -> None:
        log["samples"][0]["scores"]["choice"]["value"] = "excellent"

    (run,) = read_inspect_log(changed(tmp_path, change))
    score = run.outcomes[0].scores["accuracy"]
    assert (score.value, score.reason) == (None, "the mark 'excellent' is no number")
    assert any("are no numbers" in note for note in run.notes)


def test_a_run_that_was_stopped_is_told(tmp_path: Path) -> None:
    (run,) = read_inspect_log(changed(tmp_path, lambda log: log.update(status="cancelled")))
    assert not run.ended
    assert run.notes == ("the run did not come to its end (status cancelled)",)


def test_long_texts_are_put_back_in_their_places(tmp_path: Path) -> None:
    def change(log: Any) -> None:
        sample = log["samples"][0]
        sample["attachments"] = {"abc": "a long question"}
        sample["messages"][0]["content"] = "attachment://abc"

    (run,) = read_inspect_log(changed(tmp_path, change))
    assert run.samples["1"].messages[0]["content"] == "a long question"


def test_averages_alone_are_refused_with_the_way_out(tmp_path: Path) -> None:
    path = changed(tmp_path, lambda log: log.pop("samples"))
    with pytest.raises(DatasetError, match=r"cannot be paired sample by.*--no-log-samples"):
        read_inspect_log(path)


def test_a_log_without_marks_is_refused_with_the_way_out(tmp_path: Path) -> None:
    def change(log: Any) -> None:
        for sample in log["samples"]:
            sample["scores"] = {}

    with pytest.raises(DatasetError, match="'inspect score' first"):
        read_inspect_log(changed(tmp_path, change))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"eval": 1}', b"PK\x03\x04rest"])
def test_what_is_no_log_is_told_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "some.json"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"some\.json") as told:
        read_inspect_log(path)
    assert "\n" not in str(told.value)
