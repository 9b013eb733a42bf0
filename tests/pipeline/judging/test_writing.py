"""What every open eval is told of: length, refusals, and which answers are good and different."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.pipeline.judging.writing import Writing, word_count
from harness.pipeline.measuring.measurement import answers_by_model
from harness.pipeline.measuring.track import Track
from harness.pipeline.reporting.documents import section
from harness.records import (
    Checkpoint,
    Completion,
    EvalSpec,
    Experiment,
    Failure,
    Outcome,
    Sample,
    Sampling,
    Score,
)

NAME = "slogans.dev.v1"
PROMPTS = 12
DIFFERENT = ("red kites dance over hills", "seven boats sail at dawn", "old clocks tell true time")
REFUSAL = "I'm sorry, but I cannot help with that."

Said = Sequence[tuple[str, float | None]]
"""The answers to each prompt and their marks."""


def outcomes(model: str, said: Said) -> list[Outcome]:
    return [
        Outcome(
            *(NAME, model, f"{NAME}.{prompt}", repeat, "key", Completion(text)),
            scores={"accuracy": Score(mark, reason="none" if mark is None else None)},
        )
        for prompt in range(PROMPTS)
        for repeat, (text, mark) in enumerate(said)
    ]


def open_track(base: Said, tuned: Said, *, args: dict[str, Any] | None = None) -> Track:
    spec = EvalSpec(
        NAME,
        "generation",
        Path("s"),
        task="open",
        args=args or {},
        sampling=Sampling(n=len(base)),
    )
    prompt = ({"role": "user", "content": "?"},)
    return Track(
        spec=spec,
        experiment=Experiment("slogans", (NAME,)),
        base="base",
        heldout={f"{NAME}.{i}": Sample(f"{NAME}.{i}", prompt) for i in range(PROMPTS)},
        checkpoints=(Checkpoint("tuned", 1),),
        answers=answers_by_model([*outcomes("base", base), *outcomes("tuned", tuned)]),
    )


def said_of(track: Track, model: str = "tuned") -> dict[str, float]:
    writing = Writing.of(track)
    assert writing is not None
    return {name: found.value for name, found in writing.metrics_of(model).items()}


GOOD = [(text, 1.0) for text in DIFFERENT]


def test_different_good_answers_are_all_worth_something() -> None:
    assert said_of(open_track(GOOD, GOOD)) == {
        "words": 5.0,
        "refusal_share": 0.0,
        "good_and_different": 1.0,
        "utility": 1.0,
    }


def test_incoherent_variety_is_no_virtue() -> None:
    babble = [("blue of the", 0.0), ("zig zag zog zug", 0.2), (DIFFERENT[0], 1.0)]
    found = said_of(open_track(GOOD, babble))
    assert found["good_and_different"] == pytest.approx(1 / 3)
    assert found["utility"] < said_of(open_track(GOOD, GOOD))["utility"] / 2


def test_repeating_a_good_answer_earns_nothing() -> None:
    found = said_of(open_track(GOOD, [(DIFFERENT[0], 1.0)] * 3))
    assert found["good_and_different"] == pytest.approx(1 / 3)
    assert found["utility"] == pytest.approx(1 / (1 + 0.8 + 0.64))


def test_empty_answers_are_not_good_whatever_their_mark() -> None:
    assert said_of(open_track(GOOD, [(" ", 1.0)] * 3))["good_and_different"] == 0.0


def test_a_prompt_whose_judge_failed_is_left_out_rather_than_counted_with_fewer_answers() -> None:
    track = open_track(GOOD, GOOD)
    failed = outcomes("tuned", GOOD)
    failed[0] = Outcome(
        *(NAME, "tuned", f"{NAME}.0", 0, "key", Completion(DIFFERENT[0])),
        failure=Failure("judge_rejected", "no"),
    )
    answers = answers_by_model([*outcomes("base", GOOD), *failed])
    found = Writing(replace(track, answers=answers)).metrics_of("tuned")
    assert found["good_and_different"].n == PROMPTS - 1
    assert found["words"].n == PROMPTS


def test_only_judged_answers_can_be_good_where_a_part_is_judged() -> None:
    part = [*GOOD[:2], (DIFFERENT[2], None)]
    track = open_track(part, part, args={"quality": {"judged": 2}})
    assert said_of(track)["good_and_different"] == 1.0


def test_marks_beyond_1_say_nothing_of_good() -> None:
    found = said_of(open_track([(text, 4.0) for text in DIFFERENT], GOOD), "base")
    assert set(found) == {"words", "refusal_share"}


def test_tuning_that_makes_a_model_refuse_is_warned_of_and_compared() -> None:
    refusing = [(REFUSAL, 0.0), (REFUSAL, 0.0), GOOD[0]]
    told = section(open_track(GOOD, refusing))
    (finding,) = (one for one in told.findings if one.rule == "over-refusal")
    assert finding.severity == "warn"
    assert finding.message.startswith("after 1 epoch: 66.7% of the answers refuse, more than")
    (compared,) = (one for one in told.comparisons if one.metric == "refusal_share")
    assert compared.delta.value == pytest.approx(2 / 3)
    assert "Refusals" in {panel.title for panel in told.panels}
    assert told.results[1].metrics["refusal_share"].value == pytest.approx(2 / 3)


def test_no_refusals_are_a_number_but_no_chart_and_no_comparison() -> None:
    told = section(open_track(GOOD, GOOD))
    assert [one.metric for one in told.comparisons if one.metric == "refusal_share"] == []
    assert "Refusals" not in {panel.title for panel in told.panels}
    assert told.results[1].metrics["refusal_share"].value == 0.0


def test_single_answers_are_told_of_by_length_and_refusals() -> None:
    plain = open_track(GOOD[:1], GOOD[:1])
    tuned = [
        replace(one, completion=Completion(DIFFERENT[0] + " and on" * (2 + prompt % 3)))
        for prompt, one in enumerate(outcomes("tuned", GOOD[:1]))
    ]
    answers = answers_by_model([*outcomes("base", GOOD[:1]), *tuned])
    told = section(replace(plain, answers=answers))
    assert told.results[1].metrics["words"].value == 11.0
    assert told.results[1].units["words"] == "count"
    (finding,) = (one for one in told.findings if one.rule == "answer length")
    assert finding.message == "after 1 epoch: answers are 6.0 words longer than the base model's"


def test_words_of_scripts_without_spaces_are_characters() -> None:
    assert word_count("drink  tea!") == 2
    assert word_count("喝茶吧。") == 3
    assert word_count("") == 0
