"""The gate over the tracks of one run folder: who is judged in each experiment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from harness.analysis.gate import Evidence, Watching, judged
from harness.errors import UsageError, did_you_mean
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.judging.gating import (
    Contest,
    Origin,
    best_of,
    counted,
    evidence_of,
    usual_repeats,
)
from harness.pipeline.judging.judgement import Judge
from harness.pipeline.measuring.looked_at import looked_at
from harness.pipeline.measuring.track import Track
from harness.pipeline.questions.looks import Look, last_look
from harness.records import Check, Gate, Policy
from harness.registry.catalog import fits
from harness.running.journal import outcomes


def gate_tracks(
    folder: RunFolder,
    tracks: Sequence[Track],
    policy: Policy,
    base: str | None = None,
    tuned: str | None = None,
) -> Gate:
    """Hold what a run folder's tracks say against a policy.

    Without ``tuned`` each experiment is judged by the checkpoint to use, or by its best model,
    with the p value that a winner among so many candidates needs.

    Raises:
        UsageError: a model that is not there.
    """
    _check_names(tracks, base, tuned)
    look = last_look(folder.path)
    if look is not None:
        own = folder.read().study.policy
        if policy != own and not look.is_last:
            return unjudged(policy, STOPPED_BY_ANOTHER)
        if policy == own:
            policy, tracks = replace(policy, alpha=look.level), looked_at(tracks, look)
        else:
            look = None
    evidence: list[Evidence] = []
    faults = duplicates(folder.journal)
    for _, group in groupby(tracks, key=lambda track: track.experiment.name):
        experiment = list(group)
        contest = _contest(experiment, base, tuned, policy)
        if contest is not None:
            evidence += (
                evidence_of(track, contest, _folder_origin(track, faults, look), policy)
                for track in experiment
            )
    return judged(policy, evidence, fits)


def _check_names(tracks: Sequence[Track], *names: str | None) -> None:
    known = {name for track in tracks for name in track.model_names}
    for name in filter(None, names):
        if name not in known:
            raise UsageError(f"no answers of '{name}' in this run{did_you_mean(name, known)}")


def _contest(
    tracks: Sequence[Track], base: str | None, tuned: str | None, policy: Policy
) -> Contest | None:
    """Who is judged in one experiment; None where the model that was named is in another."""
    first = tracks[0]
    against = base or first.base
    if tuned == against:
        raise UsageError(f"'{tuned}' is the base; name the tuned model with --tuned")
    if tuned is not None:
        return Contest(tuned, against) if tuned in first.model_names else None
    candidates = [name for name in first.tuned_names if name != against]
    if not candidates:
        return Contest(first.base)
    if len(candidates) == 1:
        return Contest(candidates[0], against)
    meant = [t for t in tracks if any(fits(t.spec.name, rule.pattern) for rule in policy.rules)]
    return Contest(_picked(meant or tracks, candidates), against, len(candidates))


def _picked(tracks: Sequence[Track], candidates: Sequence[str]) -> str:
    """The checkpoint that most evals advise to use; without advice the best of the models."""
    votes = Counter(filter(None, map(_advised, tracks)))
    votes = Counter({name: count for name, count in votes.items() if name in candidates})
    if not votes:
        return best_of(tracks, candidates)
    most = max(votes.values())
    return best_of(tracks, [name for name in candidates if votes[name] == most])


def _advised(track: Track) -> str | None:
    if track.is_general or not track.epochs or track.of(track.base) is None:
        return None
    return Judge(track).advice_after(track.epochs[-1]).checkpoint


def _folder_origin(track: Track, faults: Mapping[str, str], look: Look | None) -> Origin:
    """Where a look stopped the run, the samples asked until then are all that were wanted."""
    fault = faults.get(track.spec.name)
    stopped = look is not None and not look.is_last
    return Origin(
        offered=None if stopped else counted(track),
        repeats=usual_repeats(track),
        faults=(fault,) if fault else (),
        watching=_watching(look),
    )


def _watching(look: Look | None) -> Watching:
    if look is None:
        return "end"
    if look.any_time:
        return "end of any time" if look.is_last else "any time"
    return "end" if look.is_last else "look"


STOPPED_BY_ANOTHER = (
    "this run was stopped early by a policy of its own, and only that can judge it; "
    "run all samples to ask something else"
)


def unjudged(policy: Policy, reason: str) -> Gate:
    """The gate over evidence that could not be had at all."""
    checks = (Check(rule.pattern, rule, "", "unjudged", reason=reason) for rule in policy.rules)
    return Gate(policy.name, "unjudged", tuple(checks), policy.alpha, policy.inconclusive)


def duplicates(journal: Path) -> dict[str, str]:
    """By eval, what to say of a journal that holds several marks for one answer."""
    seen: set[int] = set()
    found: dict[str, str] = {}
    for one in outcomes(journal):
        answer = hash((one.eval, one.model, one.sample_id, one.repeat))
        if one.failure is None and answer in seen:
            said = f"the journal marks {one.model} on {one.sample_id} twice (repeat {one.repeat})"
            found.setdefault(one.eval, said)
        if one.failure is None:
            seen.add(answer)
    return found
