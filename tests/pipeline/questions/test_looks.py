"""Early stopping: blocks in random order, a level for each look, and a folder that remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.analysis.stats import look_levels
from harness.datasets import ordered
from harness.errors import RunFolderError, UsageError
from harness.pipeline.measuring.looked_at import Part
from harness.pipeline.questions.looks import (
    ANY_TIME,
    FILE,
    Look,
    asked_until_decided,
    check_can_stop,
    in_order,
    last_look,
    note,
    schedule,
    summed,
)
from harness.records import Experiment, Gate, Policy, Rule, Sample, Study
from harness.running.runner import Case, Tally

IDS = [f"e.{i}" for i in range(53)]
SAMPLES = {key: Sample(key, ()) for key in IDS}
POLICY = Policy("p", (Rule("superior", "*"),))


class Asked:
    """An eval of 53 samples, asked of whoever answers."""

    spec = SimpleNamespace(name="e")
    runs_itself = False

    def samples_by_id(self) -> dict[str, Sample]:
        return SAMPLES

    def cases(self, model: str) -> Iterator[Any]:
        for name, key in [*(("e", key) for key in IDS), ("e@train", "t.0")]:
            yield SimpleNamespace(eval=name, sample=Sample(key, ()), model=model)


def looks(count: int = 5) -> list[Look]:
    return list(schedule([Asked()], count, 0.05))  # type: ignore[list-item]


def followed(outcomes: list[str], count: int = 5) -> tuple[list[list[Any]], Tally]:
    """The blocks that were asked when looks decided so, and the totals."""
    blocks: list[list[Any]] = []
    said = iter(outcomes)

    async def ask(cases: Iterator[Case], _: object) -> Tally:
        blocks.append(list(cases))
        return Tally(answered=len(blocks[-1]))

    def decide(look: Look) -> Gate:
        return Gate("p", next(said), ())  # type: ignore[arg-type]

    groups = [([Asked()], ["base", "tuned"])]
    tally = asyncio.run(asked_until_decided(looks(count), groups, ask, decide, None))  # type: ignore[arg-type]
    return blocks, tally


def test_looks_have_the_levels_of_obrien_and_fleming() -> None:
    assert [look.level for look in looks()] == pytest.approx(look_levels(5, 0.05))
    assert [look.samples["e"] for look in looks()] == [11, 22, 32, 43, 53]
    assert [look.is_last for look in looks()] == [False, False, False, False, True]


def test_at_any_time_the_level_stays_and_blocks_are_not_tiny() -> None:
    found = looks(ANY_TIME)
    assert {look.level for look in found} == {0.05}
    assert all(look.any_time for look in found)
    assert found[-1].samples == {"e": 53}
    assert len(found) == 5


def test_samples_come_in_the_seeded_order_of_openai_evals() -> None:
    assert in_order(IDS) == [IDS[i] for i in ordered(53)]
    assert in_order(IDS) != IDS


def test_both_models_are_asked_the_same_samples_of_each_block() -> None:
    blocks, _ = followed(["inconclusive"] * 5)
    known: set[str] = set()
    for look, block in zip(looks(), blocks, strict=True):
        held = [case for case in block if case.eval == "e"]
        base = {case.sample.id for case in held if case.model == "base"}
        assert base == {case.sample.id for case in held if case.model == "tuned"}
        assert not base & known
        known |= base
        assert known == set(in_order(IDS)[: look.samples["e"]])
    assert known == set(IDS)


def test_training_prompts_are_asked_once() -> None:
    blocks, _ = followed(["inconclusive"] * 5)
    assert [sum(case.eval == "e@train" for case in block) for block in blocks] == [2, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("outcomes", "asked"),
    [
        (["inconclusive", "pass"], 2),
        (["fail"], 1),
        (["unjudged", "inconclusive", "inconclusive", "inconclusive", "inconclusive"], 5),
    ],
)
def test_asking_stops_when_the_gate_is_decided(outcomes: list[str], asked: int) -> None:
    blocks, tally = followed(outcomes)
    assert len(blocks) == asked
    assert tally.answered == sum(map(len, blocks))


def test_totals_of_parts_are_added() -> None:
    first, second = Tally(answered=2, prompt_tokens=5), Tally(answered=3, failed=1)
    first.failures["a"] = 1
    second.failures["a"] = 2
    total = summed(first, second)
    assert (total.answered, total.failed, total.prompt_tokens) == (5, 1, 5)
    assert total.failures["a"] == 3


def test_a_folder_remembers_its_last_look(tmp_path: Path) -> None:
    assert last_look(tmp_path) is None
    for look in looks()[:2]:
        note(look, tmp_path)
    assert last_look(tmp_path) == looks()[1]
    (tmp_path / FILE).write_text("{}\n")
    with pytest.raises(RunFolderError, match="cannot be read"):
        last_look(tmp_path)


def test_a_part_holds_the_first_samples_in_the_order_of_asking() -> None:
    part = Part.of(SAMPLES, 11)
    assert list(part) == in_order(IDS)[:11]
    assert len(part) == 11
    left_out = in_order(IDS)[11]
    assert left_out not in part
    assert part[in_order(IDS)[0]].id == in_order(IDS)[0]


def test_what_cannot_be_stopped_early_is_said() -> None:
    one = Study("s", "base", (Experiment("s", ("e",), others=("tuned",)),), policy=POLICY)
    asked: Any = {"s": [Asked()]}
    check_can_stop(one, asked)
    two = replace(one, experiments=(Experiment("s", ("e",), others=("a", "b")),))
    itself: Any = {"s": [SimpleNamespace(spec=Asked.spec, runs_itself=True)]}
    for study, questions, batch, said in (
        (replace(one, policy=None), asked, False, "need a policy"),
        (two, asked, False, "one tuned model"),
        (one, itself, False, "asks by itself"),
        (one, asked, True, "--batch"),
    ):
        with pytest.raises(UsageError, match=said):
            check_can_stop(study, questions, batch=batch)
