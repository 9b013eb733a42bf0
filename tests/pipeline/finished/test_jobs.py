"""Advice from a training run alone, and with logs of answers beside it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import HarnessError, RunFolderError, UsageError
from harness.finetuning.curves import TrainingStep
from harness.finetuning.training_run import TrainingRun
from harness.pipeline.finished.jobs import advice_of, advice_of_saved_run, advice_with_logs
from harness.records import Advice, Checkpoint


def run(losses: list[float], checkpoints: int = 2) -> TrainingRun:
    """A run without a validation set."""
    curve = tuple(TrainingStep(step, train_loss=loss) for step, loss in enumerate(losses, 1))
    made = tuple(
        Checkpoint(f"m{e}", e, step=e * len(losses) // 2, train_loss=losses[-1])
        for e in range(1, checkpoints + 1)
    )
    return TrainingRun("ftjob-1", "fine-tuning job", curve, made, (), 2.0, base="base")


def csv_file(path: Path, valid: list[float], steps: int = 10) -> Path:
    """A result file with an evaluation at the end of every epoch of so many steps."""
    rows = ["step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy"]
    for step in range(1, steps * len(valid) + 1):
        cell = str(valid[step // steps - 1]) if step % steps == 0 else ""
        rows.append(f"{step},{2.0 / step},0.5,{cell},")
    path.write_text("\n".join(rows) + "\n")
    return path


def log_file(path: Path, model: str, marks: list[bool], eval_name: str = "orders.v1") -> str:
    """A log of OpenAI evals: one model's marks."""
    config = {"eval_spec": {"cls": "evals.elsuite.basic.match:Match", "args": {}}}
    spec = {"completion_fns": [model], "eval_name": eval_name, "run_config": config, "run_id": "r"}
    lines: list[dict[str, object]] = [{"spec": spec}]
    for key, mark in enumerate(marks):
        data = {"correct": mark, "expected": "y", "picked": "y"}
        about = {"run_id": "r", "sample_id": f"s{key}", "event_id": key, "type": "match"}
        lines.append({**about, "data": data})
    lines.append({"final_report": {}, "run_id": "r"})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def said(advice: Advice) -> str:
    return "; ".join(f"{fact.name}: {fact.reading}" for fact in advice.evidence)


# --- curves alone --------------------------------------------------------------------


def test_training_curves_alone_name_the_missing_measurements() -> None:
    advice = advice_of(run([2.0 / step for step in range(1, 21)]))
    assert (advice.rule, advice.recommend) == (24, 0)
    assert "held-out answers of base and m2: harness compare base m2 --eval EVAL" in said(advice)
    assert "--valid FILE" in said(advice)


def test_the_headline_names_the_measurement_that_the_evidence_names() -> None:
    advice = advice_of(run([2.0 / step for step in range(1, 21)]))
    assert advice.action == "measure held-out answers of base and m2"


def test_models_of_a_server_are_compared_there() -> None:
    found = replace(run([2.0 / step for step in range(1, 21)]), server="http://there/v1")
    assert "compare base m2 --eval EVAL --base-url http://there/v1" in said(advice_of(found))
    hosted = replace(found, server="https://api.openai.com/v1")
    assert "--base-url" not in said(advice_of(hosted))


def test_saved_embedded_models_are_served_first(tmp_path: Path) -> None:
    (tmp_path / "models.json").write_text("{}")
    told = said(advice_of(replace(run([2.0 / step for step in range(1, 21)]), folder=tmp_path)))
    assert f"harness serve --models {tmp_path}, and beside it: harness compare base m2" in told
    assert "--base-url http://127.0.0.1:8000/v1" in told


def test_a_loss_that_does_not_fall_is_seen_in_the_curve() -> None:
    assert advice_of(run([2.0] * 20)).rule == 3


def test_a_run_without_a_checkpoint_is_refused() -> None:
    with pytest.raises(RunFolderError, match="ftjob-1"):
        advice_of(run([1.0] * 20, checkpoints=0))


