"""What a study weighs tuning against: other prompts, a dearer model, fewer training data."""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import RegistryError
from harness.records import Doubling, Experiment, InsteadOf, PromptVariant
from harness.registry.fields import Fields

MOST_PARTS = 50
"""Each part of the data is a job of its own."""
KEYS = ("prompts", "doubling", "instead_of")
ITS_PROMPT = "its own prompt"
"""How the dearer model's way of being asked is called."""


def prompts(fields: Fields) -> tuple[PromptVariant, ...]:
    """Further ways to ask the base model.

    Raises:
        RegistryError: no list, or an item that is no prompt.
    """
    values = fields.take("prompts")
    if values is None:
        return ()
    if not isinstance(values, list) or not values:
        raise fields.wrong("prompts", "a list of prompts, each with a name", values)
    found = [
        _named(value, f"{fields.place}: prompts: item {i}") for i, value in enumerate(values, 1)
    ]
    names = [one.name for one in found]
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise RegistryError(f"{fields.place}: prompts: '{twice}' stands there twice; rename one")
    return tuple(found)


def _named(value: object, place: str) -> PromptVariant:
    fields = Fields(value, place)
    found = _prompt(fields, fields.required_text("name"))
    fields.refuse_rest()
    if found.system is None and not found.few_shot:
        raise RegistryError(
            f"{place}: '{found.name}' is the prompt of the data; give it a 'system' or 'few_shot'"
        )
    return found


def _prompt(fields: Fields, name: str) -> PromptVariant:
    return PromptVariant(name, fields.text("system"), fields.integer("few_shot", least=0) or 0)


def doubling(fields: Fields) -> Doubling | None:
    """On how many parts of the data to tune, too.

    Raises:
        RegistryError: a number that is none, or too few parts to tell how much they differ.
    """
    if "doubling" not in fields:
        fields.take("doubling")
        return None
    inside = fields.inside("doubling")
    halves = inside.integer("halves", least=2, most=MOST_PARTS)
    quarters = inside.integer("quarters", least=0, most=MOST_PARTS) or 0
    matched = inside.truth("step_matched") if "step_matched" in inside else True
    found = Doubling(
        halves=3 if halves is None else halves,
        quarters=quarters,
        step_matched=matched,
        epochs=inside.integer("epochs", least=1),
    )
    inside.refuse_rest()
    if quarters == 1:
        raise RegistryError(
            f"{inside.place}: one of the 'quarters' does not say how much they differ; give 0 or 2"
        )
    return found


def instead_of(fields: Fields) -> InsteadOf | None:
    """The dearer model that tuning is to replace: its name, or its name and more.

    Raises:
        RegistryError: a field that is not what it should be.
    """
    if "instead_of" not in fields:
        fields.take("instead_of")
        return None
    if isinstance(fields.peek("instead_of"), str):
        return InsteadOf(fields.required_text("instead_of"), PromptVariant(ITS_PROMPT))
    inside = fields.inside("instead_of")
    days, hosting = inside.number("days"), inside.number("hosting_usd_per_day")
    if days == 0:
        raise inside.wrong("days", "a number above 0", days)
    found = InsteadOf(
        model=inside.required_text("model"),
        prompt=_prompt(inside, ITS_PROMPT),
        ask=inside.truth("ask"),
        calls_per_day=inside.number("calls_per_day"),
        days=30.0 if days is None else days,
        hosting_usd_per_day=hosting or 0.0,
    )
    inside.refuse_rest()
    return found


def check(experiment: Experiment, place: str) -> None:
    """What holds between these fields and the others of an experiment.

    Raises:
        RegistryError: worked examples without training data, or parts without tuning.
    """
    asked: Sequence[PromptVariant] = experiment.prompts
    if experiment.instead_of is not None:
        asked = (*asked, experiment.instead_of.prompt)
    if experiment.training_data is None and any(one.few_shot for one in asked):
        raise RegistryError(f"{place}: 'few_shot' takes its examples from 'training_data'; name it")
    if experiment.doubling is None:
        return
    if experiment.tuning is None:
        raise RegistryError(f"{place}: 'doubling' tunes on parts of the data; give 'tune', too")
    epochs = experiment.doubling.epochs
    if epochs is not None and epochs not in experiment.tuning.epochs:
        raise RegistryError(
            f"{place}: doubling: {epochs} epochs are none of tune's "
            f"{', '.join(map(str, experiment.tuning.epochs))}; take one of these"
        )
