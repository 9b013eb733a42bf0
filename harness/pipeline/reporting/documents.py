"""From judged tracks to a Document, and from a Document to the files of a run folder."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import ExtensionError, RunFolderError
from harness.graders import needs_judge
from harness.pipeline.folder.manifest import Manifest
from harness.pipeline.judging.answered_lints import answered_findings
from harness.pipeline.judging.data_gain import data_gain
from harness.pipeline.judging.data_gain import panel as data_panel
from harness.pipeline.judging.details import detail_comparisons
from harness.pipeline.judging.general import forgetting_findings, forgetting_metrics, general_panels
from harness.pipeline.judging.judgement import Judge, comparison
from harness.pipeline.judging.prompting import against_best_prompt, prompt_findings, prompting
from harness.pipeline.judging.winner import winner_finding
from harness.pipeline.judging.writing import GOOD_TITLE, UNITS, Writing
from harness.pipeline.measuring.metrics import metrics_of, units_of
from harness.pipeline.measuring.track import Track
from harness.pipeline.questions.bridging import own_metrics
from harness.pipeline.reporting.confusion import confusions_of
from harness.pipeline.reporting.examples import SAMPLES_READ, flips_of, galleries_of, misses_of
from harness.pipeline.reporting.score_panels import curve_panels, score_panel
from harness.records import Advice, Comparison, DiversityChange, Estimate, Finding, Study
from harness.reports.document import (
    Copy,
    Document,
    Exclusion,
    Panel,
    Provenance,
    Repetition,
    Result,
    Section,
    Unit,
)

if TYPE_CHECKING:
    from harness.pipeline.measuring.variety import Variety


def section(track: Track, findings: Sequence[Finding] = (), samples: int = SAMPLES_READ) -> Section:
    """Everything that a report shows of one track, so many of its ``samples`` at most."""
    judge = Judge(track)
    chooses = () if track.is_general else track.epochs
    advices = tuple(judge.advice_after(epochs) for epochs in chooses)
    variety, writing = judge.variety, Writing.of(track)
    flips, flips_omitted = flips_of(track, advices, samples)
    misses, misses_omitted = misses_of(track, samples)
    repetitions, (copies, copies_omitted) = _shared_texts(track, advices)
    metric, gain = metric_name(track), data_gain(track)
    return Section(
        eval=track.spec.name,
        task=track.spec.task,
        description=track.spec.description,
        metric=metric,
        base=track.base,
        advice=advices,
        panels=(
            *_panels(track, metric, variety, writing),
            *([data_panel(gain)] if gain is not None else []),
        ),
        results=_results(track, variety, writing),
        comparisons=tuple(_comparisons(track, metric, variety, writing)),
        flips=flips,
        flips_omitted=flips_omitted,
        galleries=galleries_of(track, advices),
        exclusions=tuple(_exclusions(track)),
        findings=(
            *track.findings,
            *answered_findings(track),
            *findings,
            *(_variety_findings(variety) if variety else ()),
            *(writing.findings() if writing else ()),
            *([picked] if (picked := winner_finding(track)) else []),
            *forgetting_findings(track),
            *prompt_findings(track),
        ),
        misses=misses,
        misses_omitted=misses_omitted,
        repetitions=repetitions,
        copies=copies,
        copies_omitted=copies_omitted,
        prompting=prompting(track),
        data_gain=gain,
        confusions=confusions_of(track, advices),
    )


def _shared_texts(
    track: Track, advices: Sequence[Advice]
) -> tuple[tuple[Repetition, ...], tuple[tuple[Copy, ...], int]]:
    """What answers to open tasks repeat and copy."""
    if track.spec.task != "open":
        return (), ((), 0)
    from harness.pipeline.reporting.shared_texts import copies_of, repetitions_of

    return repetitions_of(track, advices), copies_of(track, advices)


def title_of(study: Study, evals: Sequence[str]) -> str:
    """What a report is called: a declared study by its name, an ad hoc one by what it measured."""
    if study.name not in AD_HOC or study.description:
        return study.name
    others = [model for experiment in study.experiments for model in experiment.others]
    if others:
        return contest(study.base, others)
    return f"{study.base} on {evals[0] if len(evals) == 1 else f'{len(evals)} evals'}"


def contest(base: str, others: Sequence[str]) -> str:
    """The title of a comparison."""
    return f"{others[0] if len(others) == 1 else f'{len(others)} models'} against {base}"


AD_HOC = frozenset({"run", "compare"})
"""The names of studies that commands make up."""


# --- numbers -------------------------------------------------------------------------


def metric_name(track: Track) -> str:
    """What the eval's own score is called: what its marks mean decides."""
    is_judged = needs_judge(track.spec)
    if track.spec.grader in FORM:
        return QUALITY if is_judged else COMPLIANCE
    if is_judged:
        return "the judge's score"
    tables = (track.of(model) for model in track.model_names)
    marks = (mark for table in tables if table for row in table.values.values() for mark in row)
    known = (mark for mark in marks if math.isfinite(mark))
    return "accuracy" if all(mark in (0.0, 1.0) for mark in known) else "score"


