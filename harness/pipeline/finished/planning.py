"""How many samples and repeats a comparison needs, from what an earlier run has shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from harness.analysis import stats
from harness.analysis.cost import PriceTable, cost_usd, total
from harness.analysis.stats import VarianceParts
from harness.errors import RunFolderError, UsageError, did_you_mean
from harness.pipeline.finished.read_back import read_tracks
from harness.pipeline.finished.sides import side_of
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.judging.gating import best_of, counted
from harness.pipeline.measuring.measurement import Answers, aligned
from harness.pipeline.measuring.spending import Payers
from harness.pipeline.measuring.track import Track
from harness.records import Estimate

REPEATS = (1, 2, 4, 8)
DOMINATES = 4
"""Where prompts differ so many times more than the answers to one, repeats are of no use."""


@dataclass(frozen=True, slots=True)
class Need:
    """The samples that a difference takes when each prompt is asked ``repeats`` times.

    ``gain`` shows that one model is better, ``margin`` that none is worse by more than it;
    ``cautious`` is the gain's number by the upper end of what is known of the discordance.
    ``answers`` counts both models; ``cost_usd`` is None where a price is not known.
    """

    repeats: int
    gain: int
    margin: int
    cautious: int | None
    answers: int
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """How many samples an eval needs to show a difference of ``detect``.

    ``tuned`` is None where the run holds one model; then the discordance is that of two models
    which are right independently of each other. ``seen`` counts the samples of the run,
    ``offered`` those that the data hold; ``shows`` is the smallest difference that ``seen``
    samples show. ``tokens`` are those of one sample, all models together.
    """

    eval: str
    detect: float
    base: str
    tuned: str | None
    seen: int
    offered: int | None
    discordance: Estimate | None
    needs: tuple[Need, ...]
    shows: float | None
    tokens: float | None
    parts: VarianceParts | None = None

    @property
    def prompts_dominate(self) -> bool:
        """Whether more repeats would hardly help."""
        return self.parts is not None and self.parts.between > DOMINATES * self.parts.within


def plan_of(
    place: str,
    detect: float,
    eval_name: str | None = None,
    tuned: str | None = None,
    prices: Sequence[PriceTable] = (),
) -> Plan:
    """Plan a comparison by the answers of a run folder or log.

    Raises:
        UsageError: an eval or model that is not there.
        RunFolderError, DatasetError: answers that cannot be read, or none to plan by.
    """
    tracks, payers = _read(place, prices)
    track = _chosen(tracks, eval_name, place)
    candidate = _candidate(track, tuned)
    sides = [track.of(track.base), track.of(candidate) if candidate else None]
    answers = [one for one in sides if one is not None and one.values]
    if not answers:
        raise RunFolderError(f"{place}: no mark of {track.spec.name} to plan by; run it first")
    costs = [_cost_of(one, payers) for one in (answers if len(answers) == 2 else answers * 2)]
    seen = _Seen.of(answers, detect)
    return Plan(
        eval=track.spec.name,
        detect=detect,
        base=answers[0].model,
        tuned=answers[1].model if len(answers) == 2 else None,
        seen=seen.n,
        offered=None if place_is_log(place) else counted(track),
        discordance=seen.discordance,
        needs=tuple(seen.need(repeats, total(costs)) for repeats in seen.repeats),
        shows=seen.shows,
        tokens=_tokens(answers),
        parts=seen.parts,
    )


def place_is_log(place: str) -> bool:
    """Whether a place is a log of OpenAI evals."""
    return Path(place.partition("#")[0]).is_file()


def _read(place: str, prices: Sequence[PriceTable]) -> tuple[Sequence[Track], Payers]:
    if place_is_log(place) or "#" in place:
        side = side_of(place)
        return side.tracks, Payers(prices, "openai")
    folder = RunFolder(Path(place))
    manifest = folder.read()
    return read_tracks(folder, manifest), Payers.of(manifest.study, prices)


def _chosen(tracks: Sequence[Track], name: str | None, place: str) -> Track:
    known = {track.spec.name: track for track in tracks}
    if name is None and len(known) > 1:
        raise UsageError(f"{place}: holds {', '.join(known)}; choose one with --eval")
    wanted = name if name is not None else next(iter(known), "")
    if wanted not in known:
        raise UsageError(f"{place}: no answers to '{wanted}'{did_you_mean(wanted, known)}")
    return known[wanted]


def _candidate(track: Track, tuned: str | None) -> str | None:
    """The tuned model to plan for; of several the best one."""
    if tuned is not None and tuned not in track.tuned_names:
        raise UsageError(f"no answers of '{tuned}'{did_you_mean(tuned, track.tuned_names)}")
    if tuned is not None or not track.tuned_names:
        return tuned
    return best_of([track], track.tuned_names)


# --- what was seen -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a run says about the difference of two models on one eval."""

    n: int
    detect: float
    discordance: Estimate | None
    parts: VarianceParts | None
    variance: float
    shows: float | None

    @classmethod
    def of(cls, answers: Sequence[Answers], detect: float) -> _Seen:
        """From two models, or from one that stands for both."""
        alone = len(answers) == 1
        keys, theirs, ours = aligned(answers[0].by_prompt, answers[-1].by_prompt)
        if not keys:
            raise RunFolderError(f"{answers[0].eval}: no sample has a mark from both models")
        binary = all(mark in (0.0, 1.0) for mark in (*ours, *theirs))
        return cls(
            n=len(keys),
            detect=detect,
            discordance=_discordance(ours, theirs, alone=alone) if binary else None,
            parts=_parts(answers, keys),
            variance=_variance(ours, theirs, alone=alone),
            shows=None if alone else stats.smallest_detectable_effect(ours, theirs),
        )

    @property
    def repeats(self) -> tuple[int, ...]:
        """The numbers of repeats that can be planned for."""
        return REPEATS if self.parts is not None and self.discordance is None else (1,)

    def need(self, repeats: int, cost: float | None) -> Need:
        """The samples for so many repeats; ``cost`` is that of one sample, asked once."""
        gain, margin = self._gain(repeats), self._margin(repeats)
        both = max(gain, margin) * repeats
        return Need(
            repeats=repeats,
            gain=gain,
            margin=margin,
            cautious=self._cautious(),
            answers=2 * both,
            cost_usd=None if cost is None else cost * both,
        )

    def _gain(self, repeats: int) -> int:
        if self.discordance is not None:
            return stats.samples_needed(self.detect, max(self.discordance.value, self.detect))
        return stats.samples_for_parts(self.detect, self._known_parts, repeats)

    def _margin(self, repeats: int) -> int:
        if self.discordance is not None:
            psi = self.discordance.value or self.discordance.high
            return stats.samples_for_margin(self.detect, psi)
        return stats.samples_for_parts(self.detect, self._known_parts, repeats, one_sided=True)

    def _cautious(self) -> int | None:
        if self.discordance is None:
            return None
        return stats.samples_needed(self.detect, max(self.discordance.high, self.detect))

    @property
    def _known_parts(self) -> VarianceParts:
        """Where prompts were asked once, all variance counts as that between prompts."""
        return self.parts or VarianceParts(self.variance, 0.0)


