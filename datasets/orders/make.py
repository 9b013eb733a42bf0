"""Makes the orders dataset: the four fields of an order, out of what a customer wrote.

    python datasets/orders/make.py [--out FOLDER]

The words come from the embedded base model's vocabulary; the sentences and the instruction are
new to it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from random import Random

from harness.embedded.phrases import ADJECTIVES, CITIES, DAYS, NAMES, PRODUCTS

INSTRUCTION = "Extract the order as JSON with the keys name, city, day and item."
TEXTS = (
    "Hello, this is {name} in {city}. I need a {item} on {day}.",
    "Please send one {item} to {city} by {day}. Thanks, {name}",
    "{name} here. Can you bring a {adjective} {item} to {city} on {day}?",
    "My name is {name} and I want the {adjective} {item} on {day}, please. Send it to {city}.",
    "Order for {name}: one {item}, {city}, {day}.",
    "I will be in {city} on {day}. Is there a {item} for {name}?",
    "They need the {item} in {city} before {day}. Please tell {name}.",
    "On {day} my friend {name} comes to {city} and wants to buy a {adjective} {item}.",
    "Not on {other_day}, please. {name} in {city} needs the {item} on {day}.",
    "{name} is not in {other_city} but in {city}. Send the {item} on {day}.",
)
SEED = 7
TRAIN, HELDOUT = 160, 150


def orders(random: Random) -> Iterator[tuple[str, str]]:
    """Yield what customers wrote, each text once, with the order as JSON."""
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
        text = random.choice(TEXTS).format(
            **order,
            adjective=random.choice(ADJECTIVES),
            other_city=other_city,
            other_day=other_day,
        )
        if text not in seen:
            seen.add(text)
            yield text, json.dumps(order)


def prompt(text: str) -> list[dict[str, str]]:
    """Return the messages that ask for an order's fields."""
    return [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": text}]


def make(folder: Path) -> None:
    """Write train.jsonl and heldout.jsonl."""
    source = orders(Random(SEED))
    train = [
        {"messages": [*prompt(text), {"role": "assistant", "content": order}]}
        for text, order in islice(source, TRAIN)
    ]
    heldout = [{"input": prompt(text), "ideal": order} for text, order in islice(source, HELDOUT)]
    write(folder / "train.jsonl", train)
    write(folder / "heldout.jsonl", heldout)


def write(path: Path, lines: Iterable[object]) -> None:
    """Write one JSON object a line."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the orders dataset.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="the folder")
    make(parser.parse_args().out)
