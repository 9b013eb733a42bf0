"""Turns saved hosted Evals into a registry that runs here, logs to compare, answers to mark anew.

``OUT/evals/<name>.yaml`` holds one eval a criterion, ``<name>.<criterion>.v1``, over
``OUT/data/<name>/samples.jsonl``. ``OUT/logs`` holds the hosted runs with the marks that they
got, in the log format of OpenAI evals; ``OUT/answers`` what each model said, to be replayed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from harness.errors import DatasetError, RegistryError, UsageError
from harness.graders import GRADERS, make_grader, needs_code, needs_judge
from harness.graders.hosted import HOSTED_TYPES
from harness.graders.hosted_text import OUTPUT
from harness.graders.table import PYTHON
from harness.graders.templates import Template
from harness.openai_evals.attempts import SCORE
from harness.openai_evals.hosted_files import Json, Saved, SavedObject, mapping, number, read_saved
from harness.openai_evals.hosted_runs import (
    HostedRun,
    SampleTable,
    answer_of_row,
    hosted_run,
    mark_of,
)
from harness.openai_evals.log_writer import LogHead, write_log
from harness.records import Completion, EvalSpec, Failure, Outcome, Sample

NOT_OPTIONS = ("name", "type", "id")
COMPARING = ("eq", "like", "ilike", None)
SAMPLING = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_completion_tokens": "max_tokens",
    "max_completions_tokens": "max_tokens",
    "max_tokens": "max_tokens",
}
"""Sampling parameters of a hosted run that an eval can carry, and what they are called here."""

LEFT_OUT = ("response_format", "reasoning_effort", "text")
RESERVED = frozenset({"key", "group", "cls"})
MAX_NAME = 50
HEADER = "# Made by `harness import hosted-eval` from {source}\n"


@dataclass(frozen=True, slots=True)
class ImportedEval:
    """One criterion as an eval of ours. ``logs`` are its runs' logs by the runs' models."""

    name: str
    logs: tuple[tuple[str, Path], ...]
    needs_judge: bool
    needs_code: bool
    runnable: bool


@dataclass(slots=True)
class Imported:
    """What was written, and what the user should know about it."""

    out: Path
    evals: list[ImportedEval] = field(default_factory=list)
    answers: list[Path] = field(default_factory=list)
    samples: list[tuple[Path, int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def import_hosted(paths: Sequence[Path], out: Path, overwrite: bool = False) -> Imported:
    """Read saved hosted Evals and write what they hold below ``out``.

    Raises:
        DatasetError: a file that cannot be used, or nothing in them to import.
        UsageError: a file is there already, and ``overwrite`` does not say to replace it.
    """
    saved = read_saved(paths)
    _require_evals(saved)
    imported = Imported(out, notes=list(saved.notes))
    plans = list(_plans(saved, imported.notes))
    if not plans:
        raise DatasetError("; ".join(imported.notes) or "the files hold no eval with data")
    _refuse_replacing(out, plans, overwrite)
    for plan in plans:
        _write(plan, imported)
    return imported


def _require_evals(saved: Saved) -> None:
    """Everything saved belongs to an eval that was saved too."""
    for run in saved.runs.values():
        wanted = run.text("eval_id")
        if wanted not in saved.evals:
            raise DatasetError(
                f"{run.place}: run {run.text('id')} belongs to eval {wanted}, which is in none of"
                f" the files; save client.evals.retrieve('{wanted}') too"
            )
    for run_id, items in saved.items.items():
        if run_id not in saved.runs:
            first = next(iter(items.values()))
            raise DatasetError(
                f"{first.place}: output items of run {run_id}, which is in none of the files;"
                " save client.evals.runs.retrieve too"
            )


# --- what to write -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Criterion:
    """One testing criterion and the eval that it becomes. ``fault`` is why it cannot run."""

    raw: Json
    eval_name: str
    spec: EvalSpec
    fault: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """One hosted eval, worked out: everything but the writing."""

    name: str
    saved: SavedObject
    runs: tuple[HostedRun, ...]
    table: SampleTable
    criteria: tuple[Criterion, ...]

    @property
    def base(self) -> Mapping[str, Path]:
        """The files that hold the whole eval, below the folder that is written to."""
        return {
            "registry": Path("evals") / f"{self.name}.yaml",
            "samples": Path("data") / self.name / "samples.jsonl",
        }

    def log(self, criterion: Criterion, run_name: str) -> Path:
        """The log of one run under one criterion."""
        short = criterion.eval_name.split(".")[1]
        return Path("logs") / f"{self.name}.{short}.{run_name}.jsonl"

    def answers(self, run_name: str) -> Path:
        """The recorded answers of one run."""
        return Path("answers") / f"{self.name}.{run_name}.jsonl"

    def named_runs(self) -> list[tuple[str, HostedRun]]:
        """The runs under names that are safe and all different."""
        names = unique_names(run.name for run in self.runs)
        return list(zip(names, self.runs, strict=True))

    def files(self) -> Iterator[Path]:
        """Every file that is going to be written."""
        yield from self.base.values()
        for name, run in self.named_runs():
            if run.has_outputs:
                yield self.answers(name)
                yield from (self.log(criterion, name) for criterion in self.criteria)


def _plans(saved: Saved, notes: list[str]) -> Iterator[Plan]:
    evals = list(saved.evals.values())
    for name, one in zip(unique_names(_called(e) for e in evals), evals, strict=True):
        runs = tuple(hosted_run(saved, run) for run in saved.runs_of(one.text("id")))
        table = SampleTable()
        for run in reversed(runs):  # of several prompts to one item the newest is asked again
            table.add(run)
        if not table.lines:
            notes.append(
                f"{one.place}: eval '{_called(one)}' has no data; save its runs' output items"
                " (client.evals.runs.output_items.list), or the uploaded data file"
            )
            continue
        criteria = tuple(_criteria(name, one, _asking(runs)))
        table.finish(_references(criterion.raw for criterion in criteria))
        notes.extend(_remarks(one, runs, table, criteria))
        yield Plan(name, one, runs, table, criteria)


def _called(one: SavedObject) -> str:
    return str(one.data.get("name") or one.text("id"))


def _criteria(name: str, one: SavedObject, asking: Json) -> Iterator[Criterion]:
    raws = one.objects("testing_criteria")
    if not raws:
        raise DatasetError(f"{one.place}: this eval has no testing_criteria; save the whole object")
    names = unique_names(str(raw.get("name") or raw.get("type")) for raw in raws)
    for short, raw in zip(names, raws, strict=True):
        eval_name = f"{name}.{short}.v1"
        options = {k: v for k, v in raw.items() if k not in NOT_OPTIONS and v is not None}
        args = {"samples_jsonl": f"{name}/samples.jsonl", **asking}
        spec = EvalSpec(eval_name, str(raw.get("type")), Path(args["samples_jsonl"]), args=options)
        yield Criterion(raw, eval_name, spec, _fault(spec))


def _fault(spec: EvalSpec) -> str | None:
    """Why a criterion cannot run here; None when it can."""
    if spec.grader not in HOSTED_TYPES:
        return f"its grader type '{spec.grader}' is not known here"
    try:
        make_grader(spec, allow_code=frozenset({PYTHON}))
    except RegistryError as error:
        return str(error)
    return None


def _asking(runs: Sequence[HostedRun]) -> dict[str, Any]:
    """How the newest run that says so sampled, as options of an eval."""
    for run in reversed(runs):
        params = mapping(run.source.get("sampling_params"))
        found = {SAMPLING[key]: params[key] for key in SAMPLING if number(params.get(key))}
        zero = {"temperature": 0.0} if params.get("temperature") == 0 else {}
        if found or zero:
            return {**zero, **found}
    return {}


def _references(criteria: Iterable[Json]) -> Iterator[Template]:
    """What the answer itself is compared with, where the item alone decides it."""
    for raw in criteria:
        if raw.get("operation") not in COMPARING or not isinstance(raw.get("reference"), str):
            continue
        try:
            text, reference = (Template.parse(str(raw.get(key))) for key in ("input", "reference"))
        except RegistryError:
            continue
        if text.parts == Template.parse(OUTPUT).parts and reference.of_item:
            yield reference


def _remarks(
    one: SavedObject,
    runs: Sequence[HostedRun],
    table: SampleTable,
    criteria: Sequence[Criterion],
) -> Iterator[str]:
    """What the user should know before trusting the import."""
    for criterion in criteria:
        if criterion.fault is not None:
            yield f"{one.place}: {criterion.eval_name} cannot be run here: {criterion.fault}"
        if criterion.raw.get("evaluation_metric") == "cosine":
            yield (
                f"{criterion.eval_name}: cosine is of word counts here, of embeddings in the hosted"
                " service; set its pass_threshold anew"
            )
    for run in runs:
        if not run.has_outputs:
            yield f"{run.saved.place}: no output items of run {run.id}: it has no log"
        left = [key for key in LEFT_OUT if mapping(run.source.get("sampling_params")).get(key)]
        if left:
            yield f"{run.saved.place}: run {run.id} was asked with {', '.join(left)}; evals are not"
    if table.unasked:
        yield (
            f"{one.place}: the prompts of {table.unasked} items were not saved; their 'input' is"
            " the item as JSON: fit to mark saved answers, not to ask a model"
        )


# --- writing it ----------------------------------------------------------------------


def _refuse_replacing(out: Path, plans: Iterable[Plan], overwrite: bool) -> None:
    home = out.resolve()
    for file in (file for plan in plans for file in plan.files()):
        if not (out / file).resolve().is_relative_to(home):
            raise UsageError(f"{out / file}: leads out of {out}; remove the link")
        if (out / file).exists() and not overwrite:
            raise UsageError(f"{out / file}: is there already; add --overwrite, or name another")


def _write(plan: Plan, imported: Imported) -> None:
    out, base = imported.out, plan.base
    for file in plan.files():
        (out / file).parent.mkdir(parents=True, exist_ok=True)
    _write_lines(out / base["samples"], plan.table.lines.values())
    imported.samples.append((out / base["samples"], len(plan.table.lines)))
    registry = yaml.dump(
        _registry(plan), Dumper=_Readable, sort_keys=False, allow_unicode=True, width=100
    )
    header = HEADER.format(source=json.dumps(plan.saved.text("id")))
    (out / base["registry"]).write_text(header + registry, encoding="utf-8")
    for name, run in plan.named_runs():
        if run.has_outputs:
            _write_lines(out / plan.answers(name), _answers(plan, run))
            imported.answers.append(out / plan.answers(name))
    imported.evals += (_with_logs(plan, criterion, out) for criterion in plan.criteria)


def _registry(plan: Plan) -> dict[str, Any]:
    """The YAML file: every criterion that can run, and the bare name for a lone one."""
    asking = _asking(plan.runs)
    entries: dict[str, Any] = {}
    able = [criterion for criterion in plan.criteria if criterion.fault is None]
    if len(plan.criteria) == len(able) == 1:
        entries[plan.name] = {"id": able[0].eval_name}
    for criterion in able:
        kind = GRADERS[criterion.spec.grader]
        entries[criterion.eval_name] = {
            "class": f"{kind.__module__}:{kind.__name__}",
            "description": f"{_called(plan.saved)}: {criterion.raw.get('name') or ''}".strip(": "),
            "args": {
                "samples_jsonl": f"{plan.name}/samples.jsonl",
                **asking,
                **criterion.spec.args,
            },
        }
    return entries


def _with_logs(plan: Plan, criterion: Criterion, out: Path) -> ImportedEval:
    logs = []
    for name, run in plan.named_runs():
        if run.has_outputs:
            path = out / plan.log(criterion, name)
            _write_log(path, plan, criterion, run)
            logs.append((run.model, path))
    spec = criterion.spec
    able = criterion.fault is None
    return ImportedEval(
        criterion.eval_name,
        tuple(logs),
        needs_judge=able and needs_judge(spec),
        needs_code=able and needs_code(spec),
        runnable=able,
    )


def _write_log(path: Path, plan: Plan, criterion: Criterion, run: HostedRun) -> None:
    began = number(run.saved.data.get("created_at")) or 0.0
    head = LogHead(
        replace(criterion.spec, args={}),
        run.model,
        f"harness import hosted-eval (eval {plan.saved.text('id')}, run {run.id})",
        datetime.fromtimestamp(min(max(began, 0.0), 4e9), UTC),
    )
    prefix = criterion.eval_name.rpartition(".")[0]
    samples = plan.table.samples(run, prefix)
    criteria = [one.raw for one in plan.criteria]
    outcomes = [
        _outcome(head, sample, run, place, criterion.raw, criteria)
        for place, sample in enumerate(samples)
    ]
    write_log(path, head, samples, outcomes)


def _outcome(
    head: LogHead,
    sample: Sample,
    run: HostedRun,
    place: int,
    criterion: Json,
    criteria: Sequence[Json],
) -> Outcome:
    row = run.rows[place]
    answer = answer_of_row(row)
    who = Outcome(head.spec.name, head.model, sample.id, 0, "")
    if isinstance(answer, Failure):
        return replace(who, failure=answer)
    scores = {SCORE: mark_of(row, criterion, criteria)}
    return replace(who, completion=answer or Completion(""), scores=scores)


def _answers(plan: Plan, run: HostedRun) -> Iterator[dict[str, Any]]:
    """What a model said, under the prompts of the samples file."""
    for key, row in zip(run.keys(), run.rows, strict=True):
        answer = answer_of_row(row)
        if isinstance(answer, Completion):
            line = {"messages": plan.table.lines[key]["input"], "completion": answer.text}
            calls = {"tool_calls": list(answer.tool_calls)} if answer.tool_calls else {}
            yield {**line, **calls}


def _write_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    texts = (json.dumps(line, ensure_ascii=False, default=str) for line in lines)
    text = "".join(f"{line}\n" for line in texts)
    path.write_bytes(text.encode("utf-8", "replace"))


class _Readable(yaml.SafeDumper):
    """Plain YAML in which a text of several lines, such as code, stands as it is."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        """A text; with line breaks as a block."""
        style = "|" if "\n" in data else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    def ignore_aliases(self, data: Any) -> bool:
        """Nothing is abbreviated."""
        return True


_Readable.add_representer(str, _Readable.represent_str)


# --- names ---------------------------------------------------------------------------


def unique_names(names: Iterable[str]) -> list[str]:
    """Names as parts of file and eval names: small letters, digits, hyphens; all different."""
    taken: set[str] = set()
    found = []
    for name in names:
        safe = re.sub(r"[^a-z0-9]+", "-", name.lower())[:MAX_NAME].strip("-") or "unnamed"
        safe = f"hosted-{safe}" if safe in RESERVED else safe
        number = 2
        unique = safe
        while unique in taken:
            unique, number = f"{safe}-{number}", number + 1
        taken.add(unique)
        found.append(unique)
    return found
