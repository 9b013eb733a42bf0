"""The gate over run folders and logs: who is judged, on what evidence, by which policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.analysis.gate import Evidence, judged
from harness.datasets import count_samples
from harness.errors import DatasetError, HarnessError, RunFolderError, UsageError
from harness.pipeline.finished import sides
from harness.pipeline.finished.comparing import joined
from harness.pipeline.finished.read_back import read_tracks
from harness.pipeline.finished.sides import labelled, side_of
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.judging.gate_tracks import duplicates, gate_tracks, unjudged
from harness.pipeline.judging.gating import Contest, Origin, counted, evidence_of, usual_repeats
from harness.pipeline.measuring.decoding import checked
from harness.pipeline.measuring.semantics import Semantics
from harness.pipeline.measuring.track import Track
from harness.records import Experiment, Gate, Policy
from harness.registry import Registry
from harness.registry.catalog import fits


def gate_places(
    places: Sequence[str],
    policy: Policy,
    registry: Registry,
    base: str | None = None,
    tuned: str | None = None,
    *,
    force: bool = False,
    semantics: Semantics | None = None,
) -> Gate:
    """Hold a run folder or log, or two of them (base, tuned), against a policy.

    Evidence that cannot be read makes the gate unjudged; it is no error. Answers to open tasks
    that were sampled differently count as such, unless ``force`` says otherwise. ``semantics``
    says what the answers of two places mean; a run folder knows its own.

    Raises:
        UsageError: a model that is not there, or more than two places.
    """
    if len(places) > 2:
        raise UsageError(f"{len(places)} places: give one run folder or log, or two: base, tuned")
    try:
        if len(places) == 2:
            base_side, tuned_side = labelled([side_of(place) for place in places])
            pair = Pair(base_side, tuned_side, force, semantics)
            return _of_pair(places, policy, registry, pair)
        path = Path(places[0])
        if path.is_file() or "#" in places[0]:
            return _of_side(places[0], policy, registry)
        return gate_folder(RunFolder(path), policy, base, tuned)
    except (DatasetError, RunFolderError) as error:
        return unjudged(policy, str(error))


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
    return gate_tracks(folder, read_tracks(folder, folder.read()), policy, base, tuned)


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


@dataclass(frozen=True, slots=True)
class Pair:
    """The base and the tuned model of two places, and how they are to be compared."""

    base: sides.Side
    tuned: sides.Side
    force: bool
    semantics: Semantics | None

    def track(self, name: str) -> Track:
        """One eval's answers of both.

        Raises:
            UsageError, RunFolderError: as for `joined`.
        """
        track = joined(name, self.base, [self.tuned], force=self.force)
        return replace(track, semantics=self.semantics)


def _of_pair(places: Sequence[str], policy: Policy, registry: Registry, pair: Pair) -> Gate:
    names = dict.fromkeys([*pair.base.evals, *pair.tuned.evals])
    evidence = [_paired(name, pair, policy, registry) for name in names]
    for folder in (Path(place.partition("#")[0]) for place in places):
        if folder.is_dir():
            faults = duplicates(RunFolder(folder).journal)
            evidence = [_with_fault(one, faults.get(one.eval)) for one in evidence]
    gate = judged(policy, evidence, fits)
    return _with_warnings(gate, pair.base, pair.tuned) if pair.force else gate


def _with_warnings(gate: Gate, base: sides.Side, tuned: sides.Side) -> Gate:
    """The gate whose checks say where answers were sampled differently."""
    checks = []
    for check in gate.checks:
        tracks = (base.track(check.eval), tuned.track(check.eval))
        told = ""
        if tracks[0] is not None and tracks[1] is not None:
            decodings = [base.decoding(tracks[0]), tuned.decoding(tracks[1])]
            told = "; ".join(f.message for f in checked(tracks[0].spec, decodings, force=True))
        reason = "; ".join(filter(None, (check.reason, told)))
        checks.append(replace(check, reason=reason))
    return replace(gate, checks=tuple(checks))


def _paired(name: str, pair: Pair, policy: Policy, registry: Registry) -> Evidence:
    base, tuned = pair.base, pair.tuned
    contest = Contest(tuned.label, base.label)
    try:
        track = pair.track(name)
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
        offered=_registered(track, registry) if logs else counted(track),
        repeats=None if logs else usual_repeats(track),
        left_out=left_out,
        faults=tuple(_unended(logs)),
    )


def _unended(logs: Iterable[sides.Side]) -> Iterator[str]:
    for side in logs:
        if not side.ended:
            yield f"{next(iter(side.files))}: no final report: the run did not come to its end"


def _registered(track: Track, registry: Registry) -> int | None:
    """How many samples the eval of this name has; None where the registry does not know it."""
    try:
        return count_samples(registry.eval(track.spec.name).samples)
    except HarnessError:
        return None
