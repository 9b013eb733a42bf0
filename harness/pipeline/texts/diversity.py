"""How diverse the texts of files are, each for itself and against the first one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from harness.analysis.diversity import (
    Copied,
    DiversityComparison,
    Metric,
    Repeat,
    common_draws,
    compare_diversity,
    encode,
    nearest_training,
)
from harness.analysis.diversity.comparison import METRICS, PRIMARY
from harness.analysis.diversity.copying import RUN
from harness.analysis.diversity.examples import (
    Duplicate,
    PromptVariety,
    least_varied,
    most_duplicated,
)
from harness.analysis.diversity.metrics import PromptMetric, title_of
from harness.analysis.diversity.pools import PoolComparison, compare_pools
from harness.analysis.diversity.profile import Profile, profile_of
from harness.analysis.diversity.rarefaction import rarefied
from harness.analysis.diversity.repeats import openings_in, repeats_in
from harness.analysis.diversity.semantic import by_embedding
from harness.analysis.diversity.tokens import DEFAULT_TOKENIZER, Groups
from harness.analysis.diversity.views import Views
from harness.analysis.stats import (
    mean_interval,
    paired_bootstrap,
    ratio_interval,
    wilson_interval,
)
from harness.errors import UsageError
from harness.pipeline.texts.textset import Tell, TextSet, silent
from harness.records import Estimate

if TYPE_CHECKING:
    from harness.pipeline.measuring.embedding import Embedder

NO_MEANING = "a text whose vector is zero"
RAREFIED = (2, 4)
MOST_ACROSS = 5_000  # texts: what describes the set of prompts takes long for more
Pairing = Literal["prompt", "position", "none"]


@dataclass(frozen=True, slots=True)
class Looking:
    """How to look at texts: what to measure, and how much to list."""

    metrics: tuple[str, ...] | None = None
    tokenizer: str = DEFAULT_TOKENIZER
    k: int | None = None
    n: int = 4
    top: int = 5
    seed: int = 0
    run: int = RUN
    unpaired: bool = False
    rarefy: bool = False
    embedder: Embedder | None = None

    @property
    def semantic(self) -> tuple[Metric, ...]:
        """The metrics of meaning, where an embedding model is named."""
        return by_embedding(self.embedder.embed) if self.embedder else ()


@dataclass(frozen=True, slots=True)
class Copies:
    """How many texts copy training items, and the longest copies.

    ``rate`` is the mean over prompts, ``by_prompt`` the share of each; ``examples`` come with
    the training item. ``excused`` says whether what a prompt says itself was set aside.
    """

    rate: Estimate
    by_prompt: tuple[float, ...]
    copied: int
    examples: tuple[tuple[Copied, str], ...]
    training: int
    excused: bool
    run: int


@dataclass(frozen=True, slots=True)
class FileReport:
    """One set of texts: its metrics, and the texts behind them; ``notes`` say what was sampled."""

    source: TextSet
    profile: Profile
    repeats: tuple[Repeat, ...]
    openings: tuple[Repeat, ...]
    duplicates: tuple[Duplicate, ...]
    worst: tuple[PromptVariety, ...]
    copies: Copies | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rarefied:
    """Distinct-n at equal numbers of n-grams drawn, of texts that were not cut."""

    n: int
    tuned: Estimate
    base: Estimate
    ratio: Estimate


@dataclass(frozen=True, slots=True)
class Compared:
    """One set against the yardstick.

    ``prompts`` pairs entered, ``unmatched`` counts the prompts of the yardstick and of this
    set without a partner. ``why`` says why nothing was paired. Exactly one of ``by_prompt``
    and ``as_wholes`` is there.
    """

    name: str
    yardstick: str
    pairing: Pairing
    prompts: int
    unmatched: tuple[int, int]
    why: str = ""
    by_prompt: DiversityComparison | None = None
    as_wholes: PoolComparison | None = None
    copying: Estimate | None = None
    rarefied: tuple[Rarefied, ...] = ()


def look(
    source: TextSet, looking: Looking, training: Sequence[str] = (), tell: Tell = silent
) -> FileReport:
    """Measure one set of texts and list what repeats in it.

    Raises:
        UsageError: an unknown metric or tokenizer, or a number that cannot be.
    """
    if looking.k is not None:
        source = source.first(looking.k)
    groups, cut = list(source.groups.values()), looking.tokenizer
    try:
        tell(f"{source.name}: measuring {len(source.texts):,} texts")
        views = Views(encode(groups, cut))
        meanings = {
            one.name: PromptMetric(title_of(one.name), one.values, "higher", NO_MEANING, "count")
            for one in looking.semantic
        }
        measured = profile_of(views, looking.metrics, looking.seed, meanings)
        tell(f"{source.name}: looking for what repeats")
        return FileReport(
            source=source,
            profile=measured,
            repeats=repeats_in(views, looking.n, looking.top),
            openings=openings_in(views, top=looking.top),
            duplicates=most_duplicated(groups, looking.top),
            worst=least_varied(groups, measured.by_prompt, looking.top),
            copies=copies(source, training, looking, tell) if training else None,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


def copies(source: TextSet, training: Sequence[str], looking: Looking, tell: Tell) -> Copies:
    """What of the texts stands in the training data."""
    tell(f"{source.name}: looking for copies of {len(training):,} training texts")
    texts, prompts = source.texts, source.prompts
    found = nearest_training(
        texts, training, looking.run, prompts=prompts, tokenizer=looking.tokenizer
    )
    copied = {one.text for one in found}
    flags = iter(number in copied for number in range(len(texts)))
    by_prompt = tuple(
        sum(next(flags) for _ in group) / len(group) for group in source.groups.values()
    )
    longest = sorted(found, key=lambda one: -one.tokens)[: looking.top]
    return Copies(
        rate=copy_share(by_prompt, len(copied), len(texts), looking.seed),
        by_prompt=by_prompt,
        copied=len(copied),
        examples=tuple((one, training[one.training]) for one in longest),
        training=len(training),
        excused=prompts is not None,
        run=looking.run,
    )


def copy_share(by_prompt: Sequence[float], copied: int, texts: int, seed: int) -> Estimate:
    """The copy rate: Wilson's interval where each prompt has one text, else over prompts."""
    if len(by_prompt) == texts:
        return wilson_interval(copied, texts)
    return paired_bootstrap(by_prompt, [0.0] * len(by_prompt), seed=seed, bounds=(0.0, 1.0))


