from __future__ import annotations

import dataclasses

import pytest

from harness.records import Latency
from harness.reports.document import Document, Performance, Section, Spending
from harness.reports.html import render_html
from harness.reports.tradeoff import FULL, LARGEST, SMALLEST, tradeoff

Taken = dict[str, tuple[float | None, int, float | None]]
"""Dollars, tokens and seconds of an eval of 1,000 answers, by model."""


def spending(eval: str, model: str, usd: float | None, tokens: int, s: float | None) -> Spending:
    latency = Latency(s, s, s, 9) if s is not None else None
    saved = None if usd is None else 0.0
    return Spending("model", model, eval, 1_000, 0, tokens, 0, usd, saved, latency)


def with_spending(document: Document, taken: Taken) -> Document:
    evals = tuple(spending("orders", model, *found) for model, found in taken.items())
    judge = dataclasses.replace(spending("orders", "judge", 9.0, 9, 9.0), role="judge")
    return dataclasses.replace(document, performance=Performance((), (*evals, judge)))


@pytest.fixture
def orders(document: Document) -> Section:
    return document.sections[0]


def models(section: Section) -> list[str]:
    return [result.model for result in section.results]


def test_models_that_no_other_one_beats_are_the_front(document: Document, orders: Section):
    base, e1, _, _, e5, e8 = models(orders)  # 48, 56, 68, 75, 81, 72%
    told = with_spending(
        document, {base: (1.0, 9, 0.1), e1: (3.0, 9, 0.2), e5: (2.0, 9, 0.3), e8: (4.0, 9, 0.4)}
    )
    found = tradeoff(told, orders)
    assert found.measure == "cost"
    assert [spot.candidate.model for spot in found.front] == [base, e5]
    assert [spot.candidate.chosen for spot in found.front] == [False, True]
    assert found.takeaway == (
        "A higher score takes more cost: base model (48% at $1.00); "
        "after 5 epochs (81% at $2.00). 2 other models are beaten."
    )


def test_one_model_that_beats_all_is_said_to(document: Document, orders: Section):
    base, *_, e5, _ = models(orders)
    found = tradeoff(with_spending(document, {base: (2.0, 9, 1), e5: (1.0, 9, 1)}), orders)
    assert found.takeaway == "after 5 epochs (81% at $1.00) scores highest and costs least."


@pytest.mark.parametrize(
    ("first", "second", "measure"),
    [
        ((1.0, 90, 0.1), (2.0, 80, 0.2), "cost"),
        ((0.0, 90, 0.1), (0.0, 80, 0.2), "tokens"),
        ((None, 90, 0.1), (2.0, 80, 0.2), "tokens"),
        ((None, 0, 0.1), (None, 80, 0.2), "latency"),
    ],
)
def test_what_is_known_of_all_models_decides_the_axis(
    document: Document, orders: Section, first, second, measure
):
    base, e1, *_ = models(orders)
    assert tradeoff(with_spending(document, {base: first, e1: second}), orders).measure == measure


@pytest.mark.parametrize("taken", [{}, {"small-base": (1.0, 9, 0.1)}])
def test_one_model_or_none_has_no_figure(document: Document, orders: Section, taken):
    assert tradeoff(with_spending(document, taken), orders) is None
    assert 'class="scatter"' not in render_html(with_spending(document, taken))


def test_models_of_which_nothing_is_known_have_no_figure(document: Document, orders: Section):
    nothing = dict.fromkeys(models(orders), (None, 0, None))
    assert tradeoff(with_spending(document, nothing), orders) is None
    assert tradeoff(document, orders) is None


def test_everything_lies_inside_the_drawing(document: Document, orders: Section):
    taken = {m: (10.0**i, 9, float(i)) for i, m in enumerate(models(orders))}
    found = tradeoff(with_spending(document, taken), orders)
    assert found.title.endswith("(in powers of ten)")
    for spot in found.spots:
        assert 0 <= spot.x <= FULL
        assert 0 <= spot.y <= FULL
        assert SMALLEST <= spot.radius <= LARGEST
    assert [notch.label for notch in found.across] == [
        "$1.00",
        "$10.0",
        "$100",
        "$1,000",
        "$10,000",
        "$100,000",
    ]
    assert len(found.up) >= 3


def test_the_slower_model_has_the_larger_dot(document: Document, orders: Section):
    base, e1, *_ = models(orders)
    found = tradeoff(with_spending(document, {base: (1, 9, 0.5), e1: (2, 9, 0.1)}), orders)
    slow, fast = found.spots
    assert (slow.radius, fast.radius) == (LARGEST, SMALLEST)
    assert found.latencies == "100 ms to 500 ms"


def test_the_page_says_the_front_in_words(document: Document, orders: Section):
    base, e1, *_ = models(orders)
    page = render_html(with_spending(document, {base: (1, 9, 0.5), e1: (2, 9, 0.1)}))
    assert page.count('class="scatter"') == 1
    assert (
        "On the front: base model, score 48% (40 to 56%), US dollars for 1,000 answers: $1.00"
        in page
    )


def test_equal_models_are_both_on_the_front(document: Document, orders: Section):
    twins = dataclasses.replace(
        orders, results=tuple(dataclasses.replace(orders.results[0], model=m) for m in "ab")
    )
    told = with_spending(document, {"a": (1.0, 9, None), "b": (1.0, 9, None)})
    assert [spot.number for spot in tradeoff(told, twins).spots] == [1, 2]
