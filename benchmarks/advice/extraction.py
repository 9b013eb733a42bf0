"""Extraction: some fields of what a customer wrote, as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from random import Random

from benchmarks.advice.tasks import HELDOUT, TEST, Made, asked, one_answer
from harness.embedded.phrases import ADJECTIVES, CITIES, DAYS, NAMES, PRODUCTS

Pairs = Iterator[tuple[str, str]]
SIZES = (16, 24, 36, 50, 70, 100)
SPEEDS = (0.5, 0.75, 1.0)
INSTRUCTION = "Extract the order as JSON with the keys {keys}."
TEXTS = (
    "Hello, {name} here. Please bring the {item} to {city} on {day}.",
    "A {adjective} {item} for {city} on {day}. Thanks, {name}",
    "Can you send one {item} to {name} in {city}? {day} is perfect.",
    "My name is {name}. On {day} I need the {adjective} {item} in {city}.",
    "{name} wants to buy a {item} in {city} on {day}.",
    "Order: {item}, {day}, {city}, {name}.",
    "On {day} the {item} is needed in {city}. Please tell {name}.",
    "{name} is in {city} and {name} needs a {adjective} {item} before {day}.",
    "Please send nothing to {other_city}. {name} in {city} wants the {item} by {day}.",
    "Not on {other_day}: on {day} {name} will be in {city} and needs the {item}.",
    "The gift is a {item}. {name}, {city}, not {other_day} but {day}.",
    "Is there a {adjective} {item} for {name}? I will be in {city} on {day}, not in {other_city}.",
)
KEYS = {
    "name": ("name", "friend"),
    "city": ("city", "place"),
    "day": ("day", "time"),
    "item": ("item", "gift"),
}
"""What each field may be called: the first is what the base model has read."""


def extraction(random: Random) -> Made:
    """A task with its own fields, names of fields, sentences and size."""
    keys = keys_of(random)
    instruction = INSTRUCTION.format(keys=spoken(list(keys.values())))
    source = orders(random, keys, random.sample(TEXTS, random.randint(5, 12)))
    count = random.choice(SIZES)
    train = [(asked(instruction, text), answer) for text, answer in islice(source, count)]
    rest = [(asked(instruction, text), [answer]) for text, answer in islice(source, HELDOUT + TEST)]
    return Made(
        spec=one_answer("extraction", 48),
        train=train,
        heldout=rest[:HELDOUT],
        test=rest[HELDOUT:],
        learning_rate_multiplier=random.choice(SPEEDS),
    )


def keys_of(random: Random) -> Mapping[str, str]:
    """Two to four fields, and what the task calls them."""
    fields = random.sample(list(KEYS), random.choice((2, 3, 4, 4)))
    renamed = random.random() < 0.6
    return {name: random.choice(KEYS[name]) if renamed else KEYS[name][0] for name in fields}


def spoken(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return f"{', '.join(words[:-1])} and {words[-1]}"


def orders(random: Random, keys: Mapping[str, str], texts: Sequence[str]) -> Pairs:
    """What customers wrote, each text once, with the fields as JSON."""
    seen = set()
    while True:
        city, other_city = random.sample(CITIES, 2)
        day, other_day = random.sample(DAYS, 2)
        order = {
            "name": random.choice(NAMES),
            "city": city,
            "day": day,
            "item": random.choice(PRODUCTS),
        }
        text = random.choice(texts).format(
            **order,
            adjective=random.choice(ADJECTIVES),
            other_city=other_city,
            other_day=other_day,
        )
        if text not in seen:
            seen.add(text)
            yield text, json.dumps({key: order[name] for name, key in keys.items()})
