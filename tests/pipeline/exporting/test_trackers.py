"""What W&B and MLflow are told of a run: written by their own packages, and read back."""

from __future__ import annotations

import builtins
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.errors import HarnessError, RunFolderError, UsageError
from harness.pipeline import report_of, write_reports
from harness.pipeline.exporting.exported import Selection
from harness.pipeline.exporting.tracked import Curve, TrackedRun, curves, tracked_run
from harness.pipeline.exporting.trackers import Target, tell
from harness.records import Estimate
from harness.reports.document import Document, Provenance, Result, Section
from tests.small_run import BASE, EVAL, TUNED, made_run

NOTHING = Estimate(float("nan"), 0, 1, 0, "none")
KEY = "k-e-y-" * 7
pytestmark = pytest.mark.filterwarnings("ignore")  # of other packages


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run with its reports, and keys in the environment."""
    for name in ("OPENAI_API_KEY", "WANDB_API_KEY", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, KEY)
    for name in ("WANDB_MODE", "WANDB_DIR", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    folder = made_run(tmp_path / "run").path
    write_reports(report_of(folder), folder)
    return folder


def exported(*words: str) -> str:
    done = CliRunner().invoke(app, ["export", *words])
    assert done.exit_code == 0, done.output
    return done.output


def learnt(run: Path) -> TrackedRun:
    """The run with curves over whole epochs and a part of one."""
    told = tracked_run(run)
    curve = Curve("orders/seed 1/accuracy", ((0.0, 0.1), (1.0, 0.5), (2.0, 0.7)))
    return replace(told, curves=(curve,))


def assert_no_key(place: Path) -> None:
    files = [path for path in place.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


# --- what is told --------------------------------------------------------------------


def test_models_of_unknown_epochs_stand_in_the_summary(run: Path) -> None:
    told = tracked_run(run)
    assert not told.curves
    assert told.summary[f"{EVAL}/{TUNED}/accuracy"] == pytest.approx(24 / 36, abs=0.05)
    assert {row[3] for row in told.tables["comparisons"].cells} == {TUNED}
    assert told.config["base"] == BASE


def learnt_by(seed: int | None, epochs: float | None, model: str, value: float) -> Result:
    found = {"accuracy": Estimate(value, value, value, 10, "exact"), "none": NOTHING}
    return Result("orders", "one-answer", model, epochs, seed, found, 0)


def of_results(*results: Result) -> dict[str, tuple[tuple[float, float], ...]]:
    section = Section("orders", "one-answer", "", "accuracy", BASE, results=results)
    document = Document("t", "", (section,), Provenance("harness demo", "0", "embedded", BASE))
    return {curve.key: curve.points for curve in curves(document, Selection())}


def test_every_seed_is_a_curve_that_begins_at_the_base() -> None:
    tuned = [learnt_by(seed, e, f"m{seed}-{e}", e / 10) for seed in (1, 2) for e in (2, 1.5)]
    found = of_results(learnt_by(None, 0, BASE, 0.05), *tuned)
    own = ((0, 0.05), (1.5, 0.15), (2, 0.2))
    assert found == {f"orders/seed {seed}/accuracy": own for seed in (1, 2)}


def test_two_models_of_the_same_epochs_keep_their_names() -> None:
    found = of_results(learnt_by(None, 1, "a", 0.1), learnt_by(None, 1, "b", 0.2))
    assert found == {"orders/a/accuracy": ((1, 0.1),), "orders/b/accuracy": ((1, 0.2),)}


def test_another_run_of_the_same_plan_has_another_id(run: Path, tmp_path: Path) -> None:
    first = tracked_run(run)
    journal = run / "journal.jsonl"
    journal.write_text(journal.read_text().replace("says 0", "said 0"))
    assert tracked_run(run).id != first.id


def test_a_run_without_reports_says_how_to_write_them(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="write it with harness report"):
        tracked_run(made_run(tmp_path / "run").path)


def test_a_missing_package_names_its_extra(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.split(".")[0] in ("wandb", "mlflow"):
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
        return real(name, *rest)

    told = tracked_run(run)
    monkeypatch.setattr(builtins, "__import__", without)
    for tracker in ("wandb", "mlflow"):
        with pytest.raises(UsageError, match=rf"finetune-harness\[{tracker}\]"):
            tell(tracker, told, Target())


def test_options_of_trackers_and_tables_are_not_mixed(run: Path) -> None:
    for words in (["--project", "p"], ["--to", "wandb", "--raw"], ["--to", "mlflow", "--offline"]):
        done = CliRunner().invoke(app, ["export", str(run), *words])
        assert isinstance(done.exception, HarnessError) or done.exit_code == 2


# --- W&B -----------------------------------------------------------------------------

BLOCK, HEADER = 32_768, 7


def records(file: Path) -> Iterator[Any]:
    """Every record of a .wandb file: a log in blocks, parsed by W&B's own message types."""
    import wandb
    from wandb.proto import wandb_internal_pb2 as pb

    wandb.teardown()  # as the end of the command does: what is still on its way is written
    data, at, whole = file.read_bytes(), HEADER, b""
    assert data.startswith(b":W&B")
    while at + HEADER <= len(data):
        if BLOCK - at % BLOCK < HEADER:
            at += BLOCK - at % BLOCK
            continue
        size, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        whole += data[at + HEADER : at + HEADER + size]
        at += HEADER + size
        if kind in (1, 4):  # whole, or the last part of one
            record = pb.Record()
            record.ParseFromString(whole)
            yield record
            whole = b""


