from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import (
    AuthenticationFailed,
    BadResponse,
    CostCapReached,
    DatasetError,
    HarnessError,
    ModelNotFound,
    ProviderError,
    RequestRejected,
    RunFolderError,
    ServerDown,
    ServerUnreachable,
    TooFewChoices,
)
from harness.records import Completion, Outcome, Score, Usage
from harness.running.journal import Journal, latest, outcomes
from harness.running.retries import Limits, Purse
from harness.running.runner import Case, Tally, run_cases

Cases = Callable[..., Iterator[Case]]
MakeLimits = Callable[..., Limits]


def by_answer(path: Path) -> dict[tuple[str, int], Outcome]:
    found = {(o.sample_id, o.repeat): o for o in latest(path)}
    assert len(found) == sum(1 for _ in latest(path))
    return found


async def test_every_case_is_asked_graded_and_journaled_once(
    echo: Any, cases: Cases, journal: Journal, at_once: MakeLimits
) -> None:
    tally = await run_cases(cases(20), echo, journal, limits=at_once())
    found = by_answer(journal.path)
    assert sorted(found) == sorted((str(i), 0) for i in range(20))
    for (sample, _), outcome in found.items():
        assert outcome.completion == Completion(f"{sample}#0", "stop", Usage(5, 2))
        assert outcome.scores == {"even": Score(float(int(sample) % 2 == 0), f"{sample}#0")}
        assert outcome.failure is None
    assert Counter(echo.asked) == Counter(str(i) for i in range(20))
    assert (tally.answered, tally.skipped, tally.failed, tally.in_flight) == (20, 0, 0, 0)
    assert (tally.prompt_tokens, tally.completion_tokens) == (100, 40)


async def test_concurrency_is_bounded_and_used(
    echo: Any, cases: Cases, journal: Journal, at_once: MakeLimits
) -> None:
    await run_cases(cases(50), echo, journal, limits=at_once(concurrency=7))
    assert echo.most_in_flight == 7


async def test_cases_are_taken_only_when_a_worker_is_free(
    echo: Any, cases: Cases, journal: Journal, at_once: MakeLimits
) -> None:
    taken = 0

    def counted() -> Iterator[Case]:
        nonlocal taken
        for case in cases(50):
            taken += 1
            yield case

    ahead: list[int] = []
    echo.on_request = lambda prompt: ahead.append(taken - len(list(outcomes(journal.path))))
    await run_cases(counted(), echo, journal, limits=at_once(concurrency=3))
    assert max(ahead) <= 3


async def test_what_the_journal_holds_is_not_asked_again(
    echo: Any, cases: Cases, journal: Journal, at_once: MakeLimits
) -> None:
    await run_cases(cases(5), echo, journal, limits=at_once())
    echo.asked.clear()
    tally = await run_cases(cases(8), echo, journal, limits=at_once())
    assert sorted(echo.asked) == ["5", "6", "7"]
    assert (tally.skipped, tally.answered) == (5, 3)


async def test_choices_are_repeats(
    echo: Any, cases: Cases, journal: Journal, at_once: MakeLimits
) -> None:
    await run_cases(cases(1, n=3, repeat=2), echo, journal, limits=at_once())
    texts = {o.repeat: o.completion.text for o in outcomes(journal.path) if o.completion}
    assert texts == {6: "0#0", 7: "0#1", 8: "0#2"}


async def test_only_missing_choices_are_added_and_tokens_stay_counted(
    echo: Any, cases: Cases, tmp_path: Path, at_once: MakeLimits
) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal.open(path, "run") as journal:
        await run_cases(cases(1, n=3), echo, journal, limits=at_once())
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]))
    with Journal.open(path, "run", resume=True) as journal:
        tally = await run_cases(cases(1, n=3), echo, journal, limits=at_once())
    assert (tally.skipped, tally.answered) == (1, 2)
    assert path.read_bytes().splitlines()[1] == lines[1].rstrip()
    assert [o.repeat for o in outcomes(path)] == [0, 1, 2]
    usage = [o.completion.usage for o in outcomes(path) if o.completion]
    assert usage == [Usage(5, 2), Usage(5, 2), Usage(0, 0)]


async def test_a_rejected_request_fails_its_sample_only(
    echo: Any, cases: Cases, journal: Journal, at_once: MakeLimits
) -> None:
    echo.faults = {"3": [RequestRejected("too long")]}
    tally = await run_cases(cases(6), echo, journal, limits=at_once())
    failure = by_answer(journal.path)["3", 0].failure
    assert failure is not None
    assert (failure.kind, failure.message) == ("rejected", "too long")
    assert (tally.answered, tally.failed, tally.failures) == (5, 1, {"rejected": 1})


