"""From answers to the evidence of a gate: what was owed, what came, and what spoils it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean

from harness.analysis.gate import OWN, Evidence, Side
from harness.messages import prompt_text
from harness.openai_evals.bridge_files import GRADER as BRIDGE
from harness.pipeline.measurement import Answers
from harness.pipeline.metrics import by_sample, detail_names
from harness.pipeline.track import Track
from harness.pipeline.variety import Variety
from harness.records import Estimate, Policy, Prices, Sample, Usage
from harness.registry.catalog import fits

NOT_A_NUMBER = "marks that are no numbers"
MILLION = 1_000_000


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
    paired; ``repeats`` the answers that each prompt gets, None where only the answers tell.
    """

    offered: int | None = None
    repeats: int | None = None
    left_out: int = 0
    faults: tuple[str, ...] = ()


def evidence_of(track: Track, contest: Contest, origin: Origin, policy: Policy) -> Evidence:
    """Everything that the policy may ask about one track."""
    if contest.base is not None:
        track = replace(track, base=contest.base)
    wanted = {(r.demand, r.metric) for r in policy.rules if fits(track.spec.name, r.pattern)}
    tuned = _side(track, contest.tuned, origin, policy.prices)
    if ("ceiling", "copy_rate") in wanted:
        tuned = replace(tuned, capped={**tuned.capped, "copy_rate": _copies(track, contest.tuned)})
    has_variety = contest.base is not None and ("diversity", "") in wanted
    return Evidence(
        eval=track.spec.name,
        samples=tuple(track.heldout),
        tuned=tuned,
        base=_side(track, contest.base, origin, None) if contest.base is not None else None,
        offered=origin.offered,
        clusters={key: s.cluster for key, s in track.heldout.items() if s.cluster},
        candidates=contest.candidates,
        diversity=_diversity(track, contest.tuned) if has_variety else None,
        other_ids=_other_ids(track.heldout.items()),
        faults=(*origin.faults, *_faults(track, contest, origin)),
    )


def usual_repeats(track: Track) -> int | None:
    """How many answers a prompt gets by the spec; None for evals that ask by themselves."""
    return None if track.spec.grader == BRIDGE else track.spec.answers_per_prompt


def is_counted(track: Track) -> bool:
    """Whether the samples file of a track holds one sample a line, so that they can be counted."""
    return track.spec.grader != BRIDGE


# --- one side ------------------------------------------------------------------------


def _side(track: Track, model: str, origin: Origin, prices: Prices | None) -> Side:
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
    counts = Counter(map(len, answers.values.values())) if answers else Counter[int]()
    return counts.most_common(1)[0][0] if counts else 1


def _marks(answers: Answers) -> dict[str, Mapping[str, float]]:
    numbers = {name: by_sample(answers.details, name) for name in detail_names(answers.details)}
    marks = {OWN: answers.by_prompt, **numbers}
    return {
        name: {key: value for key, value in table.items() if math.isfinite(value)}
        for name, table in marks.items()
    }


def _capped(answers: Answers, prices: Prices | None) -> dict[str, Mapping[str, float]]:
    from harness.analysis.refusals import is_refusal

    refused = {key: mean(map(is_refusal, texts)) for key, texts in answers.texts.items()}
    found: dict[str, Mapping[str, float]] = {
        "refusal_share": refused,
        "tokens": _spent(answers, lambda one: one.prompt_tokens + one.completion_tokens),
    }
    if prices is not None:
        found["cost_usd"] = _spent(answers, lambda one: _dollars(one, prices))
    return found


def _spent(answers: Answers, price: Callable[[Usage], float]) -> dict[str, float]:
    """The mean over a sample's answers."""
    return {key: mean(map(price, usages)) for key, usages in answers.usages.items()}


def _dollars(usage: Usage, prices: Prices) -> float:
    asked = usage.prompt_tokens * prices.prompt
    return (asked + usage.completion_tokens * prices.completion) / MILLION


def _copies(track: Track, model: str) -> dict[str, float]:
    """The share of each prompt's answers that copy training texts; {} without training data."""
    from harness.analysis.diversity import per_prompt_copy_rate

    answers = track.of(model)
    if answers is None or not track.training_texts:
        return {}
    keys = [key for key in track.heldout if answers.texts.get(key)]
    asked = [prompt_text(track.heldout[key].messages) for key in keys]
    texts = [answers.texts[key] for key in keys]
    shares = per_prompt_copy_rate(texts, track.training_texts, prompts=asked)
    return dict(zip(keys, map(float, shares), strict=True))


def _diversity(track: Track, model: str) -> Estimate | None:
    variety = Variety.of(track)
    return variety.change_of(model).ratio if variety and track.of(model) else None


# --- what spoils it ------------------------------------------------------------------


def _other_ids(samples: Iterable[tuple[str, Sample]]) -> dict[str, str]:
    """What the data themselves call their samples."""
    named = ((sample.metadata.get("id"), key) for key, sample in samples)
    return {str(name): key for name, key in named if isinstance(name, (str, int))}


def _faults(track: Track, contest: Contest, origin: Origin) -> Iterator[str]:
    names = [s.metadata.get("id") for s in track.heldout.values()]
    counts = Counter(str(name) for name in names if isinstance(name, (str, int)))
    if twice := [name for name, count in counts.items() if count > 1]:
        yield f"the data hold the id '{twice[0]}' more than once"
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