def _discordance(ours: Sequence[float], theirs: Sequence[float], *, alone: bool) -> Estimate:
    if not alone:
        return stats.discordance(ours, theirs)
    own = stats.wilson_interval(int(sum(ours)), len(ours))
    low, value, high = (stats.most_discordance(share) for share in (own.low, own.value, own.high))
    highest = 0.5 if own.low <= 0.5 <= own.high else max(low, high)
    return Estimate(value, min(low, high), highest, own.n, "as if right independently")


def _variance(ours: Sequence[float], theirs: Sequence[float], *, alone: bool) -> float:
    """That of one sample's difference; of one model twice its own."""
    values = list(ours) if alone else [a - b for a, b in zip(ours, theirs, strict=True)]
    if len(values) < 2:
        return 1.0
    centre = mean(values)
    spread = sum((value - centre) ** 2 for value in values) / (len(values) - 1)
    return 2 * spread if alone else spread


def _parts(answers: Sequence[Answers], keys: Sequence[str]) -> VarianceParts | None:
    """The variance between and within prompts; None where prompts were asked once."""
    counts = {len(one.values[key]) for one in answers for key in keys}
    if len(counts) != 1 or counts == {1} or len(keys) < 2:
        return None
    first = [answers[-1].values[key] for key in keys]
    if len(answers) == 1:
        alone = stats.variance_parts(first)
        return VarianceParts(2 * alone.between, 2 * alone.within)
    second = [answers[0].values[key] for key in keys]
    pairs = zip(first, second, strict=True)
    return stats.variance_parts([[a - b for a, b in zip(*pair, strict=True)] for pair in pairs])


# --- what it costs -------------------------------------------------------------------


def _tokens(answers: Sequence[Answers]) -> float | None:
    """Tokens of one answer of every model together; None where no server said."""
    known = [_mean_tokens(one) for one in answers]
    return sum(sum(pair) for pair in known if pair) if all(known) else None


def _mean_tokens(answers: Answers) -> tuple[float, float] | None:
    answered = sum(len(rows) for rows in answers.usages.values())
    if not answered:
        return None
    return answers.prompt_tokens / answered, answers.completion_tokens / answered


def _cost_of(answers: Answers, payers: Payers) -> float | None:
    price, tokens = payers.price("model", answers.model), _mean_tokens(answers)
    if price is None or tokens is None:
        return None
    thousand = cost_usd(price, round(1000 * tokens[0]), round(1000 * tokens[1]))
    return thousand / 1000
