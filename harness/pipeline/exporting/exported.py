"""What a run's tables hold: one row a sample, model and repeat; one row a model and metric.

Rows are made one at a time from the journal and the data files, so that a run's size does not
matter. They come in the order of the data, so that two exports can be compared line by line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from harness.analysis.cost import PriceTable
from harness.datasets import read_training
from harness.errors import RunFolderError, UsageError, did_you_mean
from harness.messages import dialogue_text
from harness.pipeline.folder.manifest import Manifest, located
from harness.pipeline.folder.runfolder import FILES, RunFolder, check_files
from harness.pipeline.measuring.accounts import Accounts
from harness.pipeline.measuring.spending import Payers
from harness.pipeline.orders.names import PROBE_SUFFIX, PROMPT_MARK, eval_of
from harness.pipeline.orders.tuning import TunedRun, read_tuning
from harness.pipeline.questions.bridging import in_folder
from harness.pipeline.questions.evaluation import Question
from harness.prompts import train_probe
from harness.records import Checkpoint, EvalSpec, Experiment, Outcome, Sample, Score
from harness.registry.prices import load_prices
from harness.reports.document import SCORE, Document
from harness.running.journal import Contents

Kind = Literal["text", "whole", "number", "flag"]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its name, what its cells are, and what they mean."""

    name: str
    kind: Kind
    meaning: str


SAMPLES: tuple[Column, ...] = (
    Column("eval", "text", "the eval; `NAME@train`: asked training prompts"),
    Column("asked", "text", "held-out, training, or the name of another prompt"),
    Column("model", "text", "who answered"),
    Column("epochs", "number", "epochs of tuning; 0 the base model, empty not known"),
    Column("seed", "whole", "the seed of the tuning job"),
    Column("sample_id", "text", "the sample"),
    Column("repeat", "whole", "which of several answers to one prompt, from 0"),
    Column("prompt", "text", "the sample's messages as one text"),
    Column("ideal", "text", "the right answer, the first of several"),
    Column("other_ideals", "text", "further right answers, a JSON array"),
    Column("answer", "text", "what the model said; empty also where nothing came"),
    Column("tool_calls", "text", "functions that it called, a JSON array"),
    Column("score", "number", "the grader's mark, mostly 0 to 1; empty: excluded"),
    Column("label", "text", "what the grader picked out of the answer"),
    Column("reason", "text", "what the grader said"),
    Column("details", "text", "further numbers of the grader, a JSON object"),
    Column("failure", "text", "why there is no score: `no_mark`, `not_asked`, `timed_out`, ..."),
    Column("failure_message", "text", "the same in words"),
    Column("finish_reason", "text", "`stop`, `length`, ... as the server says it"),
    Column("prompt_tokens", "whole", "tokens of the request; several choices: all on the first"),
    Column("completion_tokens", "whole", "tokens of the answer, likewise"),
    Column("latency_s", "number", "seconds for the request; empty: not measured"),
    Column("replayed", "flag", "whether the answer came from a cache or a file"),
    Column("cost_usd", "number", "US dollars for the answer; empty: no price is known"),
    Column("judge_cost_usd", "number", "the same for judging it"),
    Column("cluster", "text", "the document that several samples share"),
)
"""One row a sample, model and repeat."""

METRICS: tuple[Column, ...] = (
    Column("eval", "text", "the eval"),
    Column("task", "text", "one-answer or open"),
    Column("model", "text", "the model"),
    Column("epochs", "number", "epochs of tuning; 0 the base model, empty not known"),
    Column("seed", "whole", "the seed of the tuning job"),
    Column("metric", "text", "`accuracy` is the eval's own score"),
    Column("unit", "text", "share, ratio, count, ..."),
    Column("value", "number", "the estimate"),
    Column("low", "number", "lower end of its 95 % interval"),
    Column("high", "number", "upper end"),
    Column("n", "whole", "samples behind it"),
    Column("method", "text", "how the interval was computed"),
    Column("excluded", "whole", "held-out samples of this model without a mark"),
)
"""One row an eval, model and metric."""

