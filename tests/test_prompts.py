from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.messages import prompt_text
from harness.prompts import build, train_probe
from harness.records import EvalSpec, Message, Sample, Sampling, TrainingExample

SYSTEM = {"role": "system", "content": "Answer briefly."}
ASK = {"role": "user", "content": "1 + 1 ="}
SAMPLE = Sample("sums.dev.0", (SYSTEM, ASK), ("2",))
SPEC = EvalSpec("sums.dev.v0", "match", Path("s.jsonl"), sampling=Sampling(temperature=0.0))
SEEDED = EvalSpec("sums.dev.v0", "match", Path("s.jsonl"), sampling=Sampling(seed=1))
EXAMPLE = (
    {"role": "system", "name": "example_user", "content": "2 + 2 ="},
    {"role": "system", "name": "example_assistant", "content": "4"},
)


def test_a_sample_is_asked_as_it_stands() -> None:
    request = build(SAMPLE, SPEC, "m")
    assert (request.model, request.messages, request.sampling) == (
        "m",
        (SYSTEM, ASK),
        SPEC.sampling,
    )
    assert (request.endpoint, request.repeat, request.sample_id) == ("chat", 0, "sums.dev.0")


def test_functions_are_offered_where_the_endpoint_knows_them() -> None:
    tool = {"type": "function", "function": {"name": "sum"}}
    sample = replace(SAMPLE, tools=(tool,))
    assert build(sample, SPEC, "m").tools == (tool,)
    assert build(sample, SPEC, "m", endpoint="completions").tools == ()


def test_few_shot_examples_stand_before_the_last_message() -> None:
    assert build(SAMPLE, SPEC, "m", few_shot=EXAMPLE).messages == (SYSTEM, *EXAMPLE, ASK)


def test_the_legacy_endpoint_gets_one_text() -> None:
    request = build(SAMPLE, SPEC, "m", few_shot=EXAMPLE, endpoint="completions")
    (message,) = request.messages
    assert message["content"] == (
        "Answer briefly.\nUser: 2 + 2 =\nAssistant: 4\nUser: 1 + 1 =\nAssistant:"
    )


def test_a_lone_message_is_its_own_text() -> None:
    assert prompt_text([{"role": "user", "content": " hi"}]) == " hi"


def test_parts_are_joined() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image_url"}, {"type": "text", "text": "b"}]
    assert prompt_text([{"role": "user", "content": parts}]) == "ab"


# --- seeds ---------------------------------------------------------------------------


def seed_of(sample_id: str, repeat: int = 0, spec: EvalSpec = SEEDED) -> int | None:
    return build(Sample(sample_id, (ASK,)), spec, "m", repeat).sampling.seed


def test_without_a_seed_none_is_sent() -> None:
    assert seed_of("a.b.0", spec=SPEC) is None


def test_every_prompt_and_repeat_has_its_own_stable_seed() -> None:
    seeds = {seed_of(f"a.b.{i}", repeat) for i in range(50) for repeat in range(4)}
    assert len(seeds) == 200
    assert all(seed is not None and 0 <= seed < 2**31 for seed in seeds)
    assert seed_of("a.b.0") == 1112222681


def test_the_model_does_not_change_the_seed() -> None:
    one, other = (build(SAMPLE, SEEDED, model).sampling for model in ("base", "tuned"))
    assert one == other


# --- training examples as prompts ----------------------------------------------------


def example(line: int, *messages: Message, **metadata: Any) -> TrainingExample:
    return TrainingExample(messages, line, metadata)


def say(text: str | None, **more: Any) -> Message:
    return {"role": "assistant", "content": text, **more}


def test_a_probe_asks_for_the_last_assistant_turn() -> None:
    turns = (SYSTEM, ASK, say("2", weight=0), ASK, say("two"))
    (sample,) = train_probe([example(7, *turns, topic="sums")], 10)
    assert sample == Sample(
        "train.7", (SYSTEM, ASK, say("2"), ASK), ("two",), metadata={"topic": "sums"}
    )


def test_a_probe_is_bounded_and_always_the_same() -> None:
    examples = [example(i, ASK, say(str(i))) for i in range(1, 101)]
    ids = [sample.id for sample in train_probe(examples, 10)]
    assert ids == [sample.id for sample in train_probe(examples, 10)]
    assert len(set(ids)) == 10
    assert len(train_probe(examples, 300)) == 100
    assert train_probe(examples, 0) == []


def test_examples_that_cannot_be_asked_are_passed_over() -> None:
    call = say(None, tool_calls=[{"id": "1"}])
    assert train_probe([example(1, say("hi")), example(2, ASK, call)], 10) == []


# --- the reference -------------------------------------------------------------------

MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant"]), "content": st.text(max_size=9)},
    optional={"name": st.sampled_from(["example_user", "example_assistant", "bob"])},
)


@pytest.mark.oracle
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=st.lists(MESSAGE, min_size=1, max_size=4))
def test_texts_read_as_the_references(reference: ModuleType, messages: list[Message]) -> None:
    theirs = reference.prompt.base.chat_prompt_to_text_prompt(messages)
    assert prompt_text(messages) == theirs
