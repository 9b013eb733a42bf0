from __future__ import annotations

import dataclasses

import pytest

from harness.reports.document import Document, Section
from harness.reports.sections import (
    all_metrics,
    clarity,
    comparison_tables,
    model_label,
    panels,
    verdict,
)


@pytest.fixture
def orders(document: Document) -> Section:
    return document.sections[0]


def test_the_verdict_rests_on_the_comparison_of_the_model_to_use(orders):
    found = verdict(orders)
    assert found.lead.epochs == 5
    assert found.comparison.tuned == found.lead.checkpoint
    assert [state.epochs for state in found.states] == [1, 2, 3, 5, 8]


def test_without_advice_the_verdict_shows_the_last_comparison(orders):
    found = verdict(dataclasses.replace(orders, advice=()))
    assert found.lead is None
    assert found.comparison is orders.comparisons[-1]


def test_an_eval_without_anything_still_has_a_verdict():
    found = verdict(Section("e", "one-answer", "", "accuracy", "base"))
    assert (found.lead, found.comparison, found.states) == (None, None, ())


def test_a_difference_is_clear_when_its_interval_leaves_out_zero(orders):
    def judged(low: float, high: float) -> str:
        delta = dataclasses.replace(orders.comparisons[0].delta, low=low, high=high)
        return clarity(dataclasses.replace(orders.comparisons[0], delta=delta))

    assert [judged(0.01, 0.2), judged(-0.2, -0.01), judged(-0.1, 0.1), judged(0.0, 0.1)] == [
        "better",
        "worse",
        "level",
        "level",
    ]


def test_charts_fall_into_score_measures_and_training(document):
    groups = panels(document.sections[2])
    assert groups.score.title == "Judge score by epochs"
    assert len(groups.measures) == 4
    assert [panel.title for panel in groups.training] == ["Loss", "Token accuracy"]


def test_the_evals_own_metric_has_the_first_table(orders):
    other = dataclasses.replace(orders.comparisons[0], metric="a different metric")
    mixed = dataclasses.replace(orders, comparisons=(other, *orders.comparisons))
    assert [table.metric for table in comparison_tables(mixed)] == [
        "accuracy",
        "a different metric",
    ]


def test_the_model_to_use_is_marked_in_its_row(orders):
    (table,) = comparison_tables(orders)
    assert [row.chosen for row in table.rows] == [False, False, False, True, False]


def test_models_are_named_by_epochs_and_seed_where_known(orders):
    seeded = dataclasses.replace(orders.results[1], model="m", seed=2)
    section = dataclasses.replace(orders, results=(seeded,), advice=())
    assert model_label(section, "m") == "after 1 epoch, seed 2"
    assert model_label(section, "small-base") == "base model"
    assert model_label(section, "unheard-of") == "unheard-of"


def test_a_model_without_results_is_named_by_its_advice(orders):
    section = dataclasses.replace(orders, results=())
    assert model_label(section, orders.advice[1].model) == "after 2 epochs"
    assert verdict(section).epochs == 5


def test_a_metric_that_a_model_lacks_leaves_a_gap(orders):
    first, second = orders.results[:2]
    table = all_metrics((first, dataclasses.replace(second, metrics={})))
    assert table.rows[1][1] == (None,) * len(table.names)