NOT_ASKED = "not_asked"
NO_MARK = "no_mark"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which evals (patterns) and models are wanted; nothing named means all."""

    evals: Sequence[str] = ()
    models: Sequence[str] = ()

    def wants(self, eval: str, model: str) -> bool:
        """Whether the answers of this model to this eval belong in the table."""
        plain = eval_of(eval)
        named = not self.evals or any(fnmatchcase(n, p) for p in self.evals for n in (plain, eval))
        return named and (not self.models or model in self.models)


@dataclass(frozen=True)
class SampleTable:
    """The samples of a run folder, row by row."""

    folder: RunFolder
    manifest: Manifest
    contents: Contents
    prices: Sequence[PriceTable]
    selection: Selection = field(default_factory=Selection)

    @classmethod
    def of(
        cls,
        folder: RunFolder,
        selection: Selection | None = None,
        prices: Sequence[PriceTable] | None = None,
    ) -> SampleTable:
        """Look a run folder over.

        Raises:
            RunFolderError: no run in it, no answers yet, or its data have changed since.
            UsageError: an eval or a model that it does not hold.
        """
        manifest = folder.read()
        if not folder.journal.exists():
            raise RunFolderError(
                f"{folder.path}: nothing was answered yet (no journal.jsonl in it)"
            )
        check_files(manifest.plan.files, folder.path)
        tables = load_prices() if prices is None else prices
        contents = Contents.of(folder.journal)
        found = cls(folder, manifest, contents, tables, selection or Selection())
        found._check()
        return found

    def rows(self) -> Iterator[Row]:
        """Every row: model by model, each in the order of the data."""
        for asked in self._wanted:
            yield from self._answers(*asked)

    @property
    def size(self) -> int:
        """How many answers there are; samples that were never asked come on top."""
        return sum(len(self.contents.offsets.get(asked, ())) for asked in self._wanted)

    # --- whose answers ---------------------------------------------------------------

    def _check(self) -> None:
        everything = [*self._asked()]
        evals = sorted({eval_of(name) for name, _ in everything})
        models = list(dict.fromkeys(model for _, model in everything))
        for model in self.selection.models:
            if model not in models:
                near = did_you_mean(model, models)
                raise UsageError(f"{self.folder.path}: no answers of '{model}'{near}")
        if not self._wanted:
            held = ", ".join(evals)
            raise UsageError(f"{self.folder.path}: no such eval in it; it holds {held}")

    @cached_property
    def _wanted(self) -> list[tuple[str, str]]:
        return [asked for asked in self._asked() if self.selection.wants(*asked)]

    def _asked(self) -> list[tuple[str, str]]:
        """Every eval and model, as the study names them; then what else was answered."""
        study = self.manifest.study
        named = [
            (name, model)
            for experiment in study.experiments
            for name in (*experiment.evals, *experiment.forgetting)
            for model in (study.base, *self._tuned(experiment), *experiment.others)
        ]
        return list(dict.fromkeys([*named, *self.contents.offsets]))

    def _tuned(self, experiment: Experiment) -> Iterator[str]:
        """The models whose epochs are compared."""
        yield from (checkpoint.model for checkpoint in experiment.tuned)
        tuning = experiment.tuning
        wanted = (*tuning.epochs, *tuning.spares) if tuning else ()
        for run in self._runs:
            if run.experiment == experiment.name and not run.part:
                yield from (c.model for c in run.checkpoints if round(c.epoch) in wanted)

    @cached_property
    def _runs(self) -> list[TunedRun]:
        return list(read_tuning(self.folder.tuning))

    @cached_property
    def _checkpoints(self) -> Mapping[str, Checkpoint]:
        told = [c for experiment in self.manifest.study.experiments for c in experiment.tuned]
        told += [checkpoint for run in self._runs for checkpoint in run.checkpoints]
        return {checkpoint.model: checkpoint for checkpoint in told}

    # --- their answers ---------------------------------------------------------------

    def _answers(self, eval: str, model: str) -> Iterator[Row]:
        places: dict[int, list[int]] = {}
        for offset, outcome in self.contents.placed(eval, model):
            places.setdefault(hash(outcome.sample_id), []).append(offset)
        whose = self._whose(eval, model)
        for sample in self._samples(eval):
            told = about(sample)
            offsets = places.pop(hash(sample.id), None)
            if offsets is None and PROBE_SUFFIX not in eval and PROMPT_MARK not in eval:
                yield _row({**whose, **told, "repeat": 0, "failure": NOT_ASKED, **SILENT})
            for offset in offsets or ():
                outcome = self.contents.outcome_at(offset)
                yield _row({**whose, **told, **self._said(outcome)})
        for offset in sorted(offset for offsets in places.values() for offset in offsets):
            outcome = self.contents.outcome_at(offset)  # of a sample that the data do not hold
            yield _row({**whose, "sample_id": outcome.sample_id, **self._said(outcome)})

    def _whose(self, eval: str, model: str) -> Row:
        checkpoint = self._checkpoints.get(model)
        is_base = model == self.manifest.study.base and bool(self._checkpoints)
        return {
            "eval": eval,
            "asked": _asked_how(eval),
            "model": model,
            "epochs": float(checkpoint.epoch) if checkpoint else (0.0 if is_base else None),
            "seed": checkpoint.seed if checkpoint else None,
        }

    def _samples(self, eval: str) -> Iterator[Sample]:
        spec = self._spec(eval_of(eval))
        if spec is None:
            return iter(())
        if PROBE_SUFFIX in eval:
            return iter(self._probe(spec))
        return Question.answered(spec, self.manifest.plan.max_samples).samples()

    def _spec(self, name: str) -> EvalSpec | None:
        found = (spec for spec in self.manifest.plan.evals if spec.name == name)
        return next((in_folder(spec, self.folder.path) for spec in found), None)

    def _probe(self, spec: EvalSpec) -> list[Sample]:
        for experiment in self.manifest.study.experiments:
            if spec.name in experiment.evals and experiment.training_data is not None:
                return train_probe(read_training(experiment.training_data), experiment.train_probe)
        return []

    def _said(self, outcome: Outcome) -> Row:
        said, failure = outcome.completion, outcome.failure
        account = Accounts()
        account.add(outcome)
        row: Row = {"repeat": outcome.repeat, **_marks(outcome.scores)}
        if failure is not None:
            row |= {"failure": failure.kind, "failure_message": failure.message}
        if said is not None:
            row |= {
                "answer": said.text,
                "tool_calls": _json(said.tool_calls),
                "finish_reason": said.finish_reason,
                "prompt_tokens": said.usage.prompt_tokens if said.usage else None,
                "completion_tokens": said.usage.completion_tokens if said.usage else None,
                "latency_s": said.latency_s or None,
                "replayed": said.replayed,
                "cost_usd": account.own.paid_usd(self._payers.price("model", outcome.model)),
            }
        judge = self._payers.judge
        if account.judge.answers and judge is not None:
            row["judge_cost_usd"] = account.judge.paid_usd(self._payers.price("judge", judge))
        return row

    @cached_property
    def _payers(self) -> Payers:
        return Payers.of(self.manifest.study, self.prices)


SILENT: Row = {"failure_message": "the run folder holds no answer to it"}


def _asked_how(eval: str) -> str:
    if eval.endswith(PROBE_SUFFIX):
        return "training"
    return eval.partition(PROMPT_MARK)[2] or "held-out"


def about(sample: Sample) -> Row:
    """What a table shows of a sample itself."""
    first, *others = sample.ideal or ("",)
    return {
        "sample_id": sample.id,
        "prompt": dialogue_text(sample.messages).removesuffix("\n") if sample.messages else "",
        "ideal": first,
        "other_ideals": _json(others),
        "cluster": sample.cluster,
    }


def _marks(scores: Mapping[str, Score]) -> Row:
    """The own score first; what other graders said stands with the details."""
    own = scores.get(SCORE) or next(iter(scores.values()), None)
    if own is None:
        return {}
    details = dict(own.details)
    details |= {n: s.value for n, s in scores.items() if s is not own and s.value is not None}
    row: Row = {
        "score": own.value,
        "label": own.label,
        "reason": own.reason,
        "details": _json(details),
    }
    if own.value is None and not own.details:
        row |= {"failure": NO_MARK, "failure_message": own.reason or "the grader gave no mark"}
    return row


def _json(value: Any) -> str:
    """JSON of what there is; nothing where there is nothing."""
    return json.dumps(value, ensure_ascii=False, default=dict) if value else ""


def _row(given: Row) -> Row:
    """A row with every column in its place; texts that are missing are empty."""
    return {c.name: EMPTY[c.kind](given.get(c.name)) for c in SAMPLES}


def _same(value: Any) -> Any:
    return value


EMPTY: Mapping[Kind, Callable[[Any], Any]] = {
    "text": lambda value: value or "",
    "whole": _same,
    "number": lambda value: None if value is None or value != value else float(value),
    "flag": bool,
}


def metric_rows(document: Document, selection: Selection | None = None) -> Iterator[Row]:
    """Every metric of every model, as the reports show them."""
    wanted = selection or Selection()
    for section in document.sections:
        for result in section.results:
            if not wanted.wants(result.eval, result.model):
                continue
            for name, estimate in result.metrics.items():
                yield {
                    "eval": result.eval,
                    "task": result.task,
                    "model": result.model,
                    "epochs": None if result.epochs is None else float(result.epochs),
                    "seed": result.seed,
                    "metric": name,
                    "unit": result.units.get(name, "share"),
                    "value": _number(estimate.value),
                    "low": _number(estimate.low),
                    "high": _number(estimate.high),
                    "n": int(estimate.n),
                    "method": estimate.method,
                    "excluded": result.excluded,
                }


def _number(value: float) -> float | None:
    """A number; None where it is NaN. An infinite bound is one."""
    return None if value != value else float(value)


def sources(table: SampleTable) -> Iterator[Path]:
    """The files that a run consists of, none of which an export may take the place of."""
    own = (name for name in FILES if not name.startswith(("samples.", "metrics.")))
    yield from (table.folder.path / name for name in own)
    yield from map(located, table.manifest.plan.files)
