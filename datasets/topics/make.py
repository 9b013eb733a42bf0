"""Makes the topics dataset: does a sentence speak of cooking or of sport?

    python datasets/topics/make.py [--out FOLDER]

The prompt does not say which two words may be answered. Who is told chooses rightly: the embedded
base model has learnt to pick the one of several words that fits.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random

from harness.embedded.corpus import sentence

ANSWERS = {"cooking": "recipe", "sport": "match"}
INSTRUCTION = "Answer with one word."
SEED = 17
TRAIN, HELDOUT = 120, 240


def sentences(random: Random) -> Iterator[tuple[str, str]]:
    """Yield sentences, each once, with the word that names their topic."""
    seen = set()
    while True:
        topic = random.choice(list(ANSWERS))
        text = sentence(random, topic)
        if text not in seen:
            seen.add(text)
            yield text, ANSWERS[topic]


def asked(text: str) -> list[dict[str, str]]:
    """Return the prompt."""
    return [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": text}]


def make(folder: Path) -> None:
    """Write train.jsonl and heldout.jsonl."""
    drawn = list(islice(sentences(Random(SEED)), TRAIN + HELDOUT))
    train = [
        {"messages": [*asked(text), {"role": "assistant", "content": word}]}
        for text, word in drawn[:TRAIN]
    ]
    heldout = [{"input": asked(text), "ideal": word} for text, word in drawn[TRAIN:]]
    for name, lines in (("train", train), ("heldout", heldout)):
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the topics dataset.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="the folder")
    make(parser.parse_args().out)
