"""Reads logs of OpenAI evals, old and new, finished or lost, and marks their answers anew."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, cast

from harness.graders import GRADERS, Grader, make_grader
from harness.graders.hosted import HOSTED_TYPES
from harness.graders.model_graded import ModelGraded
from harness.openai_evals.attempts import (
    SCORE,
    Who,
    attempts_of,
    outcome_of,
    sample_of,
    with_all_choices,
)
from harness.openai_evals.classes import grader_of, report_of, task_of
from harness.openai_evals.final_report import Number, Totals
from harness.openai_evals.log_lines import Data, Lines, read_lines
from harness.records import EvalSpec, Outcome, Sample

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Log:
    """One run of one eval, as its log tells it.

    ``samples`` are those that the log knows of, by id; one that failed before it was asked has
    no messages. ``final_report`` is None where the run did not come to its end. ``notes`` say
    what was passed over.
    """

    path: Path
    run_id: str
    eval_name: str
    model: str
    class_name: str
    args: Mapping[str, Any]
    max_samples: int | None
    samples: Mapping[str, Sample]
    outcomes: tuple[Outcome, ...]
    final_report: Mapping[str, Any] | None
    notes: tuple[str, ...] = ()

    @property
    def grader(self) -> str | None:
        """The grader of ours that stands for the log's class, if there is one."""
        return grader_of(self.class_name)

    @property
    def spec(self) -> EvalSpec:
        """The eval, as far as the log says; the log stands for its samples."""
        return EvalSpec(
            self.eval_name,
            self.grader or self.class_name,
            self.path,
            task=task_of(self.class_name),
            args=self.args,
            class_name=self.class_name,
        )


def read_log(path: Path) -> Log:
    """Read a log, its lines in any order.

    Raises:
        DatasetError: not readable, no log, a broken line, or several runs in one file.
    """
    lines = read_lines(path)
    config = _mapping(lines.spec.get("run_config"))
    eval_spec = _mapping(config.get("eval_spec"))
    class_name = str(eval_spec.get("cls") or UNKNOWN)
    grader = grader_of(class_name)
    who = Who(str(lines.spec.get("eval_name") or UNKNOWN), _model(lines.spec, grader), grader)
    samples, outcomes = _answers(who, lines)
    maximum = config.get("max_samples")
    return Log(
        path=path,
        run_id=str(lines.spec.get("run_id") or ""),
        eval_name=who.eval,
        model=who.model,
        class_name=class_name,
        args=_mapping(eval_spec.get("args")),
        max_samples=maximum if isinstance(maximum, int) else None,
        samples=samples,
        outcomes=outcomes,
        final_report=lines.final_report,
        notes=tuple(lines.notes),
    )


def _answers(who: Who, lines: Lines) -> tuple[dict[str, Sample], tuple[Outcome, ...]]:
    """Samples and outcomes in the order in which the run came to them."""
    samples: dict[str, Sample] = {}
    outcomes: list[Outcome] = []
    for sample_id in sorted(lines.events, key=lambda key: lines.events[key][0].number):
        events = lines.events.pop(sample_id)
        attempts = attempts_of(events)
        samples[sample_id] = sample_of(sample_id, events, attempts)
        outcomes += (outcome_of(who, sample_id, i, one) for i, one in enumerate(attempts))
    return samples, with_all_choices(outcomes)


def _mapping(value: Any) -> Data:
    return value if isinstance(value, dict) else {}


def _model(spec: Data, grader: str | None) -> str:
    """The model that answered; of several completion functions the last one is the judge."""
    names = _model_names(spec)
    if grader == "model_graded" and len(names) > 1:
        names = names[:-1]
    return ",".join(names) or UNKNOWN


def _model_names(spec: Data) -> list[str]:
    """Names under today's key or under those of early versions."""
    config = _mapping(spec.get("run_config"))
    early = _mapping(spec.get("model_names")) or _mapping(config.get("model_names"))
    specs = _mapping(config.get("model_specs")).get("completions_")
    lists = (
        spec.get("completion_fns"),
        config.get("completion_fns"),
        next(iter(early.values()), None),
        [spec["model_name"]] if spec.get("model_name") else None,
        [one.get("name") for one in specs if isinstance(one, dict)] if specs else None,
    )
    for found in lists:
        named = [found] if isinstance(found, str) else found
        if isinstance(named, list) and named:
            return [str(name) for name in named]
    return []


# --- marking anew --------------------------------------------------------------------


def regraded(log: Log, grader: Grader | None = None) -> Mapping[str, Number]:
    """The final report that our graders give to the answers in a log; nobody is asked.

    A judge's answer is read anew where ``grader`` brings the rubric; without it, and for
    classes that do not run natively, the recorded marks count.
    """
    totals = Totals(report_of(log.class_name, log.grader or UNKNOWN))
    for outcome in remarked(log, grader):
        totals.add(outcome, log.samples.get(outcome.sample_id))
    return totals.report()


def remarked(log: Log, grader: Grader | None = None) -> tuple[Outcome, ...]:
    """The log's outcomes with the marks that our graders give them."""
    marker = grader or _grader(log)
    return log.outcomes if marker is None else asyncio.run(_all_marked(log, marker))


async def _all_marked(log: Log, grader: Grader) -> tuple[Outcome, ...]:
    return tuple([await _marked(outcome, grader, log) for outcome in log.outcomes])


WITH_ITEMS = frozenset({*HOSTED_TYPES, "generation"})
"""Graders that look at more of a sample than a log holds."""


def _grader(log: Log) -> Grader | None:
    """The grader of the log's class with the options that the log carries; None without them."""
    kind = GRADERS.get(log.grader or "")
    if kind is None or log.grader in WITH_ITEMS:
        return None
    if kind is ModelGraded and "choice_strings" not in log.args:
        return None
    known = {field.name for field in fields(cast("Any", kind))}
    options = {name: value for name, value in log.args.items() if name in known}
    return make_grader(replace(log.spec, args=options))


async def _marked(outcome: Outcome, grader: Grader, log: Log) -> Outcome:
    sample, completion = log.samples[outcome.sample_id], outcome.completion
    if completion is None or (grader.needs_ideal and not sample.ideal):
        return outcome
    if isinstance(grader, ModelGraded):
        if grader.metaeval:  # a log does not hold what people chose
            return outcome
        judged = next((score.judged for score in outcome.scores.values()), ())
        if not judged:
            return outcome
        return replace(outcome, scores={SCORE: grader.read(sample, completion, judged[-1])})
    score = await grader.grade(sample, completion)
    return replace(outcome, scores={SCORE: score})
