"""From answers to evidence, and from evidence to advice, for every epoch count of a track."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean
from typing import TYPE_CHECKING

from harness.analysis.thresholds import DEFAULT, Thresholds
from harness.graders import FORMAT, needs_judge
from harness.messages import content_text
from harness.pipeline.judging.causes import knowledge, missing_context, refusals, wanted_refusals
from harness.pipeline.judging.prompting import BestPrompt, mean_prompt_tokens
from harness.pipeline.measuring.measurement import aligned, clusters_of, pooled
from harness.pipeline.measuring.scores import difference, score
from harness.pipeline.measuring.track import Track
from harness.records import Advice, Checkpoint, Comparison, Estimate, Round, Sample
from harness.reports.wording import clipped

if TYPE_CHECKING:  # numpy costs more to import than a small run takes
    from harness.analysis import evidence as analysis_evidence
    from harness.analysis.advice import Candidate
    from harness.analysis.evidence import Evidence, Peak, Standing
    from harness.pipeline.measuring.variety import Variety


def exact(estimate: Estimate) -> Estimate:
    """A number that is known rather than estimated from a part."""
    value = estimate.value
    return Estimate(value, value, value, estimate.n, "exact: the whole training set")


def is_whole(track: Track, probe: Mapping[str, float]) -> bool:
    """Do these scores cover the whole training set?"""
    return track.probe_is_whole and len(probe) == len(track.probe)


def train_score(track: Track, probe: Mapping[str, float]) -> Estimate | None:
    """The score on training prompts: without an interval where all of them were asked.

    An interval says what a part may hide of the whole; a whole hides nothing. With Wilson's,
    36 right answers to all 36 prompts would read "90 % or more".
    """
    found = score(probe)
    return exact(found) if found and is_whole(track, probe) else found


def unlearnt(track: Track, probe: Mapping[str, float]) -> tuple[str, ...]:
    """The training prompts that are mostly answered wrong, shortened, the worst first."""
    wrong = sorted((value, key) for key, value in probe.items() if value < MOSTLY)
    asked = (track.probe[key].messages for _, key in wrong if key in track.probe)
    return tuple(clipped(content_text(said[-1].get("content")), PROMPT_CHARS) for said in asked)


MOSTLY = 0.5
PROMPT_CHARS = 60


def train_step(
    track: Track, probe: Mapping[str, float], before: Mapping[str, float]
) -> Estimate | None:
    """The change of the train score since the checkpoint before, paired by prompt."""
    found = _delta(probe, before)
    whole = is_whole(track, probe) and is_whole(track, before)
    return exact(found) if found and whole else found


def unpaired_gap(train: Estimate | None, heldout: Estimate | None) -> Estimate | None:
    """Train minus held-out, of independent samples, from the two intervals.

    Source: MOVER (Zou & Donner 2008); with Wilson intervals it is Newcombe's hybrid score.
    """
    if train is None or heldout is None:
        return None
    value = train.value - heldout.value
    below = math.hypot(train.value - train.low, heldout.high - heldout.value)
    above = math.hypot(train.high - train.value, heldout.value - heldout.low)
    n = min(train.n, heldout.n)
    return Estimate(value, value - below, value + above, n, "MOVER from both intervals")


def comparison(track: Track, model: str) -> Comparison | None:
    """One tuned model against the base on held-out samples; None where no sample has both."""
    base_answers, tuned_answers = track.of(track.base), track.of(model)
    if base_answers is None or tuned_answers is None:
        return None
    base, tuned = base_answers.by_prompt, tuned_answers.by_prompt
    found = difference(tuned, base, track.heldout)
    keys, ours, theirs = aligned(tuned, base)
    base_score = score(dict(zip(keys, theirs, strict=True)), track.heldout)
    tuned_score = score(dict(zip(keys, ours, strict=True)), track.heldout)
    if found is None or base_score is None or tuned_score is None:
        return None
    changes = [ours[i] - theirs[i] for i in range(len(keys))]
    binary = all(value in (0.0, 1.0) for value in (*ours, *theirs))
    return Comparison(
        eval=track.spec.name,
        base=track.base,
        tuned=model,
        metric="accuracy" if binary else "score",
        base_score=base_score,
        tuned_score=tuned_score,
        delta=found[0],
        p_value=found[1],
        excluded=len(track.heldout) - len(keys),
        fixed=sum(change > 0 for change in changes) if binary else None,
        broken=sum(change < 0 for change in changes) if binary else None,
        detectable=detectable(keys, ours, theirs, track.heldout),
    )


def detectable(
    keys: Sequence[str],
    tuned: Sequence[float],
    base: Sequence[float],
    samples: Mapping[str, Sample],
) -> float | None:
    """The smallest true difference that these samples would show, from how much changed on them."""
    from harness.analysis.stats import smallest_detectable_effect

    return smallest_detectable_effect(tuned, base, clusters_of(keys, samples))


# --- evidence ------------------------------------------------------------------------


def evidence_after(track: Track, epochs: float, variety: Variety | None = None) -> Evidence:
    """All that is known of a track after ``epochs`` epochs, from its checkpoints up to then."""
    from harness.analysis.evidence import Evidence
    from harness.pipeline.judging.data_gain import data_gain  # it reads scores from here

    earlier = tuple(e for e in track.epochs if e < epochs)
    before = earlier[-1] if earlier else 0.0
    tables = [answers for c in track.at(epochs) if (answers := track.of(c.model))]
    probes = [answers for c in track.at(epochs) if (answers := track.of(c.model, probe=True))]
    heldout, probe = track.scores(epochs), track.scores(epochs, probe=True)
    earlier_probes = [list(track.scores(e, probe=True).values()) for e in earlier]
    train, held = train_score(track, probe), score(heldout, track.heldout)
    measured = variety.after(epochs) if variety else None
    best = BestPrompt.of(track)
    return Evidence(
        eval=track.spec.name,
        task=track.spec.task,
        model=track.at(epochs)[0].model,
        epochs=epochs,
        ceiling=track.experiment.ceiling,
        target=track.experiment.target,
        n_train=len(track.training_texts) or None,
        n_heldout=len(track.heldout),
        unmarked_share=_mean(table.unmarked_share for table in tables),
        unreadable_share=_mean(one.unmarked / one.total for one in probes if one.total),
        truncated_share=_mean(
            table.cut_short_share(track.heldout, track.spec.grader) for table in tables
        ),
        ideal_score=track.ideal_score,
        leaked=len(track.leaked),
        leak_shift=_leak_shift(track, heldout),
        losses=_losses_until(track, epochs),
        lints=track.findings,
        train=train,
        train_step=train_step(track, probe, track.scores(before, probe=True)),
        train_best=max(map(mean, filter(None, earlier_probes)), default=None),
        train_is_whole=is_whole(track, probe),
        unlearnt=unlearnt(track, probe),
        heldout=held,
        heldout_step=_delta(heldout, track.scores(before), track.heldout),
        heldout_doubling=heldout_doubling(track, epochs, earlier),
        standings=standings(track, epochs, variety),
        gain=_gain(track, heldout, best),
        best_prompt=_best_prompt(track, epochs, heldout, best),
        data_gain=data_gain(track),
        gap=unpaired_gap(train, score(_like_the_probe(track, epochs, heldout), track.heldout)),
        peak=peak(track, epochs, earlier),
        constant=constant_score(track),
        context=missing_context(track, epochs),
        knowledge=knowledge(track, epochs),
        refusals=refusals(track, epochs),
        wanted_refusals=wanted_refusals(track),
        diversity=measured.drop if measured else None,
        copied=measured.copied if measured else None,
        forgetting=forgetting(track, epochs),
        remembers=remembers(track, epochs, earlier),
        valid_losses=_series(track, "valid_loss", epochs),
        train_token_accuracies=_series(track, "train_token_accuracy", epochs),
        valid_token_accuracies=_series(track, "valid_token_accuracy", epochs),
        earlier=earlier,
    )


def _gain(track: Track, heldout: Mapping[str, float], best: BestPrompt | None) -> Estimate | None:
    """Over the base model with the prompt that serves it best."""
    if best is None or best.is_own:
        return _delta(heldout, track.scores(0), track.heldout)
    found = best.gain_of(heldout)
    return found[0] if found else None


def _best_prompt(
    track: Track, epochs: float, heldout: Mapping[str, float], best: BestPrompt | None
) -> analysis_evidence.BestPrompt | None:
    """The prompt that beats that of the data, if one does."""
    if best is None or best.is_own:
        return None
    from harness.analysis import evidence

    tables = [answers for c in track.at(epochs) if (answers := track.of(c.model))]
    tuned, theirs = [mean_prompt_tokens(table) for table in tables], best.tokens(best.name)
    known = [tokens for tokens in tuned if tokens is not None]
    saved = theirs - mean(known) if known and theirs is not None else None
    own = _delta(heldout, track.scores(0), track.heldout)
    return evidence.BestPrompt(best.name, own, saved)


def _like_the_probe(
    track: Track, epochs: float, heldout: Mapping[str, float]
) -> Mapping[str, float]:
    """Held-out marks of the kind that training prompts have: where these are marked by their
    form alone, those of the form."""
    if track.spec.grader != GENERATION or not needs_judge(track.spec):
        return heldout
    from harness.pipeline.measuring.metrics import by_sample  # it reads scores from here

    tables = [answers.details for c in track.at(epochs) if (answers := track.of(c.model))]
    return pooled([by_sample(details, FORMAT) for details in tables]) or heldout


def forgetting(track: Track, epochs: float) -> Estimate | None:
    """How much better the general set is answered than by the base model, paired by sample.

    Below 0 something was forgotten. All evals of the set are one: each sample counts the same.
    """
    base = track.general_scores(0)
    return _delta(track.general_scores(epochs), base, track.general_samples) if base else None


def remembers(
    track: Track, epochs: float, earlier: Sequence[float], limits: Thresholds = DEFAULT
) -> float | None:
    """The last earlier epoch that forgot less than the tolerance and costs less than the margin."""
    last = track.scores(epochs)
    for epoch in reversed(earlier):
        lost = forgetting(track, epoch)
        cost = _delta(track.scores(epoch), last, track.heldout)
        if lost is None or cost is None:
            continue
        if lost.value >= -limits.forgetting_tolerance and cost.low >= -limits.margin:
            return epoch
    return None


GENERATION = "generation"


def constant_score(track: Track) -> float | None:
    """The share of held-out samples whose ideal is the commonest training answer.

    None for open tasks, and where either is not known.
    """
    wanted = [sample.ideal for sample in track.heldout.values() if sample.ideal]
    if track.spec.task == "open" or not wanted or not track.training_texts:
        return None
    ((commonest, _),) = Counter(map(str.strip, track.training_texts)).most_common(1)
    return mean(commonest in map(str.strip, ideals) for ideals in wanted)


def _delta(
    tuned: Mapping[str, float],
    base: Mapping[str, float],
    samples: Mapping[str, Sample] | None = None,
) -> Estimate | None:
    found = difference(tuned, base, samples)
    return found[0] if found else None


def _mean(shares: Iterable[float]) -> float:
    found = list(shares)
    return mean(found) if found else 0.0


def _leak_shift(track: Track, heldout: Mapping[str, float]) -> Estimate | None:
    """The score without the leaked samples minus that with them.

    Which is the share of the leaked ones times how much worse the others are answered.
    """
    clean = {key: value for key, value in heldout.items() if key not in track.leaked}
    known = {key: value for key, value in heldout.items() if key in track.leaked}
    apart = unpaired_gap(score(clean, track.heldout), score(known, track.heldout))
    if apart is None:
        return None
    share = len(known) / len(heldout)
    low, high = share * apart.low, share * apart.high
    return Estimate(share * apart.value, low, high, len(clean), apart.method)


def _losses_until(track: Track, epochs: float) -> tuple[float, ...]:
    """The step curve up to this epoch, the mean over seeds."""
    runs = [curve for curve in track.curves.values() if curve]
    if not runs or not track.epochs:
        return ()
    share = min(1.0, epochs / (track.curve_epochs or max(track.epochs)))
    cut = [run[: max(1, round(len(run) * share))] for run in runs]
    return tuple(mean(steps) for steps in zip(*cut, strict=False))


def _series(track: Track, name: str, epochs: float) -> tuple[float, ...]:
    """One of a checkpoint's training numbers, epoch by epoch, the mean over seeds."""
    points = []
    for epoch in (e for e in track.epochs if e <= epochs):
        values = [v for c in track.at(epoch) if (v := getattr(c, name)) is not None]
        if values:
            points.append(mean(values))
    return tuple(points)


