"""Tells W&B or MLflow of a run, on a server or in local files; the only place that imports them.

An export is known again by the run's id and digest: what was told already is not told twice.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UsageError, did_you_mean
from harness.pipeline.exporting.tracked import TrackedRun

ID_TAG, DIGEST_TAG, UNIT_TAG = "harness.run", "harness.digest", "harness.step_unit"
PROJECT = "finetune-harness"
LONGEST = 240
"""Letters of a foreign error that are shown."""
AT_ONCE = 100
"""Metrics, parameters or tags in one call; MLflow takes 100 of some of them."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a run is told: which project, and where that is kept.

    ``place`` is for W&B the folder that gets its ``wandb`` folder, for MLflow a tracking URI;
    None: what the tracker's own environment says. ``offline`` is W&B's: only files.
    """

    project: str = PROJECT
    place: str | None = None
    offline: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """Where a run can be looked at; ``again`` where it had been told before, unchanged."""

    where: str
    again: bool = False


def tell(tracker: str, run: TrackedRun, target: Target) -> Told:
    """Tell a tracker of a run.

    Raises:
        UsageError: no such tracker, its package is missing, or it did not take the run.
    """
    if tracker not in TRACKERS:
        raise UsageError(f"no tracker '{tracker}'{did_you_mean(tracker, TRACKERS)}")
    return TRACKERS[tracker](run, target)


def _missing(package: str, error: ImportError) -> UsageError:
    return UsageError(
        f"--to {package}: {error.name or package} is missing; "
        f"pip install 'finetune-harness[{package}]'"
    )


# --- W&B -----------------------------------------------------------------------------

MARK = "harness-export.txt"
"""In an offline folder of W&B: the digest of what is in it."""


def _tell_wandb(run: TrackedRun, target: Target) -> Told:
    try:
        import wandb
    except ImportError as error:
        raise _missing("wandb", error) from error

    place = Path(target.place or ".")
    digest = run.digest
    earlier = [*(place / "wandb").glob(f"offline-run-*-{run.id}*")]
    same = next((one for one in earlier if _mark(one) == digest), None)
    if same is not None:
        return Told(_to_sync(same), again=True)
    try:
        place.mkdir(parents=True, exist_ok=True)
        with wandb.init(**_wandb_options(run, target, digest)) as opened:
            _write_wandb(opened, run)
            files, url = Path(opened.dir).parent, None if opened.offline else opened.url
    except (wandb.Error, OSError) as error:
        raise UsageError(
            f"--to wandb: {_line(error)}; log in with wandb login, or write files with --offline"
        ) from error
    if url is not None:
        return Told(url)
    (files / MARK).write_text(digest)
    for old in earlier:  # else both would be uploaded, and their points stand there twice
        shutil.rmtree(old, ignore_errors=True)
    return Told(_to_sync(files))


def _mark(folder: Path) -> str:
    file = folder / MARK
    return file.read_text() if file.is_file() else ""


def _to_sync(folder: Path) -> str:
    return f"{folder} (upload it with: wandb sync {folder})"


def _wandb_options(run: TrackedRun, target: Target, digest: str) -> dict[str, Any]:
    """What a run is opened with: nothing of this machine, its user or its repository."""
    import wandb

    settings = wandb.Settings(
        console="off",
        disable_git=True,
        disable_job_creation=True,
        save_code=False,
        silent=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_save_requirements=False,
    )
    return {
        "project": target.project,
        "name": run.name,
        "id": run.id,
        "dir": target.place or ".",
        "mode": "offline" if target.offline else None,
        "resume": "allow",
        "config": {**run.config, DIGEST_TAG: digest},
        "settings": settings,
    }


def _write_wandb(opened: Any, run: TrackedRun) -> None:
    """One line of history an epoch; tables, verdicts and reports behind them."""
    import wandb

    opened.define_metric("epochs")
    opened.define_metric("*", step_metric="epochs")
    epochs = sorted({epoch for curve in run.curves for epoch, _ in curve.points})
    for step, epoch in enumerate(epochs):
        line = {c.key: value for c in run.curves for at, value in c.points if at == epoch}
        opened.log({"epochs": epoch, **line}, step=step)
    tables = {
        name: wandb.Table(columns=[*table.columns], data=[*map(list, table.cells)])
        for name, table in run.tables.items()
    }
    opened.log(tables, step=len(epochs))
    opened.summary.update(dict(run.summary))
    report = wandb.Artifact(f"report-{run.id}", type="report")
    for file in run.files:
        report.add_file(str(file))
    opened.log_artifact(report)


# --- MLflow --------------------------------------------------------------------------


def _tell_mlflow(run: TrackedRun, target: Target) -> Told:
    try:
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient
    except ImportError as error:
        raise _missing("mlflow", error) from error
    try:
        with _quiet("mlflow"):
            client = MlflowClient(tracking_uri=target.place)
            return _told_mlflow(client, run, target)
    except ImportError as error:
        raise _missing("mlflow", error) from error
    except (MlflowException, OSError) as error:
        where = target.place or "the place of MLFLOW_TRACKING_URI"
        raise UsageError(
            f"--to mlflow: {where}: {_line(error)}; name another store with --at, "
            "such as sqlite:///mlflow.db or http://HOST:PORT"
        ) from error


def _told_mlflow(client: Any, run: TrackedRun, target: Target) -> Told:
    experiment, digest = _experiment(client, target.project), run.digest
    earlier = client.search_runs([experiment], f"tags.`{ID_TAG}` = '{run.id}'")
    same = next((one for one in earlier if one.data.tags.get(DIGEST_TAG) == digest), None)
    where = f"run {{}} of experiment '{target.project}' in {client.tracking_uri}"
    if same is not None:
        return Told(where.format(same.info.run_id), again=True)
    made = client.create_run(experiment, run_name=run.name, tags={ID_TAG: run.id}).info.run_id
    try:
        _write_mlflow(client, made, run)
    except BaseException:
        client.set_terminated(made, "KILLED")
        client.delete_run(made)
        raise
    client.set_tag(made, DIGEST_TAG, digest)
    client.set_terminated(made)
    for old in earlier:  # of the same answers, but told otherwise since
        client.delete_run(old.info.run_id)
    return Told(where.format(made))


def _experiment(client: Any, name: str) -> str:
    """The project's id. Files of a local database lie beside it, wherever this is called."""
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    scheme, _, database = client.tracking_uri.partition(":///")
    beside = Path(database).resolve().parent / "mlruns" if scheme == "sqlite" else None
    return str(client.create_experiment(name, beside.as_uri() if beside else None))


