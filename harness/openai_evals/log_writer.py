"""Writes one eval's answers as a log that readers of OpenAI evals' logs understand."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from harness.errors import RegistryError, RunFolderError
from harness.graders import Grader, make_grader
from harness.models.secrecy import without_secrets
from harness.openai_evals.classes import class_of, report_of
from harness.openai_evals.events import Answer, events_of
from harness.openai_evals.final_report import Number, Totals
from harness.prompts import build, drafts, models_of
from harness.records import DEFAULT_SEED, Endpoint, EvalSpec, Messages, Outcome, Sample
from harness.whole_file import whole_file


@dataclass(frozen=True, slots=True)
class LogHead:
    """What a log says about its run, and what its prompts are rebuilt from.

    ``judge`` is the model that marked; ``created_at`` when the run began.
    """

    spec: EvalSpec
    model: str
    command: str
    created_at: datetime
    seed: int = DEFAULT_SEED
    max_samples: int | None = None
    created_by: str = ""
    judge: str | None = None
    few_shot: Messages = ()
    endpoint: Endpoint = "chat"
    judge_endpoint: Endpoint = "chat"

    @property
    def run_id(self) -> str:
        """The time and five bytes in base 32, as in the reference; the same for the same run."""
        about = "\0".join((self.spec.name, self.model, self.command, str(self.created_at)))
        digest = hashlib.blake2b(about.encode("utf-8", "replace"), digest_size=5).digest()
        return f"{_utc(self.created_at):%y%m%d%H%M%S}{base64.b32encode(digest).decode()}"

    @property
    def completion_fns(self) -> list[str]:
        """The model or models, and behind them the judge where there is one."""
        asked = models_of(self.model) if self.spec.layout == "fields" else [self.model]
        return [*asked, self.judge] if self.judge else asked


def write_log(
    path: Path, head: LogHead, samples: Iterable[Sample], outcomes: Iterable[Outcome]
) -> Mapping[str, Number]:
    """Write the log of one model on one eval and return its final report.

    Events stand in the order of ``outcomes``. Both inputs are streamed: a sample is held from
    when it is read until all its answers are written. The file appears whole or not at all.

    Raises:
        RunFolderError: it cannot be written (a full disk), or an answer is to no known sample.
    """
    totals = Totals(report_of(class_of(head.spec), head.spec.grader))
    grader, stamp = _grader(head.spec), _Stamp.of(head)
    number = 0
    with _replaced(path) as file:
        _write(file, {"spec": _spec(head)})
        for sample, outcome in _matched(path, head, samples, outcomes):
            totals.add(outcome, sample)
            for kind, data in events_of(_answer(head, sample, outcome, grader)):
                _write(file, stamp.event(number, sample.id, kind, data))
                number += 1
        report = totals.report()
        _write(file, {"final_report": report, "run_id": stamp.run_id})
    return report


# --- samples beside their answers ----------------------------------------------------


@dataclass(slots=True)
class _Waiting:
    """Samples read ahead, until their answers have come."""

    unread: Iterator[Sample]
    answers_each: int
    held: dict[str, tuple[Sample, int]] = field(default_factory=dict)

    def take(self, sample_id: str) -> Sample | None:
        """The sample of one more answer; None where there is none of this id."""
        while sample_id not in self.held:
            sample = next(self.unread, None)
            if sample is None:
                return None
            self.held[sample.id] = (sample, 0)
        sample, answered = self.held[sample_id]
        if answered + 1 >= self.answers_each:
            del self.held[sample_id]
        else:
            self.held[sample_id] = (sample, answered + 1)
        return sample


def _matched(
    path: Path, head: LogHead, samples: Iterable[Sample], outcomes: Iterable[Outcome]
) -> Iterator[tuple[Sample, Outcome]]:
    waiting = _Waiting(iter(samples), head.spec.answers_per_prompt)
    for outcome in outcomes:
        sample = waiting.take(outcome.sample_id)
        if sample is None:
            raise RunFolderError(
                f"{path}: {head.model} answered {outcome.sample_id}, which {head.spec.samples} "
                "does not hold (any more); restore the file"
            )
        yield sample, outcome


def _answer(head: LogHead, sample: Sample, outcome: Outcome, grader: Grader | None) -> Answer:
    requests = drafts(sample, head.spec, head.model, outcome.repeat, endpoint=head.endpoint)
    if requests is None:
        shots, endpoint = head.few_shot, head.endpoint
        one = build(
            sample, head.spec, head.model, outcome.repeat, few_shot=shots, endpoint=endpoint
        )
        requests = (one,)
    kind, endpoint = head.spec.grader, head.judge_endpoint
    return Answer(outcome, sample, requests, kind, grader, head.judge, endpoint)


def _grader(spec: EvalSpec) -> Grader | None:
    """The grader, asked only for how it words its questions to a judge."""
    if spec.grader != "model_graded":
        return None
    try:
        return make_grader(spec)
    except RegistryError:
        return None


# --- lines ---------------------------------------------------------------------------


def _spec(head: LogHead) -> dict[str, Any]:
    name = head.spec.name
    base, _, rest = name.partition(".")
    return {
        "completion_fns": head.completion_fns,
        "eval_name": name,
        "base_eval": base,
        "split": rest.partition(".")[0],
        "run_config": {
            "completion_fns": head.completion_fns,
            "eval_spec": _eval_spec(head.spec),
            "seed": head.seed,
            "max_samples": head.max_samples,
            "command": without_secrets(head.command),
            "initial_settings": {"visible": head.max_samples is None},
        },
        "created_by": head.created_by,
        "run_id": head.run_id,
        "created_at": str(_utc(head.created_at).replace(tzinfo=None)),
    }


def _eval_spec(spec: EvalSpec) -> dict[str, Any]:
    args: dict[str, Any] = {"samples_jsonl": str(spec.samples), **spec.args}
    if spec.few_shot is not None:
        args |= {"few_shot_jsonl": str(spec.few_shot), "num_few_shot": spec.num_few_shot}
    return {
        "cls": class_of(spec),
        "registry_path": str(spec.source.parent.parent) if spec.source else None,
        "args": args,
        "key": spec.name,
        "group": spec.source.stem if spec.source else spec.name.partition(".")[0],
    }


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What every event of a run says."""

    run_id: str
    created_by: str
    created_at: str

    @classmethod
    def of(cls, head: LogHead) -> _Stamp:
        return cls(head.run_id, head.created_by, str(_utc(head.created_at)))

    def event(self, number: int, sample_id: str, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        return {
            "run_id": self.run_id,
            "event_id": number,
            "sample_id": sample_id,
            "type": kind,
            "data": data,
            "created_by": self.created_by,
            "created_at": self.created_at,
        }


def _utc(moment: datetime) -> datetime:
    """The moment in UTC; one without a time zone is taken to be in it."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _write(file: BinaryIO, line: Mapping[str, Any]) -> None:
    """One line, spaced as the reference spaces it: people search logs as text."""
    file.write(ENCODER.encode(line).encode("utf-8", "replace") + b"\n")


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, tuple | frozenset | set):
        return list(value)
    return value.item() if hasattr(value, "item") else str(value)


ENCODER = json.JSONEncoder(ensure_ascii=False, default=_plain)


@contextmanager
def _replaced(path: Path) -> Iterator[BinaryIO]:
    """A log that is there when it is whole."""
    try:
        with whole_file(path) as file:
            yield file
    except OSError as error:
        raise RunFolderError(
            f"{path}: the log cannot be written ({error.strerror or error}); make room or choose "
            "another folder; the answers are kept in the journal"
        ) from error