def heldout_doubling(track: Track, epochs: float, earlier: Sequence[float]) -> Estimate | None:
    """The held-out score minus that after at most half as many epochs; None at the first."""
    if not earlier:
        return None
    half = max((e for e in earlier if 2 * e <= epochs), default=0.0)
    return _delta(track.scores(epochs), track.scores(half), track.heldout)


def standings(track: Track, epochs: float, variety: Variety | None) -> tuple[Standing, ...]:
    """The checkpoints before this one, each against the best of all up to now."""
    from harness.analysis.evidence import Standing

    found = candidates(track, epochs, variety)
    return tuple(
        Standing(one.epoch, one.minus_best, one.fit_for_use) for one in found if one.epoch < epochs
    )


def peak(track: Track, epochs: float, earlier: Sequence[float]) -> Peak | None:
    """The best earlier checkpoint on held-out data, corrected for having been picked."""
    from harness.analysis.evidence import Peak

    last = track.scores(epochs)
    contrasts = []
    for epoch in earlier:
        found = difference(last, track.scores(epoch), track.heldout)
        if found is not None:
            contrasts.append((found[0], found[1], epoch))
    if not contrasts:
        return None
    delta, p_two_sided, epoch = min(contrasts, key=lambda contrast: contrast[0].value)
    p_value = p_two_sided / 2 if delta.value < 0 else 1 - p_two_sided / 2
    return Peak(epoch, delta, min(1.0, p_value * len(contrasts)))


