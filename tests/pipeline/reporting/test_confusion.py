"""What was answered for what: counted as the journal streams by, or read again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.pipeline.measuring.classes import Classes
from harness.pipeline.measuring.measurement import Answers, answers_by_model
from harness.pipeline.measuring.track import Track
from harness.pipeline.reporting.confusion import confusions_of
from harness.records import Completion, EvalSpec, Experiment, Failure, Outcome, Sample, Score

SPEC = EvalSpec("e", "match", Path("x.jsonl"))
SAMPLES = {f"s{i}": Sample(f"s{i}", (), (("billing", "returns")[i % 2],)) for i in range(6)}
SAID = {
    "base": ("Billing", "no", "returns", "returns", "?", "billing"),
    "tuned": ("billing", "returns", "billing", "returns", "billing", "billing"),
}


def outcome(model: str, sample_id: str, text: str, repeat: int = 0) -> Outcome:
    right = text in SAMPLES[sample_id].ideal
    scores = {"accuracy": Score(float(right))}
    return Outcome("e", model, sample_id, repeat, "k", Completion(text), scores)


def outcomes(model: str) -> list[Outcome]:
    return [outcome(model, f"s{i}", text) for i, text in enumerate(SAID[model])]


def track(classes: Classes | None = None, extra: tuple[Outcome, ...] = ()) -> Track:
    answers = {}
    for model in SAID:
        table = Answers("e", model, classes=classes)
        for one in (*outcomes(model), *(o for o in extra if o.model == model)):
            table.add(one)
        answers["e", model] = table
    experiment = Experiment("x", ("e",), others=("tuned",))
    return Track(SPEC, experiment, "base", SAMPLES, (), answers)


def test_answers_are_counted_by_right_and_answered_label() -> None:
    base, tuned = confusions_of(track(), ())
    assert (base.model, base.labels) == ("base", ("billing", "returns"))
    assert base.counts == ((0, 1), (1, 1))
    assert (base.no_label, base.unaccepted) == ((2, 1), 1)
    assert tuned.counts == ((3, 0), (1, 2))


def test_counting_while_reading_is_the_same_as_reading_again() -> None:
    classes = Classes.of(SPEC, SAMPLES.values())
    streamed = track(classes)
    assert streamed.answers["e", "base"].said["s0"] == bytes((254,))
    assert confusions_of(streamed, ()) == confusions_of(track(), ())


def test_repeats_count_each_and_failures_do_not() -> None:
    again = outcome("tuned", "s0", "returns", repeat=1)
    failed = Outcome("e", "tuned", "s1", 1, "k", failure=Failure("unreachable", "gone"))
    unmarked = Outcome("e", "tuned", "s1", 2, "k", Completion("x"), {"accuracy": Score(None)})
    _, tuned = confusions_of(track(extra=(again, failed, unmarked)), ())
    assert tuned.counts == ((3, 1), (1, 2))


def test_samples_that_a_report_leaves_out_do_not_count() -> None:
    some = replace(track(Classes.of(SPEC, SAMPLES.values())), heldout={"s0": SAMPLES["s0"]})
    assert confusions_of(some, ())[1].counts == ((1, 0), (0, 0))


def test_an_eval_without_labels_has_none() -> None:
    texts = {key: replace(one, ideal=(f"text {key}",)) for key, one in SAMPLES.items()}
    assert confusions_of(replace(track(), heldout=texts), ()) == ()


def test_held_outcomes_are_read_again() -> None:
    tables = answers_by_model([*outcomes("base"), *outcomes("tuned")])
    assert confusions_of(replace(track(), answers=tables), ()) == confusions_of(track(), ())