async def test_spent_attempts_fail_the_sample_with_the_last_error(
    echo: Any, cases: Cases, journal: Journal, at_once: MakeLimits
) -> None:
    echo.faults = {"3": [BadResponse(f"number {i}") for i in range(9)]}
    tally = await run_cases(cases(6), echo, journal, limits=at_once(max_attempts=3))
    failure = by_answer(journal.path)["3", 0].failure
    assert failure is not None
    assert failure.message == "number 2"
    assert tally.retries == 2


async def test_failures_are_taken_up_again_when_asked_to(
    echo: Any, cases: Cases, tmp_path: Path, at_once: MakeLimits
) -> None:
    path = tmp_path / "journal.jsonl"
    echo.faults = {"3": [RequestRejected("no")]}
    for retry_failed, asked in ((False, 6), (False, 6), (True, 7)):
        with Journal.open(path, "run", resume=True, retry_failed=retry_failed) as journal:
            await run_cases(cases(6), echo, journal, limits=at_once())
        assert len(echo.asked) == asked
    assert all(o.failure is None for o in latest(path))
    assert len(by_answer(path)) == 6


async def test_fewer_choices_are_kept_and_the_rest_are_failures(
    echo: Any, cases: Cases, journal: Journal, at_once: MakeLimits
) -> None:
    came = (Completion("only"),)
    echo.faults = {"0": [TooFewChoices("asked for n=3 choices, got 1", came)]}
    tally = await run_cases(cases(1, n=3), echo, journal, limits=at_once())
    kinds = [o.failure.kind if o.failure else "answered" for o in outcomes(journal.path)]
    assert kinds == ["answered", "too_few_choices", "too_few_choices"]
    assert (tally.answered, tally.failed) == (1, 2)


@pytest.mark.parametrize("error", [AuthenticationFailed, ModelNotFound, ServerDown])
async def test_a_fatal_error_stops_the_run_at_once_and_keeps_what_was_answered(
    echo: Any,
    cases: Cases,
    journal: Journal,
    at_once: MakeLimits,
    error: Callable[[str], ProviderError],
) -> None:
    echo.faults = {"10": [error("stop")]}
    with pytest.raises(ProviderError, match="stop"):
        await run_cases(cases(1000), echo, journal, limits=at_once())
    assert len(echo.asked) < 40
    kept = by_answer(journal.path)
    assert len(kept) >= 7
    assert all(outcome.failure is None for outcome in kept.values())


async def test_a_server_that_is_down_is_one_error_and_no_failed_samples(
    echo: Any, cases: Cases, journal: Journal, at_once: MakeLimits
) -> None:
    echo.faults = {str(i): [ServerUnreachable("gone")] * 9 for i in range(100)}
    with pytest.raises(ServerDown, match=r"\d+ tries in a row.*gone"):
        await run_cases(cases(100), echo, journal, limits=at_once(concurrency=10))
    assert list(outcomes(journal.path)) == []
    echo.faults = {}
    tally = await run_cases(cases(100), echo, journal, limits=at_once())
    assert tally.answered == 100


async def test_a_grader_that_cannot_mark_gives_no_mark_and_its_reason(
    echo: Any, cases: Cases, even: Any, journal: Journal, at_once: MakeLimits
) -> None:
    grader = even(raises=HarnessError("the judge is silent"))
    tally = await run_cases(cases(2, grader=grader), echo, journal, limits=at_once())
    for outcome in outcomes(journal.path):
        assert outcome.scores == {"even": Score(None, reason="the judge is silent")}
    assert tally.answered == 2


async def test_a_judge_without_a_key_stops_the_run(
    echo: Any, cases: Cases, even: Any, journal: Journal, at_once: MakeLimits
) -> None:
    grader = even(raises=AuthenticationFailed("no key"))
    with pytest.raises(AuthenticationFailed):
        await run_cases(cases(2, grader=grader), echo, journal, limits=at_once())


async def test_a_bug_in_a_grader_surfaces_with_the_sample_named(
    echo: Any, cases: Cases, even: Any, journal: Journal, at_once: MakeLimits
) -> None:
    grader = even(raises=ZeroDivisionError("oops"))
    with pytest.raises(ZeroDivisionError) as caught:
        await run_cases(cases(1, grader=grader), echo, journal, limits=at_once())
    assert caught.value.__notes__ == ["while 'even' graded sample '0' of 'e'"]


