"""Makes the basics dataset: what the embedded base model could do before anybody tuned it.

python datasets/basics/make.py [--out FOLDER]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from random import Random

from harness.embedded import phrases
from harness.embedded.corpus import order

SEED = 11
EACH = 60
WORDS = (2, 5)
"""How many words are to be said again, at least and at most."""

Item = tuple[str, str]


def echo(random: Random) -> Item:
    """Return words to say again, and these words."""
    said = " ".join(random.choices(phrases.REPEATABLE, k=random.randint(*WORDS)))
    return f"Say it again: {said}", said


def question(random: Random) -> Item:
    """Return a question about one field of an order, and that field."""
    said, fields = order(random)
    name = random.choice(list(fields))
    return f"{said} Which {name}?", fields[name]


def items(make: Callable[[Random], Item]) -> Iterator[Item]:
    """Yield items without end, each prompt once."""
    random, seen = Random(SEED), set()
    while True:
        asked, answer = make(random)
        if asked not in seen:
            seen.add(asked)
            yield asked, answer


def make(folder: Path) -> None:
    """Write heldout.jsonl."""
    lines = [
        {
            "input": [{"role": "user", "content": asked}],
            "ideal": answer,
            "ability": kind.__name__,
        }
        for kind in (echo, question)
        for asked, answer in islice(items(kind), EACH)
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "heldout.jsonl").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the basics dataset.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="the folder")
    make(parser.parse_args().out)
