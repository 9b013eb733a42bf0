"""What a run took is counted answer by answer, and never invented."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.analysis.cost import FREE
from harness.pipeline.folder.timing import Stopwatch, first_answer_s, timed
from harness.pipeline.measuring.accounts import Account, Accounts
from harness.pipeline.measuring.measurement import answers_by_model
from harness.pipeline.measuring.spending import Payers, performance, whole_cost_usd
from harness.pipeline.measuring.track import Track
from harness.records import (
    Completion,
    EvalSpec,
    Experiment,
    Failure,
    Outcome,
    Price,
    Route,
    Score,
    Study,
    Usage,
)
from harness.running.runner import Tally

PRICE = Price(1.0, 10.0)
ASKED = Completion("a", usage=Usage(1_000, 100), latency_s=0.5)
KEPT = Completion("a", usage=Usage(1_000, 100), replayed=True)


def account(*completions: Completion) -> Account:
    made = Account()
    for completion in completions:
        made.add(completion)
    return made


def test_replayed_answers_cost_nothing_and_took_no_time() -> None:
    both = account(ASKED, KEPT)
    assert both.paid_usd(PRICE) == pytest.approx(0.002)
    assert both.saved_usd(PRICE) == pytest.approx(0.002)
    assert list(both.latencies_s) == [0.5]
    assert account(KEPT).paid_usd(None) == 0.0


def test_without_a_price_or_a_count_the_cost_is_unknown() -> None:
    assert account(ASKED).paid_usd(None) is None
    assert account(ASKED, Completion("b")).paid_usd(PRICE) is None
    assert account(KEPT).saved_usd(None) is None


def test_further_choices_of_a_request_took_no_time_of_their_own() -> None:
    choice = Completion("b", usage=Usage(0, 0), latency_s=0.5)
    told = account(ASKED, choice, choice)
    assert (told.answers, len(told.latencies_s), told.prompt_tokens) == (3, 1, 1_000)


def test_answers_marked_together_are_counted_one_by_one() -> None:
    told = account(Completion("a\n\na", usage=Usage(2_000, 200), parts=(ASKED, KEPT)))
    assert (told.answers, told.replayed, told.prompt_tokens) == (2, 1, 2_000)


def test_an_answer_whose_judge_failed_was_paid_for() -> None:
    accounts = Accounts()
    accounts.add(Outcome("e", "m", "1", 0, "k", ASKED, failure=Failure("judge_x", "down")))
    accounts.add(Outcome("e", "m", "2", 0, "k", failure=Failure("rejected", "no")))
    assert accounts.own.answers == 1


def track(*outcomes: Outcome) -> Track:
    spec = EvalSpec("e", "match", Path("e.jsonl"))
    return Track(spec, Experiment("x", ("e",)), "m", {}, (), answers_by_model(outcomes))


def outcome(eval_name: str, model: str, completion: Completion, *judged: Completion) -> Outcome:
    scores = {"accuracy": Score(1.0, judged=judged)}
    return Outcome(eval_name, model, "1", 0, "k", completion, scores)


def test_models_judges_and_evals_have_their_lines() -> None:
    tables = ({"m": PRICE, "j": Price(100.0, 100.0, as_of="2026-11")},)
    study = Study("s", "m", (), judge=Route("judge-name", "j"))
    tracks = [
        track(
            outcome("e", "m", ASKED, ASKED, KEPT),
            outcome("e@train", "m", ASKED),
            outcome("e", "ft:m:x", ASKED),
        )
    ]
    told = performance(tracks * 2, Payers.of(study, tables), 0.25)
    assert told is not None
    lines = {(one.role, one.model): one for one in told.models}
    assert set(lines) == {("model", "m"), ("judge", "j"), ("model", "ft:m:x")}
    assert lines["model", "m"].answers == 2
    assert lines["model", "m"].cost_usd == pytest.approx(0.004)
    assert lines["judge", "j"].cost_usd == pytest.approx(0.11)
    assert lines["judge", "j"].saved_usd == pytest.approx(0.11)
    assert lines["model", "ft:m:x"].cost_usd is None
    assert {one.eval for one in told.evals} == {"e"}
    assert told.prices_as_of == ("2026-11",)
    assert whole_cost_usd(tracks, Payers.of(study, tables)) is None


def test_the_same_answers_cost_the_same_whoever_paid() -> None:
    payers = Payers(({"m": PRICE},), "openai")
    costs = [
        whole_cost_usd([track(*(outcome("e", "m", c) for c in said))], payers)
        for said in ([ASKED] * 3, [ASKED, KEPT, KEPT], [KEPT] * 3)
    ]
    assert costs == [0.003 + 0.003] * 3
    assert whole_cost_usd([track(outcome("e", "m", Completion("?")))], payers) is None


def test_nobody_pays_the_embedded_model() -> None:
    payers = Payers.of(Study("s", "m", (), provider="embedded"), ())
    tracks = [track(outcome("e", "m", ASKED))]
    told = performance(tracks, payers)
    assert told is not None
    assert told.models[0].cost_usd == 0.0
    assert whole_cost_usd(tracks, payers) == 0.0


def test_a_route_has_the_price_of_the_model_behind_it() -> None:
    routes = (Route("alias", "m"), Route("own", "tiny-base", "embedded"))
    payers = Payers.of(Study("s", "alias,own", (), routes=routes), ({"m": PRICE},))
    assert payers.price("model", "alias") == PRICE
    assert payers.price("model", "own") == FREE
    assert payers.price("model", "alias,own") is None


def test_nothing_answered_took_nothing() -> None:
    assert performance([track()], Payers((), "openai")) is None


# --- the first answer ----------------------------------------------------------------


def test_the_first_answer_that_somebody_gave_is_timed(tmp_path: Path) -> None:
    now = iter([10.0, 10.5, 99.0])
    watch = Stopwatch(clock=lambda: next(now))
    watch.observe(outcome("e", "m", KEPT), Tally())
    watch.observe(outcome("e", "m", ASKED), Tally())
    watch.observe(outcome("e", "m", ASKED), Tally())
    assert watch.first_answer_s == 0.5
    watch.write(tmp_path / "timing.jsonl")
    assert json.loads((tmp_path / "timing.jsonl").read_text())["asked_s"] == 89.0
    assert first_answer_s(tmp_path / "timing.jsonl") == 0.5


def test_a_run_that_ends_badly_is_timed_too(tmp_path: Path) -> None:
    def broken() -> None:
        with timed(tmp_path / "journal.jsonl", None) as watch:
            watch.observe(outcome("e", "m", ASKED), Tally())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    assert first_answer_s(tmp_path / "timing.jsonl") is not None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"first_answer_s": "soon"}'])
def test_a_line_that_says_no_time_is_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "timing.jsonl").write_text(text)
    assert first_answer_s(tmp_path / "timing.jsonl") is None
    assert first_answer_s(tmp_path / "nothing.jsonl") is None
