from __future__ import annotations

import dataclasses

import pytest

from harness.reports.document import Document, Section
from harness.reports.html import render_html
from harness.reports.markdown import render_markdown
from harness.reports.sections import (
    all_metrics,
    comparison_tables,
    document_story,
    gallery_title,
    model_label,
    model_title,
    panels,
    story,
    verdict,
)
from harness.reports.verdicts import clarity


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


def seeded(orders: Section) -> Section:
    """The state to use, tuned with three seeds of which the second does best."""
    lead = verdict(orders).lead
    one = verdict(orders).comparison
    result = next(r for r in orders.results if r.model == one.tuned)
    scores = {1: 0.79, 2: one.tuned_score.value, 3: 0.74}
    names = {seed: one.tuned if seed == 2 else f"{one.tuned}:s{seed}" for seed in scores}
    assert lead.checkpoint == one.tuned
    return dataclasses.replace(
        orders,
        comparisons=tuple(
            dataclasses.replace(
                one, tuned=names[s], tuned_score=dataclasses.replace(one.tuned_score, value=value)
            )
            for s, value in scores.items()
        ),
        results=tuple(dataclasses.replace(result, model=names[s], seed=s) for s in scores),
    )


def test_numbers_of_one_seed_say_so_beside_the_mean_of_all(orders):
    picked = verdict(seeded(orders)).picked
    best = verdict(orders).comparison.tuned_score.value
    assert picked.short == f"seed 2; mean of 3 seeds {100 * (0.79 + best + 0.74) / 3:.0f}%"
    assert "seed 2, the best of 3 on these samples and perhaps" in picked.told
    assert verdict(orders).picked is None


def test_every_rendering_tells_which_seed_its_numbers_are_of(document, orders):
    told = dataclasses.replace(document, sections=(seeded(orders),))
    assert "(seed 2; mean of 3 seeds" in render_markdown(told)
    assert "perhaps a lucky one" in render_markdown(told)
    assert "perhaps a lucky one" in render_html(told)


def test_a_model_without_results_is_named_by_its_advice(orders):
    section = dataclasses.replace(orders, results=())
    assert model_label(section, orders.advice[1].model) == "after 2 epochs"
    assert verdict(section).epochs == 5


def test_a_metric_that_a_model_lacks_leaves_a_gap(orders):
    first, second = orders.results[:2]
    section = dataclasses.replace(orders, results=(first, dataclasses.replace(second, metrics={})))
    table = all_metrics(section)
    assert list(table.names.values()) == ["accuracy", "valid_json", "field city"]
    assert [table.cell(table.models[1], key) for key in table.names] == ["–"] * 3
    assert table.cell(table.models[0], "field:city") == "91% (86 to 96%)"


def test_models_are_columns_where_they_are_fewer_than_the_metrics(orders):
    assert not all_metrics(orders).lengthwise
    assert all_metrics(dataclasses.replace(orders, results=orders.results[:2])).lengthwise


# --- which story ---------------------------------------------------------------------


def test_what_was_measured_decides_what_is_told(document, run, contest):
    told = [story(s) for d in (document, run, contest) for s in d.sections]
    assert told == ["advice"] * 3 + ["scores"] * 4 + ["comparison"] * 3


def test_a_report_tells_the_most_that_any_of_its_evals_has_to_say(document, run, contest):
    mixed = dataclasses.replace(run, sections=(*run.sections, *contest.sections))
    assert document_story(mixed) == "comparison"
    whole = dataclasses.replace(mixed, sections=(*mixed.sections, *document.sections))
    assert document_story(whole) == "advice"
    assert document_story(dataclasses.replace(run, sections=())) == "scores"


def test_a_models_own_name_keeps_its_spelling(contest, orders):
    assert model_title(contest.sections[0], "adapter-1") == "adapter-1"
    assert model_title(orders, "small-base") == "Base model"
    assert gallery_title(contest.sections[0], "small-base") == "small-base"
