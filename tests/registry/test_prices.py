from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import RegistryError
from harness.records import Price
from harness.registry.prices import load_prices, read_prices


def test_our_own_prices_are_whole_and_dated() -> None:
    (ours,) = load_prices()
    assert ours["ft:gpt-4o-mini"] == Price(0.3, 1.2, 0.15, 3.0, "2026-11")
    hosted = {name: price for name, price in ours.items() if "tiny-base" not in name}
    assert all(price.as_of and price.prompt > 0 for price in hosted.values())
    assert all(ours[name].prompt == 0 for name in ours.keys() - hosted.keys())
    assert all(price.training for name, price in hosted.items() if name.startswith("ft:"))


def test_a_file_counts_before_the_users_and_ours(tmp_path: Path) -> None:
    (tmp_path / ".evals").mkdir()
    theirs = tmp_path / ".evals" / "prices.yaml"
    theirs.write_text("gpt-4o: {input: 1, output: 2, as_of: 2026-11-23}\n")
    named = tmp_path / "named.yaml"
    named.write_text("'mine-*': {input: 0, output: 0}\n")
    first, second, third = load_prices(tmp_path, named)
    assert first == {"mine-*": Price(0.0, 0.0)}
    assert second == {"gpt-4o": Price(1.0, 2.0, as_of="2026-11-23")}
    assert "gpt-4.1" in third


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("m: {input: 1}", r"prices.yaml:1: price of 'm': 'output' is missing"),
        ("m: {input: -1, output: 1}", "input: expected a number of at least 0"),
        ("m: {input: 1, output: 1, train: 2}", "unknown key 'train'; did you mean 'training'"),
        ("m: 3", "expected a mapping"),
        ("m: {input: 1, output: 1, as_of: 2026-13}", "as_of: expected a month such as 2026-05"),
        ("m: {input: 1, output: 1, as_of: soon}", "as_of: expected a month"),
        ("- 1", "expected 'name: ...'"),
    ],
)
def test_a_price_that_cannot_be_read_is_named(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(text)
    with pytest.raises(RegistryError, match=says):
        read_prices(path)


def test_a_named_file_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="no such file of prices"):
        load_prices(file=tmp_path / "missing.yaml")


def test_a_home_that_cannot_be_entered_holds_no_prices() -> None:
    assert len(load_prices(Path("x" * 300))) == 1
