"""Raw metrics of answers as they came, one value a prompt; every text is read once for all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.diversity import encode
from harness.analysis.diversity.metrics import MEASURES
from harness.analysis.stats import mean_interval
from harness.records import Estimate
from harness.reports.document import Unit

LOWER = "lower is more diverse"


@dataclass(frozen=True, slots=True)
class Shown:
    """A raw metric as reports show it: its title, its unit, and which way is better."""

    title: str
    unit: Unit = "share"
    takeaway: str = "higher is more diverse"


SHOWN: Mapping[str, Shown] = {
    "distinct_k": Shown("Really different answers", "count"),
    "duplicate_rate": Shown("Duplicate answers", takeaway=LOWER),
    "self_bleu": Shown("Self-BLEU: overlap of answers", takeaway=LOWER),
    "distinct_4": Shown("Distinct-4"),
    "distinct_2": Shown("Distinct-2"),
    "vendi": Shown("Vendi score of words", "count"),
}
"""The raw metrics of reports, at equal numbers of answers; `MEASURES` says how each is taken."""


@dataclass(frozen=True, slots=True)
class Raw:
    """One arm's answers: how many each prompt has, and by metric what each prompt measures,
    NaN where that is undefined."""

    sizes: tuple[int, ...]
    values: Mapping[str, Sequence[float]]

    @classmethod
    def of(cls, groups: Sequence[Sequence[str]]) -> Raw:
        """Measure the answers to each prompt."""
        corpus = encode(groups)
        values = {name: MEASURES[name].values(corpus).tolist() for name in SHOWN}
        return cls(tuple(map(len, groups)), values)

    def mean(self, name: str) -> Estimate | None:
        """The mean over prompts where the metric is defined; None where it nowhere is."""
        return mean_of(SHOWN[name], self.values[name], max(self.sizes, default=0))


def mean_of(shown: Shown, values: Sequence[float], most: int) -> Estimate | None:
    """The mean over the prompts that have a value; ``most`` is the most answers that one has."""
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return None
    top = 1.0 if shown.unit == "share" else max(*known, float(most))
    return mean_interval(known, (0.0, top))
