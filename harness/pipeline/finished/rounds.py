"""What a run came to, as a round of tuning: its advice, and the numbers that go with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from harness.analysis.cost import total
from harness.pipeline.folder.manifest import Manifest
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.orders.tuning import read_tuning
from harness.pipeline.reporting.variety_panels import RATIO_TITLE
from harness.records import Advice, Estimate, Experiment, Round
from harness.reports import verdicts
from harness.reports.document import Document, Section


def rounds_in(folder: Path, manifest: Manifest, document: Document) -> Iterator[Round]:
    """What a run came to: a round for each eval that chooses epochs."""
    number = 1 + max((one.number for one in manifest.plan.after), default=0)
    for experiment, section in chosen_by(manifest, document):
        advice = verdicts.leading(section.advice)
        if advice is not None:
            tokens = tokens_trained(RunFolder(folder), experiment.name)
            yield row(section, advice, replace(_blank(experiment), number=number, tokens=tokens))


def _blank(experiment: Experiment) -> Round:
    nothing = Advice("", "", 0, 0, "", 0, "", "low", (), "")
    return Round(0, experiment.name, "", 0, nothing)


def chosen_by(manifest: Manifest, document: Document) -> Iterator[tuple[Experiment, Section]]:
    """Each experiment with the sections of its evals that choose epochs, in the report's order."""
    places = (
        (experiment, spec.name)
        for experiment in manifest.study.experiments
        for spec in manifest.plan.evals
        if spec.name in (*experiment.evals, *experiment.forgetting)
    )
    for (experiment, name), section in zip(places, document.sections, strict=True):
        if name in experiment.evals:
            yield experiment, section


def row(section: Section, advice: Advice, about: Round) -> Round:
    """A round as a table shows it: the state that the advice is about."""
    return replace(
        about,
        eval=section.eval,
        epochs=advice.epochs,
        advice=replace(advice, evidence=advice.evidence[:1], dissent=()),
        score=measured(section, 0, advice.epochs),
        diversity=measured(section, RATIO_TITLE, advice.epochs),
    )


def measured(section: Section, panel: str | int, epochs: float) -> Estimate | None:
    """The value of a chart's first line after so many epochs; charts by title or place."""
    charts = [
        chart
        for place, chart in enumerate(section.panels)
        if panel in (place, chart.title) and chart.series
    ]
    points = charts[0].series[0].points if charts else ()
    return next((point.estimate for point in points if point.epoch == epochs), None)


def tokens_trained(folder: RunFolder, experiment: str) -> int | None:
    """What the jobs of an experiment trained in this folder; None where one does not say."""
    runs = [run for run in read_tuning(folder.tuning) if run.experiment == experiment]
    known = total(run.trained_tokens for run in runs)
    return None if known is None or not runs else int(known)
