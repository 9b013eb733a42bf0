"""What a tracker (W&B, MLflow) is told of a run: curves by epoch, settings, verdicts, reports.

Pure but for reading the run folder; who is told how stands in ``trackers``.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from harness import __version__
from harness.analysis.cost import PriceTable
from harness.datasets import file_hash
from harness.errors import RunFolderError
from harness.pipeline.exporting.exported import METRICS, Selection, metric_rows
from harness.pipeline.finished.folder_report import report_of
from harness.pipeline.folder.manifest import Manifest
from harness.pipeline.folder.runfolder import RunFolder
from harness.records import Advice, Comparison
from harness.reports import wording
from harness.reports.document import Document, Result, Section

Cell = str | int | float | bool | None
REPORTS = ("report.html", "report.json")


@dataclass(frozen=True, slots=True)
class Curve:
    """One metric of one eval over epochs; ``key`` is its name in the tracker."""

    key: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """A table: its columns, and a row of cells for each of its lines."""

    columns: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """A run as a tracker keeps it.

    ``id`` is the same for every export of one run folder; ``digest`` changes with anything that
    is exported, so that a second export is known for one.
    """

    id: str
    name: str
    config: Mapping[str, Cell]
    curves: tuple[Curve, ...]
    summary: Mapping[str, Cell]
    tables: Mapping[str, Rows]
    files: tuple[Path, ...]

    @property
    def digest(self) -> str:
        """A hash of all that is exported, files included."""
        told = (self.id, self.name, self.config, self.curves, self.summary, self.tables)
        hashes = [file_hash(path) for path in self.files]
        text = orjson.dumps((told, hashes), option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(text).hexdigest()[:16]


def tracked_run(
    path: Path,
    name: str | None = None,
    selection: Selection | None = None,
    prices: Sequence[PriceTable] | None = None,
) -> TrackedRun:
    """Read a run folder for a tracker; ``name`` None is the study's own.

    Raises:
        RunFolderError: no run in it, nothing answered, or no report yet.
    """
    folder, wanted = RunFolder(path), selection or Selection()
    manifest = folder.read()
    files = tuple(path / report for report in REPORTS)
    missing = next((file.name for file in files if not file.is_file()), None)
    if missing is not None:
        raise RunFolderError(f"{path}: no {missing} in it; write it with harness report {path}")
    document = report_of(path, prices=prices)
    return TrackedRun(
        id=_identity(folder, manifest),
        name=name or manifest.study.name,
        config=_config(manifest, document),
        curves=tuple(curves(document, wanted)),
        summary=_summary(document, wanted),
        tables=_tables(document, wanted),
        files=files,
    )


def _identity(folder: RunFolder, manifest: Manifest) -> str:
    """A run's own: its plan, and its first answer, which no other run of the plan shares."""
    try:
        with folder.journal.open("rb") as journal:
            first = [journal.readline(), journal.readline()]
    except OSError as error:
        raise RunFolderError(
            f"{folder.path}: nothing was answered yet (no journal.jsonl in it)"
        ) from error
    return hashlib.sha256(b"".join([manifest.hash.encode(), *first])).hexdigest()[:16]


def _config(manifest: Manifest, document: Document) -> dict[str, Cell]:
    study = manifest.study
    told: dict[str, Cell] = {
        "study": study.name,
        "base": study.base,
        "provider": study.provider,
        "plan_hash": manifest.hash,
        "harness_version": manifest.harness,
        "exported_by": __version__,
        "command": manifest.command,
        "evals": ", ".join(section.eval for section in document.sections),
        "seeds": ", ".join(map(str, document.provenance.seeds)),
        "max_samples": manifest.plan.max_samples,
    }
    return told | {f"sha256/{file}": digest for file, digest in manifest.files.items()}


# --- numbers -------------------------------------------------------------------------


def curves(document: Document, wanted: Selection) -> Iterator[Curve]:
    """Each metric of each eval over epochs, a curve a seed; each begins at the base model."""
    for section in document.sections:
        known = [r for r in section.results if wanted.wants(r.eval, r.model)]
        bases = [r for r in known if r.epochs == 0]
        series: dict[str, list[Result]] = {}
        for result, label in _labelled([r for r in known if r.epochs]):
            series.setdefault(label, [*bases]).append(result)
        for label, results in (series or ({"": bases} if bases else {})).items():
            yield from _curves_of(label, results)


