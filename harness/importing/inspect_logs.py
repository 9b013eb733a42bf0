"""Logs of Inspect (inspect-ai), packed (.eval) or plain (.json), as marked answers.

Every scorer's mark becomes an eval of its own, ``task.scorer``: each can be compared alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.datasets.lines import Place, json_value
from harness.errors import DatasetError
from harness.importing.archive import LARGEST_MEMBER, Archive
from harness.importing.foreign import (
    DATA,
    SCORE,
    ForeignRun,
    data_hash,
    finite,
    mapping,
    sampling_of,
)
from harness.importing.inspect_messages import Attachments, completion_of, prompt_of
from harness.records import Completion, EvalSpec, Failure, Outcome, Sample, Score
from harness.registry.eval_specs import BRIDGE

Json = Mapping[str, Any]

LETTERS: Mapping[str, float] = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
"""Inspect's marks: correct, incorrect, partly correct, no answer."""

WORDS: Mapping[str, float] = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
SAMPLES = "samples/"
HEADER, START = "header.json", "_journal/start.json"
REASON_LENGTH = 2_000


def read_inspect_log(path: Path) -> list[ForeignRun]:
    """One run for each mark that the log's scorers gave.

    Raises:
        DatasetError: no log, a broken one, or one without samples.
    """
    head, samples = _packed_log(path) if _is_packed(path) else _plain_log(path)
    reading = _Reading(path, head)
    for sample in samples:
        reading.take(sample)
    return reading.runs()


