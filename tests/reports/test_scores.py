from __future__ import annotations

import dataclasses
import math

import pytest

from harness.records import Estimate
from harness.reports.document import Document, Exclusion, Section
from harness.reports.scores import (
    Scores,
    all_scores,
    chance_text,
    course_text,
    exclusion_text,
    further_text,
    mark_text,
    misses_text,
    scores,
    sentence,
)


@pytest.fixture
def section(run: Document) -> Section:
    return run.sections[0]


@pytest.fixture
def found(section: Section) -> Scores:
    return scores(section, section.results[0])


def test_the_evals_own_score_stands_apart_from_further_metrics_and_fields(found):
    assert found.own.name == "accuracy"
    assert [m.name for m in found.further] == [
        "F1",
        "precision",
        "recall",
        "parsed as JSON",
        "words",
    ]
    assert [m.name for m in found.fields] == ["city", "item"]
    assert found.metrics == (found.own, *found.further, *found.fields)


def test_the_own_score_has_the_name_that_its_section_gives_it(run: Document):
    (found,) = all_scores(run.sections[1])
    assert sentence(found) == "format compliance 40% (19 to 61%); 20 samples, none excluded"


def test_a_metric_named_as_the_section_says_is_the_own_one_too(document: Document):
    slogans = document.sections[2]
    assert scores(slogans, slogans.results[0]).own.name == "judge score"


def test_a_count_is_no_percentage_and_has_no_place_on_the_scale(found):
    words = found.further[-1]
    assert words.text == "words 12.5 (11.2 to 13.8)"
    assert words.mark is None
    assert found.own.mark is not None


def test_a_score_is_said_with_its_interval_samples_and_what_was_left_out(found):
    assert sentence(found) == "accuracy 81% (74 to 88%); 138 samples, 4 excluded"


def test_further_metrics_fit_a_line_and_fields_are_a_range(found):
    assert further_text(found) == (
        "F1 90%, precision 92%, recall 88%, parsed as JSON 99%, 1 more, "
        "2 fields from 84% (city) to 97% (item)"
    )


def test_many_fields_cost_no_more_words_than_two(section):
    metrics = {f"field:{i}": Estimate(i / 100, 0, 1, 9, "t") for i in range(100)}
    result = dataclasses.replace(section.results[0], metrics=metrics)
    assert further_text(scores(section, result)) == "100 fields from 0% (0) to 99% (99)"
    alike = dataclasses.replace(result, metrics=dict.fromkeys(metrics, metrics["field:50"]))
    assert further_text(scores(section, alike)) == "100 fields, all 50%"
    one = dataclasses.replace(result, metrics={"field:a": metrics["field:50"]})
    assert further_text(scores(section, one)) == "field a 50%"


def test_nothing_marked_is_said_and_is_no_zero(run: Document):
    (found,) = all_scores(run.sections[2])
    assert sentence(found) == "no sample has a mark; 20 excluded"
    assert (found.own, found.n, found.flawless) == (None, 0, False)


def test_one_sample_is_not_many(run: Document):
    (found,) = all_scores(run.sections[3])
    assert sentence(found) == "accuracy 100% (21 to 100%); 1 sample, none excluded"
    assert found.flawless


def test_a_field_that_was_not_measured_comes_last(section):
    metrics = {"field:a": Estimate(math.nan, 0, 1, 0, "t"), "field:b": Estimate(1, 0, 1, 9, "t")}
    result = dataclasses.replace(section.results[0], metrics=metrics)
    assert [m.name for m in scores(section, result).fields] == ["b", "a"]


def test_names_without_end_are_shortened(section):
    result = dataclasses.replace(
        section.results[0], metrics={"x" * 9_999: Estimate(0, 0, 1, 9, "t")}
    )
    assert len(further_text(scores(section, result))) < 120


def test_a_comparison_in_short(contest: Document):
    better, worse = contest.sections[0].comparisons
    assert course_text(better) == "48% → 81%"
    assert chance_text(better) == "p < .001; 53 fixed, 7 broken"
    assert chance_text(dataclasses.replace(worse, fixed=None)) == "p < .001"


def test_how_many_are_wrong_counts_those_that_are_not_shown(section):
    assert misses_text(section) == "22 of 138 samples"
    assert misses_text(dataclasses.replace(section, results=())) == "22 samples"


def test_a_partly_right_answer_says_how_much(section):
    assert [mark_text(section.misses[i]) for i in (0, -1)] == ["Wrong", "Partly right, 40%"]


def test_what_was_left_out_says_why_and_gives_an_example():
    assert exclusion_text(Exclusion("m", "rate_limited", 1_200, "slow down")) == (
        "1,200 samples rate limited: slow down"
    )


def test_a_score_of_the_minority_of_samples_is_no_verdict(found):
    scarce = dataclasses.replace(found, excluded=139)
    assert sentence(scarce) == (
        "cannot tell: 139 of 277 samples are excluded; on the others accuracy 81% (74 to 88%)"
    )
