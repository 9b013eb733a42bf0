from __future__ import annotations

from harness.pipeline.questions.leaks import answers_in_training
from harness.records import Sample, TrainingExample

ASKED = {"role": "user", "content": "?"}


def sample(number: int, ideal: str) -> Sample:
    return Sample(f"a.b.{number}", (ASKED,), (ideal,))


def example(line: int, **fields: str) -> TrainingExample:
    said = {"role": "assistant", "content": "call it"}
    return TrainingExample((ASKED, said), line, fields)


def test_answers_that_training_names_are_counted_whatever_was_asked() -> None:
    training = [example(1, ideal="load('a')"), example(2, ideal="load('b')"), example(3)]
    held = [sample(0, "load('a')"), sample(1, "load('A') "), sample(2, "load('c')")]
    finding = answers_in_training(training, held)
    assert finding is not None
    assert finding.severity == "warn"
    assert finding.evidence == {"leaked_answers": 2, "heldout": 3, "named_in_training": 2}
    assert finding.message.startswith("2 of 3 held-out answers also occur in the training data")


def test_all_of_them_are_called_all() -> None:
    finding = answers_in_training([example(1, ideal="x")], [sample(0, "x")])
    assert finding is not None
    assert finding.message.startswith("all 1 held-out answers")


def test_training_that_names_no_answers_says_nothing() -> None:
    assert answers_in_training([example(1)], [sample(0, "call it")]) is None
    assert answers_in_training([example(1, ideal="x")], [sample(0, "y")]) is None
    assert answers_in_training([], []) is None
