"""What tuning does to the variety of slogans: real models, tuned here, asked ten times a prompt.

Two runs of one recipe can differ as well, and some seeds do (docs/diversity.md): these two are
ordinary ones, far from the limit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.analysis.diversity import DiversityComparison, compare_diversity
from harness.embedded.checkpoint import load_base
from harness.embedded.decoding import generate
from harness.embedded.network import Network
from harness.embedded.training import EpochReport, Hyperparameters, finetune

pytestmark = pytest.mark.long

SLOGANS = Path(__file__).parents[1] / "datasets" / "slogans"
TOKENIZER, BASE = load_base()
EARLY, LATE = 4, 24
SEEDS = (1, 2)
Key = tuple[int, int]
"""Seed and epochs."""


def lines(part: str) -> list[dict[str, Any]]:
    text = (SLOGANS / f"{part}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


HELDOUT = lines("heldout")
REFERENCES = [line["ideal"] for line in HELDOUT]


def slogans(network: Network, seed: int) -> list[list[str]]:
    """Ten slogans for each product, sampled as the registered eval does."""
    return [
        [
            TOKENIZER.decode(choice.ids)
            for choice in generate(
                network,
                TOKENIZER.prompt(line["input"]),
                n=10,
                max_tokens=32,
                temperature=0.75,
                seed=seed,
                end=TOKENIZER.end,
            )
        ]
        for line in HELDOUT
    ]


@pytest.fixture(scope="module")
def said() -> Mapping[Key, list[list[str]]]:
    """The slogans of both seeds after few and after many epochs."""
    train = [line["messages"] for line in lines("train")]
    found = {}
    for seed in SEEDS:
        for report in finetune(BASE, TOKENIZER, train, Hyperparameters(epochs=LATE, seed=seed)):
            if isinstance(report, EpochReport) and report.epoch in (EARLY, LATE):
                found[seed, report.epoch] = slogans(report.network, seed)
    return found


def pooled(said: Mapping[Key, list[list[str]]], epochs: int) -> list[list[str]]:
    return [group for seed in SEEDS for group in said[seed, epochs]]


def compared(tuned: list[list[str]], other: list[list[str]]) -> DiversityComparison:
    units = [*range(len(HELDOUT))] * (len(tuned) // len(HELDOUT))
    return compare_diversity(tuned, other, units=units)


def test_few_epochs_are_as_varied_as_the_references(said: Mapping[Key, list[list[str]]]) -> None:
    found = compared(pooled(said, EARLY), REFERENCES * 2)
    assert found.verdict == "not shown"
    assert found.detectable_drop is not None
    assert found.detectable_drop < 0.15


def test_many_epochs_are_less_varied_than_references_and_checkpoint_before(
    said: Mapping[Key, list[list[str]]],
) -> None:
    late = pooled(said, LATE)
    assert compared(late, REFERENCES * 2).verdict == "less diverse"
    assert compared(late, pooled(said, EARLY)).verdict == "less diverse"


@pytest.mark.parametrize("epochs", [EARLY, LATE])
def test_two_seeds_of_the_same_epoch_do_not_differ(
    said: Mapping[Key, list[list[str]]], epochs: int
) -> None:
    assert compared(said[1, epochs], said[2, epochs]).verdict == "not shown"
    assert compared(said[2, epochs], said[1, epochs]).verdict == "not shown"


def test_each_seed_alone_tells_the_loss(said: Mapping[Key, list[list[str]]]) -> None:
    for seed in SEEDS:
        assert compared(said[seed, LATE], REFERENCES).verdict == "less diverse"
