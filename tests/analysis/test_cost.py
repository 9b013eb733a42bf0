from __future__ import annotations

import pytest

from harness.analysis.cost import cost_usd, latency, price_of, total, training_cost_usd
from harness.records import Latency, Price

MINI, TUNED_MINI, OWN = Price(0.15, 0.6), Price(0.3, 1.2, training=3.0), Price(1.0, 1.0)
OURS = {"gpt-4o-mini": MINI, "gpt-4o": Price(2.5, 10), "ft:gpt-4o-mini": TUNED_MINI}


@pytest.mark.parametrize(
    ("model", "price"),
    [
        ("gpt-4o-mini", MINI),
        ("gpt-4o-mini-2024-07-18", MINI),
        ("ft:gpt-4o-mini-2024-07-18:me::abc", TUNED_MINI),
        ("ft:gpt-4o-mini:me:name:abc:ckpt-step-90", TUNED_MINI),
        ("ft:gpt-4o-2024-08-06:me::abc", None),
        ("gpt-4o-audio", None),
        ("gpt-4o,gpt-4o-mini", None),
        ("", None),
    ],
)
def test_a_model_has_its_own_price_or_none(model: str, price: Price | None) -> None:
    assert price_of(model, [OURS]) == price


def test_the_first_table_that_knows_a_model_counts() -> None:
    assert price_of("gpt-4o-mini-2024-07-18", [{"gpt-4o*": OWN}, OURS]) == OWN
    assert price_of("gpt-4o-mini", [{"other": OWN}, OURS]) == MINI


def test_the_longest_pattern_counts() -> None:
    table = {"mine-*": OWN, "mine-small-*": MINI}
    assert price_of("mine-small-1", [table]) == MINI
    assert price_of("mine-large-1", [table]) == OWN


def test_tokens_are_priced_per_million() -> None:
    assert cost_usd(Price(2.0, 8.0), 1_500_000, 250_000) == pytest.approx(5.0)
    assert cost_usd(MINI, 0, 0) == 0


def test_every_epoch_of_training_is_paid() -> None:
    assert training_cost_usd(TUNED_MINI, 200_000, 3) == pytest.approx(1.8)
    assert training_cost_usd(MINI, 200_000, 3) is None


def test_a_sum_with_an_unknown_part_is_unknown() -> None:
    assert total([0.5, 0.25]) == 0.75
    assert total([0.5, None]) is None
    assert total([]) == 0


def test_quantiles_are_times_that_were_measured() -> None:
    assert latency(range(100, 0, -1)) == Latency(50, 95, 99, 100)
    assert latency([0.3]) == Latency(0.3, 0.3, 0.3, 1)
    assert latency([]) is None
