"""One training run, whoever logged it: a job live or saved, a result file, a trainer, W&B."""

from __future__ import annotations

import base64
import binascii
import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.errors import DatasetError, HarnessError, UsageError
from harness.finetuning.curves import (
    Curve,
    curve_of_events,
    is_one_json,
    json_of,
    read_objects,
)
from harness.finetuning.exports import (
    JOB_FILE,
    JobExport,
    Json,
    TuningResult,
    epoch_length,
    epochs_of,
    is_count,
    is_job,
    mapping,
    metrics_csv,
    read_export,
    result_of,
    settings_of,
    unlisted,
)
from harness.finetuning.states import (
    UNNAMED,
    Naming,
    epoch_ends,
    evenly_spaced,
    states_at,
    validated_steps,
)
from harness.finetuning.tables import read_table
from harness.finetuning.trainer_states import (
    PREFIX,
    STATE_FILE,
    curve_of_log,
    ends_of,
    epoch_at,
    kept_beside,
    log_of,
    output_folder,
    state_file,
    validation_sets,
)
from harness.records import Checkpoint

TRAINER_STATE, METRICS_TABLE = "trainer state", "table of metrics"
RESULT_FILE, EVENTS = "result file", "events of a job"
OF_A_BARE_CURVE = frozenset({RESULT_FILE, EVENTS})
"""What does not say how many epochs it is, nor its model."""
OF_TRAINERS = frozenset({TRAINER_STATE, METRICS_TABLE})
ENDED = frozenset({"failed", "cancelled"})
"""Jobs that will train no further."""
MOST_GUESSED_EPOCHS = 12
"""More evaluations than this are not taken for one an epoch."""


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """A run's curve and the states along it.

    ``checkpoints`` are the states at the ends of epochs, or those that were kept;
    ``evaluations`` every state in which the validation set was measured. ``kept`` are the steps
    whose checkpoints are known to exist; None where nobody knows. ``epochs`` were trained so
    far; ``notes`` say what was assumed.
    """

    name: str
    kind: str
    curve: Curve
    checkpoints: tuple[Checkpoint, ...]
    evaluations: tuple[Checkpoint, ...]
    epochs: float
    kept: frozenset[int] | None = None
    base: str | None = None
    status: str = "succeeded"
    error: str | None = None
    """Why a job failed."""
    notes: tuple[str, ...] = ()
    trained_tokens: int | None = None
    """Of all epochs together, where the server has counted them."""
    settings: str = ""
    """How else the job was trained, in its own words."""
    server: str | None = None
    """The address of the server that trained, where that is known."""
    folder: Path | None = field(default=None, compare=False)
    """Where a job was saved."""

    @property
    def is_of_trainer(self) -> bool:
        """Whether its checkpoints are a trainer's, which no server serves by itself."""
        return self.kind in OF_TRAINERS

    @property
    def is_named(self) -> bool:
        """Whether the last state has a name that a server may know it by."""
        last = self.checkpoints[-1:]
        return bool(last) and last[0].model != f"{UNNAMED}{last[0].step}"

    def is_kept(self, state: Checkpoint) -> bool:
        """Whether a state's checkpoint is known to exist."""
        return self.kept is not None and state.step in self.kept


# --- jobs ----------------------------------------------------------------------------


def run_of_job(export: JobExport, source: str) -> TrainingRun:
    """Return a job's run from its own objects, finished or not.

    Raises:
        DatasetError: the objects are not those of a tuning job, or nothing was trained.
    """
    if has_no_curve(export) and export.job.get("status") == "succeeded":
        return run_without_curve(export.job, source)
    result = result_of(export, source)
    if not result.curve:
        raise DatasetError(f"{source}: job {result.job_id} {why_no_curve(result)}")
    if not result.checkpoints and epochs_of(export.job) is None:
        return run_of_curve(result.curve, None, source, "fine-tuning job")
    length = epoch_length(export, result.curve, source)
    names = {one.step: one.model for one in result.checkpoints if one.step is not None}
    naming = Naming(lambda step: step / length, names=names, seed=result.seed)
    ends = {*epoch_ends(result.curve, length, result.epochs or 0), *names}
    return TrainingRun(
        name=result.job_id,
        kind="fine-tuning job",
        curve=result.curve,
        checkpoints=states_at(result.curve, ends, naming),
        evaluations=states_at(result.curve, validated_steps(result.curve), naming),
        epochs=naming.epoch_at(result.curve[-1].step),
        kept=frozenset(names),
        base=result.base,
        status=result.status,
        error=result.error,
        trained_tokens=result.trained_tokens,
        server=export.server,
        settings=settings_of(export.job),
    )


