"""What is sent to workers and kept here, without a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from harness.errors import ProviderError, UsageError
from harness.graders.base import Judge
from harness.graders.text import Match
from harness.records import Completion, Outcome, Request, Sample, Score
from harness.running.distributed import (
    MOST_LOSSES,
    SHARD,
    Cluster,
    Outbox,
    Shards,
    connected,
    packed,
    shared_out,
    unpacked,
)
from harness.running.journal import Journal
from harness.running.retries import Limits, Purse
from harness.running.runner import Case


class Locked:
    """A provider with open connections: nobody can send it anywhere."""

    def __reduce__(self) -> str:
        raise TypeError("cannot be pickled")


@dataclass(frozen=True)
class Asks:
    judge: Judge
    needs_ideal: ClassVar[bool] = False


def case(number: int, grader: object = Match()) -> Case:
    messages = ({"role": "user", "content": f"{number}"},)
    sample = Sample(f"s.{number}", messages, ("x",))
    return Case("e", sample, Request("m", messages), {"accuracy": grader})  # type: ignore[dict-item]


def answered(one: Case) -> Outcome:
    (answer,) = one.answers()
    return Outcome(*answer, Completion("x"), {"accuracy": Score(1.0)})


def test_a_judge_is_not_sent_but_replaced_by_the_workers_own() -> None:
    grader = Asks(Judge(Locked(), "judge"))  # type: ignore[arg-type]
    theirs = Judge(None, "judge")  # type: ignore[arg-type]
    (found,) = unpacked(packed([case(1, grader)]), theirs)
    (marks,) = found.graders.values()
    assert marks.judge is theirs  # type: ignore[attr-defined]
    assert found.key == case(1).key


def test_limits_are_divided_and_money_is_counted_in_one_place() -> None:
    whole = Limits(64, rpm=600, tpm=9000, purse=Purse(lambda model, usage: 0.0, 1.0))
    part = shared_out(whole, 4)
    assert (part.concurrency, part.rpm, part.tpm, part.purse) == (16, 150, 2250, None)
    assert shared_out(Limits(64, adaptive=True), 4).concurrency == 64
    assert shared_out(Limits(2), 4).concurrency == 1


def test_shards_leave_out_what_the_journal_holds_and_take_lost_ones_again(tmp_path: Path) -> None:
    cases = [case(number) for number in range(SHARD + 10)]
    with Journal.open(tmp_path / "j.jsonl", "run") as journal:
        for one in cases[:5]:
            journal.append(answered(one))
        shards = Shards(cases, journal)
        first = shards.next()
        assert first is not None
        assert first.cases == cases[5 : SHARD + 5]
        assert shards.skipped == 5
        for one in first.cases[:-2]:
            journal.append(answered(one))
        shards.give_back(first)
        again = shards.next()
        assert again is not None
        assert again.cases == first.cases[-2:]
        last = shards.next()
        assert last is not None
        assert last.cases == cases[SHARD + 5 :]
        assert shards.next() is None


def test_samples_that_kill_every_worker_end_the_run(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j.jsonl", "run") as journal:
        shards = Shards([case(1)], journal)
        for _ in range(MOST_LOSSES - 1):
            shard = shards.next()
            assert shard is not None
            shards.give_back(shard)
        shard = shards.next()
        assert shard is not None
        with pytest.raises(ProviderError, match=r"workers were lost over the same 1 samples.*s\.1"):
            shards.give_back(shard)


def test_an_outbox_is_emptied_by_taking() -> None:
    outbox = Outbox(frozenset(case(1).answers()))
    assert outbox.holds(case(1).answers()[0])
    assert not outbox.holds(case(2).answers()[0])
    outbox.append(answered(case(2)))
    assert len(outbox.taken()) == 1
    assert outbox.taken() == []


def test_no_worker_is_no_cluster() -> None:
    with pytest.raises(UsageError, match="--workers"):
        Cluster(0)


def test_an_address_without_a_cluster_is_told_at_once() -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    with (
        pytest.raises(UsageError, match=r"no Ray cluster at 127\.0\.0\.1:1"),
        connected(Cluster(1, "127.0.0.1:1")),
    ):
        pass
