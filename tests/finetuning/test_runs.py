"""One run read from everything that may have logged it gives the same checkpoints."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import DatasetError, UsageError
from harness.finetuning.api import ApiTuning
from harness.finetuning.exports import JobExport, save_export
from harness.finetuning.job_runs import run_of_job, run_of_job_and_result
from harness.finetuning.jobs import TuningRequest
from harness.finetuning.runs import is_training_run, read_run
from harness.finetuning.training_run import TrainingRun
from harness.records import Checkpoint

EPOCHS = 4


@pytest.fixture(scope="module")
def export(embedded_server: str, triage_files: tuple[Path, Path]) -> JobExport:
    """One job of the embedded model, read through the API."""
    service = ApiTuning("none", embedded_server, poll_s=0.02)
    job_id = service.start(TuningRequest("tiny-base", *triage_files, epochs=EPOCHS, seed=3))
    list(service.follow(job_id))
    return service.export(job_id)


@pytest.fixture(scope="module")
def live(export: JobExport) -> TrainingRun:
    return run_of_job(export, "server")


def numbers(checkpoints: Sequence[Checkpoint]) -> list[Checkpoint]:
    """Checkpoints without what only the service knows: names and seed."""
    return [replace(one, model="", seed=None) for one in checkpoints]


def result_rows(export: JobExport) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(export.result_file or "")))


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def azure(export: JobExport) -> str:
    """The result file as Azure names and fills it: batches all the way, the whole set at ends."""
    rows = []
    for row in result_rows(export):
        whole = {
            "full_valid_loss": row["valid_loss"],
            "full_valid_mean_token_accuracy": row["valid_mean_token_accuracy"],
        }
        batch = {"valid_loss": "9.0", "validation_mean_token_accuracy": "0.1"}
        train = {
            "train_loss": row["train_loss"],
            "train_mean_token_accuracy": row["train_accuracy"],
        }
        rows.append({"step": row["step"], **train, **batch, **whole})
    return as_csv(rows)


def trainer_log(export: JobExport, prefix: str = "") -> list[dict[str, Any]]:
    """The job as a trainer logs it: an entry for training, one for each evaluation."""
    log: list[dict[str, Any]] = []
    rows = result_rows(export)
    for row in rows:
        step = int(row["step"])
        about = {"step": step, "epoch": EPOCHS * step / len(rows)}
        log.append(
            about
            | {"loss": float(row["train_loss"])}
            | {"mean_token_accuracy": float(row["train_accuracy"]), "learning_rate": 1e-4}
        )
        if row["valid_loss"]:
            accuracy = float(row["valid_mean_token_accuracy"])
            valid = {"eval_loss": float(row["valid_loss"]), "eval_runtime": 0.5}
            log.append(about | valid | {"eval_mean_token_accuracy": accuracy})
    return [*log, {"step": len(rows), "epoch": EPOCHS, "train_loss": 0.7, "train_runtime": 9.0}]


def wandb_rows(export: JobExport) -> list[dict[str, Any]]:
    """The same log as the trainer's W&B callback names it."""
    rows = []
    for number, entry in enumerate(trainer_log(export)):
        row: dict[str, Any] = {"_step": number, "_runtime": 1.5 * number}
        for name, value in entry.items():
            if name.startswith("eval_"):
                row["eval/" + name.removeprefix("eval_")] = value
            else:
                row["train/" + {"step": "global_step"}.get(name, name)] = value
        rows.append(row)
    return rows