# --- against the first ---------------------------------------------------------------


def compare_reports(base: FileReport, tuned: FileReport, looking: Looking) -> Compared:
    """One set against the yardstick: prompt by prompt where they can be paired.

    Raises:
        UsageError: a metric that comparisons do not know.
    """
    pairing, why = paired_by(base.source, tuned.source, looking)
    keys = pairs(base.source, tuned.source, pairing)
    ours, theirs = tuned.source.groups, base.source.groups
    unmatched = (len(theirs) - len(keys), len(ours) - len(keys))
    if not keys:
        wholes = compare_pools(
            list(ours.values()), list(theirs.values()), tokenizer=looking.tokenizer
        )
        return Compared(
            tuned.source.name, base.source.name, "none", 0, unmatched, why, as_wholes=wholes
        )
    metrics = PRIMARY if looking.metrics is None else compared_metrics(looking.metrics)
    arms = [ours[mine] for mine, _ in keys], [theirs[other] for _, other in keys]
    found = compare_diversity(
        *arms,
        (*metrics, *looking.semantic),
        across=max(map(len, (base.source.texts, tuned.source.texts))) <= MOST_ACROSS,
        seed=looking.seed,
        tokenizer=looking.tokenizer,
    )
    return Compared(
        tuned.source.name,
        base.source.name,
        pairing,
        len(keys),
        unmatched,
        by_prompt=found,
        copying=copying_difference(base, tuned, keys, looking.seed),
        rarefied=tuple(rarefied_changes(*arms, looking)) if looking.rarefy else (),
    )


def rarefied_changes(tuned: Groups, base: Groups, looking: Looking) -> Iterator[Rarefied]:
    """Distinct-n of both at the n-grams that both have of each prompt."""
    arms = encode(tuned, looking.tokenizer), encode(base, looking.tokenizer)
    for n in RAREFIED:
        draws = common_draws(*arms, n)
        values = np.column_stack([rarefied(arm, n, draws) for arm in arms])
        ours, theirs = values[~np.isnan(values).any(axis=1)].T
        if ours.size:
            share = (0.0, 1.0)
            ratio = ratio_interval(ours, theirs, seed=looking.seed, bounds=share)
            yield Rarefied(n, mean_interval(ours, share), mean_interval(theirs, share), ratio)


def compared_metrics(names: Sequence[str]) -> tuple[str, ...]:
    """Those of the metrics asked for that comparisons know.

    Raises:
        UsageError: none.
    """
    known = tuple(name for name in names if name in METRICS)
    if not known:
        raise UsageError(f"--metrics: to compare, name at least one of {', '.join(METRICS)}")
    return known


Pair = tuple[str, str]
"""The keys of one prompt: in the set, and in the yardstick."""


def paired_by(base: TextSet, tuned: TextSet, looking: Looking) -> tuple[Pairing, str]:
    """How the prompts of two sets belong together, or why they do not."""
    if looking.unpaired:
        return "none", "--unpaired was said"
    several = any(len(group) > 1 for one in (base, tuned) for group in one.groups.values())
    if not several:
        return "none", "no prompt has several answers"
    if base.by_position and tuned.by_position:
        if len(base.groups) == len(tuned.groups):
            return "position", ""
        return "none", "the files name no prompts and have different numbers of lines"
    if base.by_position or tuned.by_position:
        nameless = base if base.by_position else tuned
        return "none", f"{nameless.name} names no prompts (--prompt-field)"
    if not base.groups.keys() & tuned.groups.keys():
        return "none", "they have no prompt in common"
    return "prompt", ""


def pairs(base: TextSet, tuned: TextSet, pairing: Pairing) -> list[Pair]:
    """The prompts of both sets that belong together, in the yardstick's order."""
    if pairing == "position":
        return list(zip(tuned.groups, base.groups, strict=True))
    if pairing == "prompt":
        return [(key, key) for key in base.groups if key in tuned.groups]
    return []


def copying_difference(
    base: FileReport, tuned: FileReport, keys: Sequence[Pair], seed: int
) -> Estimate | None:
    """How much more of each prompt's answers are copies than the yardstick's."""
    if base.copies is None or tuned.copies is None:
        return None
    ours = dict(zip(tuned.source.groups, tuned.copies.by_prompt, strict=True))
    theirs = dict(zip(base.source.groups, base.copies.by_prompt, strict=True))
    return paired_bootstrap(
        [ours[mine] for mine, _ in keys],
        [theirs[other] for _, other in keys],
        seed=seed,
        bounds=(-1.0, 1.0),
    )
