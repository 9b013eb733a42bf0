from __future__ import annotations

import dataclasses
import re

import pytest

from harness.records import Estimate
from harness.reports.document import Document, Section
from harness.reports.fields import FULL, MOST_FIELDS, fields
from harness.reports.html import render_html

Shares = dict[str, float]


def with_fields(section: Section, base: Shares, tuned: Shares) -> Section:
    def metrics(old, shares: Shares):
        own = {key: value for key, value in old.items() if not key.startswith("field:")}
        found = {f"field:{n}": Estimate(v, v - 0.05, v + 0.05, 138, "") for n, v in shares.items()}
        return {**own, **found}

    results = tuple(
        dataclasses.replace(result, metrics=metrics(result.metrics, base if i == 0 else tuned))
        for i, result in enumerate(section.results)
    )
    return dataclasses.replace(section, results=results)


@pytest.fixture
def orders(document: Document) -> Section:
    base = {"item": 0.5, "city": 0.91, "day": 0.3}
    return with_fields(document.sections[0], base, {"item": 0.97, "city": 0.84, "day": 0.9})


def test_the_lowest_field_of_the_model_to_use_comes_first(orders):
    found = fields(orders)
    assert [line.name for line in found.lines] == ["city", "day", "item"]
    assert [model.title for model in found.models] == ["Base model", "After 5 epochs"]
    assert found.lines[0].values == "91% → 84%"


def test_the_worst_field_and_those_that_fell_are_named(orders):
    assert fields(orders).takeaway == (
        "Worst field after 5 epochs: city, 84% (79 to 89%). "
        "1 field is lower than with base: city (91% → 84%)."
    )


def test_fields_that_are_always_right_are_said_to_be(orders):
    right = with_fields(orders, {"a": 0.2, "b": 0.3}, {"a": 1.0, "b": 1.0})
    assert fields(right).takeaway == "All 2 fields are right in every sample after 5 epochs."


def test_dots_and_intervals_lie_on_the_scale_apart_where_they_would_meet(orders):
    lines = fields(orders).lines
    assert [line.name for line in lines if line.dots[0].y < line.dots[1].y] == ["city"]
    assert {dot.y for line in lines[1:] for dot in line.dots} == {FULL / 2}
    for line in lines:
        base, tuned = line.dots
        assert (base.ink, tuned.ink) == ("base", "heldout")
        for dot in line.dots:
            assert 0 <= dot.start <= dot.middle <= dot.end <= FULL


def test_a_field_that_the_base_lacks_has_one_dot(orders):
    assert len(fields(with_fields(orders, {}, {"city": 0.5})).lines[0].dots) == 1


def test_many_fields_are_cut_off_and_counted(orders):
    many = {f"f{i:02d}": i / 100 for i in range(40)}
    found = fields(with_fields(orders, many, many))
    assert len(found.lines) == MOST_FIELDS
    assert found.omitted == 40 - MOST_FIELDS


def test_without_fields_or_a_second_model_there_is_no_plot(document: Document, run: Document):
    assert fields(document.sections[1]) is None
    assert fields(run.sections[0]) is None


def test_several_compared_models_have_a_lane_each(orders, contest: Document):
    compared = with_fields(contest.sections[0], {"city": 0.2}, {"city": 0.6})
    found = fields(compared)
    assert [model.ink for model in found.models] == ["base", "heldout", "train"]
    assert found.lines[0].values == "20% · 60% · 60%"


def test_the_page_says_every_field_in_words(document: Document, orders):
    page = render_html(dataclasses.replace(document, sections=(orders,)))
    drawn = re.findall(r'<svg height="40" role="img" aria-label="([^"]*)"', page)
    assert drawn[0] == ("field city\nbase model: 91% (86 to 96%)\nafter 5 epochs: 84% (79 to 89%)")


def test_hostile_field_names_are_text(document: Document, orders):
    name = '"><script>window.hacked=1</script>'
    odd = with_fields(orders, {name: 0.1}, {name: 0.2})
    page = render_html(dataclasses.replace(document, sections=(odd,)))
    assert "<script>window" not in page
