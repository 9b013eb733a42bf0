"""What answers repeat and copy, as reports show it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.pipeline.measuring.measurement import answers_by_model
from harness.pipeline.measuring.track import Track
from harness.pipeline.reporting.shared_texts import (
    COPIES_SHOWN,
    TEXT_LIMIT,
    copies_of,
    repetitions_of,
)
from harness.records import (
    Completion,
    EvalSpec,
    Experiment,
    Outcome,
    Sample,
    Sampling,
    Score,
)

NAME = "slogans.dev.v1"
LEARNED = "every kettle in the quiet village sings a warm song for all the tired dancers at night"
FRESH = ("seven boats sail at dawn", "old clocks tell the true time", "red kites fly over hills")


def said_track(tuned: list[list[str]], training: tuple[str, ...] = (LEARNED,)) -> Track:
    """A track whose base says something fresh; ``tuned`` holds the answers to each prompt."""
    prompts = {
        f"{NAME}.{i}": Sample(f"{NAME}.{i}", ({"role": "user", "content": f"Prompt {i}"},))
        for i in range(len(tuned))
    }
    outcomes = [
        Outcome(
            *(NAME, model, key, repeat, "key", Completion(text)), scores={"accuracy": Score(1.0)}
        )
        for model, groups in (("base", [list(FRESH)] * len(tuned)), ("tuned", tuned))
        for key, texts in zip(prompts, groups, strict=True)
        for repeat, text in enumerate(texts)
    ]
    return Track(
        spec=EvalSpec(NAME, "style", Path("s"), task="open", sampling=Sampling(n=3)),
        experiment=Experiment("slogans", (NAME,), others=("tuned",)),
        base="base",
        heldout=prompts,
        checkpoints=(),
        answers=answers_by_model(outcomes),
        training_texts=training,
    )


def test_base_and_tuned_stand_beside_each_other_with_what_they_repeat() -> None:
    same = [f"the {word} kettle sings a warm song" for word in ("red", "blue", "old")]
    base, tuned = repetitions_of(said_track([same, same]), ())
    assert (base.label, tuned.label, tuned.answers) == ("base", "tuned", 6)
    assert tuned.phrases[0].text == "kettle sings a warm song"
    assert (tuned.phrases[0].share, tuned.phrases[0].prompts) == (1.0, 2)
    assert {one.text for one in tuned.openings} == {
        "the red kettle",
        "the blue kettle",
        "the old kettle",
    }


def test_a_copy_stands_beside_the_training_example_that_it_copies() -> None:
    copied = LEARNED.replace("kettle", "jug").replace(" at night", " today")
    (copy,), omitted = copies_of(said_track([[copied, *FRESH[:2]]]), ())
    assert omitted == 0
    assert (copy.model, copy.sample_id, copy.training) == ("tuned", f"{NAME}.0", LEARNED)
    assert copy.run == "in the quiet village sings a warm song for all the tired dancers"
    assert copy.tokens == 13
    assert copy.prompt == "user: Prompt 0"


def test_a_copied_answer_is_shown_once_a_model_and_only_so_many_are() -> None:
    assert len(copies_of(said_track([[LEARNED] * 3] * 4), ())[0]) == 1
    many = [[f"{LEARNED} number {i}"] for i in range(COPIES_SHOWN + 5)]
    shown, omitted = copies_of(said_track(many), ())
    assert (len(shown), omitted) == (COPIES_SHOWN, 5)


def test_a_long_text_is_cut_around_what_it_shares() -> None:
    filler = "nothing that was ever learned stands here " * 100
    ((copy,), _) = copies_of(said_track([[f"{filler}{LEARNED}. {filler}"]]), ())
    assert LEARNED in copy.answer
    assert len(copy.answer) <= TEXT_LIMIT + 2


def test_without_training_data_there_is_nothing_to_copy() -> None:
    assert copies_of(replace(said_track([[LEARNED]]), training_texts=()), ()) == ((), 0)
