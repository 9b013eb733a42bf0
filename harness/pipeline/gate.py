"""The gate over run folders and logs: who is judged, on what evidence, by which policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from harness.analysis.gate import Evidence, judged
from harness.datasets import count_samples
from harness.errors import DatasetError, HarnessError, RunFolderError, UsageError, did_you_mean
from harness.pipeline import sides
from harness.pipeline.comparing import joined
from harness.pipeline.gating import (
    Contest,
    Origin,
    best_of,
    evidence_of,
    is_counted,
    usual_repeats,
)
from harness.pipeline.judgement import Judge
from harness.pipeline.runfolder import RunFolder
from harness.pipeline.sides import labelled, side_of
from harness.pipeline.track import Track
from harness.records import Check, Experiment, Gate, Policy
from harness.registry import Registry
from harness.registry.catalog import fits
from harness.running.journal import outcomes


def gate_places(
    places: Sequence[str],
    policy: Policy,
    registry: Registry,
    base: str | None = None,
    tuned: str | None = None,
) -> Gate:
    """Hold a run folder or log, or two of them (base, tuned), against a policy.

    Evidence that cannot be read makes the gate unjudged; it is no error.

    Raises:
        UsageError: a model that is not there, or more than two places.
    """
    if len(places) > 2:
        raise UsageError(f"{len(places)} places: give one run folder or log, or two: base, tuned")
    try:
        if len(places) == 2:
            return _of_pair(places, policy, registry)
        path = Path(places[0])
        if path.is_file() or "#" in places[0]:
            return _of_side(places[0], policy, registry)
        return gate_folder(RunFolder(path), policy, base, tuned)
    except (DatasetError, RunFolderError) as error:
        return unjudged(policy, str(error))


def unjudged(policy: Policy, reason: str) -> Gate:
    """The gate over evidence that could not be had at all."""
    checks = (Check(rule.pattern, rule, "", "unjudged", reason=reason) for rule in policy.rules)
    return Gate(policy.name, "unjudged", tuple(checks), policy.alpha, policy.inconclusive)


# --- one run folder ------------------------------------------------------------------


def gate_folder(
    folder: RunFolder, policy: Policy, base: str | None = None, tuned: str | None = None
) -> Gate:
    """Hold a run folder against a policy.

    Without ``tuned`` each experiment is judged by the checkpoint to use, or by its best model,
    with the p value that a winner among so many candidates needs.

    Raises:
        UsageError: a model that is not there.
        RunFolderError, DatasetError: evidence that cannot be read.
    """
    from harness.pipeline.folder_report import read_tracks

    return gate_tracks(folder, read_tracks(folder, folder.read()), policy, base, tuned)


def gate_tracks(
    folder: RunFolder,
    tracks: Sequence[Track],
    policy: Policy,
    base: str | None = None,
    tuned: str | None = None,
) -> Gate:
    """The same for tracks that were read already."""
    _check_names(tracks, base, tuned)
    evidence: list[Evidence] = []
    faults = duplicates(folder.journal)
    for _, group in groupby(tracks, key=lambda track: track.experiment.name):
        experiment = list(group)
        contest = _contest(experiment, base, tuned, policy)
        if contest is not None:
            evidence += (
                evidence_of(track, contest, _folder_origin(track, faults), policy)
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
    if not track.epochs or track.of(track.base) is None:
        return None
    return Judge(track).advice_after(track.epochs[-1]).checkpoint


def _folder_origin(track: Track, faults: Mapping[str, str]) -> Origin:
    fault = faults.get(track.spec.name)
    return Origin(
        offered=_counted(track),
        repeats=usual_repeats(track),
        faults=(fault,) if fault else (),
    )


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


# --- logs, and two places ------------------------------------------------------------


def _of_side(place: str, policy: Policy, registry: Registry) -> Gate:
    """One model alone: a log, or a model of a folder."""
    side = side_of(place)
    return judged(
        policy,
        [
            evidence_of(track, Contest(side.model), _side_origin([side], track, registry), policy)
            for track in side.tracks
            if track.of(side.model)
        ],
        fits,
    )


def _of_pair(places: Sequence[str], policy: Policy, registry: Registry) -> Gate:
    base, tuned = labelled([side_of(place) for place in places])
    names = dict.fromkeys([*base.evals, *tuned.evals])
    evidence = [_paired(name, base, tuned, policy, registry) for name in names]
    for folder in (Path(place.partition("#")[0]) for place in places):
        if folder.is_dir():
            faults = duplicates(RunFolder(folder).journal)
            evidence = [_with_fault(one, faults.get(one.eval)) for one in evidence]
    return judged(policy, evidence, fits)


def _paired(
    name: str, base: sides.Side, tuned: sides.Side, policy: Policy, registry: Registry
) -> Evidence:
    contest = Contest(tuned.label, base.label)
    try:
        track = joined(name, base, [tuned])
    except (RunFolderError, UsageError) as error:
        known = tuned.track(name) or base.track(name)
        return _faulty(known, contest, str(error), policy)
    return evidence_of(track, contest, _side_origin([base, tuned], track, registry), policy)


def _with_fault(one: Evidence, fault: str | None) -> Evidence:
    return replace(one, faults=(*one.faults, fault)) if fault else one


def _faulty(known: Track | None, contest: Contest, fault: str, policy: Policy) -> Evidence:
    """Evidence of which nothing is known but what is wrong with it."""
    if known is None:
        raise RunFolderError(fault)
    empty = Experiment("gate", (known.spec.name,), others=(contest.tuned,))
    track = replace(known, experiment=empty, answers={}, checkpoints=())
    return evidence_of(track, contest, Origin(faults=(fault,)), policy)


def _side_origin(found: Sequence[sides.Side], track: Track, registry: Registry) -> Origin:
    logs = [side for side in found if side.is_log]
    left_out = sum(
        int(finding.evidence.get("samples", 0))
        for finding in track.findings
        if finding.rule in ("unpaired", "changed")
    )
    return Origin(
        offered=_registered(track, registry) if logs else _counted(track),
        repeats=None if logs else usual_repeats(track),
        left_out=left_out,
        faults=tuple(_unended(logs)),
    )


def _unended(logs: Iterable[sides.Side]) -> Iterator[str]:
    for side in logs:
        if not side.ended:
            yield f"{next(iter(side.files))}: no final report: the run did not come to its end"


def _counted(track: Track) -> int | None:
    return count_samples(track.spec.samples) if is_counted(track) else None


def _registered(track: Track, registry: Registry) -> int | None:
    """How many samples the eval of this name has; None where the registry does not know it."""
    try:
        return count_samples(registry.eval(track.spec.name).samples)
    except HarnessError:
        return None