def why_no_curve(result: TuningResult) -> str:
    """Return why a job has no curve, and what to do about it."""
    if result.error:
        return f"is {result.status}, without a curve: {result.error}"
    if result.status == "succeeded":
        return "has succeeded, but its steps are missing: give its result file (CSV), too"
    if result.status in ENDED:
        return f"is {result.status}, without a curve: start it anew"
    return f"is {result.status}, no curve yet; look again when it runs"


def has_no_curve(export: JobExport) -> bool:
    """Whether a job stands alone: without events, checkpoints and result file."""
    return not (export.events or export.checkpoints or export.result_file)


def run_without_curve(job: Json, source: str) -> TrainingRun:
    """Return what a finished job says by itself: its end.

    Raises:
        DatasetError: not even how many epochs it trained.
    """
    model, epochs = job.get("fine_tuned_model"), epochs_of(job)
    if not isinstance(job.get("id"), str) or not isinstance(model, str) or epochs is None:
        raise DatasetError(
            f"{source}: a job without its id, its epochs (hyperparameters.n_epochs) or its tuned "
            "model (fine_tuned_model); save it again when it has succeeded"
        )
    files = [one for one in listed(job.get("result_files")) if isinstance(one, str)]
    named = f" ({', '.join(files)})" if files else ""
    tokens = job.get("trained_tokens")
    return TrainingRun(
        name=job["id"],
        kind="fine-tuning job without its curve",
        curve=(),
        checkpoints=(Checkpoint(model, epochs),),
        evaluations=(),
        epochs=epochs,
        base=str(job.get("model")),
        trained_tokens=tokens if is_count(tokens) else None,
        settings=settings_of(job),
        notes=(
            f"a job's object holds no curve: download its result file{named} and give both: "
            f"harness advise {shlex.quote(source)} result.csv",
        ),
    )


def listed(value: object) -> list[object]:
    """Return a list of a job, an empty one where there is something else."""
    return value if isinstance(value, list) else []


def run_of_job_and_result(path: Path, result: Path) -> TrainingRun:
    """Return the run of a job's file and its result file, events or checkpoints.

    The job has the epochs and names, the other file the curve.

    Raises:
        DatasetError: neither of them is a job, or the other one none of these.
    """
    if not holds_job(path):
        path, result = result, path
    if not holds_job(path):
        raise DatasetError(f"{result}: holds no job; give a job's JSON and its result file (CSV)")
    return run_of_job(with_curve(read_export(path), result), f"{path} with {result}")


def holds_job(path: Path) -> bool:
    """Whether a path is a saved job, or a file with a job's object."""
    if path.is_dir():
        return (path / JOB_FILE).is_file()
    text = plain_text(text_of(path))
    if not text.startswith(("{", "[")) or not is_one_json(text):
        return False
    content = json_of(text, str(path))
    return is_list_of(content, is_job) or is_job(content) or "job" in mapping(content)


def with_curve(export: JobExport, result: Path) -> JobExport:
    """Return a job with what another file says of its curve."""
    text = plain_text(text_of(result))
    if text.startswith(("{", "[")) and all(map(is_event, items := read_objects(text, str(result)))):
        return replace(export, events=items)
    if text.startswith(("{", "[")) and all(map(is_checkpoint, items)):
        return replace(export, checkpoints=items)
    return replace(export, result_file=metrics_csv(read_table(text, str(result)).curve))


# --- files ---------------------------------------------------------------------------


def is_training_run(path: Path) -> bool:
    """Whether a path is a file, or a folder with a saved job or trainer states in it."""
    return path.is_file() or (path / JOB_FILE).is_file() or state_file(path) is not None


def read_run(path: Path, epochs: int | None = None, model: str | None = None) -> TrainingRun:
    """Return the run that a file or folder tells of.

    ``epochs`` and ``model`` are what a result file does not say: how many epochs its steps are,
    and the tuned model's name, which is that of the last state; those of others are not known.

    Raises:
        DatasetError: it cannot be read, or tells of no run.
        UsageError: ``epochs`` or ``model`` for what says its own.
    """
    run = run_of_folder(path) if path.is_dir() else run_of_file(path, epochs, model)
    if (epochs or model) and run.kind not in OF_A_BARE_CURVE:
        raise UsageError(
            f"--epochs and --model are for result files; {path} ({run.kind}) says its own"
        )
    return run