def test_a_result_file_that_still_falls_is_told_to_train_longer(tmp_path: Path) -> None:
    advice = advice_of_saved_run(csv_file(tmp_path / "r.csv", [2.0, 1.6, 1.3]))
    assert (advice.rule, advice.recommend, advice.epochs) == (29, 2, 3)
    assert "held-out answers" in said(advice)
    assert "taken for one an epoch" in said(advice)


def test_a_result_file_that_is_over_names_both_checkpoints_to_compare(tmp_path: Path) -> None:
    advice = advice_of_saved_run(csv_file(tmp_path / "r.csv", [1.2, 1.0, 1.6]), epochs=3)
    assert (advice.rule, advice.recommend, advice.checkpoint) == (28, 0, None)
    assert "after 2 epochs" in advice.action
    assert "if it was kept" in advice.action
    assert "assumed" not in said(advice)


def test_checkpoints_that_a_trainer_did_not_evaluate_are_read_between_evaluations(
    tmp_path: Path,
) -> None:
    losses = {120: 1.11, 240: 1.05, 360: 1.01, 480: 1.0, 600: 1.01, 720: 1.05, 840: 1.11}
    losses |= {960: 1.19, 1080: 1.3, 1200: 1.43}
    log = [{"step": s, "epoch": s / 400, "eval_loss": loss} for s, loss in losses.items()]
    state = json.dumps({"global_step": 1200, "log_history": log})
    for step in (400, 800, 1200):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "trainer_state.json").write_text(state)
    advice = advice_of_saved_run(tmp_path)
    assert (advice.rule, advice.checkpoint, advice.checkpoint_epoch) == (28, "checkpoint-400", 1)
    assert advice.action.startswith("use checkpoint-400, the kept one with the lowest")
    assert "not evaluated itself: validation loss 1.01 (read between" in said(advice)


def test_the_older_columns_of_a_result_file_have_token_accuracies(tmp_path: Path) -> None:
    rows = ["step,training_loss,training_token_accuracy,validation_loss,validation_token_accuracy"]
    measured = {10: "1.2,0.6", 20: "1.0,0.65", 30: "0.9,0.7", 40: "1.1,0.66", 50: "1.3,0.6"}
    rows += [f"{s},{2.0 / s},{s / 50},{measured.get(s, ',')}" for s in range(1, 51)]
    (tmp_path / "r.csv").write_text("\n".join(rows) + "\n")
    advice = advice_of_saved_run(tmp_path / "r.csv")
    assert (advice.rule, advice.recommend) == (26, -2)


# --- with logs -----------------------------------------------------------------------

MOSTLY_WRONG = [key % 4 == 0 for key in range(80)]
MOSTLY_RIGHT = [key % 8 != 0 for key in range(80)]


def read(tmp_path: Path, valid: list[float]) -> TrainingRun:
    from harness.finetuning.runs import read_run

    return read_run(csv_file(tmp_path / "r.csv", valid), 3, "ft:m")


def test_a_result_file_and_two_logs_get_advice_with_the_gain(tmp_path: Path) -> None:
    places = [
        log_file(tmp_path / "base.jsonl", "m", MOSTLY_WRONG),
        log_file(tmp_path / "tuned.jsonl", "whatever", MOSTLY_RIGHT),
    ]
    (advice,) = advice_with_logs(read(tmp_path, [2.0, 1.6, 1.3]), places)
    assert (advice.eval, advice.rule, advice.recommend) == ("orders.v1", 29, 2)
    (gain,) = [fact for fact in advice.evidence if fact.name == "gain over the base model"]
    assert gain.estimate is not None
    assert gain.estimate.low > 0.4
    assert "answers to training prompts: a study" in said(advice)
    assert "log of an earlier checkpoint on orders.v1" in said(advice)


