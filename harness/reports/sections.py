"""Arranges a Section for reading: its verdict, its charts in groups, its tables row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.records import Advice, Comparison, Estimate
from harness.reports import wording
from harness.reports.document import Panel, Result, Section
from harness.reports.forest import Forest, Mark, forest
from harness.reports.verdicts import by_epochs, leading

Clarity = Literal["better", "worse", "level"]


# --- the verdict ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one eval's card says: the leading advice, what it rests on, and every other state.

    ``comparison`` is that of the model to use, tuned for ``epochs``.
    """

    section: Section
    lead: Advice | None
    states: tuple[Advice, ...]
    comparison: Comparison | None
    epochs: float | None


def verdict(section: Section) -> Verdict:
    """The advice to read first, with the comparison of the model that it says to use."""
    lead = leading(section.advice)
    compared = _deciding(section, lead)
    epochs = _epochs(section, compared.tuned) if compared else None
    return Verdict(section, lead, tuple(by_epochs(section.advice)), compared, epochs)


def _deciding(section: Section, lead: Advice | None) -> Comparison | None:
    """The comparison on the eval's own metric of the model to use, or of the last one."""
    own = [c for c in section.comparisons if c.metric == section.metric]
    wanted = (lead.checkpoint, lead.model) if lead else ()
    named = (c for model in wanted for c in own if c.tuned == model)
    return next(named, own[-1] if own and not lead else None)


def _epochs(section: Section, model: str) -> float | None:
    """How long a model was tuned, where its results or an advice say so."""
    for result in section.results:
        if result.model == model:
            return result.epochs
    for advice in section.advice:
        if advice.checkpoint == model:
            return advice.checkpoint_epoch
    return next((a.epochs for a in section.advice if a.model == model), None)


def clarity(comparison: Comparison) -> Clarity:
    """Does the interval of the difference lie above 0, below 0, or on both sides?"""
    if comparison.delta.low > 0:
        return "better"
    return "worse" if comparison.delta.high < 0 else "level"


# --- charts --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Panels:
    """An eval's charts: the score first, then what else was measured, then training curves."""

    score: Panel | None
    measures: tuple[Panel, ...]
    training: tuple[Panel, ...]


def panels(section: Section) -> Panels:
    """Sort charts by what their lines are."""
    training = tuple(p for p in section.panels if _is_training(p))
    others = tuple(p for p in section.panels if not _is_training(p))
    return Panels(others[0] if others else None, others[1:], training)


def _is_training(panel: Panel) -> bool:
    return panel.unit == "loss" or all(series.role == "curve" for series in panel.series)


# --- tables --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison with its place in the forest plot; ``chosen`` is the model to use."""

    label: str
    comparison: Comparison
    mark: Mark | None
    chosen: bool


@dataclass(frozen=True, slots=True)
class Table:
    """All comparisons on one metric, on one common scale."""

    metric: str
    forest: Forest
    rows: tuple[Row, ...]


def comparison_tables(section: Section) -> tuple[Table, ...]:
    """One table for each metric, the eval's own first."""
    metrics = sorted(
        {c.metric for c in section.comparisons}, key=lambda m: (m != section.metric, m)
    )
    return tuple(_table(section, metric) for metric in metrics)


def _table(section: Section, metric: str) -> Table:
    comparisons = [c for c in section.comparisons if c.metric == metric]
    lead = leading(section.advice)
    layout = forest([c.delta for c in comparisons])
    rows = tuple(
        Row(model_label(section, c.tuned), c, mark, bool(lead and c.tuned == lead.checkpoint))
        for c, mark in zip(comparisons, layout.marks, strict=True)
    )
    return Table(metric, layout, rows)


def model_label(section: Section, model: str) -> str:
    """A model by its epochs and seed, where they are known."""
    if model == section.base:
        return "base model"
    epochs = _epochs(section, model)
    if epochs is None:
        return model
    seeds = (r.seed for r in section.results if r.model == model and r.seed is not None)
    seed = next(seeds, None)
    return wording.after(epochs) + ("" if seed is None else f", seed {seed}")


@dataclass(frozen=True, slots=True)
class Metrics:
    """Every metric of every model: a header of names, and a row for each model."""

    names: tuple[str, ...]
    rows: tuple[tuple[Result, tuple[Estimate | None, ...]], ...]


def all_metrics(results: Sequence[Result]) -> Metrics:
    """Results as a table; a metric that a model lacks is None."""
    names: Mapping[str, None] = dict.fromkeys(name for r in results for name in r.metrics)
    rows = tuple((r, tuple(r.metrics.get(name) for name in names)) for r in results)
    return Metrics(tuple(names), rows)
