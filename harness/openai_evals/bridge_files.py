"""What a bridged eval leaves in its run folder: its samples, its log and its own final report."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

from harness.errors import RunFolderError
from harness.openai_evals.marks import numbers_in
from harness.records import Completion, Failure, Outcome, Sample, Score
from harness.running.journal import latest
from harness.whole_file import whole_file

GRADER = "bridge"
"""The grader of a spec whose samples its own class has marked."""

REPORT = "#report"
"""Ends the journal's name for an eval's own final report."""

REPORTED = "final_report"
LONGEST_NAME = 100
UNSAFE = re.compile(r"[^A-Za-z0-9._=+-]+")


@dataclass(frozen=True, slots=True)
class FinalReport:
    """What third-party code said at its end about one model; ``failure`` where it broke."""

    model: str
    content: Mapping[str, Any]
    failure: Failure | None = None

    @property
    def numbers(self) -> dict[str, float]:
        """Its numbers by name; they have no interval."""
        return numbers_in(self.content)

    def outcome(self, eval_name: str) -> Outcome:
        """The report as a journal line."""
        text = as_json(self.content)
        key = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()
        who = (eval_name + REPORT, self.model, REPORTED, 0, key)
        if self.failure is not None:
            return Outcome(*who, failure=self.failure)
        score = Score(None, reason="an eval's own report", details=self.numbers)
        return Outcome(*who, Completion(text), {REPORTED: score})


def final_reports(journal: Path, eval_name: str) -> dict[str, FinalReport]:
    """The final reports of an eval by model.

    Raises:
        RunFolderError: the journal cannot be read.
    """
    found = {}
    for outcome in latest(journal, eval_name + REPORT):
        content = json.loads(outcome.completion.text) if outcome.completion else {}
        found[outcome.model] = FinalReport(outcome.model, content, outcome.failure)
    return found


# --- files ---------------------------------------------------------------------------


def samples_path(folder: Path, eval_name: str) -> Path:
    """Where a run folder holds the samples of a bridged eval."""
    return folder / "data" / f"{_safe(eval_name)}.samples.jsonl"


def log_path(folder: Path, eval_name: str) -> Path:
    """Where a run folder holds the log of a bridged eval."""
    return folder / "logs" / f"{_safe(eval_name)}.jsonl"


def _safe(name: str) -> str:
    """No dot in front, nothing but letters, digits and ``._=+-``, and not too long."""
    safe = UNSAFE.sub("_", name).lstrip(".") or "_"
    if len(safe) <= LONGEST_NAME:
        return safe
    return f"{safe[:LONGEST_NAME]}-{hashlib.blake2b(name.encode(), digest_size=4).hexdigest()}"


def add_samples(path: Path, samples: Iterable[Sample]) -> None:
    """Write samples beside those that other models met; of one id the first counts.

    Raises:
        RunFolderError: the file cannot be read or written.
    """
    known = read_bridged_samples(path) if path.exists() else {}
    fresh = {sample.id: sample for sample in samples}
    _replace(path, [_line(sample) for sample in {**fresh, **known}.values()])


def read_bridged_samples(path: Path) -> dict[str, Sample]:
    """The samples of a bridged eval by id.

    Raises:
        RunFolderError: there are none, or a line is broken.
    """
    try:
        lines = path.read_bytes().splitlines()
        samples = [_sample(json.loads(line)) for line in lines if line.strip()]
    except OSError as error:
        raise RunFolderError(
            f"{path}: cannot be read ({error.strerror}); run the eval again with --resume"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise RunFolderError(
            f"{path}: is no file of samples ({error}); remove it and run again with --resume"
        ) from error
    return {sample.id: sample for sample in samples}


def write_log(path: Path, lines: Sequence[str]) -> None:
    """Write a log, whole or not at all.

    Raises:
        RunFolderError: it cannot be written.
    """
    _replace(path, [line.encode("utf-8", "replace") for line in lines])


def _line(sample: Sample) -> bytes:
    fields = {
        "id": sample.id,
        "input": list(sample.messages),
        "ideal": list(sample.ideal),
        **({"metadata": sample.metadata} if sample.metadata else {}),
    }
    return as_json(fields).encode("utf-8", "replace")


def _sample(fields: Mapping[str, Any]) -> Sample:
    known = fields.get("metadata")
    metadata = known if isinstance(known, dict) else {}
    return Sample(fields["id"], tuple(fields["input"]), tuple(fields["ideal"]), metadata=metadata)


def _replace(path: Path, lines: Sequence[bytes]) -> None:
    try:
        with whole_file(path) as file:
            file.writelines(line + b"\n" for line in lines)
    except OSError as error:
        raise RunFolderError(
            f"{path}: cannot be written ({error.strerror}); make room, then --resume"
        ) from error


def as_json(value: object) -> str:
    """Anything that third-party code records, as JSON; what has no place in it becomes text."""
    try:
        return json.dumps(value, ensure_ascii=False, default=_plain)
    except (TypeError, ValueError):
        return json.dumps(_as_keys(value), ensure_ascii=False, default=str)


def _as_keys(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _as_keys(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_keys(item) for item in value]
    return value if isinstance(value, str | int | float | None) else str(value)


def _plain(value: object) -> object:
    """Data classes, sets, and numbers and arrays of numpy."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    return value.tolist() if hasattr(value, "tolist") else str(value)
