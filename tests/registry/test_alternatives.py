"""Prompts, parts of the data and a dearer model, as a study's file names them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.errors import RegistryError
from harness.records import Doubling, InsteadOf, PromptVariant
from harness.registry import Registry

Write = Callable[..., Registry]
EVALS = (
    "orders.heldout.v1: {class: 'evals.elsuite.basic.match:Match', args: {samples_jsonl: s.jsonl}}"
)
TUNE = "training_data: s.jsonl, tune: {epochs: [1, 3]}"
OTHERS = "others: [x]"


def flat(extra: str) -> str:
    return f"s: {{base: m, evals: orders.heldout.v1, {extra}}}"


def test_a_study_may_list_prompts_parts_and_a_dearer_model(write: Write) -> None:
    text = flat(
        f"{TUNE}, prompts: [{{name: a, system: Be brief.}}, {{name: b, few_shot: 3}}], "
        "doubling: {halves: 4, quarters: 2, step_matched: false, epochs: 3}, "
        "instead_of: {model: gpt-4.1, system: Long., ask: true, calls_per_day: 500, days: 90}"
    )
    (found,) = write(evals=EVALS, studies=text).study("s").experiments
    assert found.prompts == (PromptVariant("a", "Be brief."), PromptVariant("b", None, 3))
    assert found.doubling == Doubling(4, 2, False, 3)
    assert found.instead_of == InsteadOf(
        "gpt-4.1", PromptVariant("its own prompt", "Long."), True, 500, 90
    )


def test_short_forms_have_their_defaults(write: Write) -> None:
    text = flat(f"{TUNE}, doubling: {{halves: 3}}, instead_of: gpt-4.1")
    (found,) = write(evals=EVALS, studies=text).study("s").experiments
    assert found.doubling == Doubling(3, 0, True, None)
    assert found.instead_of == InsteadOf("gpt-4.1", PromptVariant("its own prompt"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (flat(f"{TUNE}, prompts: brief"), "prompts: expected a list of prompts"),
        (flat(f"{TUNE}, prompts: [{{system: x}}]"), "prompts: item 1: 'name' is missing"),
        (flat(f"{TUNE}, prompts: [{{name: a}}]"), "'a' is the prompt of the data; give it"),
        (
            flat(f"{TUNE}, prompts: [{{name: a, few_shot: 1}}, {{name: a, system: x}}]"),
            "'a' stands there twice",
        ),
        (flat(f"{TUNE}, prompts: [{{name: a, shots: 1}}]"), "unknown key 'shots'"),
        (flat(f"{OTHERS}, prompts: [{{name: a, few_shot: 1}}]"), "from 'training_data'; name it"),
        (flat(f"{TUNE}, doubling: {{halves: 1}}"), "doubling: halves: expected a whole number"),
        (flat(f"{TUNE}, doubling: {{quarters: 1}}"), "one of the 'quarters'"),
        (flat(f"{TUNE}, doubling: {{epochs: 2}}"), "2 epochs are none of tune's 1, 3"),
        (flat(f"{OTHERS}, doubling: {{halves: 3}}"), "'doubling' tunes on parts of the data"),
        (flat(f"{TUNE}, instead_of: {{system: x}}"), "instead_of: 'model' is missing"),
        (flat(f"{TUNE}, instead_of: {{model: x, days: 0}}"), "days: expected a number above 0"),
        (flat(f"{TUNE}, instead_of: {{model: x, ask: maybe}}"), "ask: expected true or false"),
    ],
)
def test_what_cannot_be_meant_is_named(write: Write, text: str, said: str) -> None:
    with pytest.raises(RegistryError) as caught:
        write(evals=EVALS, studies=text).study("s")
    assert said in str(caught.value)
