"""A dry run says what a run would take, and sends and writes nothing."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.models.providers import Access, ModelName
from harness.pipeline import Order, single_run
from harness.pipeline.measuring.training_cost import estimated_tokens
from harness.pipeline.orders.caching import Caching
from harness.pipeline.preview import ASSUMED_ANSWER, Preview, preview
from harness.records import Experiment, Price, Study, Tuning
from harness.registry import Registry, load_registry

Started = Callable[..., subprocess.Popen[str]]
EVAL = "small-orders.test.v1"
PRICES = ({"mine": Price(1.0, 10.0), "ft:mine": Price(2.0, 20.0, training=100.0)},)
NOWHERE = Access(base_url="http://127.0.0.1:9/v1")


@pytest.fixture
def registry(place: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.chdir(place)
    return load_registry([place / "reg"])


def order(out: Path, model: str = "mine") -> Order:
    study = single_run(ModelName.parse(model), [EVAL], None)
    return Order(study, out, "harness run", prices=PRICES)


def previewed(wanted: Order, registry: Registry, access: Access = NOWHERE) -> Preview:
    return preview(wanted, registry, access, lambda name, finding: None)


def test_requests_tokens_and_cost_are_foreseen(tmp_path: Path, registry: Registry) -> None:
    told = previewed(order(tmp_path / "out"), registry)
    (line,) = told.expected
    assert (line.model, line.requests, line.kept) == ("mine", 20, 0)
    assert line.completion_tokens == 20 * 48
    assert line.prompt_tokens > 20 * 10
    cost = (line.prompt_tokens * 1.0 + line.completion_tokens * 10.0) / 1e6
    assert line.cost_usd == pytest.approx(cost)
    assert any("estimated" in note for note in told.notes)
    assert not (tmp_path / "out").exists()


def test_repeats_and_fewer_samples_count(tmp_path: Path, registry: Registry) -> None:
    wanted = replace(order(tmp_path / "out"), repeats=3, max_samples=5)
    assert previewed(wanted, registry).expected[0].requests == 15


def test_a_model_without_a_price_has_no_cost(tmp_path: Path, registry: Registry) -> None:
    told = previewed(order(tmp_path / "out", "unheard-of"), registry)
    assert told.expected[0].cost_usd is None


def test_models_that_are_yet_to_be_tuned_and_their_training_count(
    tmp_path: Path, registry: Registry
) -> None:
    tuning = Tuning(epochs=(1, 3), seeds=(1, 2))
    experiment = Experiment("x", (EVAL,), Path("train.jsonl"), tuning, train_probe=10)
    wanted = replace(order(tmp_path / "out"), study=Study("s", "mine", (experiment,)))
    told = previewed(wanted, registry)
    base, tuned = told.expected
    assert (base.requests, tuned.requests, tuned.models) == (30, 120, 4)
    assert tuned.cost_usd == pytest.approx(4 * 2 * (base.cost_usd or 0))
    assert told.training is not None
    assert told.training.jobs == 2
    assert told.training.cost_usd == pytest.approx(told.training.tokens * 100 / 1e6)


def test_tokens_are_estimated_by_characters() -> None:
    assert estimated_tokens(({"role": "user", "content": "x" * 400},)) >= 100
    assert ASSUMED_ANSWER > 0


def test_the_embedded_models_prompts_are_counted_exactly(
    tmp_path: Path, registry: Registry, place: Path, start: Started
) -> None:
    told = previewed(order(tmp_path / "out", "embedded:tiny-base"), registry, Access())
    words = ("run", EVAL, "--registry", "reg", "-m", "embedded:tiny-base", "--out", "exact")
    process = start(*words)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    report = json.loads((place / "exact" / "report.json").read_text())
    (told_line,), (took,) = told.expected, report["performance"]["models"]
    assert told_line.requests == took["answers"]
    assert told_line.prompt_tokens == took["prompt_tokens"]
    assert told_line.cost_usd == took["cost_usd"] == 0
    resumed = replace(order(place / "exact", "embedded:tiny-base"), resume=True)
    again = previewed(resumed, registry, Access())
    assert (again.expected, again.settled) == ((), 20)


def test_what_the_cache_holds_is_not_paid_again(
    tmp_path: Path, registry: Registry, place: Path, start: Started, embedded_server: str
) -> None:
    words = ("run", EVAL, "--registry", "reg", "-m", "tiny-base", "--base-url", embedded_server)
    folder = tmp_path / "kept"
    process = start(*words, "--max-samples", "8", "--cache", str(folder), "--out", "eight")
    assert process.communicate(timeout=120) is not None
    wanted = replace(order(tmp_path / "out", "tiny-base"), caching=Caching(folder, everywhere=True))
    (line,) = previewed(wanted, registry, Access(base_url=embedded_server)).expected
    assert (line.requests, line.kept) == (20, 8)
    elsewhere = replace(wanted, caching=Caching(tmp_path / "empty", everywhere=True))
    (line,) = previewed(elsewhere, registry, Access(base_url=embedded_server)).expected
    assert line.kept == 0
    assert not (tmp_path / "empty").exists()


def test_a_dry_run_asks_nobody_needs_no_key_and_leaves_nothing(place: Path, start: Started) -> None:
    before = sorted(place.rglob("*"))
    words = ("run", EVAL, "--registry", "reg", "-m", "gpt-4o-mini", "--judge", "gpt-4o")
    out, err = start(*words, "--dry-run").communicate(timeout=60)
    assert "gpt-4o-mini" in out
    assert "20" in out
    assert "Nothing was sent." in out
    assert err == ""
    assert sorted(place.rglob("*")) == before


def test_comparing_earlier_runs_asks_nobody_anyway(place: Path, start: Started) -> None:
    process = start("compare", "reg", "reg", "--dry-run")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "earlier runs are only read" in err
    assert not (place / "reports").exists()
