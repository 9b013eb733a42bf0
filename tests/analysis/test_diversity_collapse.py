"""A small collapse study with fixed seeds; ``benchmarks/bench_collapse.py`` is the whole of it."""

import pytest

from benchmarks.collapse import COLLAPSES, NULLS, said_of

QUIET = (
    "two seeds, 30 words",
    "two seeds, 8 words (slogans)",
    "two seeds, 4 words",
    "two seeds, 8 prompts",
    "twice as long",
    "slogans, twice as long",
)
FOUND = (
    "a fifth repeats an earlier answer",
    "half of them open alike",
    "half the vocabulary",
    "half copied from training",
    "a third repeats, twice as long",
    "slogans, a third repeats",
    "4 words, a third repeats",
)
SETTINGS = {setting.name: setting for setting in (*NULLS, *COLLAPSES)}


@pytest.mark.parametrize("name", QUIET)
def test_what_loses_nothing_is_left_alone(name):
    said = [said_of(SETTINGS[name], seed) for seed in range(5)]
    assert {one.verdict for one in said} == {"not shown"}


@pytest.mark.parametrize("name", FOUND)
def test_planted_losses_are_found(name):
    said = [said_of(SETTINGS[name], seed) for seed in range(2)]
    assert {one.verdict for one in said} == {"less diverse"}


def test_copied_training_data_are_found_as_copies():
    assert said_of(SETTINGS["a third copied from training"], 0).copied
    assert not said_of(SETTINGS["two seeds, 30 words"], 0).copied
