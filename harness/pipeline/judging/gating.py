"""From answers to the evidence of a gate: what was owed, what came, and what spoils it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean

from harness.analysis.cost import cost_usd
from harness.analysis.diversity import per_prompt_copy_rate
from harness.analysis.gate import OWN, Evidence, Side, Watching
from harness.datasets import count_samples
from harness.messages import prompt_text
from harness.openai_evals.bridge_files import GRADER as BRIDGE
from harness.pipeline.judging.judgement import variety_of
from harness.pipeline.judging.writing import (
    GOOD_AND_DIFFERENT,
    REFUSALS,
    UTILITY,
    WORDS,
    Writing,
    marked_answers,
)
from harness.pipeline.measuring.measurement import Answers
from harness.pipeline.measuring.metrics import by_sample, detail_names
from harness.pipeline.measuring.track import Track
from harness.records import Estimate, Policy, Price, Usage
from harness.registry.catalog import fits

NOT_A_NUMBER = "marks that are no numbers"


@dataclass(frozen=True, slots=True)
class Contest:
    """Whom a gate judges on a track: ``tuned``, against ``base`` if there is one.

    ``candidates`` is how many models the tuned one was picked from.
    """

    tuned: str
    base: str | None = None
    candidates: int = 1


@dataclass(frozen=True, slots=True)
class Origin:
    """What is known of where a track's answers come from.

    ``offered`` is how many samples the data hold. ``left_out`` counts samples that could not be
    paired; ``repeats`` the answers to each prompt that get a mark, None where only the answers
    tell.
    """

    offered: int | None = None
    repeats: int | None = None
    left_out: int = 0
    faults: tuple[str, ...] = ()
    watching: Watching = "end"


def evidence_of(track: Track, contest: Contest, origin: Origin, policy: Policy) -> Evidence:
    """Everything that the policy may ask about one track."""
    if contest.base is not None:
        track = replace(track, base=contest.base)
    known = Names.of(track)
    wanted = {(r.demand, r.metric) for r in policy.rules if fits(track.spec.name, r.pattern)}
    names = [name for name in READ_FROM_TEXTS if any(name == metric for _, metric in wanted)]
    writing = Writing(track)
    tuned = _read(_side(track, contest.tuned, origin, policy.prices), names, writing)
    base = None
    if contest.base is not None:
        base = _read(_side(track, contest.base, origin, None), names, writing)
    has_variety = contest.base is not None and ("diversity", "") in wanted
    return Evidence(
        eval=track.spec.name,
        samples=tuple(track.heldout),
        tuned=tuned,
        base=base,
        offered=origin.offered,
        clusters=known.clusters,
        candidates=contest.candidates,
        diversity=_diversity(track, contest.tuned) if has_variety else None,
        other_ids=known.other_ids,
        faults=(*origin.faults, *known.faults, *_faults(track, contest, origin)),
        watching=origin.watching,
    )


def usual_repeats(track: Track) -> int | None:
    """How many answers to a prompt get a mark by the spec; None for evals that ask themselves."""
    return None if track.spec.grader == BRIDGE else marked_answers(track.spec)


def counted(track: Track) -> int | None:
    """How many samples a track's file holds; None of evals that ask by themselves."""
    return None if track.spec.grader == BRIDGE else count_samples(track.spec.samples)


# --- one side ------------------------------------------------------------------------


def _side(track: Track, model: str, origin: Origin, prices: Price | None) -> Side:
    answers = track.of(model)
    repeats = origin.repeats or _most_common(answers)
    owed = (len(track.heldout) + origin.left_out) * repeats
    if answers is None:
        return Side(model, owed, 0, {})
    held = [v for key, values in answers.values.items() if key in track.heldout for v in values]
    marked = sum(map(math.isfinite, held))
    failed = Counter(answers.failures)
    failed["no_mark"] += answers.unmarked
    failed[NOT_A_NUMBER] += len(held) - marked
    return Side(
        model=model,
        owed=owed,
        marked=marked,
        marks=_marks(answers),
        failed={kind: count for kind, count in failed.items() if count},
        capped=_capped(answers, prices),
        latencies_s=tuple(seconds for seconds in answers.latencies_s if seconds > 0),
    )


def _most_common(answers: Answers | None) -> int:
    """How many answers most prompts have."""
    counts = Counter(len(row) for row in answers.values.values()) if answers else Counter[int]()
    return counts.most_common(1)[0][0] if counts else 1