def items(entries: Any) -> dict[str, Any]:
    return {one.key or "/".join(one.nested_key): json.loads(one.value_json) for one in entries}


def test_wandb_files_hold_curves_settings_tables_and_reports(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("wandb", reason="the extra wandb is not installed")
    told = tell("wandb", learnt(run), Target("shop", str(tmp_path / "wb"), offline=True))
    assert not told.again
    (file,) = (tmp_path / "wb").rglob("*.wandb")
    found = list(records(file))
    opened = next(r.run for r in found if r.HasField("run"))
    config = {one.key: json.loads(one.value_json) for one in opened.config.update}
    assert (opened.project, opened.display_name) == ("shop", "run")
    assert config["plan_hash"] == tracked_run(run).config["plan_hash"]
    lines = [items(r.history.item) for r in found if r.HasField("history")]
    key = "orders/seed 1/accuracy"
    assert [(x["epochs"], x[key]) for x in lines if key in x] == [(0, 0.1), (1, 0.5), (2, 0.7)]
    assert any(x.get("comparisons/_type") == "table-file" for x in lines)
    summary: dict[str, Any] = {}
    for record in found:
        summary |= items(record.summary.update) if record.HasField("summary") else {}
    assert f"{EVAL}/{TUNED}/accuracy" in summary
    made = [r.request.log_artifact.artifact for r in found if r.HasField("request")]
    made += [r.artifact for r in found if r.HasField("artifact")]
    kept = {entry.path for one in made for entry in one.manifest.contents}
    assert {"report.html", "report.json"} <= kept
    assert_no_key(tmp_path / "wb")


def test_a_second_export_to_wandb_doubles_nothing(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("wandb", reason="the extra wandb is not installed")
    words = (str(run), "--to", "wandb", "--offline", "--at", str(tmp_path / "wb"))
    assert "wandb sync" in exported(*words)
    assert "Unchanged" in exported(*words)
    assert len([*(tmp_path / "wb").rglob("*.wandb")]) == 1
    exported(*words, "--name", "another")
    assert len([*(tmp_path / "wb").rglob("*.wandb")]) == 1


# --- MLflow --------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "files"])
def store(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty store."""
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ml/mlflow.db"
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return (tmp_path / "ml").as_uri()


def test_mlflow_stores_hold_curves_settings_tables_and_reports(
    run: Path, tmp_path: Path, store: str
) -> None:
    from mlflow.tracking import MlflowClient

    (tmp_path / "ml").mkdir()
    tell("mlflow", learnt(run), Target("shop", store))
    assert tell("mlflow", learnt(run), Target("shop", store)).again
    client = MlflowClient(tracking_uri=store)
    experiment = client.get_experiment_by_name("shop")
    assert experiment is not None
    (made,) = client.search_runs([experiment.experiment_id])
    history = client.get_metric_history(made.info.run_id, "orders/seed 1/accuracy")
    assert [(point.step, point.value) for point in history] == [(0, 0.1), (1, 0.5), (2, 0.7)]
    assert made.data.metrics[f"{EVAL}/{TUNED}/accuracy"] > 0.5
    assert made.data.params["base"] == BASE
    assert made.info.status == "FINISHED"
    names = {one.path for one in client.list_artifacts(made.info.run_id)}
    assert {"report.html", "report.json", "comparisons.json", "metrics.json"} <= names
    assert_no_key(tmp_path / "ml")


def test_a_changed_run_takes_the_place_of_its_earlier_export(
    run: Path, tmp_path: Path, store: str
) -> None:
    from mlflow.tracking import MlflowClient

    (tmp_path / "ml").mkdir()
    exported(str(run), "--to", "mlflow", "--at", store)
    exported(str(run), "--to", "mlflow", "--at", store, "--name", "another")
    client = MlflowClient(tracking_uri=store)
    (made,) = client.search_runs([e.experiment_id for e in client.search_experiments()])
    assert made.info.run_name == "another"


def test_a_store_that_is_none_is_one_line(run: Path) -> None:
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    with pytest.raises(UsageError, match="--at"):
        tell("mlflow", tracked_run(run), Target("shop", "nowhere://x"))
