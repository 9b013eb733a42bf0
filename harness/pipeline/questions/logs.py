"""The logs of a run folder: one for every eval and model, in the format of OpenAI evals."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import orjson

from harness.errors import RunFolderError
from harness.graders import needs_judge
from harness.openai_evals.bridge_files import GRADER, final_reports
from harness.openai_evals.log_writer import LogHead, write_log
from harness.pipeline.folder.manifest import Manifest, Plan
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.questions.evaluation import Question
from harness.records import Endpoint, EvalSpec
from harness.running.journal import Contents

LONGEST_NAME = 150
"""Characters of an eval and a model in a file name; file systems take 255 bytes."""

UNSAFE = re.compile(r"[^A-Za-z0-9._=+-]+")


@dataclass(frozen=True, slots=True)
class WrittenLog:
    """A log that was written, and the final report at its end."""

    path: Path
    eval: str
    run_id: str
    final_report: Mapping[str, float | None]


def write_logs(
    folder: RunFolder,
    manifest: Manifest,
    created_at: datetime | None = None,
    created_by: str = "",
) -> tuple[WrittenLog, ...]:
    """Write ``logs/<eval>.jsonl``, or ``logs/<eval>.<model>.jsonl`` where there are several models.

    ``created_at`` is when the run began; by default when its manifest was written.

    Raises:
        RunFolderError: the journal cannot be read, or a log not be written.
    """
    began = created_at or _began(folder)
    contents = Contents.of(folder.journal)
    asked = list(_asked(contents, manifest.plan))
    written = []
    reports = _own_reports(folder, manifest.plan)
    for (spec, model), name in zip(asked, log_names(_eval_models(asked)), strict=True):
        path = folder.path / "logs" / name
        if spec.grader == GRADER:
            report = reports.get((spec.name, model), {})
            written.append(WrittenLog(path, spec.name, _run_id(path), report))
            continue
        head = replace(_head(spec, model, manifest, began), created_by=created_by)
        report = _write(path, contents, head)
        written.append(WrittenLog(path, spec.name, head.run_id, report))
    return tuple(written)


def _run_id(log: Path) -> str:
    """The id in a log that was written before."""
    try:
        with log.open("rb") as file:
            return str(orjson.loads(file.readline())["spec"]["run_id"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


OwnReports = dict[tuple[str, str], Mapping[str, float | None]]


def _own_reports(folder: RunFolder, plan: Plan) -> OwnReports:
    """What evals that run themselves said at their end; their logs are written already."""
    return {
        (spec.name, model): report.numbers
        for spec in plan.evals
        if spec.grader == GRADER
        for model, report in final_reports(folder.journal, spec.name).items()
    }


def _began(folder: RunFolder) -> datetime:
    try:
        return datetime.fromtimestamp(folder.manifest.stat().st_mtime, UTC)
    except OSError as error:
        raise RunFolderError(f"{folder.manifest}: cannot be read ({error.strerror})") from error


def _asked(contents: Contents, plan: Plan) -> Iterator[tuple[EvalSpec, str]]:
    """Every eval and model that the journal knows, in the plan's order."""
    models: dict[str, list[str]] = {}
    for eval_name, model in contents.offsets:
        models.setdefault(eval_name, []).append(model)
    for spec in plan.evals:
        yield from ((spec, model) for model in models.get(spec.name, ()))


def _eval_models(asked: Iterable[tuple[EvalSpec, str]]) -> list[tuple[str, str]]:
    return [(spec.name, model) for spec, model in asked]


def _head(spec: EvalSpec, model: str, manifest: Manifest, began: datetime) -> LogHead:
    judge = manifest.study.judge
    question = Question.answered(spec, manifest.plan.max_samples)
    return LogHead(
        spec=spec,
        model=model,
        command=manifest.command,
        created_at=began,
        seed=spec.seed,
        max_samples=manifest.plan.max_samples,
        judge=judge.model if judge and needs_judge(spec) else None,
        few_shot=question.few_shot,
        endpoint=_endpoint(manifest, model),
        judge_endpoint=judge.endpoint if judge else "chat",
    )


def _endpoint(manifest: Manifest, model: str) -> Endpoint:
    """Where a model was asked: its route says, or the whole run."""
    routed = {route.name: route.endpoint for route in manifest.study.routes}
    whole: Endpoint = "completions" if manifest.plan.endpoint == "completions" else "chat"
    return routed.get(model, whole)


def _write(path: Path, contents: Contents, head: LogHead) -> Mapping[str, float | None]:
    samples = Question.answered(head.spec, head.max_samples).samples()
    return write_log(path, head, samples, contents.outcomes(head.spec.name, head.model))


# --- names of files ------------------------------------------------------------------


def log_names(asked: Sequence[tuple[str, str]]) -> list[str]:
    """A file name for each (eval, model): safe on every system, none twice, none outside."""
    evals = [eval_name for eval_name, _ in asked]
    names: list[str] = []
    for eval_name, model in asked:
        alone = evals.count(eval_name) == 1
        name = safe_name(eval_name) if alone else f"{safe_name(eval_name)}.{safe_name(model)}"
        if name.casefold() in (taken.casefold() for taken in names):
            name += f".{_digest(f'{eval_name}/{model}')}"
        names.append(name)
    return [f"{name}.jsonl" for name in names]


def safe_name(name: str) -> str:
    """The name with everything but letters, digits and ``._=+-`` as ``_``, no dot in front."""
    safe = UNSAFE.sub("_", name).lstrip(".") or "_"
    if len(safe) <= LONGEST_NAME // 2:
        return safe
    return f"{safe[: LONGEST_NAME // 2 - 9]}-{_digest(name)}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=4).hexdigest()