def _marks(answers: Answers) -> dict[str, Mapping[str, float]]:
    numbers = {name: by_sample(answers.details, name) for name in detail_names(answers.details)}
    marks = {OWN: answers.by_prompt, **numbers}
    return {
        name: {key: value for key, value in table.items() if math.isfinite(value)}
        for name, table in marks.items()
    }


def _capped(answers: Answers, prices: Price | None) -> dict[str, Mapping[str, float]]:
    tokens = _spent(answers, lambda one: sum(tokens_of(one)))
    if prices is None:
        return {"tokens": tokens}
    return {
        "tokens": tokens,
        "cost_usd": _spent(answers, lambda one: cost_usd(prices, *tokens_of(one))),
    }


def _spent(answers: Answers, price: Callable[[Usage], float]) -> dict[str, float]:
    """The mean over a sample's answers."""
    return {key: mean(map(price, found)) for key, found in answers.usages.items() if found}


def tokens_of(usage: Usage) -> tuple[int, int]:
    """Tokens asked and answered."""
    return usage.prompt_tokens, usage.completion_tokens


def _read(side: Side, names: Sequence[str], writing: Writing) -> Side:
    """The side with what is read from every text of its answers."""
    read = {name: READ_FROM_TEXTS[name](writing, side.model) for name in names}
    return replace(side, marks={**side.marks, **read})


def _copies(writing: Writing, model: str) -> dict[str, float]:
    """The share of each prompt's answers that copy training texts; {} without training data."""
    track = writing.track
    answers = track.of(model)
    if answers is None or not track.training_texts:
        return {}
    keys = [key for key in track.heldout if key in answers.places]
    asked = [prompt_text(track.heldout[key].messages) for key in keys]
    texts = [answers.texts[key] for key in keys]
    shares = per_prompt_copy_rate(texts, track.training_texts, prompts=asked)
    return dict(zip(keys, map(float, shares), strict=True))


def _written(name: str) -> Callable[[Writing, str], Mapping[str, float]]:
    """One of the numbers that stand beside every open eval, by sample."""
    return lambda writing, model: writing.tables(model).get(name, {})


READ_FROM_TEXTS: Mapping[str, Callable[[Writing, str], Mapping[str, float]]] = {
    "copy_rate": _copies,
    REFUSALS: _written(REFUSALS),
    WORDS: _written(WORDS),
    GOOD_AND_DIFFERENT: _written(GOOD_AND_DIFFERENT),
    UTILITY: _written(UTILITY),
}
"""What is measured only where a policy names it: every text has to be read for it."""


def _diversity(track: Track, model: str) -> Estimate | None:
    variety = variety_of(track, describes=False)
    return variety.change_of(model).ratio if variety and track.of(model) else None


# --- what spoils it ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Names:
    """What the data say of their samples: documents, and names of their own."""

    clusters: Mapping[str, str]
    other_ids: Mapping[str, str]
    faults: tuple[str, ...]

    @classmethod
    def of(cls, track: Track) -> Names:
        """Read every sample once; they may not be held in memory."""
        clusters: dict[str, str] = {}
        ids: dict[str, str] = {}
        twice: list[str] = []
        for key, sample in track.heldout.items():
            if sample.cluster:
                clusters[key] = sample.cluster
            name = sample.metadata.get("id")
            if isinstance(name, (str, int)):
                if str(name) in ids:
                    twice.append(f"the data hold the id '{name}' more than once")
                ids[str(name)] = key
        return cls(clusters, ids, tuple(twice[:1]))


def _faults(track: Track, contest: Contest, origin: Origin) -> Iterator[str]:
    for model in filter(None, (contest.base, contest.tuned)):
        answers = track.of(model)
        if answers is not None:
            yield from _faults_of(answers, track, origin)


def _faults_of(answers: Answers, track: Track, origin: Origin) -> Iterator[str]:
    strangers = [key for key in answers.values if key not in track.heldout]
    if strangers:
        yield (
            f"{answers.model}: {len(strangers):,} answers to samples that the data do not hold, "
            f"such as {strangers[0]}"
        )
    most = origin.repeats or _most_common(answers)
    more = [key for key, values in answers.values.items() if len(values) > most]
    if more:
        yield f"{answers.model}: {more[0]} was answered more often than asked for (duplicate ids?)"


def best_of(tracks: Sequence[Track], names: Sequence[str]) -> str:
    """The model with the highest mean score over the tracks; the first of equals."""

    def height(model: str) -> float:
        tables = [answers.by_prompt for t in tracks if (answers := t.of(model))]
        means = [mean(table.values()) for table in tables if table]
        return mean(means) if means else -math.inf

    return max(names, key=height)
