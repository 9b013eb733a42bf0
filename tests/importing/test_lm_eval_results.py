"""Results of lm-eval with their samples. The files were written by lm-eval 0.4.13."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import DatasetError
from harness.importing import ForeignRun
from harness.importing.foreign import DATA
from harness.importing.lm_eval_results import read_lm_eval_results

EXAMPLE = Path(__file__).parents[2] / "docs" / "import-example" / "lm-eval"
CHOICES = Path(__file__).parent / "lm-eval"


def results_in(folder: Path) -> Path:
    (path,) = folder.glob("results_*.json")
    return path


def marks(run: ForeignRun) -> dict[str, float | None]:
    return {one.sample_id: one.scores["accuracy"].value for one in run.outcomes}


def test_every_metric_and_filter_is_an_eval_of_its_own() -> None:
    strict, flexible = read_lm_eval_results(results_in(EXAMPLE / "tuned"))
    assert strict.spec.name == "sums.exact_match.strict-match"
    assert flexible.spec.name == "sums.exact_match.flexible-extract"
    assert (strict.model, strict.tool) == ("tuned", "lm-eval 0.4.13")
    assert sum(value or 0 for value in marks(strict).values()) == 8
    assert sum(value or 0 for value in marks(flexible).values()) == 11


def test_the_averages_are_those_of_the_results() -> None:
    for folder in (EXAMPLE / "base", EXAMPLE / "tuned", CHOICES):
        path = results_in(folder)
        (told,) = json.loads(path.read_text())["results"].values()
        for run in read_lm_eval_results(path):
            _, metric, *behind = run.spec.name.split(".")
            found = [value for value in marks(run).values() if value is not None]
            wanted = told[f"{metric},{behind[0] if behind else 'none'}"]
            assert sum(found) / len(found) == pytest.approx(wanted)


def test_a_chats_prompt_is_its_messages_and_a_filters_find_is_the_label() -> None:
    _, flexible = read_lm_eval_results(results_in(EXAMPLE / "tuned"))
    sample = flexible.samples["2"]
    assert [dict(one) for one in sample.messages] == [
        {"role": "user", "content": "What is 3 + 6? Answer with the number alone."}
    ]
    assert sample.ideal == ("9",)
    (third,) = (one for one in flexible.outcomes if one.sample_id == "2")
    assert third.completion is not None
    assert third.completion.text == "The answer is 9."
    assert third.scores["accuracy"].label == "9"


def test_sampling_is_that_of_the_task() -> None:
    sampling = read_lm_eval_results(results_in(EXAMPLE / "tuned"))[0].spec.sampling
    assert (sampling.temperature, sampling.max_tokens) == (0.0, 32)


def test_of_weighed_options_the_likeliest_is_the_answer() -> None:
    by_sum, by_length = read_lm_eval_results(results_in(CHOICES))
    assert (by_sum.spec.name, by_length.spec.name) == ("sums_mc.acc", "sums_mc.acc_norm")
    for run in (by_sum, by_length):
        for one in run.outcomes:
            sample = run.samples[one.sample_id]
            assert one.completion is not None
            right = one.completion.text in sample.ideal
            assert one.scores["accuracy"].value == float(right), sample


def test_a_run_on_some_of_the_data_is_told() -> None:
    run, _ = read_lm_eval_results(results_in(EXAMPLE / "base"))
    assert run.notes == ("10 of 12 samples (--limit)",)


def test_equal_items_have_equal_hashes_in_two_runs() -> None:
    base, tuned = (read_lm_eval_results(results_in(EXAMPLE / s))[0] for s in ("base", "tuned"))
    for key, sample in base.samples.items():
        assert sample.metadata[DATA] == tuned.samples[key].metadata[DATA]


# --- results that were changed -------------------------------------------------------


def changed(
    tmp_path: Path,
    results: Callable[[Any], object] = lambda _: None,
    line: Callable[[Any], object] = lambda _: None,
) -> Path:
    folder = shutil.copytree(EXAMPLE / "tuned", tmp_path / "out")
    path = results_in(folder)
    whole = json.loads(path.read_text())
    results(whole)
    path.write_text(json.dumps(whole))
    (samples,) = folder.glob("samples_*.jsonl")
    lines = [json.loads(one) for one in samples.read_text().splitlines()]
    for one in lines:
        line(one)
    samples.write_text("".join(json.dumps(one) + "\n" for one in lines))
    return path


def test_averages_alone_are_refused_with_the_way_out(tmp_path: Path) -> None:
    path = changed(tmp_path)
    next(path.parent.glob("samples_*")).unlink()
    with pytest.raises(DatasetError, match=r"averages only.*--log_samples"):
        read_lm_eval_results(path)


def test_a_task_without_samples_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    path = changed(tmp_path, lambda results: results["configs"].update(other={}))
    run, _ = read_lm_eval_results(path)
    assert "no samples of other: averages only" in run.notes[0]


def test_a_metric_where_less_is_better_is_left_out_and_told(tmp_path: Path) -> None:
    def results(whole: Any) -> None:
        whole["higher_is_better"]["sums"]["word_perplexity"] = False

    def line(one: Any) -> None:
        one["metrics"].append("word_perplexity")
        one["word_perplexity"] = 2.5

    run, _ = read_lm_eval_results(changed(tmp_path, results, line))
    assert any("word_perplexity left out: lower is better" in note for note in run.notes)


def test_a_metric_over_all_samples_together_is_left_out_and_told(tmp_path: Path) -> None:
    def line(one: Any) -> None:
        one["metrics"].append("f1")
        one["f1"] = [1, 0]

    run, _ = read_lm_eval_results(changed(tmp_path, line=line))
    assert any("f1 left out: it is no number" in note for note in run.notes)


def test_the_settings_before_the_metrics_had_a_list_are_read(tmp_path: Path) -> None:
    def line(one: Any) -> None:
        del one["metrics"]
        one["arguments"] = [list(one["arguments"]["gen_args_0"].values())]

    strict, _ = read_lm_eval_results(changed(tmp_path, line=line))
    assert sum(value or 0 for value in marks(strict).values()) == 8
    assert "3 + 6" in strict.samples["2"].messages[-1]["content"]


def test_an_adapter_stands_behind_its_model(tmp_path: Path) -> None:
    def results(whole: Any) -> None:
        whole.pop("model_name")
        whole["config"]["model_args"] = "pretrained=org/model,peft=my/lora,dtype=auto"

    run, _ = read_lm_eval_results(changed(tmp_path, results))
    assert run.model == "org/model+my/lora"


def test_a_task_whose_name_is_a_path_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "outside.jsonl").write_text("{}\n")

    def results(whole: Any) -> None:
        whole["configs"] = {"/../../outside": {}, "../outside": {}}

    with pytest.raises(DatasetError, match="averages only"):
        read_lm_eval_results(changed(tmp_path, results))


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    path = changed(tmp_path)
    samples = next(path.parent.glob("samples_*"))
    samples.rename(tmp_path / samples.name)
    samples.symlink_to(tmp_path / samples.name)
    with pytest.raises(DatasetError, match="averages only"):
        read_lm_eval_results(path)


def test_a_line_that_is_no_sample_is_told_with_its_place(tmp_path: Path) -> None:
    path = changed(tmp_path, line=lambda one: one.pop("doc_id"))
    with pytest.raises(DatasetError, match=r"samples_sums.*:1: no 'doc_id'"):
        read_lm_eval_results(path)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"results": 1}', b"\xff\xfe"])
def test_what_is_no_result_is_told_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "results_x.json"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"results_x\.json") as told:
        read_lm_eval_results(path)
    assert "\n" not in str(told.value)
