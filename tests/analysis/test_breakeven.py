"""When tuning pays: the guide's numbers of 2023, the formula by hand, and where it never pays."""

from __future__ import annotations

import itertools
import math

import pytest

from harness.analysis.breakeven import Terms, break_even, call_cost, quotient, saving
from harness.analysis.cost import FREE, training_cost_usd
from harness.records import BreakEven, CallCost, Estimate, Price
from harness.registry.prices import load_prices

(PRICES,) = load_prices()
GPT_4, BASE, TUNED = (PRICES[n] for n in ("gpt-4", "gpt-3.5-turbo", "ft:gpt-3.5-turbo"))


def call(name: str, price: Price | None, prompt: float, answer: float) -> CallCost:
    return call_cost(name, "its prompt", [(prompt, answer)], price, "given")


def guide_of_2023() -> Terms:
    """A file of 100,000 tokens, trained for 3 epochs."""
    return Terms(100_000, 3, training_cost_usd(TUNED, 100_000, 3))


def test_in_2023_tuning_cost_240_cents_and_use_8_times_the_base() -> None:
    assert guide_of_2023().training_usd == pytest.approx(2.40)
    assert TUNED.prompt / BASE.prompt == pytest.approx(8)
    assert TUNED.completion / BASE.completion == pytest.approx(8)


def test_in_2023_a_tuned_model_paid_against_gpt_4_after_90_calls_of_1000_tokens() -> None:
    found = break_even(
        "e", call("t", TUNED, 1000, 200), call("gpt-4", GPT_4, 1000, 200), guide_of_2023()
    )
    assert found.verdict == "pays"
    assert found.saved_usd is not None
    assert found.saved_usd.value == pytest.approx(0.042 - 0.0152)
    assert found.calls is not None
    assert found.calls.value == pytest.approx(2.40 / 0.0268)
    assert found.calls_per_day is not None
    assert found.calls_per_day.value == pytest.approx(2.40 / 30 / 0.0268)


def test_in_2023_a_prompt_had_to_shrink_more_than_8_times_to_pay_against_the_base() -> None:
    long = call("gpt-3.5-turbo", BASE, 2000, 50)
    never = break_even("e", call("t", TUNED, 400, 50), long, guide_of_2023())
    assert never.verdict == "never"
    assert "8 times as much" in never.reason
    assert "fewer than 192 tokens" in never.reason  # (2000*1.5 + 50*2 - 50*16) / 12
    pays = break_even("e", call("t", TUNED, 150, 50), long, guide_of_2023())
    assert pays.verdict == "pays"
    assert pays.calls is not None
    assert pays.calls.value == pytest.approx(
        2.40 * 1e6 / (2000 * 1.5 + 50 * 2 - 150 * 12 - 50 * 16)
    )


def test_answers_that_cost_more_alone_leave_no_shorter_prompt_to_try() -> None:
    found = break_even("e", call("t", TUNED, 1, 500), call("b", BASE, 100, 500), guide_of_2023())
    assert found.verdict == "never"
    assert "no shorter prompt would help" in found.reason


def hosted(terms: Terms) -> BreakEven:
    """A call saves a cent."""
    return break_even("e", call("t", Price(0, 0), 1, 1), call("o", Price(10_000, 0), 1, 0), terms)


def test_hosting_and_calls_a_day_by_hand() -> None:
    terms = Terms(1000, 1, 60.0, days=30, hosting_usd_per_day=1.0, calls_per_day=400)
    found = break_even("e", call("t", Price(0, 0), 1, 1), call("o", Price(10_000, 0), 1, 0), terms)
    assert found.calls is not None
    assert found.calls.value == pytest.approx(8000)  # those of 20 days
    assert found.calls_per_day is not None
    assert found.calls_per_day.value == pytest.approx(300)  # (60 / 30 + 1) / .01
    assert found.pays_after_days is not None
    assert found.pays_after_days.value == pytest.approx(20)  # 60 / (400 * .01 - 1)


def test_hosting_is_paid_for_the_days_where_no_calls_a_day_are_named() -> None:
    found = hosted(Terms(1000, 1, 60.0, days=30, hosting_usd_per_day=1.0))
    assert found.calls is not None
    assert found.calls.value == pytest.approx(9000)  # (60 + 30) / .01, 300 a day


def test_too_few_calls_to_carry_the_hosting_never_pay() -> None:
    for calls, training in itertools.product((400, 500), (60.0, 0.0)):
        terms = Terms(1000, 1, training, hosting_usd_per_day=5.0, calls_per_day=calls)
        found = hosted(terms)
        assert (found.verdict, found.calls) == ("never", None)
        assert f"at {calls} calls a day the hosting takes it all" in found.reason
        assert "with more than 500 calls a day" in found.reason


def test_enough_calls_carry_the_hosting_of_a_model_whose_training_was_free() -> None:
    found = hosted(Terms(1000, 1, 0.0, hosting_usd_per_day=5.0, calls_per_day=501))
    assert found.verdict == "pays"
    assert found.pays_after_days is not None
    assert found.pays_after_days.value == 0


def test_nothing_to_pay_back_is_never_paid_back_by_a_loss() -> None:
    found = quotient(0.0, Estimate(1, -1, 3, 9, ""))
    assert (found.value, found.low, found.high) == (0, 0, math.inf)


def test_calls_that_differ_give_a_range() -> None:
    dear = call_cost("o", "p", [(900, 20), (1000, 40), (1100, 60), (1050, 30)], GPT_4, "measured")
    found = break_even("e", call("t", TUNED, 1000, 200), dear, guide_of_2023())
    assert found.calls is not None
    assert 0 < found.calls.low < found.calls.value < found.calls.high < math.inf


def test_a_saving_that_may_be_none_is_open() -> None:
    wild = call_cost("o", "p", [(10, 0), (4000, 0)], Price(10, 0), "measured")
    found = break_even("e", call("t", Price(10, 0), 100, 0), wild, guide_of_2023())
    assert found.verdict == "open"
    assert found.calls is not None
    assert found.calls.high == math.inf


@pytest.mark.parametrize("missing", ["t", "o", "training"])
def test_a_missing_price_is_named_and_nothing_is_concluded(missing: str) -> None:
    terms = Terms(1000, 1, None if missing == "training" else 1.0)
    found = break_even(
        "e",
        call("t", None if missing == "t" else TUNED, 1, 1),
        call("o", None if missing == "o" else GPT_4, 1, 1),
        terms,
    )
    assert found.verdict == "unknown"
    assert missing in found.reason
    assert found.calls is None


def test_free_training_and_use_pay_from_the_first_call() -> None:
    free = Terms(1000, 3, 0.0)
    assert break_even("e", call("t", FREE, 9, 9), call("o", GPT_4, 9, 9), free).verdict == "at once"
    found = break_even("e", call("t", FREE, 9, 9), call("b", FREE, 99, 9), free)
    assert (found.verdict, found.reason) == ("never", "neither costs anything")


def test_the_saving_is_paired_with_its_bounds() -> None:
    saved = saving(Estimate(1, 0.7, 1.3, 9, ""), Estimate(3, 2.6, 3.4, 9, ""))
    assert (saved.value, saved.low, saved.high) == pytest.approx((2, 1.5, 2.5))
    calls = quotient(3.0, saved)
    assert (calls.value, calls.low, calls.high) == pytest.approx((1.5, 1.2, 2.0))