def run_of_folder(path: Path) -> TrainingRun:
    """Return the run of a folder: a saved job, or a trainer's output."""
    if (path / JOB_FILE).is_file():
        run = run_of_job(read_export(path), str(path / JOB_FILE))
        return replace(run, folder=path)
    file = state_file(path)
    if file is not None:
        return run_of_trainer(text_of(file), file)
    nested = sorted(one for one in path.iterdir() if one.is_dir() and is_training_run(one))
    if nested:
        names = ", ".join(one.name for one in nested[:4])
        raise DatasetError(f"{path}: holds no run itself; give one of those below it: {names}")
    raise DatasetError(
        f"{path}: no run folder, no saved job ({JOB_FILE}) and no checkpoints of a trainer "
        f"({PREFIX}*/{STATE_FILE}) in it; give the folder or file that training wrote"
    )


def run_of_file(path: Path, epochs: int | None, model: str | None) -> TrainingRun:
    """Return the run of a file, by what is in it."""
    text = plain_text(text_of(path))
    if not text.strip():
        raise DatasetError(f"{path}: the file is empty; save what training wrote again")
    if not text.startswith(("{", "[")):
        return run_of_table(text, str(path), epochs, model)
    return run_of_json(text, path, epochs, model)


def text_of(path: Path) -> str:
    """Return a file's text."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise DatasetError(
            f"{path}: is no text; give a result file (CSV), {STATE_FILE}, {JOB_FILE}, or a "
            "W&B export (CSV or JSON)"
        ) from None


def plain_text(text: str) -> str:
    """Return the text behind base64, and any other text as it is."""
    text = text.lstrip("\ufeff \r\n")
    try:
        decoded = base64.b64decode("".join(text.split()), validate=True).decode("utf-8-sig")
    except (binascii.Error, ValueError):
        return text
    return decoded if "," in decoded else text


def run_of_json(text: str, path: Path, epochs: int | None, model: str | None) -> TrainingRun:
    """Return the run of a JSON file, by what is in it."""
    source = str(path)
    content = json_of(text, source) if is_one_json(text) else None
    if isinstance(content, dict) and "log_history" in content:
        return run_of_trainer(text, path)
    if isinstance(content, dict) and "job" in content:
        return replace(run_of_job(read_export(path), source), folder=path.parent)
    if is_job(content) or is_list_of(content, is_job):
        return run_of_job(read_export(path), source)
    if is_list_of(content, is_checkpoint):
        raise DatasetError(
            f"{source}: a job's checkpoints alone, which hold no curve; give the job's JSON and "
            "its result file (CSV), or a saved job with 'job', 'events' and 'checkpoints'"
        )
    if looks_like_a_log(text):
        raise DatasetError(
            f"{source}: a log of answers, not of training; give it with --log beside the run"
        )
    if is_list_of(content, is_event) and not is_of_events(text, source):
        raise DatasetError(
            f"{source}: events of a job, and none of them has metrics; save them again with all "
            "pages, or give the job's result file (CSV)"
        )
    if is_of_events(text, source):
        curve = curve_of_events(read_objects(text, source), source)
        return run_of_curve(curve, epochs, source, EVENTS, model=model)
    return run_of_table(text, source, epochs, model)


def looks_like_a_log(text: str) -> bool:
    """Whether a text starts like a log of OpenAI evals."""
    try:
        first = json.loads(text.partition("\n")[0])
    except ValueError:
        return False
    return isinstance(first, dict) and ("spec" in first or "final_report" in first)


def is_list_of(content: object, is_one: Callable[[object], bool]) -> bool:
    """Whether a value is a list of objects of a kind, plain or as an API wraps it."""
    items = unlisted(content)
    return bool(items) and all(is_one(item) for item in items)


def is_checkpoint(item: object) -> bool:
    """Whether a value is what a server says of a job's checkpoint."""
    return isinstance(item, dict) and item.get("object") == "fine_tuning.job.checkpoint"


def is_event(item: object) -> bool:
    """Whether a value is one of a job's events."""
    return isinstance(item, dict) and item.get("object") == "fine_tuning.job.event"