def test_a_gain_that_noise_explains_asks_for_more_samples(tmp_path: Path) -> None:
    places = [
        log_file(tmp_path / "base.jsonl", "m", MOSTLY_RIGHT),
        log_file(tmp_path / "tuned.jsonl", "t", [key % 12 != 1 for key in range(80)]),
    ]
    (advice,) = advice_with_logs(read(tmp_path, [1.3, 1.3, 1.3]), places)
    assert advice.rule == 23
    assert "more held-out samples" in advice.action


def test_logs_of_two_checkpoints_show_the_peak(tmp_path: Path) -> None:
    places = [
        log_file(tmp_path / "base.jsonl", "m", MOSTLY_WRONG),
        log_file(tmp_path / "early.jsonl", "ft:m:ckpt-step-20", MOSTLY_RIGHT),
        log_file(tmp_path / "late.jsonl", "ft:m", MOSTLY_WRONG),
    ]
    (advice,) = advice_with_logs(read(tmp_path, [1.2, 1.0, 1.6]), places)
    assert (advice.rule, advice.recommend) == (7, -1)
    assert (advice.checkpoint, advice.checkpoint_epoch) == ("ft:m:ckpt-step-20", 2)
    assert "earlier checkpoint" not in said(advice)


def test_the_only_tuned_log_without_a_step_in_its_name_is_of_the_end(tmp_path: Path) -> None:
    from harness.finetuning.runs import read_run

    run_without_names = read_run(csv_file(tmp_path / "r.csv", [1.2, 1.0, 1.6]), 3)
    base = log_file(tmp_path / "base.jsonl", "m", MOSTLY_WRONG)
    early = log_file(tmp_path / "early.jsonl", "ft:m:ckpt-step-20", MOSTLY_RIGHT)
    late = log_file(tmp_path / "late.jsonl", "ft:m", MOSTLY_WRONG)
    for places in ([base, early, late], [base, late, early]):
        (advice,) = advice_with_logs(run_without_names, places)
        assert (advice.epochs, advice.rule, advice.checkpoint_epoch) == (3, 7, 2)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_logs_say_what_is_missing(tmp_path: Path, count: int) -> None:
    places = [log_file(tmp_path / "base.jsonl", "m", MOSTLY_WRONG)][:count]
    with pytest.raises(UsageError, match="base model's log first"):
        advice_with_logs(read(tmp_path, [1.2, 1.0, 1.6]), places)


def test_logs_that_do_not_belong_together_are_one_line(tmp_path: Path) -> None:
    base = log_file(tmp_path / "base.jsonl", "m", MOSTLY_WRONG)
    other = log_file(tmp_path / "other.jsonl", "t", MOSTLY_RIGHT, eval_name="letters.v1")
    unknown = [log_file(tmp_path / f"{n}.jsonl", n, MOSTLY_RIGHT) for n in ("x", "y")]
    for places, words in (([base, other], "share no eval"), ([base, *unknown], "'x' is no check")):
        with pytest.raises(HarnessError, match=words) as caught:
            advice_with_logs(read(tmp_path, [1.2, 1.0, 1.6]), places)
        assert "\n" not in str(caught.value)


def test_a_log_of_an_early_checkpoint_is_not_taken_for_the_end(tmp_path: Path) -> None:
    base = log_file(tmp_path / "base.jsonl", "m", MOSTLY_WRONG)
    early = log_file(tmp_path / "early.jsonl", "ft:m:ckpt-step-20", MOSTLY_RIGHT)
    (advice,) = advice_with_logs(read(tmp_path, [1.2, 1.0, 1.6]), [base, early])
    assert (advice.epochs, advice.checkpoint_epoch) == (2, 2)
    assert "log of the last checkpoint on orders.v1" in said(advice)
    unknown = log_file(tmp_path / "unknown.jsonl", "ft:m:ckpt-step-7", MOSTLY_RIGHT)
    with pytest.raises(UsageError, match="is no checkpoint of"):
        advice_with_logs(read(tmp_path, [1.2, 1.0, 1.6]), [base, unknown])


