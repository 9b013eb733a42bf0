"""Made-up models for the collapse study: ordinary ones, and ones with a planted fault.

A model answers a prompt by putting together phrases from that prompt's own stock, common ones
more often. Every prompt has its own stock and its own taste for repetition, drawn anew for every
model: two models differ from prompt to prompt as two seeds of one training do, and not on the
whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from random import Random
from statistics import mean

from harness.analysis.diversity import compare_diversity, per_prompt_copy_rate
from harness.analysis.stats import paired_difference
from harness.analysis.thresholds import DEFAULT

COMMON_WORDS, TOPIC_WORDS, PHRASE_WORDS = 800, 40, (2, 4)
TRAINING_OF_PROMPT = 4
Answers = list[list[str]]


@dataclass(frozen=True)
class Model:
    """How a model answers: ``words`` a text on average, from ``phrases`` of each prompt's stock.

    ``repeats`` is the share of answers that say an earlier one again, ``opens_alike`` the share
    that begin with the prompt's one opening, ``copies`` the share taken from training data.
    """

    words: float = 30
    phrases: int = 60
    repeats: float = 0.0
    opens_alike: float = 0.0
    copies: float = 0.0
    uneven: bool = False
    """Lengths vary from half to twice the mean."""


@dataclass(frozen=True)
class Setting:
    """A base and a tuned model, asked ``answers`` times each of ``prompts`` prompts."""

    name: str
    tuned: Model
    base: Model = Model()
    prompts: int = 40
    answers: int = 10


def alike(name: str, model: Model, **changes: int) -> Setting:
    """Two models of one kind."""
    return replace(Setting(name, model, model), **changes)  # type: ignore[arg-type] # checked names


PLAIN, SLOGAN, PHRASE = Model(), Model(words=8), Model(words=4)

NULLS = (
    alike("two seeds, 30 words", PLAIN),
    alike("two seeds, 100 words", Model(words=100)),
    alike("two seeds, 8 words (slogans)", SLOGAN),
    alike("two seeds, 4 words", PHRASE),
    alike("two seeds, small vocabulary", Model(phrases=12)),
    alike("two seeds that repeat a fifth", Model(repeats=0.2)),
    alike("two seeds, 15 prompts", PLAIN, prompts=15),
    alike("two seeds, 8 prompts", PLAIN, prompts=8),
    alike("two seeds, 4 answers a prompt", PLAIN, answers=4),
    Setting("twice as long", Model(words=60)),
    Setting("half as long", Model(words=15)),
    Setting("slogans, twice as long", Model(words=16), SLOGAN),
    Setting("of very uneven length", Model(uneven=True)),
)
"""Nothing is lost in these: "less diverse" is a false alarm."""

COLLAPSES = (
    Setting("a tenth repeats an earlier answer", Model(repeats=0.1)),
    Setting("a fifth repeats an earlier answer", Model(repeats=0.2)),
    Setting("a third repeats an earlier answer", Model(repeats=0.33)),
    Setting("a quarter open alike", Model(opens_alike=0.25)),
    Setting("half of them open alike", Model(opens_alike=0.5)),
    Setting("four in five open alike", Model(opens_alike=0.8)),
    Setting("two thirds of the vocabulary", Model(phrases=40)),
    Setting("half the vocabulary", Model(phrases=30)),
    Setting("a quarter of the vocabulary", Model(phrases=15)),
    Setting("a third copied from training", Model(copies=0.33)),
    Setting("half copied from training", Model(copies=0.5)),
    Setting("a third repeats, twice as long", Model(repeats=0.33, words=60)),
    Setting("slogans, a third repeats", replace(SLOGAN, repeats=0.33), SLOGAN),
    Setting("slogans, four in five open alike", replace(SLOGAN, opens_alike=0.8), SLOGAN),
    Setting("4 words, a third repeats", replace(PHRASE, repeats=0.33), PHRASE),
    replace(Setting("a third repeats, 15 prompts", Model(repeats=0.33)), prompts=15),
    replace(Setting("a third repeats, 8 prompts", Model(repeats=0.33)), prompts=8),
)
"""Something is lost in these: "less diverse" is a detection."""


# --- what a model writes -------------------------------------------------------------


@dataclass(frozen=True)
class Stock:
    """One prompt's phrases, and how fond the model is of each."""

    phrases: Sequence[str]
    fondness: Sequence[float]

    @classmethod
    def of(cls, model: Model, rng: Random, prompt: int) -> Stock:
        """Phrases of common words and of the prompt's own, the first ones liked best."""
        phrases = [
            " ".join(word(rng, prompt) for _ in range(rng.randint(*PHRASE_WORDS)))
            for _ in range(model.phrases)
        ]
        taste = rng.uniform(0.3, 0.9)
        return cls(phrases, list(accumulate((i + 1) ** -taste for i in range(len(phrases)))))

    def text(self, rng: Random, words: float) -> str:
        """About so many words, at least one."""
        wanted = max(1, round(words))
        count = math.ceil(wanted / (sum(PHRASE_WORDS) / 2)) + 2
        picked = rng.choices(self.phrases, cum_weights=self.fondness, k=count)
        return " ".join(" ".join(picked).split()[:wanted])


