"""Prompts, more data and break-evens in words, in HTML and in Markdown."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.analysis.breakeven import Terms, break_even, call_cost
from harness.pipeline.judging.data_gain import panel
from harness.records import (
    BreakEven,
    DataGain,
    DataPoint,
    Estimate,
    Price,
    Prompting,
    PromptScore,
)
from harness.reports import economics
from harness.reports.charts import WIDE, chart
from harness.reports.document import Document, Provenance, Section
from harness.reports.html import render_html
from harness.reports.markdown import render_markdown
from harness.reports.panels import numbers

TUNED, DEAR = Price(12, 16, training=8.0, as_of="2023-08"), Price(30, 60, as_of="2023-08")
HOSTILE = "<script>alert(1)</script>"


def about(value: float, half: float = 0.02) -> Estimate:
    return Estimate(value, value - half, value + half, 150, "test")


def found(prompt: float = 1000, price: Price | None = DEAR, **terms: float) -> BreakEven:
    tuned = call_cost("ft:gpt-3.5-turbo", "the prompt of the data", [(1000, 200)], TUNED, "given")
    other = call_cost("gpt-4", "its own prompt", [(prompt, 200)], price, "given")
    return break_even("e", tuned, other, Terms(300_000, 3, 2.40, **terms))


GAIN = DataGain(
    "e",
    examples=40,
    epochs=6,
    seeds=1,
    points=(
        DataPoint(20, 12, 3, about(0.63)),
        DataPoint(20, 6, 3, about(0.49)),
        DataPoint(40, 6, 1, about(0.89)),
    ),
    last_doubling=about(0.40),
    log_linear=about(0.09),
    power_law=about(0.07),
    next_doubling=Estimate(0.08, 0.035, 0.148, 150, "union"),
    at_equal_steps=about(0.26),
)
PROMPTS = Prompting(
    "e",
    "base",
    (PromptScore("the prompt of the data", about(0.1), 18), PromptScore(HOSTILE, about(0.8), 90)),
    HOSTILE,
    about(0.78),
)
DOCUMENT = Document(
    "t",
    "",
    (
        Section(
            "e", "one-answer", "", "accuracy", "base",
            prompting=PROMPTS, data_gain=GAIN, break_evens=(found(),), panels=(panel(GAIN),),
        ),
    ),
    Provenance("harness study x", "0", "openai", "base"),
)  # fmt: skip


def test_what_pays_says_after_how_many_calls() -> None:
    text = economics.break_even_text(found(calls_per_day=100.0))
    assert "pays against gpt-4 (its own prompt) after 90 calls; 3 calls a day" in text
    assert "At 100 calls a day it has after 0.9 days." in text
    assert "not asked (ask: true)" in text


def test_the_formula_has_its_numbers() -> None:
    assert economics.formula(found()) == (
        "calls = training / saving by call; training took 300,000 tokens (3 epochs), $2.40; "
        "1,000 calls save $26.80 ($42.00 minus $15.20)."
    )


def test_prices_have_their_months() -> None:
    rows = economics.call_rows(found())
    assert "$12.00 / $16.00 (2023-08)" in rows[0]
    assert "$30.00 / $60.00 (2023-08)" in rows[1]


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (found(price=Price(0.1, 0.1)), "Tuning never pays against gpt-4"),
        (found(price=None), "cannot be told: no price of gpt-4 is known"),
        (replace(found(), verdict="at once"), "from the first call on"),
        (
            replace(found(), verdict="open", reason="calls differ",
                    calls=Estimate(90, 40, math.inf, 5, "")),
            "may pay against gpt-4 (its own prompt) after 90 calls, 40 at the least: calls differ",
        ),
        (replace(found(), quality=about(0.03)), "tuned minus it: +3.0 points (+1.0 to +5.0)"),
    ],
)  # fmt: skip
def test_every_verdict_has_its_sentence(one: BreakEven, said: str) -> None:
    assert said in economics.break_even_text(one)


def test_more_data_are_told_with_what_is_left_out() -> None:
    text = economics.data_text(GAIN)
    assert "(40 to 80 examples) is expected to bring +3.5 to +14.8 points" in text
    assert "seed variance not included" in text
    assert "with as many training steps +26" in text
    assert "no law" in economics.data_text(replace(GAIN, growth=about(0.1)))


def test_the_chart_goes_over_examples() -> None:
    drawn = panel(GAIN)
    assert numbers(drawn).header[0] == "examples"
    svg = chart(drawn, WIDE)
    assert "with 40 examples" in svg
    assert "epochs" not in svg.replace("as many epochs", "")


def test_names_of_prompts_are_untrusted() -> None:
    assert HOSTILE not in render_html(DOCUMENT)
    markdown = render_markdown(DOCUMENT)
    assert HOSTILE not in markdown
    for part in ("is expected to bring", "Tuning pays against", "does best with"):
        assert part in markdown
