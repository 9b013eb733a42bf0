"""Answers sorted by model: what counts, what is excluded, what a token limit spoiled."""

from __future__ import annotations

import pytest

from harness.pipeline.measuring.measurement import aligned, answers_by_model, pooled, was_still_open
from harness.records import Completion, Failure, Outcome, Sample, Score, Usage


def answer(
    sample: str, value: float | None, *, repeat: int = 0, text: str = "a", reason: str = "stop"
) -> Outcome:
    completion = Completion(text, reason, Usage(10, 2))
    scores = {"accuracy": Score(value, reason="no mark" if value is None else None)}
    return Outcome("e", "m", sample, repeat, f"{sample}{repeat}", completion, scores)


def failure(sample: str) -> Outcome:
    return Outcome("e", "m", sample, 0, sample, failure=Failure("unreachable", "gone"))


def test_repeats_of_a_sample_count_as_one_value() -> None:
    outcomes = [answer("s", 1.0, repeat=1, text="b"), answer("s", 0.0), answer("t", 1.0)]
    table = answers_by_model(outcomes)["e", "m"]
    assert table.by_prompt == {"s": 0.5, "t": 1.0}
    assert table.texts["s"] == ["a", "b"]


def test_the_order_of_samples_is_not_that_of_their_arrival() -> None:
    outcomes = [answer(sample, 1.0) for sample in "cab"]
    for arrived in (outcomes, outcomes[::-1]):
        assert list(answers_by_model(arrived)["e", "m"].values) == ["a", "b", "c"]


def test_a_failed_sample_is_excluded_not_wrong() -> None:
    table = answers_by_model([answer("s", 1.0), failure("t"), answer("u", None)])["e", "m"]
    assert table.by_prompt == {"s": 1.0}
    assert table.excluded(["s", "t", "u"]) == 2
    assert table.unmarked_share == pytest.approx(2 / 3)
    assert table.failures == {"unreachable": 1}


def test_tokens_are_added_up() -> None:
    table = answers_by_model([answer("s", 1.0), answer("t", 1.0)])["e", "m"]
    assert (table.prompt_tokens, table.completion_tokens) == (20, 4)


def test_pooling_keeps_samples_that_every_seed_has() -> None:
    assert pooled([{"a": 1.0, "b": 0.0}, {"a": 0.0}]) == {"a": 0.5}
    assert pooled([]) == {}


def test_pairs_are_the_shared_samples_in_one_order() -> None:
    assert aligned({"b": 1.0, "a": 0.0, "x": 1.0}, {"a": 1.0, "b": 0.5}) == (
        ["b", "a"],
        [1.0, 0.0],
        [0.5, 1.0],
    )


@pytest.mark.parametrize(
    ("text", "ideal", "grader", "open_"),
    [
        ('{"city": "Ro', '{"city": "Rome"}', "extraction", True),
        ('{"city": "Paris", "day', '{"city": "Rome"}', "extraction", False),
        ("Well, let me think about", "42", "includes", True),
        ("a slogan that goes on and on and on", "a short slogan", "style", False),
        ("a slog", "a short slogan", "style", True),
    ],
)
def test_a_cut_answer_counts_where_it_could_have_become_right(
    text: str, ideal: str, grader: str, open_: bool
) -> None:
    assert was_still_open(text, [ideal], grader) is open_


def test_the_share_of_cut_answers_is_of_all_answers() -> None:
    samples = {"s": Sample("s", (), ("yes sir",)), "t": Sample("t", (), ("yes sir",))}
    outcomes = [answer("s", 0.0, text="yes", reason="length"), answer("t", 1.0, text="yes sir")]
    table = answers_by_model(outcomes)["e", "m"]
    assert table.cut_short_share(samples, "match") == 0.5
