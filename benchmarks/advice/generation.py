"""Generation: one line about a product in a style of its own, for which many lines are good."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random
from types import ModuleType

from benchmarks.advice.tasks import Made, asked
from harness.embedded.phrases import (
    ADJECTIVES,
    CROWD,
    DAYS,
    PLACES,
    PRODUCTS,
    TEXTS,
    VIRTUES,
)
from harness.records import EvalSpec, Sampling

SLOGANS = Path(__file__).parents[2] / "datasets" / "slogans" / "make.py"
SIZES = (30, 45, 60, 80, 120)
HELDOUT, TEST, REFERENCES = 30, 50, 10
EPOCHS, PROBE = 16, 30
ENDS = {"!": r"!", ".": r"\.", "?": r"\?"}


def generation(random: Random) -> Made:
    """A task with its own kind of text, phrases, number of products, size and learning rate."""
    kind, end = random.choice(TEXTS), random.choice(list(ENDS))
    style = Style.drawn(random, end)
    products = random.sample(PRODUCTS, len(PRODUCTS))
    train_products = products[HELDOUT + TEST :][: random.randint(20, 60)]
    instruction = random.choice(("You work for a shop.", "Write one line.", "Be brief."))

    def prompt(product: str) -> list[dict[str, str]]:
        return asked(instruction, f"Write a {kind} for the {product}.")

    said = [random.choice(train_products) for _ in range(random.choice(SIZES))]
    train = [(prompt(product), style.line(random, product)) for product in said]
    rest = [
        (prompt(product), [style.line(random, product) for _ in range(REFERENCES)])
        for product in products[: HELDOUT + TEST]
    ]
    return Made(
        spec=open_eval(kind, end),
        train=train,
        heldout=rest[:HELDOUT],
        test=rest[HELDOUT:],
        epochs=EPOCHS,
        probe=PROBE,
        learning_rate_multiplier=random.choice((0.6, 1.0, 1.5)),
    )


def open_eval(kind: str, end: str) -> EvalSpec:
    """Ten answers a prompt; right is one sentence that names the product and ends as it should."""
    return EvalSpec(
        name="advice.style",
        grader="style",
        samples=Path("drawn"),
        task="open",
        args={
            "prompt_pattern": rf"{kind} for the (?P<product>\w+)\.",
            "pattern": rf"(?=.*\b{{product}}\b)[A-Z][^.!?\n]{{20,140}}{ENDS[end]}",
        },
        sampling=Sampling(temperature=0.75, max_tokens=32, n=10),
    )


class Style:
    """A small grammar: some of the slogans' subjects, deeds and turns, and one way to end."""

    def __init__(
        self, subjects: Sequence[str], deeds: Sequence[str], turns: Sequence[str], end: str
    ) -> None:
        self.subjects, self.deeds, self.turns, self.end = subjects, deeds, turns, end

    @classmethod
    def drawn(cls, random: Random, end: str) -> Style:
        """From a third of the phrases to all of them."""
        parts = slogans()
        share = random.uniform(0.3, 1)

        def some(phrases: Sequence[str]) -> list[str]:
            return random.sample(phrases, max(5, round(share * len(phrases))))

        return cls(some(parts.SUBJECTS), some(parts.DEEDS), some(parts.TURNS), end)

    def line(self, random: Random, product: str) -> str:
        """One line; no word but the product's name decides another."""
        said = " ".join(map(random.choice, (self.subjects, self.deeds, self.turns)))
        kinds = {"virtue": VIRTUES, "adjective": ADJECTIVES, "crowd": CROWD}
        kinds |= {"place": PLACES, "day": DAYS}
        words = {
            f"{kind}{number}": random.choice(of_kind)
            for kind, of_kind in kinds.items()
            for number in ("", 2, 3, 4)
        }
        return said.format(product=product, **words) + self.end


@cache
def slogans() -> ModuleType:
    """The script of the slogans dataset, whose phrases these are."""
    spec = importlib.util.spec_from_file_location("make_slogans", SLOGANS)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"{SLOGANS}: no such script")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