# --- advice --------------------------------------------------------------------------


def candidates(
    track: Track, epochs: float, variety: Variety | None, limits: Thresholds = DEFAULT
) -> tuple[Candidate, ...]:
    """The checkpoints that exist after ``epochs`` epochs, each against the best of them."""
    from harness.analysis.advice import Candidate

    seen = [e for e in track.epochs if e <= epochs]
    tables = {e: scores for e in seen if (scores := track.scores(e))}
    if not tables:
        return ()
    best = max(tables, key=lambda e: mean(tables[e].values()))
    found = []
    for epoch, values in tables.items():
        held = score(values, track.heldout)
        against_best = _delta(values, tables[best], track.heldout)
        if held is not None and against_best is not None:
            found.append(
                Candidate(
                    best_seed(track, epoch).model,
                    epoch,
                    held,
                    against_best,
                    fit_for_use=variety is None or variety.fit_for_use(epoch),
                    minus_base=_delta(values, track.scores(0), track.heldout),
                )
            )
    return tuple(found)


def best_seed(track: Track, epochs: float) -> Checkpoint:
    """Of one epoch count's checkpoints, the one that does best on held-out samples."""

    def held(checkpoint: Checkpoint) -> float:
        answers = track.of(checkpoint.model)
        return mean(answers.by_prompt.values()) if answers and answers.values else -math.inf

    return max(track.at(epochs), key=held)