FORM = frozenset({"style", "generation"})
"""Graders that mark whether a form is kept."""

COMPLIANCE, QUALITY = "format compliance", "quality"
SCORE_TITLES = {COMPLIANCE: "Answers in the wanted format", QUALITY: "Quality of the answers"}


def _comparisons(
    track: Track, metric: str, variety: Variety | None, writing: Writing | None
) -> Iterator[Comparison]:
    for name in track.tuned_names:
        if compared := comparison(track, name):
            told = replace(compared, metric=metric, diversity=_diversity(track, name, variety))
            yield against_best_prompt(track, told)
            yield from detail_comparisons(track, name)
            yield from writing.comparisons(name) if writing else ()


def _diversity(track: Track, model: str, variety: Variety | None) -> DiversityChange | None:
    """Open tasks are never compared by quality alone, not even where diversity is unknown."""
    if track.spec.task != "open":
        return None
    return variety.change_of(model) if variety else DiversityChange("unmeasured")


def _results(track: Track, variety: Variety | None, writing: Writing | None) -> tuple[Result, ...]:
    about = {checkpoint.model: checkpoint for checkpoint in track.checkpoints}
    results = []
    for model in track.model_names:
        answers, checkpoint = track.of(model), about.get(model)
        if answers is None:
            continue
        metrics = metrics_of(answers, track.heldout)
        units: dict[str, Unit] = {}
        if writing is not None:
            metrics |= writing.metrics_of(model)
            units |= UNITS
        if variety is not None:
            metrics |= _variety_metrics(variety, model)
            units |= _variety_units(variety)
        if checkpoint is not None and track.general:
            metrics |= forgetting_metrics(track, checkpoint)
        own = own_metrics(track.own_reports.get(model, {}), answers.total)
        results.append(
            Result(
                eval=track.spec.name,
                task=track.spec.task,
                model=model,
                epochs=checkpoint.epoch if checkpoint else (0 if track.checkpoints else None),
                seed=checkpoint.seed if checkpoint else None,
                metrics={**metrics, **own},
                excluded=answers.excluded(track.heldout),
                units={**units, **units_of(answers), **dict.fromkeys(own, "count")},
            )
        )
    return tuple(results)


def _variety_findings(variety: Variety) -> tuple[Finding, ...]:
    from harness.pipeline.reporting.variety_findings import findings

    return findings(variety)


def _variety_metrics(variety: Variety, model: str) -> dict[str, Estimate]:
    from harness.pipeline.reporting import variety_panels

    return variety_panels.metrics_of(variety, model)


# --- charts --------------------------------------------------------------------------


def _panels(
    track: Track, metric: str, variety: Variety | None, writing: Writing | None
) -> tuple[Panel, ...]:
    if not track.checkpoints:
        return ()
    title = SCORE_TITLES.get(metric, "Score" if track.spec.task == "open" else "Right answers")
    probe = "training prompts" + (", by form alone" if metric == QUALITY else "")
    panels = [
        score_panel(track, title, probe),
        *_open_panels(variety, writing),
        *general_panels(track),
        *curve_panels(track),
    ]
    return tuple(panel for panel in panels if panel.series)


