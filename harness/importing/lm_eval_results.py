"""Results of lm-evaluation-harness with their samples, as marked answers.

``results_<time>.json`` holds averages; the samples beside it, ``samples_<task>_<time>.jsonl``, are
there where the run had --log_samples. Every metric and filter becomes an eval of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.datasets.lines import Place, json_value, objects
from harness.errors import DatasetError
from harness.importing.foreign import (
    DATA,
    SCORE,
    ForeignRun,
    data_hash,
    finite,
    mapping,
    sampling_of,
)
from harness.importing.lm_eval_samples import answer_of, ideal_of, prompt_of
from harness.records import EvalSpec, Outcome, Sample, Score
from harness.registry.eval_specs import BRIDGE

Json = Mapping[str, Any]
RESULTS = re.compile(r"^(?:.*_)?(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?)\.json$")
LARGEST = 64 * 2**20
NO_FILTER = "none"
LOG_SAMPLES = (
    "averages only: runs cannot be paired sample by sample; run lm_eval again with --log_samples"
    " and --output_path"
)


def is_results_file(path: Path) -> bool:
    """Whether a name is one that lm-eval gives its results, or the content says so."""
    if path.name.startswith("results") and path.suffix == ".json":
        return True
    return RESULTS.match(path.name) is not None


def read_lm_eval_results(path: Path) -> list[ForeignRun]:
    """One run for each task, metric and filter in one results file.

    Raises:
        DatasetError: no results, or none whose samples were logged.
    """
    results = _results(path)
    tasks = [task for task in mapping(results.get("configs")) if isinstance(task, str)]
    found = {task: file for task in tasks if (file := _samples_file(path, task))}
    if not found:
        raise DatasetError(f"{path}: holds {LOG_SAMPLES}")
    lacking = [task for task in tasks if task not in found]
    notes = (f"{path.name}: no samples of {', '.join(lacking)}: {LOG_SAMPLES}",) if lacking else ()
    runs = [
        run
        for task, file in found.items()
        for run in _Task(path, results, task, file, notes).runs()
    ]
    if not runs:
        raise DatasetError(f"{path}: no task has a metric that is a number for each sample")
    return runs


def _results(path: Path) -> Json:
    try:
        if path.stat().st_size > LARGEST:
            raise DatasetError(f"{path}: more than {LARGEST:,} bytes are no results of lm-eval")
        value = json_value(path.read_bytes(), Place(path, 1))
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    if not isinstance(value, dict) or not isinstance(value.get("results"), dict):
        raise DatasetError(
            f"{path}: holds no results of lm-eval; give results_*.json, or the folder of"
            " --output_path"
        )
    return value


def _samples_file(results: Path, task: str) -> Path | None:
    """The samples of one task, written together with the results.

    A task's name is looked for among the files that are there: it may be anything.
    """
    stamp = RESULTS.match(results.name)
    ending = f"_{stamp[1]}" if stamp else ""
    wanted = {f"samples_{task}{ending}.jsonl", f"samples_{task.replace('/', '__')}{ending}.jsonl"}
    home = results.parent.resolve()
    near = (file for file in sorted(results.parent.iterdir()) if file.name in wanted)
    return next((file for file in near if file.resolve().parent == home), None)


def model_of(results: Json) -> str:
    """Which model answered; an adapter stands behind the model that it belongs to."""
    config = mapping(results.get("config"))
    args = _args(config.get("model_args"))
    name = results.get("model_name") or args.get("model") or args.get("pretrained")
    adapter = args.get("peft") or args.get("lora_local_path") or args.get("delta")
    named = str(name or config.get("model") or "unknown")
    return f"{named}+{adapter}" if adapter else named


def _args(given: Any) -> Json:
    """Model arguments: an object today, ``key=value,...`` before."""
    if not isinstance(given, str):
        return mapping(given)
    pairs = (part.partition("=") for part in given.split(","))
    return {key.strip(): value for key, _, value in pairs}


# --- one task ------------------------------------------------------------------------


@dataclass(slots=True)
class _Marks:
    """One metric under one filter."""

    metric: str
    filter: str
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.metric if self.filter == NO_FILTER else f"{self.metric}.{self.filter}"


@dataclass(frozen=True, slots=True)
class _Task:
    """One task of a results file, and the file with its samples."""

    path: Path
    results: Json
    task: str
    file: Path
    notes: tuple[str, ...]

    def runs(self) -> Iterator[ForeignRun]:
        model = model_of(self.results)
        samples: dict[str, Sample] = {}
        marks: dict[tuple[str, str], _Marks] = {}
        left_out: dict[str, str] = {}
        for place, line in objects(self.file):
            sample = self._sample(line, place)
            samples.setdefault(sample.id, sample)
            for metric in _metrics(line):
                why = self._unusable(metric, line[metric])
                if why is not None:
                    left_out[metric] = why
                    continue
                key = (metric, str(line.get("filter") or NO_FILTER))
                one = marks.setdefault(key, _Marks(*key))
                name = f"{self.task}.{one.name}"
                one.outcomes.append(_outcome((name, model, sample.id), line, metric))
        notes = (
            *self.notes,
            *self._limited(),
            *(f"{m} left out: {w}" for m, w in left_out.items()),
        )
        yield from (self._run(one, model, samples, notes) for one in marks.values())

    def _sample(self, line: Json, place: Place) -> Sample:
        doc_id = line.get("doc_id")
        if not isinstance(doc_id, int | str) or "arguments" not in line:
            raise DatasetError(
                f"{place}: no 'doc_id' and 'arguments': is no sample of lm-eval; log them again"
            )
        identity = data_hash(line.get("doc_hash") or line.get("doc"), line.get("target"))
        return Sample(str(doc_id), prompt_of(line), ideal_of(line), metadata={DATA: identity})

    def _unusable(self, metric: str, value: Any) -> str | None:
        """Why a metric says nothing about one sample; None when it does."""
        better = mapping(mapping(self.results.get("higher_is_better")).get(self.task))
        if better.get(metric) is False:
            return "lower is better, and marks here grow with quality"
        if finite(value) is None and value is not None and not isinstance(value, float):
            return "it is no number for a single sample"
        return None

    def _limited(self) -> Iterator[str]:
        counts = mapping(mapping(self.results.get("n-samples")).get(self.task))
        whole, asked = finite(counts.get("original")), finite(counts.get("effective"))
        if whole and asked and asked < whole:
            yield f"{int(asked):,} of {int(whole):,} samples (--limit)"

    def _run(
        self, marks: _Marks, model: str, samples: Mapping[str, Sample], notes: tuple[str, ...]
    ) -> ForeignRun:
        config = mapping(mapping(self.results.get("configs")).get(self.task))
        tool = f"lm-eval {self.results.get('lm_eval_version') or ''}".strip()
        spec = EvalSpec(
            name=f"{self.task}.{marks.name}",
            grader=BRIDGE,
            samples=self.file,
            sampling=sampling_of(mapping(config.get("generation_kwargs"))),
            description=f"Task {self.task}, marked by {marks.name} in {tool}.",
            class_name=f"lm_eval:{marks.name}",
        )
        stamp = RESULTS.match(self.path.name)
        return ForeignRun(
            path=self.path,
            tool=tool,
            model=model,
            spec=spec,
            samples=samples,
            outcomes=tuple(marks.outcomes),
            made=stamp[1] if stamp else "",
            notes=notes,
        )


def _metrics(line: Json) -> Sequence[str]:
    """The metrics of a line; earlier versions do not list them."""
    listed = line.get("metrics")
    if isinstance(listed, list):
        return [name for name in listed if isinstance(name, str) and name in line]
    return [name for name in line if name not in FIELDS]


FIELDS = frozenset(
    {
        *("doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter"),
        *("metrics", "doc_hash", "prompt_hash", "target_hash"),
    }
)


def _outcome(who: tuple[str, str, str], line: Json, metric: str) -> Outcome:
    value = finite(line[metric])
    completion, label = answer_of(line, metric)
    reason = None if value is not None else "the mark is no finite number"
    return Outcome(*who, 0, "", completion, {SCORE: Score(value, label, reason)})