async def test_an_error_in_the_data_stops_the_run_and_keeps_what_was_answered(
    echo: Any, cases: Cases, journal: Journal, at_once: MakeLimits
) -> None:
    def broken() -> Iterator[Case]:
        yield from cases(20)
        raise DatasetError("samples.jsonl:21: broken")

    with pytest.raises(DatasetError, match=r"samples\.jsonl:21"):
        await run_cases(broken(), echo, journal, limits=at_once())
    assert len(by_answer(journal.path)) >= 16


async def test_observers_see_every_outcome_with_the_totals_so_far(
    echo: Any, cases: Cases, journal: Journal, at_once: MakeLimits
) -> None:
    seen: list[tuple[str, int, int]] = []

    class Watcher:
        def observe(self, outcome: Outcome, tally: Tally) -> None:
            seen.append((outcome.sample_id, tally.answered + tally.failed, tally.in_flight))

    echo.faults = {"3": [RequestRejected("no")]}
    await run_cases(cases(9), echo, journal, limits=at_once(), observer=Watcher())
    assert sorted(sample for sample, _, _ in seen) == [str(i) for i in range(9)]
    assert [total for _, total, _ in seen] == list(range(1, 10))
    assert all(1 <= in_flight <= 4 for _, _, in_flight in seen)


async def test_a_cancelled_run_keeps_what_was_answered_and_goes_on(
    echo: Any, cases: Cases, journal: Journal, at_once: MakeLimits
) -> None:
    run = asyncio.create_task(run_cases(cases(100), echo, journal, limits=at_once()))
    echo.on_request = lambda prompt: run.cancel() if prompt == "50" else None
    with pytest.raises(asyncio.CancelledError):
        await run
    assert echo.in_flight == 0
    kept = by_answer(journal.path)
    assert 40 <= len(kept) < 60
    echo.on_request, already = lambda prompt: None, len(echo.asked)
    await run_cases(cases(100), echo, journal, limits=at_once())
    assert len(by_answer(journal.path)) == 100
    assert already + (100 - len(kept)) == len(echo.asked)


async def test_a_journal_that_cannot_be_written_stops_the_run(
    echo: Any, cases: Cases, tmp_path: Path, at_once: MakeLimits
) -> None:
    journal = Journal.open(tmp_path / "journal.jsonl", "run")
    echo.on_request = lambda prompt: journal.close() if prompt == "10" else None
    with pytest.raises(RunFolderError):
        await run_cases(cases(100), echo, journal, limits=at_once())
    assert len(echo.asked) < 40


async def test_no_cases_are_no_work(echo: Any, journal: Journal, at_once: MakeLimits) -> None:
    assert await run_cases([], echo, journal, limits=at_once()) == Tally()


@pytest.mark.parametrize("adaptive", [True, False])
async def test_a_run_that_has_cost_what_it_may_takes_in_what_is_under_way_and_stops(
    echo: Any, cases: Cases, journal: Journal, at_once: MakeLimits, adaptive: bool
) -> None:
    purse = Purse(lambda model, usage: usage.prompt_tokens / 10, cap=5.0)
    limits = at_once(concurrency=4, adaptive=adaptive, purse=purse)
    with pytest.raises(CostCapReached, match=r"--max-cost 5 is reached .* --resume"):
        await run_cases(cases(100), echo, journal, limits=limits)
    kept = list(outcomes(journal.path))
    assert len(kept) == len(echo.asked)
    assert all(outcome.completion is not None for outcome in kept)
    assert 10 <= len(kept) <= 18
    rest = await run_cases(cases(100), echo, journal, limits=at_once())
    assert rest.skipped == len(kept)
    assert rest.answered == 100 - len(kept)


async def test_a_cap_on_what_nobody_can_price_stops_the_run_after_the_first_answers(
    echo: Any, cases: Cases, journal: Journal, at_once: MakeLimits
) -> None:
    limits = at_once(concurrency=1, purse=Purse(lambda model, usage: None, cap=5.0))
    with pytest.raises(CostCapReached, match="'m' costs is not known"):
        await run_cases(cases(100), echo, journal, limits=limits)
    assert len(echo.asked) == 1


async def test_a_run_tells_what_it_costs_and_how_many_are_in_flight(
    echo: Any, cases: Cases, journal: Journal, at_once: MakeLimits
) -> None:
    limits = at_once(adaptive=True, purse=Purse(lambda model, usage: 0.5))
    tally = await run_cases(cases(8), echo, journal, limits=limits)
    assert tally.cost_usd == 4.0
    assert tally.window == 4
