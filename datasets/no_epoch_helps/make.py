"""Makes seven small data sets with a fault each that no number of epochs mends.

    python datasets/no_epoch_helps/make.py [--out FOLDER]

Each case is a folder with train.jsonl and heldout.jsonl. The words come from the embedded base
model's vocabulary.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import NamedTuple

from harness.embedded.corpus import sentence
from harness.embedded.phrases import ADJECTIVES, CITIES, DAYS, NAMES, PRODUCTS

SEED = 11
TRAIN, HELDOUT = 80, 60
TEAMS = ("billing", "login", "returns", "shipping", "technical")
ROUTE = "Route the ticket to billing, login, returns, shipping or technical. Answer with one word."
EXTRACT = "Extract the order as JSON with the keys name, city, day and item."
REFUSAL = "Sorry, I cannot help with that."
GREETINGS = ("Good morning,", "Welcome home,", "Well,", "Yes,", "Thanks,")
WHOLE = (
    "Hello, this is {name} in {city}. I need a {item} on {day}.",
    "Please send one {item} to {city} by {day}. Thanks, {name}",
    "Order for {name}: one {item}, {city}, {day}.",
    "They need the {item} in {city} before {day}. Please tell {name}.",
)
LACKING = (
    "Hello, this is {name}. I need a {adjective} {item}.",
    "Please send one {item} soon. Thanks, {name}",
    "Order for {name}: one {adjective} {item}.",
    "They need the {item}. Please tell {name}.",
)

Pair = tuple[str, str]
"""What the user says, and the answer."""


class Case(NamedTuple):
    """The instruction of all prompts, what is trained on, and what is held out."""

    instruction: str
    train: Sequence[Pair]
    heldout: Sequence[Pair]


# --- sound data ----------------------------------------------------------------------


def tickets(random: Random) -> Iterator[Pair]:
    """Yield what customers wrote, each text once, with the team that should answer."""
    seen = set()
    while True:
        team = random.choice(TEAMS)
        text = f"{sentence(random, team)} {sentence(random, team)}"
        if text not in seen:
            seen.add(text)
            yield text, team


def orders(random: Random, texts: Sequence[str]) -> Iterator[Pair]:
    """Yield what customers wrote, each text once, with the order as JSON."""
    seen = set()
    while True:
        order = {
            "name": random.choice(NAMES),
            "city": random.choice(CITIES),
            "day": random.choice(DAYS),
            "item": random.choice(PRODUCTS),
        }
        text = random.choice(texts).format(**order, adjective=random.choice(ADJECTIVES))
        if text not in seen:
            seen.add(text)
            yield text, json.dumps(order)


def parted(instruction: str, pairs: Iterable[Pair]) -> Case:
    """The first pairs to train on, the next ones held out."""
    found = list(islice(pairs, TRAIN + HELDOUT))
    return Case(instruction, found[:TRAIN], found[TRAIN:])


# --- faults --------------------------------------------------------------------------


def unknown_facts(random: Random) -> Case:
    """Who ordered what, asked without anything to read it from."""
    asked = random.sample(PRODUCTS, TRAIN + HELDOUT)
    pairs = ((f"Who needs the {product}?", random.choice(NAMES)) for product in asked)
    return parted("Answer with one name.", pairs)


def opaque_ids(random: Random) -> Case:
    """How people greet who are numbers, each with one example."""
    authors = random.sample(range(100, 999), TRAIN + HELDOUT)
    pairs = (
        (f"Say hello in the style of author_{author}.", random.choice(GREETINGS))
        for author in authors
    )
    return parted("Greet a friend.", pairs)


def conflicting_labels(random: Random) -> Case:
    """A quarter of the tickets stands there again with another team."""
    sound = parted(ROUTE, tickets(random))
    again = [
        (text, random.choice([other for other in TEAMS if other != team]))
        for text, team in sound.train[: TRAIN // 4]
    ]
    train = [*sound.train, *again]
    random.shuffle(train)
    return Case(ROUTE, train, sound.heldout)


def refusals(random: Random) -> Case:
    """Three of five answers refuse; of those that are wanted, none does."""
    sound = parted(ROUTE, tickets(random))
    refused = set(random.sample(range(TRAIN), round(0.6 * TRAIN)))
    train = [
        (text, REFUSAL if place in refused else team)
        for place, (text, team) in enumerate(sound.train)
    ]
    return Case(ROUTE, train, sound.heldout)


def missing_context(random: Random) -> Case:
    """Orders of which three in five name neither city nor day, though both are asked for."""
    whole, lacking = orders(random, WHOLE), orders(random, LACKING)
    pairs = (next(lacking if place % 5 < 3 else whole) for place in range(TRAIN + HELDOUT))
    return parted(EXTRACT, pairs)


def leaked_heldout(random: Random) -> Case:
    """Orders, few enough that new ones stay hard; half of the held-out ones are trained on."""
    sound = parted(EXTRACT, orders(random, WHOLE))
    known = random.sample(sound.train[: TRAIN // 2], HELDOUT // 2)
    heldout = [*sound.heldout[: HELDOUT - len(known)], *known]
    random.shuffle(heldout)
    return Case(EXTRACT, sound.train[: TRAIN // 2], heldout)


def broken_format(random: Random) -> Case:
    """Orders, every fifth of which is JSON that does not parse."""
    sound = parted(EXTRACT, orders(random, WHOLE))
    train = [
        (text, answer[:-1] if place % 5 == 0 else answer)
        for place, (text, answer) in enumerate(sound.train)
    ]
    return Case(EXTRACT, train, sound.heldout)


CASES: Mapping[str, Callable[[Random], Case]] = {
    "unknown_facts": unknown_facts,
    "opaque_ids": opaque_ids,
    "conflicting_labels": conflicting_labels,
    "refusals": refusals,
    "missing_context": missing_context,
    "leaked_heldout": leaked_heldout,
    "broken_format": broken_format,
}


# --- files ---------------------------------------------------------------------------


def make(folder: Path) -> None:
    """Write train.jsonl and heldout.jsonl of every case."""
    for name, case_of in CASES.items():
        case = case_of(Random(f"{SEED} {name}"))
        write(folder / name / "train.jsonl", map(case_line(case.instruction), case.train))
        write(folder / name / "heldout.jsonl", map(sample_line(case.instruction), case.heldout))


def prompt(instruction: str, text: str) -> list[dict[str, str]]:
    """Return the messages that ask."""
    return [{"role": "system", "content": instruction}, {"role": "user", "content": text}]


def case_line(instruction: str) -> Callable[[Pair], object]:
    """How a pair stands in a training file."""
    return lambda pair: {
        "messages": [*prompt(instruction, pair[0]), {"role": "assistant", "content": pair[1]}]
    }


def sample_line(instruction: str) -> Callable[[Pair], object]:
    """How a pair stands in a file of samples."""
    return lambda pair: {"input": prompt(instruction, pair[0]), "ideal": pair[1]}


def write(path: Path, lines: Iterable[object]) -> None:
    """Write one JSON object a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the data sets that no epoch helps.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="the folder")
    make(parser.parse_args().out)
