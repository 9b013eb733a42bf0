"""Why nothing is learnt for others, from planted answers: no model is asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from harness.analysis.conditions import over_refuses
from harness.analysis.evidence import Evidence
from harness.analysis.thresholds import DEFAULT
from harness.pipeline.judging.causes import (
    grounded,
    knowledge,
    missing_context,
    refusals,
    wanted_refusals,
)
from harness.pipeline.measuring.measurement import Answers
from harness.pipeline.measuring.track import Track
from harness.pipeline.orders.names import PROMPT_MARK, probe_name
from harness.records import (
    Checkpoint,
    Completion,
    EvalSpec,
    Experiment,
    Outcome,
    Sample,
    Score,
    Task,
)

NAME, N = "planted.test.v1", 60
Says = Callable[[Sample], str]


def sample(number: int, prompt: str, *ideal: str) -> Sample:
    return Sample(f"planted.test.{number}", ({"role": "user", "content": prompt},), ideal)


def answers(name: str, model: str, samples: Mapping[str, Sample], says: Says) -> Answers:
    found = Answers(name, model)
    for key, one in samples.items():
        text = says(one)
        mark = {"accuracy": Score(float(text in one.ideal))}
        found.add(Outcome(name, model, key, 0, "", Completion(text), mark))
    return found


def track(samples: list[Sample], tuned: Says, base: Says, task: Task = "one-answer") -> Track:
    """Two epochs that answer alike, and a train probe that the base model answers as it does."""
    held = {one.id: one for one in samples}
    tables = [
        answers(NAME, "base", held, base),
        answers(probe_name(NAME), "base", held, base),
        *(answers(NAME, f"epoch {epoch}", held, tuned) for epoch in (1, 2)),
    ]
    return Track(
        spec=EvalSpec(NAME, "match", Path("none"), task=task),
        experiment=Experiment("planted", (NAME,)),
        base="base",
        heldout=held,
        probe=held,
        checkpoints=tuple(Checkpoint(f"epoch {epoch}", epoch) for epoch in (1, 2)),
        answers={(table.eval, table.model): table for table in tables},
    )


def first(one: Sample) -> str:
    return one.ideal[0]


def wrong(one: Sample) -> str:
    return "wrong"


def told(one: Sample) -> str:
    """Right where the prompt holds the answer."""
    return first(one) if "in city" in one.messages[0]["content"] else "wrong"


CITIES = [
    sample(n, f"Send it to me in city{n}." if n % 2 else f"Send it, order {n * 7}.", f"city{n}")
    for n in range(N)
]
FACTS = [sample(n, f"Who is it, number {n * 13}?", f"person {n}") for n in range(N)]
LABELS = [sample(n, f"a {n} text about red", ("red", "blue")[n % 2]) for n in range(N)]


# --- missing context -----------------------------------------------------------------


def test_samples_are_parted_by_whether_the_prompt_holds_the_answer() -> None:
    held = grounded(CITIES)
    assert sum(held.values()) == N / 2
    assert held["planted.test.1"]
    assert not held["planted.test.2"]


def test_of_json_the_fields_with_many_values_count() -> None:
    ideals = [json.dumps({"city": f"city{n}", "team": "ab"[n % 2], "new": True}) for n in range(N)]
    samples = [sample(n, f"to city{n if n > 9 else ''}", text) for n, text in enumerate(ideals)]
    held = grounded(samples)
    assert [key for key, whole in held.items() if not whole] == [one.id for one in samples[:10]]


def test_labels_say_nothing_of_context() -> None:
    assert grounded(LABELS) == {}
    assert missing_context(track(LABELS, first, wrong), 2) is None


def test_answers_that_no_prompt_holds_are_told_apart() -> None:
    found = missing_context(track(CITIES, told, wrong), 2)
    assert found is not None
    assert (found.share, found.whole.value, found.lacking.value) == (0.5, 1, 0)
    assert found.step is not None
    assert found.step.value == 0


def test_what_is_learnt_at_last_is_a_step() -> None:
    found = missing_context(track(CITIES, first, wrong), 1)
    assert found is not None
    assert found.step is not None
    assert found.step.value == 1


def test_fields_that_no_prompt_holds_are_told_apart_from_those_of_the_same_answers() -> None:
    ideals = [json.dumps({"city": f"city{n}", "name": f"name{n}"}) for n in range(N)]
    samples = [sample(n, f"It is name{n} here.", text) for n, text in enumerate(ideals)]
    planted = track(samples, wrong, wrong)
    for table in planted.answers.values():
        is_tuned = table.model.startswith("epoch")
        told = {"field:name": float(is_tuned), "field:city": 0.0}
        table.details.update({key: [told] for key in table.values})
    found = missing_context(planted, 2)
    assert found is not None
    assert (found.share, found.whole.value, found.lacking.value) == (1, 1, 0)
    assert found.fields == ("city",)


def test_open_tasks_lack_no_context() -> None:
    assert missing_context(track(CITIES, told, wrong, task="open"), 2) is None


# --- unknown facts -------------------------------------------------------------------


def test_facts_that_nobody_gets_right_are_unknown() -> None:
    found = knowledge(track(FACTS, wrong, wrong), 2)
    assert found is not None
    assert (found.base.value, found.heldout.value, found.tries) == (1, 1, 3)


def test_a_fact_that_any_model_gets_right_is_none() -> None:
    found = knowledge(track(FACTS, first, wrong), 2)
    assert found is not None
    assert (found.base.value, found.heldout.value) == (1, 0)


def test_what_the_base_model_knows_with_worked_examples_is_known() -> None:
    found = track(FACTS, wrong, wrong)
    asked = answers(f"{NAME}{PROMPT_MARK}with examples", "base", found.heldout, first)
    shown = knowledge(replace(found, answers={**found.answers, (asked.eval, "base"): asked}), 2)
    assert shown is not None
    assert (shown.heldout.value, shown.tries) == (0, 4)


def test_what_prompts_hold_and_labels_are_no_facts() -> None:
    assert knowledge(track(CITIES, wrong, wrong), 2) is None
    assert knowledge(track(LABELS, wrong, wrong), 2) is None


# --- refusals ------------------------------------------------------------------------


def refuse(one: Sample) -> str:
    return "Sorry, I cannot help with that."


def evidence_of(found: Track) -> Evidence:
    share, wanted = refusals(found, 2), wanted_refusals(found)
    return Evidence("e", "one-answer", "m", 2, refusals=share, wanted_refusals=wanted)


def test_a_model_that_refuses_more_than_the_ideals_over_refuses() -> None:
    assert over_refuses(evidence_of(track(LABELS, refuse, first)), DEFAULT) is not None
    assert over_refuses(evidence_of(track(LABELS, first, refuse)), DEFAULT) is None


def test_without_ideals_the_base_model_says_how_many_are_wanted() -> None:
    bare = [sample(n, f"number {n}") for n in range(N)]
    polite = track(bare, refuse, lambda one: "gladly", task="open")
    assert over_refuses(evidence_of(polite), DEFAULT) is not None
    assert over_refuses(evidence_of(track(bare, refuse, refuse, task="open")), DEFAULT) is None


def test_a_study_may_say_how_many_refusals_are_wanted() -> None:
    found = track(CITIES, refuse, wrong)
    found = replace(found, experiment=replace(found.experiment, wanted_refusals=0.05))
    assert wanted_refusals(found) == (0.05, 0.05)


def test_refusals_that_are_wanted_are_no_fault() -> None:
    refused = [sample(n, f"number {n}", refuse(LABELS[0])) for n in range(N)]
    assert over_refuses(evidence_of(track(refused, refuse, wrong)), DEFAULT) is None