def test_epochs_that_a_run_has_had_are_not_asked_for_again(tmp_path: Path) -> None:
    base = log_file(tmp_path / "base.jsonl", "m", MOSTLY_WRONG)
    early = log_file(tmp_path / "early.jsonl", "ft:m:ckpt-step-20", MOSTLY_RIGHT)
    (advice,) = advice_with_logs(read(tmp_path, [2.0, 1.2, 1.7]), [base, early])
    assert (advice.rule, advice.recommend, advice.checkpoint_epoch) == (28, 0, 2)
    assert advice.action.startswith("keep this checkpoint: the run went on to 3 epochs")
    assert any(fact.name == "gain over the base model" for fact in advice.evidence)
    (advice,) = advice_with_logs(read(tmp_path, [2.0, 1.2, 0.8]), [base, early])
    assert (advice.rule, advice.recommend) == (29, 2)


def test_a_log_belongs_to_any_step_that_was_evaluated(tmp_path: Path) -> None:
    from harness.finetuning.runs import read_run

    half = read_run(csv_file(tmp_path / "r.csv", [1.4, 1.2, 1.0, 1.0]), 2)
    base = log_file(tmp_path / "base.jsonl", "m", MOSTLY_WRONG)
    early = log_file(tmp_path / "early.jsonl", "ft:m:ckpt-step-10", MOSTLY_RIGHT)
    (advice,) = advice_with_logs(half, [base, early])
    assert advice.epochs == 0.5


def test_logs_of_one_model_or_in_the_wrong_order_are_refused(tmp_path: Path) -> None:
    base = log_file(tmp_path / "base.jsonl", "m", MOSTLY_WRONG)
    tuned = log_file(tmp_path / "tuned.jsonl", "ft:m", MOSTLY_RIGHT)
    curve = read(tmp_path, [1.2, 1.0, 1.6])
    for places, words in (
        ([base, base], "give the tuned model's log"),
        ([tuned, base], "give the base model's log first"),
    ):
        with pytest.raises(UsageError, match=words):
            advice_with_logs(curve, places)


OVER = [1.4, 1.0, 1.7]


def test_a_rise_that_answers_did_not_span_is_no_calibration_drift(tmp_path: Path) -> None:
    base = log_file(tmp_path / "base.jsonl", "m", MOSTLY_WRONG)
    last = log_file(tmp_path / "last.jsonl", "ft:m", MOSTLY_RIGHT)
    (advice,) = advice_with_logs(read(tmp_path, OVER), [base, last])
    assert advice.rule == 28
    early = log_file(tmp_path / "early.jsonl", "ft:m:ckpt-step-20", MOSTLY_WRONG)
    (advice,) = advice_with_logs(read(tmp_path, OVER), [base, early, last])
    assert advice.rule == 19


def test_answers_of_both_checkpoints_that_noise_hides_ask_for_samples(tmp_path: Path) -> None:
    base = log_file(tmp_path / "base.jsonl", "m", MOSTLY_WRONG)
    early = log_file(tmp_path / "early.jsonl", "ft:m:ckpt-step-20", MOSTLY_RIGHT)
    last = log_file(tmp_path / "last.jsonl", "ft:m", [key % 8 != 1 for key in range(80)])
    (advice,) = advice_with_logs(read(tmp_path, OVER), [base, early, last])
    assert advice.rule == 23


def test_answers_at_the_ceiling_are_kept_whatever_the_loss_does(tmp_path: Path) -> None:
    base = log_file(tmp_path / "base.jsonl", "m", [False] * 80)
    last = log_file(tmp_path / "last.jsonl", "ft:m", [True] * 80)
    (advice,) = advice_with_logs(read(tmp_path, OVER), [base, last])
    assert (advice.rule, advice.checkpoint) == (31, "ft:m")