def padded(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return [{name: row.get(name, float("nan")) for name in columns} for row in rows]


def in_columns(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return {name: {str(i): row.get(name) for i, row in enumerate(rows)} for name in columns}


def chart(export: JobExport) -> str:
    """A chart downloaded from W&B: a run's name before each metric, and its bounds."""
    rows = []
    for row in wandb_rows(export):
        out = {"train/global_step": row["train/global_step"], "train/epoch": row["train/epoch"]}
        names = {
            k: v for k, v in row.items() if k.endswith(("loss", "accuracy")) and "rain_" not in k
        }
        for name, value in names.items():
            out |= {f"swift-owl - 7 - {name}": value, f"swift-owl - 7 - {name}__MIN": 0}
        rows.append(out)
    return as_csv(rows)


SHAPES = {
    "result.csv": lambda export: export.result_file,
    "result.csv.b64": lambda export: base64.encodebytes(export.result_file.encode()).decode(),
    "bom.csv": lambda export: "\ufeff" + export.result_file.replace("\n", "\r\n"),
    "azure.csv": azure,
    "azure.csv.b64": lambda export: base64.b64encode(azure(export).encode()).decode(),
    "events.json": lambda export: json.dumps({"object": "list", "data": export.events[::-1]}),
    "events.jsonl": lambda export: "".join(json.dumps(e) + "\n" for e in export.events),
    "trainer_state.json": lambda export: json.dumps({"log_history": trainer_log(export)}),
    "log_history.csv": lambda export: as_csv(trainer_log(export)),
    "wandb.csv": lambda export: as_csv(wandb_rows(export)),
    "wandb.json": lambda export: json.dumps(wandb_rows(export), indent=1),
    "wandb.jsonl": lambda export: "".join(json.dumps(r) + "\n" for r in wandb_rows(export)),
    "wandb-nan.json": lambda export: json.dumps(padded(wandb_rows(export))),
    "wandb-columns.json": lambda export: json.dumps(in_columns(wandb_rows(export))),
    "wandb-chart.csv": chart,
}


@pytest.mark.parametrize("name", SHAPES)
def test_every_file_gives_the_checkpoints_of_the_job(
    name: str, export: JobExport, live: TrainingRun, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(SHAPES[name](export))
    run = read_run(path)
    assert numbers(run.checkpoints) == numbers(live.checkpoints)
    assert numbers(run.evaluations) == numbers(live.evaluations)
    assert run.curve == live.curve
    assert run.epochs == pytest.approx(live.epochs) == EPOCHS
    assert run.kept is None


def test_the_job_itself_gives_them_live_and_saved(
    export: JobExport, live: TrainingRun, tmp_path: Path
) -> None:
    save_export(export, tmp_path / "job")
    assert read_run(tmp_path / "job") == live
    assert read_run(tmp_path / "job" / "job.json") == live
    assert [one.epoch for one in live.checkpoints] == [1, 2, 3, 4]
    assert all(map(live.is_kept, live.checkpoints))
    assert numbers(read_run(tmp_path / "job" / "metrics.csv").checkpoints) == numbers(
        live.checkpoints
    )


def test_a_result_file_with_its_model_names_its_end_and_no_other_state(
    export: JobExport, live: TrainingRun, tmp_path: Path
) -> None:
    (tmp_path / "result.csv").write_text(export.result_file or "")
    run = read_run(tmp_path / "result.csv", EPOCHS, export.job["fine_tuned_model"])
    *others, last = run.checkpoints
    assert last.model == live.checkpoints[-1].model
    assert [one.model for one in others] == [f"step-{one.step}" for one in others]
    assert [run.is_kept(one) for one in run.checkpoints] == [False] * len(others) + [True]


@pytest.mark.parametrize("swapped", [False, True])
def test_a_jobs_object_and_its_result_file_are_one_run(
    export: JobExport, live: TrainingRun, tmp_path: Path, swapped: bool
) -> None:
    job, result = tmp_path / "job.json", tmp_path / "result.csv"
    job.write_text(json.dumps(export.job))
    result.write_text(export.result_file or "")
    run = run_of_job_and_result(*((result, job) if swapped else (job, result)))
    assert numbers(run.checkpoints) == numbers(live.checkpoints)
    assert run.checkpoints[-1] == live.checkpoints[-1]
    assert (run.base, run.epochs, run.settings) == (live.base, live.epochs, live.settings)
    assert "tokens trained" in run.settings


def test_a_jobs_object_alone_says_its_end_and_what_is_missing(
    export: JobExport, live: TrainingRun, tmp_path: Path
) -> None:
    (tmp_path / "job.json").write_text(json.dumps(export.job))
    run = read_run(tmp_path / "job.json")
    assert (run.base, run.epochs, run.trained_tokens) == (live.base, EPOCHS, live.trained_tokens)
    assert [one.model for one in run.checkpoints] == [live.checkpoints[-1].model]
    assert "job.json result.csv" in run.notes[0]


def test_a_jobs_object_that_lacks_its_epochs_is_named(export: JobExport, tmp_path: Path) -> None:
    bare = {k: v for k, v in export.job.items() if k not in ("hyperparameters", "method")}
    (tmp_path / "job.json").write_text(json.dumps(bare))
    with pytest.raises(DatasetError, match="n_epochs"):
        read_run(tmp_path / "job.json")


def test_checkpoint_folders_give_them_with_what_was_kept(
    export: JobExport, live: TrainingRun, tmp_path: Path
) -> None:
    state = json.dumps({"log_history": trainer_log(export)})
    for step in (12, 24):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(state)
    (tmp_path / "checkpoint-18").mkdir()  # emptied by hand: it is no checkpoint any more
    for place in (tmp_path, tmp_path / "checkpoint-24"):
        run = read_run(place)
        assert run.kept == frozenset({12, 24})
        kept = [one for one in numbers(live.evaluations) if one.step in (12, 24)]
        assert [one.valid_loss for one in run.checkpoints] == [one.valid_loss for one in kept]
        assert [one.model for one in run.checkpoints] == ["checkpoint-12", "checkpoint-24"]
        assert numbers(run.evaluations) == numbers(live.evaluations)


# --- how many epochs -----------------------------------------------------------------


def result_file(path: Path, valid_at: Sequence[int], steps: int = 40) -> Path:
    rows = [
        {"step": s, "train_loss": 2 / s, "valid_loss": 1.0 if s in valid_at else ""}
        for s in range(1, steps + 1)
    ]
    path.write_text(as_csv(rows))
    return path


@pytest.mark.parametrize("valid_at", [[], [1, 2, 3], [13, 40], list(range(2, 41, 2))])
def test_epochs_that_nobody_knows_are_asked_for(valid_at: list[int], tmp_path: Path) -> None:
    path = result_file(tmp_path / "r.csv", valid_at)
    with pytest.raises(DatasetError, match=r"add --epochs N"):
        read_run(path)
    run = read_run(path, epochs=4)
    assert [one.step for one in run.checkpoints] == [10, 20, 30, 40]
    assert [one.step for one in run.evaluations] == valid_at
    assert run.notes == ()


def test_evenly_spaced_evaluations_are_taken_for_epochs_and_that_is_said(tmp_path: Path) -> None:
    run = read_run(result_file(tmp_path / "r.csv", [10, 20, 30, 40]))
    assert run.epochs == 4
    assert "taken for one an epoch" in run.notes[0]


# --- bad input -----------------------------------------------------------------------

BAD = {
    "empty.csv": ("", "the file is empty"),
    "else.csv": ("name,age\nAnn,30\n", "no column of steps"),
    "steps.csv": ("step,reward\n1,2\n", "no column of losses"),
    "word.csv": ("step,train_loss\n1,2\n2,low\n", "word.csv:3: 'train_loss' is 'low'"),
    "ragged.csv": ("step,train_loss\n1,2,3\n", "ragged.csv:2: not as many cells"),
    "heading.csv": ("step,train_loss\n", "no rows of metrics"),
    "two.csv": ("Step,a - train/loss,b - train/loss\n1,2,3\n", "holds 2 runs (a, b)"),
    "prose.txt": ("The loss went down.\n", "no rows of metrics"),
    "summary.json": ('{"train/loss": 0.5, "_step": 9}', "no history of steps"),
    "cut.json": ('{"log_history": [{"step": 1, "lo', "cut short: copy it again"),
    "none.json": ('{"log_history": []}', "nothing was trained or logged yet"),
    "other.json": ('{"log_history": 3}', "no list 'log_history'"),
    "job.json": ('{"object": "fine_tuning.job", "id": "ftjob-1"}', "no id or no status"),
    "log.jsonl": ('{"spec": {}}\n{"final_report": {}}\n', "give it with --log"),
    "chats.jsonl": ('{"messages": []}\n{"messages": []}\n', "no column of steps"),
    "list.json": ("[1, 2]", "expected a list of objects"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_run_is_named_in_one_line(name: str, tmp_path: Path) -> None:
    text, message = BAD[name]
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DatasetError) as caught:
        read_run(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_folders_and_bytes_that_are_no_run_are_named(tmp_path: Path) -> None:
    assert not is_training_run(tmp_path)
    with pytest.raises(DatasetError, match="no run folder, no saved job"):
        read_run(tmp_path)
    (tmp_path / "weights.bin").write_bytes(b"\x80\xff\x00")
    with pytest.raises(DatasetError, match="is no text"):
        read_run(tmp_path / "weights.bin")


def test_a_job_that_has_not_begun_says_so() -> None:
    job = {"id": "ftjob-1", "status": "queued", "model": "m"}
    with pytest.raises(DatasetError, match="queued, no curve yet; look again"):
        run_of_job(JobExport(job, [], []), "server")
    failed = job | {"status": "failed", "error": {"message": "line 3 is no JSON"}}
    with pytest.raises(DatasetError, match="line 3 is no JSON"):
        run_of_job(JobExport(failed, [], []), "server")


# --- what exports do to a table ---------------------------------------------------------

TABLE = [
    {
        "step": step,
        "train_loss": 2 - 0.04 * step,
        "valid_loss": 1.6 * 0.8 ** (step // 10) if step % 10 == 0 else "",
        "valid_mean_token_accuracy": 0.4 + step / 100 if step % 10 == 0 else "",
    }
    for step in range(1, 31)
]


def filled_with(word: str) -> str:
    return as_csv([{name: word if v == "" else v for name, v in row.items()} for row in TABLE])


def read_text(tmp_path: Path, text: str) -> TrainingRun:
    file = tmp_path / "table.csv"
    file.write_text(text)
    return read_run(file)


@pytest.mark.parametrize("word", ["-1", "-1.0", "NaN", "nan", " ", "null", "NA", "None"])
def test_what_fills_blank_cells_is_no_value(tmp_path: Path, word: str) -> None:
    plain = read_text(tmp_path, as_csv(TABLE))
    assert read_text(tmp_path, filled_with(word)) == plain
    assert len(plain.evaluations) == 3


def test_azure_measures_the_whole_set_where_it_does_not_say_minus_one(tmp_path: Path) -> None:
    rows = [
        {
            "step": row["step"],
            "train_loss": row["train_loss"],
            "valid_loss": 1.5,
            "full_valid_loss": -1.0 if row["valid_loss"] == "" else row["valid_loss"],
        }
        for row in TABLE
    ]
    run = read_text(tmp_path, as_csv(rows))
    assert (run.epochs, len(run.evaluations), run.notes) == (3, 3, ())
    nothing = [{**row, "full_valid_loss": -1} for row in rows]
    assert read_run_of(tmp_path, nothing, epochs=3).evaluations[0].valid_loss == 1.5


def read_run_of(tmp_path: Path, rows: Sequence[dict[str, Any]], epochs: int) -> TrainingRun:
    file = tmp_path / "rows.csv"
    file.write_text(as_csv(rows))
    return read_run(file, epochs)


def test_a_word_nan_beside_blank_cells_is_a_broken_loss(tmp_path: Path) -> None:
    broken = [{**row, "train_loss": "NaN"} if row["step"] > 20 else row for row in TABLE]
    curve = read_text(tmp_path, as_csv(broken)).curve
    assert [step.step for step in curve if step.train_loss != step.train_loss] == [*range(21, 31)]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_are_read(tmp_path: Path, delimiter: str) -> None:
    plain = read_text(tmp_path, as_csv(TABLE))
    assert read_text(tmp_path, as_csv(TABLE).replace(",", delimiter)) == plain


def test_a_long_table_of_several_runs_is_refused(tmp_path: Path) -> None:
    rows = [{**row, "run": name} for name in ("a", "b") for row in TABLE]
    with pytest.raises(DatasetError, match=r"holds 2 runs \(a, b\)"):
        read_text(tmp_path, as_csv(rows))
    one = [{**row, "run": "a", "run_name": "first"} for row in TABLE]
    assert len(read_text(tmp_path, as_csv(one)).evaluations) == 3


# --- a job's objects, however they were saved ---------------------------------------------


def test_a_job_is_known_by_its_fields_and_out_of_a_list(tmp_path: Path, export: JobExport) -> None:
    file, result = tmp_path / "job.json", tmp_path / "result.csv"
    columns = list(reversed(next(csv.reader([str(export.result_file).splitlines()[0]]))))
    rows = [{name: row[name] for name in columns} for row in result_rows(export)]
    result.write_text(as_csv(rows))
    unnamed = {name: value for name, value in export.job.items() if name != "object"}
    file.write_text(json.dumps(unnamed))
    known = run_of_job_and_result(file, result)
    assert known.epochs == EPOCHS
    file.write_text(json.dumps({"object": "list", "data": [unnamed]}))
    assert replace(run_of_job_and_result(file, result), name="") == replace(known, name="")
    file.write_text(json.dumps([unnamed, {**unnamed, "id": "ftjob-2"}]))
    with pytest.raises(DatasetError, match="holds 2 jobs"):
        read_run(file)


def test_lists_of_events_and_checkpoints_may_be_pages(
    tmp_path: Path, export: JobExport, live: TrainingRun
) -> None:
    pages = {
        "job": export.job,
        "events": {"object": "list", "data": list(reversed(export.events))},
        "checkpoints": {"object": "list", "data": list(reversed(export.checkpoints))},
    }
    (tmp_path / "job.json").write_text(json.dumps(pages))
    assert read_run(tmp_path).checkpoints == live.checkpoints


def test_an_answered_error_is_no_job(tmp_path: Path) -> None:
    file = tmp_path / "job.json"
    file.write_text('{"error": {"message": "key sk-12", "code": "invalid_api_key"}}')
    with pytest.raises(DatasetError, match=r"answered \(invalid_api_key\)") as refused:
        read_run(file)
    assert "sk-12" not in str(refused.value)


def test_half_of_a_job_is_named_with_the_other_half(tmp_path: Path, export: JobExport) -> None:
    file = tmp_path / "list.json"
    file.write_text(json.dumps({"object": "list", "data": list(export.checkpoints)}))
    with pytest.raises(DatasetError, match="checkpoints alone"):
        read_run(file)
    told = [event for event in export.events if event["type"] != "metrics"]
    file.write_text(json.dumps({"object": "list", "data": told}))
    with pytest.raises(DatasetError, match="none of them has metrics"):
        read_run(file)


@pytest.mark.parametrize(
    ("status", "said"),
    [("cancelled", "start it anew"), ("queued", "look again"), ("succeeded", "result file")],
)
def test_a_job_without_its_curve_says_what_to_do(export: JobExport, status: str, said: str) -> None:
    job = {**export.job, "status": status}
    if status != "succeeded":
        job["fine_tuned_model"] = None
    with pytest.raises(DatasetError, match=said):
        run_of_job(JobExport(job, [{"type": "message"}], []), "job.json")


def test_epochs_are_asked_of_bare_curves_only(tmp_path: Path, export: JobExport) -> None:
    save_export(export, tmp_path / "job")
    with pytest.raises(UsageError, match="says its own"):
        read_run(tmp_path / "job", epochs=7)


def test_epochs_counted_from_0_are_those_that_run(tmp_path: Path) -> None:
    counted = [{"epoch": (row["step"] - 1) // 10, **row} for row in TABLE]
    run = read_text(tmp_path, as_csv(counted))
    assert [one.epoch for one in run.evaluations] == [1, 2, 3]
    assert run.epochs == 3


def test_a_log_of_llama_factory_is_read(tmp_path: Path) -> None:
    file = tmp_path / "trainer_log.jsonl"
    rows = [{"current_steps": 5 * k, "loss": 2 / k, "epoch": k / 2} for k in (1, 2)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_run(file).epochs == 1


def test_the_curve_of_a_job_may_be_its_events_or_its_checkpoints(
    tmp_path: Path, export: JobExport, live: TrainingRun
) -> None:
    job, other = tmp_path / "job.json", tmp_path / "other.json"
    job.write_text(json.dumps(export.job))
    other.write_text(json.dumps({"object": "list", "data": list(reversed(export.events))}))
    for places in ((job, other), (other, job)):
        assert run_of_job_and_result(*places).curve == live.curve
    other.write_text(json.dumps(list(export.checkpoints)))
    few = run_of_job_and_result(job, other)
    assert [(e.model, e.valid_loss) for e in few.evaluations] == [
        (e.model, e.valid_loss) for e in live.evaluations
    ]
    with pytest.raises(DatasetError, match="holds no job"):
        run_of_job_and_result(other, other)