def word(rng: Random, prompt: int) -> str:
    """A word of the prompt's own, or a common one."""
    if rng.random() < 0.3:
        return f"t{prompt}x{rng.randrange(TOPIC_WORDS)}"
    return f"w{int(rng.randrange(COMMON_WORDS) * rng.random())}"


def answers_of(
    model: Model, rng: Random, prompts: int, answers: int, training: Answers | None = None
) -> Answers:
    """A model's answers to every prompt."""
    learned = training or [[]] * prompts
    return [written(model, rng, prompt, answers, learned[prompt]) for prompt in range(prompts)]


def written(
    model: Model, rng: Random, prompt: int, answers: int, learned: Sequence[str]
) -> list[str]:
    """The answers to one prompt."""
    stock = Stock.of(model, rng, prompt)
    opening = stock.text(rng, model.words / 3)
    texts: list[str] = []
    for _ in range(answers):
        words = length(model, rng)
        if texts and rng.random() < model.repeats:
            texts.append(rng.choice(texts))
        elif learned and rng.random() < model.copies:
            texts.append(rng.choice(learned))
        elif rng.random() < model.opens_alike:
            texts.append(f"{opening} {stock.text(rng, words - model.words / 3)}")
        else:
            texts.append(stock.text(rng, words))
    return texts


def length(model: Model, rng: Random) -> float:
    """How many words a text gets, about: give or take a fifth, or a half to twice as many."""
    if model.uneven:
        return float(model.words * 2 ** rng.uniform(-1, 1))
    return rng.gauss(model.words, model.words / 5)


# --- what is said of it --------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """One comparison: its verdict, the lowest ratio, any Holm p below .05, copying found."""

    verdict: str
    lowest: float
    any_significant: bool
    copied: bool


def said_of(setting: Setting, seed: int) -> Said:
    """Draw both models and compare them."""
    rng = Random(f"{seed} {setting.name}")
    size = (setting.prompts, setting.answers)
    training = answers_of(setting.base, rng, setting.prompts, TRAINING_OF_PROMPT)
    base = answers_of(setting.base, rng, *size)
    tuned = answers_of(setting.tuned, rng, *size, training)
    found = compare_diversity(tuned, base, beside=(), across=False)
    judged = [row for row in found.metrics if row.is_judged]
    return Said(
        verdict=found.verdict,
        lowest=min(row.ratio.value for row in judged),
        any_significant=any(row.adjusted_p < 0.05 for row in judged),
        copied=bool(setting.tuned.copies) and is_copied(tuned, base, training),
    )


def is_copied(tuned: Answers, base: Answers, training: Answers) -> bool:
    """Does the copy rate lie above its limit, as advice reads it?"""
    learned = [text for group in training for text in group]
    ours, theirs = (per_prompt_copy_rate(arm, learned) for arm in (tuned, base))
    difference, _ = paired_difference(list(ours), list(theirs))
    return difference.low > DEFAULT.copy_limit


@dataclass(frozen=True)
class Rates:
    """Shares of runs, and the mean of the lowest ratio among the metrics."""

    less: float
    more: float
    any_significant: float
    copied: float
    lowest: float


def rates(setting: Setting, runs: int) -> Rates:
    """What is said over so many runs."""
    said = [said_of(setting, seed) for seed in range(runs)]
    return Rates(
        less=mean(one.verdict == "less diverse" for one in said),
        more=mean(one.verdict == "more diverse" for one in said),
        any_significant=mean(one.any_significant for one in said),
        copied=mean(one.copied for one in said),
        lowest=mean(one.lowest for one in said),
    )
