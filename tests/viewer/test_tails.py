"""A journal is read on from where the last look ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.records import Completion, Failure, Outcome, Score, Usage
from harness.running.journal import Journal
from harness.running.lines import line_of
from harness.viewer.tails import Tail, Tails

HEADER = b'{"journal":1,"harness":"0","run":"a"}\n'


def answered(sample: str, mark: float | None = 1.0, *, replayed: bool = False) -> Outcome:
    said = Completion("text", usage=Usage(10, 5), replayed=replayed)
    judge = Completion("A", usage=Usage(7, 3))
    return Outcome("e", "m", sample, 0, f"k{sample}", said, {"s": Score(mark, judged=(judge,))})


def failed(sample: str) -> Outcome:
    return Outcome("e", "m", sample, 0, f"k{sample}", failure=Failure("timeout", "slow"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def append(path: Path, *outcomes: Outcome) -> None:
    with path.open("ab") as file:
        file.write(b"".join(map(line_of, outcomes)))


def test_what_was_written_since_the_last_look_is_added(path: Path) -> None:
    path.write_bytes(HEADER)
    tail = Tail(path)
    assert tail.read().settled == 0
    append(path, answered("1"), answered("2", 0.0), failed("3"))
    counts = tail.read().counts["e", "m"]
    assert (counts.answered, counts.failed, counts.mean) == (2, 1, 0.5)
    append(path, answered("4", None, replayed=True))
    totals = tail.read()
    counts = totals.counts["e", "m"]
    assert (counts.answered, counts.replayed, counts.marked) == (3, 1, 2)
    assert (counts.prompt_tokens, counts.completion_tokens) == (20, 10)
    assert (totals.judge_prompt_tokens, totals.judge_completion_tokens) == (21, 9)


def test_a_look_reads_only_what_is_new(path: Path) -> None:
    path.write_bytes(HEADER)
    append(path, *(answered(str(n)) for n in range(50)))
    tail = Tail(path)
    tail.read()
    whole = path.read_bytes()
    path.write_bytes(b"x" * len(whole))  # what was read is not read again
    append(path, answered("new"))
    assert tail.read().settled == 51


def test_a_line_that_is_still_being_written_is_waited_for(path: Path) -> None:
    line = line_of(answered("1"))
    path.write_bytes(HEADER + line[:20])
    tail = Tail(path)
    assert tail.read().settled == 0
    with path.open("ab") as file:
        file.write(line[20:])
    assert tail.read().settled == 1


def test_a_failed_answer_that_was_asked_again_counts_once(path: Path) -> None:
    path.write_bytes(HEADER)
    append(path, failed("1"), failed("1"), answered("1"))
    totals = Tail(path).read()
    assert (totals.settled, totals.failures["timeout"]) == (1, 0)


def test_a_run_that_was_begun_anew_is_counted_anew(path: Path) -> None:
    path.write_bytes(HEADER)
    append(path, answered("1"), answered("2"))
    tail = Tail(path)
    tail.read()
    path.write_bytes(HEADER)
    append(path, answered("9"))
    assert tail.read().settled == 1


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b"3", b'{"eval": 1}', b'{"eval":{},"model":"m"}', b"\xff\x00"]
)
def test_a_broken_line_is_counted_and_passed_over(path: Path, line: bytes) -> None:
    path.write_bytes(HEADER + line + b"\n")
    append(path, answered("1"))
    totals = Tail(path).read()
    assert (totals.settled, totals.unread) == (1, 1)


def test_no_journal_is_nothing_answered(path: Path) -> None:
    assert Tail(path).read().settled == 0


def test_the_rate_is_that_of_the_last_minute(path: Path) -> None:
    now = [0.0]
    path.write_bytes(HEADER)
    tail = Tail(path, clock=lambda: now[0])
    tail.read()
    assert tail.rate is None
    for minute in range(1, 4):
        append(path, *(answered(f"{minute}-{n}") for n in range(60 * minute)))
        now[0] = 60.0 * minute
        tail.read()
    assert tail.rate == pytest.approx(3.0)


def test_tails_of_many_journals_are_not_all_kept(tmp_path: Path) -> None:
    tails = Tails()
    first = tails.of(tmp_path / "0")
    assert tails.of(tmp_path / "0") is first
    for n in range(1, Tails.MOST + 1):
        tails.of(tmp_path / str(n))
    assert tails.of(tmp_path / "0") is not first


def test_a_journal_that_a_run_writes_is_followed(path: Path) -> None:
    tail = Tail(path)
    with Journal.open(path, "run") as journal:
        for n in range(3):
            journal.append(answered(str(n)))
            assert tail.read().settled == n + 1