def _labelled(results: Sequence[Result]) -> Iterator[tuple[Result, str]]:
    """Each result with its series: its seed, or its model where several have the same epochs."""
    shared = Counter((r.seed, r.epochs) for r in results)
    for result in results:
        seed = "" if result.seed is None else f"seed {result.seed}"
        yield result, result.model if shared[result.seed, result.epochs] > 1 else seed


def _curves_of(label: str, results: Sequence[Result]) -> Iterator[Curve]:
    points: dict[str, list[tuple[float, float]]] = {}
    for result in results:
        for name, value in _finite(result):
            place = points.setdefault(name, [])
            place.append((float(result.epochs or 0), value))
    for name, found in points.items():
        parts = (results[0].eval, label, name)
        yield Curve("/".join(part for part in parts if part), tuple(sorted(found)))


def _finite(result: Result) -> Iterator[tuple[str, float]]:
    for name, estimate in result.metrics.items():
        if math.isfinite(estimate.value):
            yield name, float(estimate.value)


# --- verdicts ------------------------------------------------------------------------


def _summary(document: Document, wanted: Selection) -> dict[str, Cell]:
    """What stands beside a run in a list of runs."""
    told: dict[str, Cell] = {"gate": document.gate.outcome if document.gate else None}
    if document.gate is not None:
        told["gate policy"] = document.gate.policy
    for section in document.sections:
        told |= {
            f"{r.eval}/{r.model}/{name}": value
            for r in section.results
            if r.epochs is None and wanted.wants(r.eval, r.model)
            for name, value in _finite(r)
        }
        told |= {
            f"advice/{one.eval}/{wording.after(one.epochs)}": wording.headline(one)
            for one in _advice(section, wanted)
        }
    return {key: value for key, value in told.items() if value is not None}


def _advice(section: Section, wanted: Selection) -> Iterator[Advice]:
    yield from (one for one in section.advice if wanted.wants(one.eval, one.model))


def _tables(document: Document, wanted: Selection) -> dict[str, Rows]:
    columns = tuple(column.name for column in METRICS)
    metrics = (tuple(map(_cell, row.values())) for row in metric_rows(document, wanted))
    advice = (_advised(o) for section in document.sections for o in _advice(section, wanted))
    compared = (
        _compared(one)
        for section in document.sections
        for one in section.comparisons
        if wanted.wants(one.eval, one.tuned)
    )
    tables = {
        "metrics": Rows(columns, tuple(metrics)),
        "comparisons": Rows(COMPARISON, tuple(compared)),
        "advice": Rows(ADVICE, tuple(advice)),
    }
    if document.gate is not None:
        checks = document.gate.checks
        told = tuple((o.eval, o.rule.demand, o.tuned, o.base, o.outcome, o.reason) for o in checks)
        tables["gate"] = Rows(GATE, told)
    return {name: table for name, table in tables.items() if table.cells}


GATE = ("eval", "demand", "tuned", "base", "outcome", "reason")
ADVICE = ("eval", "model", "epochs", "recommend", "headline", "action", "rule", "confidence", "why")
COMPARISON = (
    *("eval", "metric", "base", "tuned", "base_score", "tuned_score"),
    *("delta", "low", "high", "n", "p_value", "excluded"),
)


def _advised(one: Advice) -> tuple[Cell, ...]:
    words = wording.headline(one), one.action, one.rule, one.confidence, wording.why(one)
    return (one.eval, one.model, float(one.epochs), one.recommend, *words)


def _compared(one: Comparison) -> tuple[Cell, ...]:
    delta = one.delta
    numbers = one.base_score.value, one.tuned_score.value, delta.value, delta.low, delta.high
    told = (*map(_cell, numbers), delta.n, _cell(one.p_value), one.excluded)
    return (one.eval, one.metric, one.base, one.tuned, *told)


def _cell(value: Cell) -> Cell:
    """A cell that every tracker takes: what is no finite number is none."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value
