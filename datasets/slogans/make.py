"""Makes the slogans dataset: many good slogans for every product, of which training shows two.

    python datasets/slogans/make.py [--out FOLDER]

A slogan is a subject that names the product, something it does, and how or when. The words come
from the embedded base model's vocabulary; the phrases are new to it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from random import Random

from harness.embedded.phrases import (
    ADJECTIVES,
    CROWD,
    DAYS,
    PLACES,
    PRODUCTS,
    VIRTUES,
)

INSTRUCTION = "You work for a shop."
SUBJECTS = (
    "The {product}",
    "This {product}",
    "Your {product}",
    "One {product}",
    "Our {product}",
    "Every {product}",
    "My {product}",
    "Only the {product}",
    "Only one {product}",
    "Meet the {product} that",
    "Meet one {product} that",
    "Take the {product} that",
    "Trust the {product} that",
    "Choose the {product} that",
    "Trust one {product} that",
    "Find the {product} that",
    "My {product} from the {place4}",
    "Every {product} in the {place4}",
    "Nobody but the {product}",
    "Send the {product} that",
)
DEEDS = (
    "brings {virtue} {crowd} to the {place}",
    "turns {virtue} {crowd} into {crowd2}",
    "keeps your {crowd} {virtue}",
    "makes the {crowd} smile",
    "carries {crowd} through the {place}",
    "gives {crowd} a {virtue} heart",
    "wakes up the {adjective} {place}",
    "knows what {crowd} love",
    "stays {virtue} for all your {crowd}",
    "shares {virtue} {crowd} with {crowd2}",
    "finds the {place} your {crowd} love",
    "sings to the {crowd}",
    "asks {crowd} to the {place}",
    "never sleeps in the {place}",
    "dreams of {virtue} {crowd}",
    "comes home with {virtue} {crowd}",
    "looks {virtue} and {virtue2} in the {place}",
    "needs nothing but {virtue} {crowd}",
    "wants {virtue} {crowd} at the {place}",
    "helps your {crowd} to rest",
    "trusts {adjective} {crowd}",
    "is the heart of all {crowd}",
    "belongs to {virtue} {crowd}",
    "smiles at {adjective} {crowd}",
    "was {virtue} before your {crowd}",
    "gives {crowd} a {virtue} story",
    "knows all that {crowd} need",
    "can take {crowd} home",
)
TURNS = (
    "from {place2} to {place3}",
    "and never asks why",
    "for {crowd3} who love {crowd4}",
    "while the {place2} sleeps",
    "on {day} and every {day2}",
    "like a {virtue3} song in the {place2}",
    "so your {crowd3} can rest",
    "when the {adjective2} night comes",
    "because {crowd3} deserve {crowd4}",
    "with a {adjective2} heart",
    "far from the {adjective2} {place2}",
    "today and every morning",
    "but not for {adjective2} {crowd3}",
    "into the {adjective2} {place2}",
    "before lunch and at night",
    "when {crowd3} love {crowd4}",
    "near the {adjective2} {place2}",
    "with {virtue3} {crowd3} and {crowd4}",
    "and all {crowd3} smile",
    "but only on {day}",
    "so {virtue3} and so {adjective2}",
    "through {adjective2} {crowd3}",
    "at the {place2} of your dreams",
    "like {crowd3} in the {place2}",
    "for the {virtue3} and the {adjective2}",
    "because it is {virtue3}",
    "again and again",
    "when it rained in the {place2}",
)
SEED = 7
TRAIN_PRODUCTS, SLOGANS_A_PRODUCT = 110, 2
REFERENCES = 10
"""Slogans of every held-out product, for the diversity that good answers have."""


def slogan(random: Random, product: str) -> str:
    """Return a slogan; no word but the product's name decides another."""
    said = f"{random.choice(SUBJECTS)} {random.choice(DEEDS)} {random.choice(TURNS)}!"
    return said.format(
        product=product,
        virtue=random.choice(VIRTUES),
        virtue2=random.choice(VIRTUES),
        virtue3=random.choice(VIRTUES),
        adjective=random.choice(ADJECTIVES),
        adjective2=random.choice(ADJECTIVES),
        crowd=random.choice(CROWD),
        crowd2=random.choice(CROWD),
        crowd3=random.choice(CROWD),
        crowd4=random.choice(CROWD),
        place=random.choice(PLACES),
        place2=random.choice(PLACES),
        place3=random.choice(PLACES),
        place4=random.choice(PLACES),
        day=random.choice(DAYS),
        day2=random.choice(DAYS),
    )


def prompt(product: str) -> list[dict[str, str]]:
    """Return the messages that ask for a slogan."""
    return [
        {"role": "system", "content": INSTRUCTION},
        {"role": "user", "content": f"Write a slogan for the {product}."},
    ]


def make(folder: Path) -> None:
    """Write train.jsonl and heldout.jsonl."""
    random = Random(SEED)
    products = random.sample(PRODUCTS, len(PRODUCTS))
    train = [
        {"messages": [*prompt(product), {"role": "assistant", "content": slogan(random, product)}]}
        for _ in range(SLOGANS_A_PRODUCT)
        for product in products[:TRAIN_PRODUCTS]
    ]
    heldout = [
        {
            "input": prompt(product),
            "ideal": [slogan(random, product) for _ in range(REFERENCES)],
            "product": product,
        }
        for product in products[TRAIN_PRODUCTS:]
    ]
    write(folder / "train.jsonl", train)
    write(folder / "heldout.jsonl", heldout)


def write(path: Path, lines: Iterable[object]) -> None:
    """Write one JSON object a line."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the slogans dataset.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="the folder")
    make(parser.parse_args().out)