def is_of_events(text: str, source: str) -> bool:
    """Whether a text is a list of a job's events."""
    try:
        objects = read_objects(text, source)
    except HarnessError:
        return False
    return any(one.get("type") == "metrics" and one.get("data") for one in objects)


def run_of_trainer(text: str, path: Path) -> TrainingRun:
    """Return the run of a trainer's state; checkpoints are the folders beside it, if any."""
    source = str(path)
    log = log_of(text, source)
    curve, epochs = curve_of_log(log, source)
    if not curve:
        raise DatasetError(f"{source}: an empty log_history: nothing was trained or logged yet")
    if not any("epoch" in entry for entry in log):
        raise DatasetError(f"{source}: no entry of log_history has an epoch; copy the file again")
    kept = kept_beside(path)
    last = curve[-1].step
    naming = Naming(lambda step: epoch_at(step, epochs), prefix=PREFIX)
    ends = ends_of(curve, epochs) if kept is None else [k for k in kept if 0 < k <= last]
    return TrainingRun(
        name=str(output_folder(path) if kept is not None else path),
        kind=TRAINER_STATE,
        curve=curve,
        checkpoints=states_at(curve, ends, naming),
        evaluations=states_at(curve, validated_steps(curve), naming),
        epochs=epochs[last] or 1.0,
        kept=kept,
        notes=of_the_first(validation_sets(log)),
    )


def of_the_first(sets: Sequence[str]) -> tuple[str, ...]:
    """Return what to say of a run with several validation sets."""
    if len(sets) < 2:
        return ()
    return (f"the validation curve is that of {sets[0]}; left out: {', '.join(sets[1:])}",)


def run_of_table(text: str, source: str, epochs: int | None, model: str | None) -> TrainingRun:
    """Return the run of a result file, or of another table of metrics."""
    table = read_table(text, source)
    if not table.curve:
        raise DatasetError(f"{source}: no step in it; export it when training has begun")
    if not table.epochs:
        return run_of_curve(
            table.curve, epochs, source, RESULT_FILE, whole_set=table.whole_set, model=model
        )
    naming = Naming(lambda step: epoch_at(step, table.epochs), prefix=PREFIX)
    ends = ends_of(table.curve, table.epochs)
    return TrainingRun(
        name=source,
        kind=METRICS_TABLE,
        curve=table.curve,
        checkpoints=states_at(table.curve, ends, naming),
        evaluations=states_at(table.curve, validated_steps(table.curve), naming),
        epochs=naming.epoch_at(table.curve[-1].step),
    )


def run_of_curve(
    curve: Curve,
    epochs: int | None,
    source: str,
    kind: str,
    *,
    whole_set: bool = False,
    model: str | None = None,
) -> TrainingRun:
    """Return the run of a curve that does not say how many epochs it is.

    Raises:
        DatasetError: nor does anything else.
    """
    measured = validated_steps(curve)
    last = curve[-1].step
    count = epochs or guessed_epochs(curve, whole_set=whole_set)
    if count is None:
        raise DatasetError(
            f"{source}: does not say how many epochs its {last:,} steps are; "
            "add --epochs N (the job's n_epochs)"
        )
    notes: tuple[str, ...] = ()
    if epochs is None and not whole_set:
        notes = (
            f"{source} does not say how many epochs it is: its {len(measured)} evaluations are "
            "taken for one an epoch; --epochs N says otherwise",
        )
    length = (measured[-1] if whole_set and measured and epochs is None else last) / count
    ends = epoch_ends(curve, length, count)
    names = {ends[-1]: model} if model is not None and ends else {}
    naming = Naming(lambda step: step / length, names=names)
    return TrainingRun(
        name=model or source,
        kind=kind,
        curve=curve,
        checkpoints=states_at(curve, ends, naming),
        evaluations=states_at(curve, measured, naming),
        epochs=last / length,
        kept=frozenset(names) or None,
        notes=notes,
    )


def guessed_epochs(curve: Curve, *, whole_set: bool) -> int | None:
    """Return how many epochs a curve shows; None where that would be a mere guess.

    The whole validation set is measured once an epoch. Other evaluations are taken for one an
    epoch where they are few, evenly spaced, further apart than the steps, and end the run.
    """
    measured = validated_steps(curve)
    if whole_set and measured:
        return len(measured)
    few = 1 < len(measured) <= min(MOST_GUESSED_EPOCHS, len(curve) // 2)
    ends = few and measured[-1] == curve[-1].step
    return len(measured) if ends and evenly_spaced(measured) else None