def variety_of(
    track: Track, limits: Thresholds = DEFAULT, *, describes: bool = True
) -> Variety | None:
    """How varied the answers are; None where that is nothing to ask of them.

    ``describes`` adds what reports show and advice does not read.
    """
    if track.spec.task != "open":
        return None
    from harness.pipeline.measuring.variety import Variety

    semantic = track.semantics.metrics if track.semantics else ()
    return Variety.of(track, limits, semantic, describes=describes)


@dataclass(slots=True)
class Judge:
    """Judges one track: all seeds pooled, and each seed alone, so that dissent can be named.

    What is expensive (the diversity of open tasks) is measured once for each epoch count.
    """

    track: Track
    limits: Thresholds = DEFAULT
    variety: Variety | None = field(init=False)
    alone: tuple[tuple[str, Track, Variety | None], ...] = field(init=False)

    def __post_init__(self) -> None:
        self.variety = variety_of(self.track, self.limits)
        seeds = self.track.seeds if len(self.track.seeds) > 1 else ()
        single = ((f"seed {seed}", self.track.only(seed)) for seed in seeds)
        self.alone = tuple(
            (name, t, variety_of(t, self.limits, describes=False)) for name, t in single
        )

    def advice_after(self, epochs: float) -> Advice:
        """What to do after ``epochs`` epochs."""
        from harness.analysis.advice import advise

        return advise(
            evidence_after(self.track, epochs, self.variety),
            candidates(self.track, epochs, self.variety, self.limits),
            by_seed=[
                (name, evidence_after(track, epochs, variety))
                for name, track, variety in self.alone
                if track.at(epochs)
            ],
            training=self.track.training,
            previous=change_before(self.track.earlier, epochs),
            limits=self.limits,
        )


def change_before(earlier: Sequence[Round], epochs: float) -> int:
    """The change in epochs that an earlier round advised, where it led to so many epochs."""
    if not earlier:
        return 0
    last = earlier[-1]
    followed = (epochs - last.epochs) * last.advice.recommend > 0
    return last.advice.recommend if followed else 0
