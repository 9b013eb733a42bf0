"""What tokens cost, and how long answers took. Pure; prices are data, brought by the caller."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from harness.records import Latency, Price

PriceTable = Mapping[str, Price]
"""Prices by a model's name, or by a pattern with ``*``."""

MILLION = 1_000_000
FREE = Price(0.0, 0.0, 0.0, 0.0)
"""What answers of this machine and of files cost."""

TUNED = "ft:"
_DATE = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{4})$")


def price_of(model: str, tables: Sequence[PriceTable]) -> Price | None:
    """The price of a model; None where none is known, which is not the same as free.

    The first table that knows the model counts. A model of a certain date has the price of its
    family unless it has one of its own; a tuned model never has the price of its base.
    """
    for table in tables:
        for name in _names(model):
            if name in table:
                return table[name]
            fitting = [pattern for pattern in table if fnmatchcase(name, pattern)]
            if fitting:
                return table[max(fitting, key=len)]
    return None


def _names(model: str) -> Iterator[str]:
    """The names under which a model's price may stand, the most exact first."""
    yield model
    family = model
    if model.startswith(TUNED):
        family = TUNED + model.removeprefix(TUNED).partition(":")[0]
        yield family
    yield _DATE.sub("", family)


def cost_usd(price: Price, prompt_tokens: int, completion_tokens: int) -> float:
    """What tokens cost in US dollars. Servers do not say which prompts they had cached, so this
    is the most that they ask."""
    return (prompt_tokens * price.prompt + completion_tokens * price.completion) / MILLION


def training_cost_usd(price: Price, tokens_per_epoch: float, epochs: float) -> float | None:
    """What training costs in US dollars: every epoch is paid; None where no price is known."""
    if price.training is None:
        return None
    return tokens_per_epoch * epochs * price.training / MILLION


@dataclass(frozen=True, slots=True)
class Training:
    """What training on some data takes: the tokens of one pass, and what they cost.

    ``price`` is that of the model named ``priced_as``; None is not known.
    """

    tokens_per_epoch: float
    price: Price | None = None
    priced_as: str = ""
    is_estimate: bool = False

    def cost_usd(self, epochs: float) -> float | None:
        """What so many epochs cost; None where no price is known."""
        return training_cost_usd(self.price, self.tokens_per_epoch, epochs) if self.price else None


def total(costs: Iterable[float | None]) -> float | None:
    """The sum; None where a part of it is not known."""
    known = []
    for cost in costs:
        if cost is None:
            return None
        known.append(cost)
    return math.fsum(known)


# --- how long answers took -----------------------------------------------------------


def latency(seconds: Iterable[float]) -> Latency | None:
    """The quantiles of some requests; None of none.

    Nearest rank: each is a time that was measured, and of a hundred requests a share of at
    least 95 took no longer than ``p95_s``.
    """
    ordered = sorted(seconds)
    if not ordered:
        return None
    p50, p95, p99 = (ordered[math.ceil(share * len(ordered)) - 1] for share in (0.5, 0.95, 0.99))
    return Latency(p50, p95, p99, len(ordered))
