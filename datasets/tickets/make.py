"""Makes the tickets dataset: which team should answer what a customer wrote.

    python datasets/tickets/make.py [--out FOLDER]

The words come from the embedded base model's vocabulary; the teams' meanings are new to it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from random import Random

from harness.embedded.corpus import sentence

TEAMS = ("billing", "login", "returns", "shipping", "technical")
INSTRUCTION = (
    "Route the ticket to billing, login, returns, shipping or technical. Answer with one word."
)
SEED = 7
TRAIN, HELDOUT = 100, 150
SECOND_SENTENCE = 0.5
"""The share of tickets of two sentences."""
DISTRACTION = 0.1
"""The share of tickets in which two of five nouns are any team's."""


def tickets(random: Random) -> Iterator[tuple[str, str]]:
    """Yield what customers wrote, each text once, with the team that should answer."""
    seen = set()
    while True:
        team = random.choice(TEAMS)
        other = random.choice(TEAMS) if random.random() < DISTRACTION else None
        text = sentence(random, team, other)
        if random.random() < SECOND_SENTENCE:
            text = f"{text} {sentence(random, team, other)}"
        if text not in seen:
            seen.add(text)
            yield text, team


def prompt(text: str) -> list[dict[str, str]]:
    """Return the messages that ask for a team."""
    return [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": text}]


def make(folder: Path) -> None:
    """Write train.jsonl and heldout.jsonl."""
    source = tickets(Random(SEED))
    train = [
        {"messages": [*prompt(text), {"role": "assistant", "content": team}]}
        for text, team in islice(source, TRAIN)
    ]
    heldout = [{"input": prompt(text), "ideal": team} for text, team in islice(source, HELDOUT)]
    write(folder / "train.jsonl", train)
    write(folder / "heldout.jsonl", heldout)


def write(path: Path, lines: Iterable[object]) -> None:
    """Write one JSON object a line."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the tickets dataset.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="the folder")
    make(parser.parse_args().out)
