"""Batches over a real socket: the answers of a direct run, whatever the server does to them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from harness.embedded.batch_files import Fault, answered, not_reached, refused
from harness.embedded.refusals import Refusal
from harness.errors import (
    BatchCancelled,
    HarnessError,
    ModelNotFound,
    RequestRejected,
    RunFolderError,
)
from harness.graders.text import Includes
from harness.models.batch import OpenAIBatches
from harness.models.openai import OpenAIProvider
from harness.records import Outcome, Request, Sample, Sampling
from harness.running.batch_dispatch import BatchLimits, BatchProgress
from harness.running.batching import Batching, run_batched
from harness.running.journal import Journal, latest
from harness.running.runner import Case, Tally, run_cases

COUNT = 12
QUICK = BatchLimits(first_poll_s=0.01, longest_poll_s=0.05, patience_s=2)
Marks = dict[tuple[str, str, int], Any]


def cases(model: str = "tiny-base", count: int = COUNT, n: int = 1) -> Iterator[Case]:
    """Cases of which every two ask the same, with repeats, and some with several parts."""
    graders = {"includes": Includes()}
    for number in range(count):
        messages = ({"role": "user", "content": f"the courier of order {number // 2} was late"},)
        sample = Sample(f"small.dev.{number}", messages, ("late",))
        sampling = Sampling(temperature=1.0, max_tokens=6, n=n, seed=7)
        asked = [Request(model, messages, sampling, repeat) for repeat in range(2)]
        yield Case("small", sample, asked[0], graders)
        yield Case("several", sample, asked[0], graders, parts=tuple(asked) if number % 3 else ())


def marks(journal: Path) -> Marks:
    """What a journal says of each answer; the time it took aside."""

    def plain(outcome: Outcome) -> Any:
        said = outcome.completion
        if said is not None:
            parts = tuple(replace(part, latency_s=0.0) for part in said.parts)
            said = replace(said, latency_s=0.0, parts=parts)
        return replace(outcome, completion=said)

    return {(o.eval, o.sample_id, o.repeat): plain(o) for o in latest(journal)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def run(folder: Path, batch_server: Any) -> Callable[..., Tally]:
    """Run the cases through batches; the same call again goes on."""

    def started(
        asked: Callable[[], Iterator[Case]] = cases,
        limits: BatchLimits = QUICK,
        observer: Any = None,
        **options: Any,
    ) -> Tally:
        async def running() -> Tally:
            service = OpenAIBatches(batch_server.url, timeout_s=10)
            batching = Batching(service, limits=limits, **options)
            journal = Journal.open(
                folder / "journal.jsonl",
                "run",
                resume=True,
                retry_failed=options.get("retry_failed", False),
            )
            with journal:
                return await run_batched(asked, batching, journal, observer=observer)

        return asyncio.run(running())

    return started


@pytest.fixture
def directly(tmp_path: Path, batch_server: Any) -> Callable[..., Marks]:
    """What the same cases give when they are asked one by one."""

    def asked(these: Callable[[], Iterator[Case]] = cases) -> Marks:
        async def running() -> None:
            with Journal.open(tmp_path / "direct.jsonl", "run") as journal:
                async with OpenAIProvider(batch_server.url) as provider:
                    await run_cases(these(), provider, journal)

        asyncio.run(running())
        return marks(tmp_path / "direct.jsonl")

    return asked


def states(folder: Path) -> list[str]:
    """How every batch ended."""
    lines = (folder / "batches" / "state.jsonl").read_text().splitlines()
    return [line["ended"] for line in map(json.loads, lines) if "ended" in line]


def test_batches_give_the_answers_and_marks_of_a_direct_run(
    folder: Path, run: Any, directly: Any, batch_server: Any
) -> None:
    tally = run()
    assert marks(folder / "journal.jsonl") == directly()
    assert tally.answered == 2 * COUNT
    assert tally.prompt_tokens > 0
    assert set(batch_server.batches.answered.values()) == {1}
    assert batch_server.calls["POST /v1/batches"] == 1


def test_several_choices_of_one_request_each_have_their_outcome(
    folder: Path, run: Any, directly: Any
) -> None:
    def several() -> Iterator[Case]:
        return (case for case in cases(n=3) if case.parts is None)

    assert run(several).answered == 3 * COUNT
    assert marks(folder / "journal.jsonl") == directly(several)


def test_equal_requests_of_several_samples_are_sent_and_answered_each(
    run: Any, batch_server: Any
) -> None:
    run(lambda: (case for case in cases() if case.parts is None))
    assert len(batch_server.batches.answered) == COUNT


def test_a_finished_run_asks_nothing_more(run: Any, batch_server: Any) -> None:
    run()
    before = dict(batch_server.calls)
    assert run().skipped == 2 * COUNT
    assert batch_server.calls == before


@pytest.mark.parametrize(
    "limits", [replace(QUICK, requests=5), replace(QUICK, bytes=2000)], ids=["requests", "bytes"]
)
def test_files_are_split_at_the_limits(
    folder: Path, run: Any, directly: Any, batch_server: Any, limits: BatchLimits
) -> None:
    run(limits=limits)
    sizes = [size for _, size in batch_server.batches.seen]
    assert len(sizes) >= 4
    assert max(sizes) <= 8
    assert marks(folder / "journal.jsonl") == directly()


def test_every_model_has_a_file_of_its_own(run: Any, batch_server: Any) -> None:
    def both() -> Iterator[Case]:
        for case in cases():
            yield case
            yield replace(case, request=replace(case.request, model="other"), parts=None)

    with pytest.raises(ModelNotFound):
        run(both)
    assert len(batch_server.batches.seen) == 2


def test_a_file_of_legacy_completions_goes_to_their_endpoint(
    folder: Path, run: Any, directly: Any
) -> None:
    def legacy() -> Iterator[Case]:
        for case in cases():
            yield replace(case, request=replace(case.request, endpoint="completions"), parts=None)

    run(legacy)
    assert marks(folder / "journal.jsonl") == directly(legacy)


def test_progress_is_told_as_the_server_counts(run: Any) -> None:
    class Watch:
        seen: ClassVar[list[BatchProgress]] = []

        def batched(self, progress: BatchProgress) -> None:
            self.seen.append(progress)

    watch = Watch()
    run(watch=watch)
    last = watch.seen[-1]
    assert (last.batches, last.ended, last.requests) == (1, 1, last.completed)
    assert last.remaining_s == 0


# --- what goes wrong with lines ------------------------------------------------------


def test_what_expired_is_sent_again(
    folder: Path, run: Any, directly: Any, batch_server: Any
) -> None:
    batch_server.batches.over = lambda batch, done: batch == 1 and done >= 5
    run()
    assert states(folder) == ["expired", "completed"]
    assert marks(folder / "journal.jsonl") == directly()
    assert set(batch_server.batches.answered.values()) == {1}


def test_lines_that_failed_are_sent_again(
    folder: Path, run: Any, directly: Any, batch_server: Any
) -> None:
    def fate(batch: int, place: int, line: Any) -> Any:
        failed = Refusal("overloaded", status=503) if place % 3 else Refusal("slow", status=429)
        return refused(line.custom_id, failed) if batch == 1 and place % 2 else None

    batch_server.batches.fate = fate
    run()
    assert marks(folder / "journal.jsonl") == directly()
    assert len(batch_server.batches.seen) == 2


def test_lines_that_fail_each_time_are_failures_after_three_rounds(
    folder: Path, run: Any, batch_server: Any
) -> None:
    def fate(batch: int, place: int, line: Any) -> Any:
        return refused(line.custom_id, Refusal("down", status=500)) if batch > 1 or place else None

    batch_server.batches.fate = fate
    tally = run()
    assert len(batch_server.batches.seen) == QUICK.rounds
    assert dict(tally.failures) == {"server_failed": tally.failed}
    (failure, *_) = [m.failure for m in marks(folder / "journal.jsonl").values() if m.failure]
    assert "down" in failure.message


def test_what_cannot_succeed_is_a_failure_at_once(run: Any, batch_server: Any) -> None:
    def fate(batch: int, place: int, line: Any) -> Any:
        return None if place else refused(line.custom_id, Refusal("too odd", status=400))

    batch_server.batches.fate = fate
    assert dict(run().failures) == {"rejected": 1}
    assert len(batch_server.batches.seen) == 1


def test_failures_are_sent_again_where_that_is_wanted(
    folder: Path, run: Any, directly: Any, batch_server: Any
) -> None:
    batch_server.batches.fate = lambda batch, place, line: (
        None if place else refused(line.custom_id, Refusal("too odd", status=400))
    )
    run()
    batch_server.batches.fate = lambda *_: None
    assert run().skipped == 2 * COUNT
    assert run(retry_failed=True).answered == 1
    assert marks(folder / "journal.jsonl") == directly()


def test_broken_foreign_and_missing_lines_are_no_answers(
    folder: Path, run: Any, directly: Any, batch_server: Any
) -> None:
    def mangled(rows: list[bytes]) -> list[bytes]:
        batch_server.batches.mangled = list
        odd = [b'{"id": 1}\n', b'{"custom_id": "whose?"}\n', b"[1]\n", b"\n"]
        return [rows[0][:40] + b"\n", *odd, *rows[2:-1], rows[-1][:60]]

    batch_server.batches.mangled = mangled
    run()
    assert [size for _, size in batch_server.batches.seen][1] == 3
    assert marks(folder / "journal.jsonl") == directly()


def test_an_answer_without_choices_is_asked_for_again(
    folder: Path, run: Any, directly: Any, batch_server: Any
) -> None:
    batch_server.batches.fate = lambda batch, place, line: (
        answered(line.custom_id, {"choices": []}) if batch == 1 and place == 1 else None
    )
    run()
    assert marks(folder / "journal.jsonl") == directly()


def test_a_model_that_wants_the_new_name_of_max_tokens_gets_it(run: Any, batch_server: Any) -> None:
    names: list[str] = []

    def fate(batch: int, place: int, line: Any) -> Any:
        names.extend(name for name in line.body if name.startswith("max_"))
        said = "Unsupported parameter: 'max_tokens'; use 'max_completion_tokens' instead."
        wrong = "max_tokens" in line.body
        return refused(line.custom_id, Refusal(said, param="max_tokens")) if wrong else None

    batch_server.batches.fate = fate
    assert run().failed == 0
    assert set(names) == {"max_tokens", "max_completion_tokens"}


def test_an_unknown_model_stops_the_run(run: Any) -> None:
    with pytest.raises(ModelNotFound, match="no-such-model"):
        run(lambda: cases("no-such-model"))


# --- what goes wrong with batches ----------------------------------------------------


def test_a_refused_batch_is_one_error_that_names_lines_and_can_be_repaired(
    folder: Path, run: Any, directly: Any, batch_server: Any
) -> None:
    wrong = [Fault("invalid_value", f"no such thing {i}", line=i) for i in range(1, 6)]
    batch_server.batches.faults = lambda batch: wrong if batch == 1 else []
    with pytest.raises(RequestRejected, match=r"requests-0001.jsonl:1: no such thing 1;.*2 more"):
        run()
    run()
    assert marks(folder / "journal.jsonl") == directly()


def test_a_batch_for_an_unknown_model_says_so(run: Any, batch_server: Any) -> None:
    batch_server.batches.faults = lambda batch: [Fault("model_not_found", "no batches for it")]
    with pytest.raises(ModelNotFound, match="no batches for it"):
        run()


def test_where_few_tokens_may_wait_less_is_sent_at_once(
    folder: Path, run: Any, directly: Any, batch_server: Any
) -> None:
    full = [Fault("token_limit_exceeded", "Enqueued token limit reached")]
    batch_server.batches.faults = lambda batch: (
        full if batch_server.batches.seen[-1][1] > 10 else []
    )
    run()
    assert min(size for _, size in batch_server.batches.seen) <= 10
    assert marks(folder / "journal.jsonl") == directly()
    assert set(batch_server.batches.answered.values()) == {1}


def test_where_no_tokens_may_wait_the_run_ends(run: Any, batch_server: Any) -> None:
    full = [Fault("token_limit_exceeded", "Enqueued token limit reached")]
    batch_server.batches.faults = lambda batch: full
    with pytest.raises(HarnessError, match="wait for other batches"):
        run(lambda: cases(count=2))
    assert len(batch_server.batches.seen) < 12


def test_a_cancelled_batch_keeps_its_answers_and_the_rest_is_sent_when_wanted(
    folder: Path, run: Any, directly: Any, batch_server: Any
) -> None:
    def fate(batch: int, place: int, line: Any) -> Any:
        if batch == 1 and place == 4:
            batch_server.batches.cancel(batch_server.batches.seen[0][0])
        return None

    batch_server.batches.fate = fate
    with pytest.raises(BatchCancelled, match="was cancelled"):
        run()
    kept = marks(folder / "journal.jsonl")
    assert 0 < len(kept) < 2 * COUNT
    assert not any(outcome.failure for outcome in kept.values())
    run()
    assert marks(folder / "journal.jsonl") == directly()
    assert set(batch_server.batches.answered.values()) == {1}


def test_a_batch_that_is_gone_is_not_sent_again_by_itself(run: Any, batch_server: Any) -> None:
    def forget() -> bool:
        batch_server.batches._batches.clear()
        return False

    batch_server.hooks["POST /v1/batches"] = forget
    with pytest.raises(RunFolderError, match="does not know batch_"):
        run()


# --- lost answers of the server, and deaths ------------------------------------------


@pytest.mark.parametrize(
    "route",
    [
        "POST /v1/files",
        "POST /v1/batches",
        "GET /v1/batches/ID",
        "GET /v1/files/ID/content",
    ],
)
def test_a_call_whose_answer_is_lost_sends_nothing_twice(
    folder: Path, run: Any, directly: Any, batch_server: Any, route: str
) -> None:
    batch_server.hooks[route] = lambda: batch_server.hooks.pop(route, None) is not None
    run()
    assert batch_server.calls["POST /v1/files"] == batch_server.calls["POST /v1/batches"] == 1
    assert set(batch_server.batches.answered.values()) == {1}
    assert marks(folder / "journal.jsonl") == directly()


def test_a_run_that_dies_while_it_writes_down_results_needs_the_server_no_more(
    folder: Path, run: Any, directly: Any, batch_server: Any
) -> None:
    class Dying:
        def observe(self, outcome: Outcome, tally: Tally) -> None:
            if tally.answered == 5:
                raise MemoryError

    with pytest.raises(MemoryError):
        run(observer=Dying())
    before = dict(batch_server.calls)
    assert run().skipped >= 5
    assert batch_server.calls == before
    assert marks(folder / "journal.jsonl") == directly()


def test_results_that_are_gone_from_the_folder_are_said_to_be(run: Any, folder: Path) -> None:
    run()
    (folder / "batches" / "output-0001.jsonl").unlink()
    with pytest.raises(RunFolderError, match="cannot be read"):
        run()


def test_expired_lines_without_a_response_are_told_from_others(batch_server: Any) -> None:
    service = OpenAIBatches(batch_server.url)
    request = next(cases()).request
    for code, kind in (("batch_expired", "batch_expired"), ("odd", "server_failed")):
        with pytest.raises(HarnessError) as raised:
            service.answer(not_reached("1", code, "why"), request)
        assert raised.value.kind == kind  # type: ignore[attr-defined]
        assert raised.value.retryable  # type: ignore[attr-defined]