def _write_mlflow(client: Any, made: str, run: TrackedRun) -> None:
    import pandas as pd
    from mlflow.entities import Metric, Param, RunTag

    now_ms, scale = int(time.time() * 1000), _steps_per_epoch(run)
    metrics = [
        Metric(_mlflow_name(curve.key), value, now_ms, round(epoch * scale))
        for curve in run.curves
        for epoch, value in curve.points
    ]
    numbers = {k: v for k, v in run.summary.items() if isinstance(v, float)}
    metrics += [Metric(_mlflow_name(key), value, now_ms, 0) for key, value in numbers.items()]
    params = [
        Param(_mlflow_name(key), str(value)[:6000])
        for key, value in run.config.items()
        if value not in (None, "")
    ]
    words = {key: str(value) for key, value in run.summary.items() if key not in numbers}
    words[UNIT_TAG] = "epoch" if scale == 1 else f"1/{scale} epoch"
    tags = [RunTag(_mlflow_name(key), value[:5000]) for key, value in words.items()]
    for name, entries in (("metrics", metrics), ("params", params), ("tags", tags)):
        for some in _chunks(entries):
            client.log_batch(made, **{name: some})
    for name, table in run.tables.items():
        frame = pd.DataFrame([*table.cells], columns=[*table.columns])
        client.log_table(made, frame, f"{name}.json")
    for file in run.files:
        client.log_artifact(made, str(file))


def _steps_per_epoch(run: TrackedRun) -> int:
    """MLflow counts in whole steps: epochs where all are whole, else hundredths."""
    return 1 if all(at == int(at) for curve in run.curves for at, _ in curve.points) else 100


def _mlflow_name(key: str) -> str:
    """A key with what MLflow takes in one; no part of it may look like a way through folders."""
    plain = re.sub(r"[^\w\-. /]", "_", key, flags=re.ASCII)[:250]
    parts = [part.strip() for part in plain.split("/") if part.strip().strip(".")]
    return "/".join(parts)


def _chunks(entries: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(entries), AT_ONCE):
        yield entries[start : start + AT_ONCE]


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """No notes of a library about the making of its tables."""
    import logging

    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _line(error: BaseException) -> str:
    """What went wrong in a line that can be read: without causes of causes."""
    first = next(iter(str(error).strip().splitlines()), type(error).__name__)
    first = first.partition(" failed with exception ")[0] + (
        " failed" if " failed with exception " in first else ""
    )
    return (first if len(first) <= LONGEST else first[:LONGEST] + "...").rstrip(".")


TRACKERS: Mapping[str, Callable[[TrackedRun, Target], Told]] = {
    "wandb": _tell_wandb,
    "mlflow": _tell_mlflow,
}
"""Tracker -> what tells it."""
