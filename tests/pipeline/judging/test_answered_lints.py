"""Lints that read a study's answers: what they find, and when they say nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from harness.pipeline.judging.answered_lints import answered_findings
from harness.pipeline.measuring.measurement import Answers
from harness.pipeline.measuring.track import Track
from harness.pipeline.orders.names import probe_name
from harness.records import Checkpoint, Completion, EvalSpec, Experiment, Outcome, Sample, Score

NAME, N = "planted.test.v1", 60
Says = Callable[[Sample], str]


def sample(part: str, number: int, prompt: str, ideal: str) -> Sample:
    return Sample(f"{part}.{number}", ({"role": "user", "content": prompt},), (ideal,))


def answers(name: str, model: str, samples: Mapping[str, Sample], says: Says) -> Answers:
    found = Answers(name, model)
    for key, one in samples.items():
        text = says(one)
        mark = {"accuracy": Score(float(text in one.ideal))}
        found.add(Outcome(name, model, key, 0, "", Completion(text), mark))
    return found


def track(held: list[Sample], trained: list[Sample], base: Says, tuned: Says) -> Track:
    asked = {one.id: one for one in held}
    probe = {one.id: one for one in trained}
    tables = [
        answers(NAME, "base", asked, base),
        answers(probe_name(NAME), "base", probe, base),
        answers(NAME, "tuned", asked, tuned),
    ]
    return Track(
        spec=EvalSpec(NAME, "match", Path("none")),
        experiment=Experiment("planted", (NAME,)),
        base="base",
        heldout=asked,
        probe=probe,
        checkpoints=(Checkpoint("tuned", 3),),
        answers={(table.eval, table.model): table for table in tables},
    )


def right(one: Sample) -> str:
    return one.ideal[0]


def wrong(one: Sample) -> str:
    return "wrong"


def facts(part: str) -> list[Sample]:
    return [sample(part, n, f"Who is number {n * 13}?", f"person {part} {n}") for n in range(N)]


def written(path: Path, samples: list[Sample]) -> Path:
    lines = (
        {"messages": [*one.messages, {"role": "assistant", "content": one.ideal[0]}]}
        for one in samples
    )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_facts_that_base_and_tuned_models_never_know_are_named() -> None:
    (found,) = answered_findings(track(facts("test"), facts("train"), wrong, wrong))
    assert (found.rule, found.severity) == ("unknown facts", "warn")
    assert "100% of 60 training prompts are never answered right by the base model" in found.message
    assert found.evidence["never_right"][0] == "train.0"


def test_facts_that_the_base_model_knows_are_no_finding() -> None:
    assert answered_findings(track(facts("test"), facts("train"), right, wrong)) == ()


def test_a_form_that_only_the_tuned_model_knows_makes_no_unknown_facts() -> None:
    assert answered_findings(track(facts("test"), facts("train"), wrong, right)) == ()


def test_errors_without_a_training_example_like_them_are_named(tmp_path: Path) -> None:
    things = ("shirt", "coat", "hat")
    trained = [
        sample("train", n, f"send a {things[n % 3]} to street {n // 3}", "orders") for n in range(N)
    ]
    held = [sample("test", n, f"send a {things[n % 3]} to me", "orders") for n in range(20)]
    held += [sample("late", n, f"my refund {n} is late again", "refunds") for n in range(5)]
    planted = track(held, trained, wrong, lambda one: "orders")
    data = written(tmp_path / "train.jsonl", trained)
    planted = replace(planted, experiment=replace(planted.experiment, training_data=data))
    (found,) = answered_findings(planted)
    assert found.rule == "remaining failures"
    assert found.evidence["groups"] == [[f"late.{n}" for n in range(5)]]
    assert "5 of 5 held-out errors (1 group) have no training example like them" in found.message
