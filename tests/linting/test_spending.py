from __future__ import annotations

from pathlib import Path

import pytest

from harness.linting import LintOptions, lint
from harness.linting.spending import default_epochs, training_costs
from harness.linting.tokens import Counter, base_of, counter_for, estimated, limit_of
from harness.records import Price
from tests.linting.conftest import Write, conversations

TABLE = {"ft:gpt-4.1": Price(3, 12, training=25, as_of="2026-11")}


@pytest.mark.parametrize(
    ("n", "epochs"), [(1, 25), (10, 10), (33, 3), (34, 3), (8333, 3), (8334, 2), (50_000, 1)]
)
def test_default_epochs_are_those_of_the_published_rule(n: int, epochs: int) -> None:
    assert default_epochs(n) == epochs


def test_every_epoch_is_paid_and_prices_are_dated() -> None:
    (cost,) = training_costs(1_000_000, 3, [TABLE], "gpt-4.1-2025-04-14")
    assert (cost.cost_usd, cost.as_of) == (75.0, "2026-11")
    (unknown,) = training_costs(1_000_000, 3, [TABLE], "llama")
    assert unknown.cost_usd is None


def test_the_limit_is_that_of_the_base_of_a_tuned_model(write: Write) -> None:
    assert base_of("ft:gpt-4.1-mini:me::abc") == "gpt-4.1-mini"
    assert limit_of("ft:gpt-4.1-mini:me::abc") == 65_536
    assert limit_of("llama") is None
    report = lint(write(conversations(60)), options=LintOptions(model="llama"))
    assert next(c for c in report.checks if c.rule == "length").status == "skipped"


def test_tokens_are_an_estimate_and_say_so_where_no_files_are(tmp_path: Path) -> None:
    counter = counter_for("gpt-4o", tmp_path)
    assert isinstance(counter, Counter)
    assert not counter.exact
    assert "estimate" in counter.method


def test_a_broken_file_of_tokens_is_neither_used_nor_fetched_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    broken = tmp_path / "fb374d419588a4632f3f557e76b4b70aebbca790"
    broken.write_bytes(b"half a file")
    assert not counter_for("gpt-4o", tmp_path).exact
    assert broken.read_bytes() == b"half a file"


def test_an_estimate_counts_ideographs_as_tokens() -> None:
    assert estimated("four characters a token") == 6
    assert 8 <= estimated("我想知道明天上海的") <= 10
