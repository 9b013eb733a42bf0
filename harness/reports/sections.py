"""Arranges a Section for reading: its verdict, its charts in groups, its tables row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from harness.records import Advice, Comparison
from harness.reports import wording
from harness.reports.document import FIELD, Document, Panel, Section
from harness.reports.forest import Forest, Mark, forest
from harness.reports.scores import Metric, Scores, all_scores
from harness.reports.verdicts import by_epochs, leading

Story = Literal["advice", "comparison", "scores"]


# --- what there is to tell -----------------------------------------------------------


def story(section: Section) -> Story:
    """What an eval has to say: advice on epochs, a comparison, or the scores of one model."""
    if section.advice:
        return "advice"
    several = len({result.model for result in section.results}) > 1
    return "comparison" if section.comparisons or several else "scores"


def document_story(document: Document) -> Story:
    """The most that any eval of a report has to say."""
    told = {story(section) for section in document.sections}
    return next((one for one in ("advice", "comparison") if one in told), "scores")


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

    @property
    def picked(self) -> Picked | None:
        """Which of several seeds the comparison is about."""
        return picked(self.section, self.comparison)


def verdict(section: Section) -> Verdict:
    """The advice to read first, with the comparison of the model that it says to use."""
    lead = leading(section.advice)
    compared = _deciding(section, lead)
    epochs = _epochs(section, compared.tuned) if compared else None
    return Verdict(section, lead, tuple(by_epochs(section.advice)), compared, epochs)


@dataclass(frozen=True, slots=True)
class Picked:
    """One checkpoint of several seeds: which it is, and the mean score of all ``seeds``."""

    seed: int
    seeds: int
    mean: float
    is_best: bool

    @property
    def short(self) -> str:
        """'seed 2; mean of 3 seeds 95%'."""
        return f"seed {self.seed}; mean of {self.seeds} seeds {wording.percent(self.mean)}"

    @property
    def told(self) -> str:
        """What a checkpoint's numbers are, beside those of all seeds of its epochs."""
        luck = f", the best of {self.seeds} on these samples and perhaps a lucky one"
        return (
            f"That is one checkpoint, seed {self.seed}"
            f"{luck if self.is_best else ''}; the mean of {self.seeds} seeds is "
            f"{wording.percent(self.mean)}."
        )


def picked(section: Section, compared: Comparison | None) -> Picked | None:
    """Which of several seeds a comparison is about; None where there is one, or no seed."""
    if compared is None:
        return None
    epochs, seed = _epochs(section, compared.tuned), _seed(section, compared.tuned)
    alike = [c for c in own_comparisons(section) if _epochs(section, c.tuned) == epochs]
    alike = [c for c in alike if _seed(section, c.tuned) is not None]
    if epochs is None or seed is None or len(alike) < 2:
        return None
    scores = [c.tuned_score.value for c in alike]
    is_best = compared.tuned_score.value >= max(scores)
    return Picked(seed, len(alike), sum(scores) / len(scores), is_best)


def _seed(section: Section, model: str) -> int | None:
    seeds = (r.seed for r in section.results if r.model == model and r.seed is not None)
    return next(seeds, None)


def own_comparisons(section: Section) -> list[Comparison]:
    """The comparisons on the eval's own metric."""
    return [c for c in section.comparisons if c.metric == section.metric]


def _deciding(section: Section, lead: Advice | None) -> Comparison | None:
    """The comparison on the eval's own metric of the model to use, or of the last one."""
    own = own_comparisons(section)
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


OF_TRAINING = frozenset({"Token accuracy"})
"""Titles of charts that the training run reports."""


def _is_training(panel: Panel) -> bool:
    curves = all(series.role == "curve" for series in panel.series)
    return panel.unit == "loss" or panel.title in OF_TRAINING or curves


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
    chosen = lead.checkpoint if lead and lead.behind_base is None else None
    layout = forest([c.delta for c in comparisons])
    rows = tuple(
        Row(model_label(section, c.tuned), c, mark, c.tuned == chosen)
        for c, mark in zip(comparisons, layout.marks, strict=True)
    )
    return Table(metric, layout, rows)


def model_label(section: Section, model: str) -> str:
    """A model by its epochs and seed, where they are known; of rivals each by its name."""
    if section.rivals:
        return model
    if model == section.base:
        return "base model"
    epochs = _epochs(section, model)
    if epochs is None:
        return model
    seed = _seed(section, model)
    return wording.after(epochs) + ("" if seed is None else f", seed {seed}")


def model_title(section: Section, model: str) -> str:
    """A model at the head of a row; its own name keeps its spelling."""
    label = model_label(section, model)
    return label if label == model else wording.capitalized(label)


def gallery_title(section: Section, model: str) -> str:
    """A model above its answers: by what it is where there is advice, else by its name."""
    return model_title(section, model) if story(section) == "advice" else model


@dataclass(frozen=True, slots=True)
class Metrics:
    """Every metric of every model: a cell for each model and each of its metrics.

    ``names`` says what each key is called; ``lengthwise`` that models make the shorter side
    and are better read as columns.
    """

    models: tuple[Scores, ...]
    names: Mapping[str, str]
    cells: Mapping[tuple[str, str], Metric]

    @property
    def lengthwise(self) -> bool:
        """Are there more metrics than models?"""
        return len(self.names) > len(self.models)

    def cell(self, found: Scores, key: str) -> str:
        """A model's metric in words; a dash where it lacks it."""
        metric = self.cells.get((found.model, key))
        return wording.estimate_in(metric.unit, metric.estimate) if metric else "–"


def all_metrics(section: Section) -> Metrics:
    """The results of a section as a table."""
    models = all_scores(section)
    metrics = [(found.model, metric) for found in models for metric in found.metrics]
    names = {m.key: f"field {m.name}" if m.key.startswith(FIELD) else m.name for _, m in metrics}
    return Metrics(models, names, {(model, metric.key): metric for model, metric in metrics})