def _is_packed(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(2) == b"PK" or path.suffix == ".eval"
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error


def _packed_log(path: Path) -> tuple[Json, Iterator[Json]]:
    archive = Archive.open(path)
    name = next((name for name in (HEADER, START) if name in archive.members), None)
    if name is None:
        raise DatasetError(f"{path}: is no log of Inspect (no {HEADER} in it)")
    names = [one for one in archive.members if one.startswith(SAMPLES) and one.endswith(".json")]
    return _object(archive, name), (_object(archive, one) for one in names)


def _object(archive: Archive, name: str) -> Json:
    value = json_value(archive.read(name), Place(archive.path / name, 1))
    if not isinstance(value, dict):
        raise DatasetError(f"{archive.path}: {name!r} is no JSON object; write the log again")
    return value


def _plain_log(path: Path) -> tuple[Json, Iterator[Json]]:
    if path.stat().st_size > LARGEST_MEMBER:
        raise DatasetError(
            f"{path}: more than {LARGEST_MEMBER:,} bytes; 'inspect log convert --to eval' makes a"
            " log that is read in parts"
        )
    log = json_value(path.read_bytes(), Place(path, 1))
    if not isinstance(log, dict) or not isinstance(log.get("eval"), dict):
        raise DatasetError(f"{path}: is no log of Inspect (no 'eval' in it); give a .eval file")
    samples = log.get("samples")
    found = samples if isinstance(samples, list) else []
    return log, (one for one in found if isinstance(one, dict))


# --- a log, sample by sample ---------------------------------------------------------


@dataclass(slots=True)
class _Reading:
    """What has been read of a log so far; ``marks`` are the scorers' names with their keys."""

    path: Path
    head: Json
    samples: dict[str, Sample] = field(default_factory=dict)
    taken: list[_Taken] = field(default_factory=list)
    marks: dict[str, None] = field(default_factory=dict)
    strange: set[str] = field(default_factory=set)

    @property
    def eval(self) -> Json:
        return mapping(self.head.get("eval"))

    @property
    def model(self) -> str:
        return str(self.eval.get("model") or "unknown")

    def take(self, sample: Json) -> None:
        if "id" not in sample:
            raise DatasetError(f"{self.path}: a sample has no 'id'; write the log again")
        taken = _Taken.of(sample, self.model)
        held = self.samples.get(taken.sample.id)
        if held is None or not held.messages:
            self.samples[taken.sample.id] = taken.sample
        self.taken.append(taken)
        self.marks |= dict.fromkeys(taken.scores)
        self.strange |= {name for name, one in taken.scores.items() if one.value is None}

    def runs(self) -> list[ForeignRun]:
        if not self.taken:
            raise DatasetError(
                f"{self.path}: holds no samples, only averages: runs cannot be paired sample by"
                " sample; run 'inspect eval' again without --no-log-samples"
            )
        if not self.marks:
            raise DatasetError(
                f"{self.path}: no sample has a score; mark them with 'inspect score' first"
            )
        order = self._order()
        self.taken.sort(key=lambda one: (order.get(one.sample.id, len(order)), one.epoch))
        samples = {one.sample.id: self.samples[one.sample.id] for one in self.taken}
        return [self._run(mark, samples) for mark in self._sorted_marks()]

    def _order(self) -> dict[str, int]:
        ids = mapping(self.eval.get("dataset")).get("sample_ids")
        return {str(one): i for i, one in enumerate(ids)} if isinstance(ids, list) else {}

    def _sorted_marks(self) -> list[str]:
        """In the order of the scorers; samples come in the order in which they ended."""
        scorers = self.eval.get("scorers")
        named = [str(mapping(one).get("name")) for one in scorers or () if isinstance(one, dict)]
        known = {name: place for place, name in enumerate(named)}
        return sorted(self.marks, key=lambda m: (known.get(m.partition(".")[0], len(known)), m))

    def _run(self, mark: str, samples: Mapping[str, Sample]) -> ForeignRun:
        task = str(self.eval.get("task") or "task")
        version = mapping(self.eval.get("packages")).get("inspect_ai", "")
        tool = f"inspect-ai {version}".strip()
        config = {
            **mapping(self.eval.get("model_generate_config")),
            **mapping(mapping(self.head.get("plan")).get("config")),
        }
        spec = EvalSpec(
            name=f"{task}.{mark}",
            grader=BRIDGE,
            samples=self.path,
            sampling=sampling_of(config),
            repeats=max(one.epoch for one in self.taken),
            description=f"Task {task}, marked by {mark} in {tool}.",
            class_name=f"inspect_ai:{mark}",
        )
        first = mark == self._sorted_marks()[0]
        return ForeignRun(
            path=self.path,
            tool=tool,
            model=self.model,
            spec=spec,
            samples=samples,
            outcomes=tuple(one.outcome(spec.name, self.model, mark, first) for one in self.taken),
            made=str(self.eval.get("created") or ""),
            ended=self.head.get("status") == "success",
            notes=tuple(self._notes(mark)),
        )

    def _notes(self, mark: str) -> Iterator[str]:
        status = self.head.get("status")
        if status != "success":
            yield f"the run did not come to its end (status {status or 'unknown'})"
        if self.head.get("invalidated") is True:
            yield "the log says that samples were invalidated"
        if mark in self.strange:
            yield f"some marks of {mark} are no numbers: these answers count as not marked"


@dataclass(frozen=True, slots=True)
class _Taken:
    """One epoch of one sample."""

    sample: Sample
    epoch: int
    completion: Completion
    failure: Failure | None
    scores: Mapping[str, Score]
    judged: tuple[Completion, ...]

    @classmethod
    def of(cls, raw: Json, model: str) -> _Taken:
        attachments = Attachments(mapping(raw.get("attachments")))
        completion, judged = completion_of(raw, model, attachments)
        scores = dict(_scores(mapping(raw.get("scores")), attachments))
        epoch = raw.get("epoch")
        return cls(
            _sample(raw, attachments),
            epoch if isinstance(epoch, int) and epoch > 0 else 1,
            completion,
            _failure(raw) if not scores else None,
            scores,
            judged,
        )

    def outcome(self, eval_name: str, model: str, mark: str, first: bool) -> Outcome:
        """The judge's tokens are told once, with the first mark."""
        who = (eval_name, model, self.sample.id, self.epoch - 1, "")
        if self.failure is not None:
            return Outcome(*who, failure=self.failure)
        score = self.scores.get(mark, Score(None, reason=f"the log holds no mark by {mark}"))
        if first and self.judged:
            score = replace(score, judged=self.judged)
        return Outcome(*who, self.completion, {SCORE: score})


def _sample(raw: Json, attachments: Attachments) -> Sample:
    target = raw.get("target")
    targets = target if isinstance(target, list) else [target]
    ideal = tuple(_text(one) for one in targets if one not in (None, ""))
    identity = data_hash(attachments.resolved(_bare(raw.get("input"))), raw.get("choices"), ideal)
    return Sample(str(raw["id"]), prompt_of(raw, attachments), ideal, metadata={DATA: identity})


def _bare(asked: Any) -> Any:
    """A prompt without the ids that Inspect gives messages anew in every run."""
    if not isinstance(asked, list):
        return asked
    return [[mapping(one).get("role"), mapping(one).get("content")] for one in asked]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _failure(raw: Json) -> Failure | None:
    error = raw.get("error")
    if not isinstance(error, dict):
        return None
    message = " ".join(str(error.get("message") or "the log does not say why").split())
    return Failure("sample_error", message[:REASON_LENGTH])


# --- marks ---------------------------------------------------------------------------


def _scores(scores: Json, attachments: Attachments) -> Iterator[tuple[str, Score]]:
    """Every mark by the scorer's name, and by the key behind it where it gives several."""
    for scorer, score in scores.items():
        if not isinstance(score, dict):
            continue
        value = score.get("value")
        reason = attachments.resolved(score.get("explanation"))
        answer = attachments.resolved(score.get("answer"))
        told = (_shortened(answer), _shortened(reason))
        if isinstance(value, dict):
            yield from ((f"{scorer}.{key}", _mark(one, *told)) for key, one in value.items())
        else:
            yield scorer, _mark(value, *told)


def _shortened(text: Any) -> str | None:
    return text[:REASON_LENGTH] if isinstance(text, str) else None


def _mark(value: Any, answer: str | None, reason: str | None) -> Score:
    """The value as Inspect's own accuracy counts it; what it cannot count has no mark."""
    number = number_of(value)
    if number is None:
        return Score(None, answer, f"the mark {str(value)[:40]!r} is no number")
    return Score(number, answer, reason)


def number_of(value: Any) -> float | None:
    """C, I, P, N, yes, no, true, false and numbers, also as text."""
    if not isinstance(value, str):
        return finite(value)
    if value in LETTERS:
        return LETTERS[value]
    folded = value.strip().lower()
    if folded in WORDS:
        return WORDS[folded]
    try:
        return finite(float(folded))
    except ValueError:
        return None