def _open_panels(variety: Variety | None, writing: Writing | None) -> tuple[Panel, ...]:
    """What is expected and what is good come first, single metrics and lengths after them."""
    ratio, *raw = _variety_panels(variety) if variety else (None,)
    written = writing.panels() if writing else ()
    good = [panel for panel in written if panel.title == GOOD_TITLE]
    others = [panel for panel in written if panel.title != GOOD_TITLE]
    return (*([ratio] if ratio else ()), *good, *raw, *others)


def _variety_units(variety: Variety) -> dict[str, Unit]:
    from harness.pipeline.reporting import variety_panels

    return variety_panels.units_of(variety)


def _variety_panels(variety: Variety) -> tuple[Panel, ...]:
    from harness.pipeline.reporting.variety_panels import panels

    return panels(variety)


# --- what has no mark ----------------------------------------------------------------


def _exclusions(track: Track) -> Iterator[Exclusion]:
    for (_, model), answers in track.answers.items():
        for kind, count in answers.failures.items():
            yield Exclusion(model, kind, count, answers.examples[kind])
        if answers.unmarked:
            yield Exclusion(model, "no_mark", answers.unmarked, answers.examples["no_mark"])
        if wrong := answers.not_numbers:
            yield Exclusion(model, "not_a_number", wrong, "the mark is NaN or infinite")
    for model in track.model_names:
        if missing := _unanswered(track, model):
            yield Exclusion(model, "not_asked", missing, "the run folder holds no answer to it")


def _unanswered(track: Track, model: str) -> int:
    """How many held-out samples have neither an answer nor a failure: the run is not finished."""
    answers = track.of(model)
    if answers is None:
        return len(track.heldout)
    known = (answers.values, answers.failed_samples, answers.places)  # the quickest first
    return sum(1 for key in track.heldout if not any(key in one for one in known))


# --- files ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Written:
    """Where a run's reports lie."""

    html: Path
    markdown: Path
    json: Path


def write_reports(document: Document, folder: Path) -> Written:
    """Render a document into report.html, report.md and report.json.

    Raises:
        RunFolderError: the folder cannot be written.
    """
    from harness.reports.html import render_html
    from harness.reports.json import render_json
    from harness.reports.junit import render_junit
    from harness.reports.markdown import render_markdown

    written = Written(folder / "report.html", folder / "report.md", folder / "report.json")
    texts = {
        written.json: render_json(document),
        written.markdown: render_markdown(document),
        written.html: render_html(document),
    }
    if document.gate is not None:
        texts[folder / "junit.xml"] = render_junit(document.gate)
    for path, text in texts.items():
        _write(path, text)
    for name, text in extra_reports(document):
        _write(folder / f"report.{name}", text)
    return written


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be written: {error.strerror}") from error


def extra_reports(document: Document) -> Iterator[tuple[str, str]]:
    """What the renderers of other packages make of a document, with the suffix of its file.

    Raises:
        ExtensionError: one cannot be used, or failed.
    """
    from harness import extensions

    for name, render in extensions.load_all(extensions.RENDERERS).items():
        where = extensions.origin(extensions.RENDERERS, name)
        if not name.isalnum() or name in ("html", "md", "json"):
            raise ExtensionError(
                f"{where}: its name becomes report.NAME; use letters, none of ours"
            )
        try:
            text = str(render(document))
        except Exception as error:
            raise ExtensionError(f"{where} failed: {type(error).__name__}: {error}") from error
        yield name, text


def provenance(manifest: Manifest, tracks: Sequence[Track]) -> Provenance:
    """How to get the numbers of a run folder again."""
    tables = {id(table): table for track in tracks for table in track.answers.values()}.values()
    return Provenance(
        command=manifest.command,
        harness_version=manifest.harness,
        provider=manifest.study.provider,
        base=manifest.study.base,
        seeds=tuple(sorted({s for track in tracks for s in track.seeds if s is not None})),
        study_hash=manifest.hash,
        files=manifest.files,
        requests=sum(table.total for table in tables),
        prompt_tokens=sum(table.prompt_tokens for table in tables),
        completion_tokens=sum(table.completion_tokens for table in tables),
    )
