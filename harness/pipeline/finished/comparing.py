"""Earlier runs compared: answers of run folders and logs side by side, nothing asked again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from harness import __version__
from harness.errors import RunFolderError, UsageError
from harness.pipeline.finished.sides import Side, labelled, only, pairing, side_of
from harness.pipeline.measuring.decoding import checked
from harness.pipeline.measuring.semantics import Semantics, told
from harness.pipeline.measuring.track import Track
from harness.pipeline.reporting.documents import contest, section
from harness.pipeline.reporting.examples import samples_read
from harness.records import EvalSpec, Experiment, Gate
from harness.reports.document import Document, Provenance

if TYPE_CHECKING:
    from harness.pipeline.measuring.embedding import Embedder

Judged = Callable[[Semantics | None], Gate | None]
"""What a policy says, where there is one, with what embeddings say."""


def by_nobody(semantics: Semantics | None) -> None:
    """No policy is asked."""


def compare_folders(
    places: Sequence[str],
    patterns: Sequence[str],
    command: str,
    judged: Judged = by_nobody,
    *,
    force: bool = False,
    embedder: Embedder | None = None,
    names: Sequence[str] = (),
) -> Document:
    """Compare the first place with each other one, on the evals that they share.

    A place is a run folder, with ``#model`` behind it where the folder holds several models,
    or a log of OpenAI evals. ``force`` compares answers to open tasks that were sampled
    differently, and the report says so. An ``embedder`` says what the answers mean, to the
    gate that ``judged`` makes, too. ``names`` are what a report calls the models, one a place;
    unset, their own.

    Raises:
        UsageError: a model or eval that is not there, or no shared eval.
        RunFolderError: a folder that cannot be read, other held-out data in it, or answers
            to an open task that were sampled differently.
        DatasetError: a log that cannot be read.
    """
    base, *others = _called(list(labelled([side_of(place) for place in places])), names)
    shared = [name for name in base.evals if all(side.track(name) for side in others)]
    chosen = [n for n in shared if not patterns or any(fnmatchcase(n, p) for p in patterns)]
    if not chosen:
        raise UsageError(_nothing_shared(places, (base, *others), shared))
    tracks = [joined(name, base, others, force=force) for name in chosen]

    def tell(semantics: Semantics | None) -> Document:
        most = samples_read(len(tracks))
        sections = tuple(
            replace(
                section(replace(track, semantics=semantics), samples=most),
                rivals=not _is_base_model(base),
            )
            for track in tracks
        )
        return Document(
            title=contest(base.label, [side.label for side in others]),
            description="Comparison of earlier runs; nothing was asked again.",
            sections=sections,
            provenance=Provenance(
                command=command,
                harness_version=__version__,
                provider="earlier runs",
                base=base.label,
                files={k: v for side in (base, *others) for k, v in side.files.items()},
                embeddings=semantics.shown_name if semantics else None,
            ),
            findings=tuple(semantics.findings()) if semantics else (),
            gate=judged(semantics),
        )

    return tell(None) if embedder is None else told(tell, embedder, None)


def _called(sides: Sequence[Side], names: Sequence[str]) -> list[Side]:
    """The sides under other names, where these are told apart."""
    if len(set(names)) < len(sides):
        return list(sides)
    return [replace(side, label=name) for side, name in zip(sides, names, strict=True)]


def _is_base_model(side: Side) -> bool:
    """Is it what its own run tunes, or may it be? A log does not say."""
    return side.is_log or any(track.base == side.model for track in side.tracks)


def _nothing_shared(places: Sequence[str], sides: Sequence[Side], shared: Sequence[str]) -> str:
    if shared:
        return f"no eval to compare: {', '.join(places)} share {', '.join(shared)}"
    held = zip(places, sides, strict=True)
    each = "; ".join(f"{place} holds {', '.join(side.evals) or 'none'}" for place, side in held)
    return f"no eval to compare: {', '.join(places)} share none ({each})"


def joined(eval_name: str, base: Side, others: Sequence[Side], *, force: bool = False) -> Track:
    """One eval's answers of all sides as one track.

    Raises:
        UsageError: a side without answers to this eval.
        RunFolderError: the sides answered different data, or were sampled differently.
    """
    sides = (base, *others)
    tracks = [_track(side, eval_name) for side in sides]
    decodings = [side.decoding(track) for side, track in zip(sides, tracks, strict=True)]
    told = checked(_best_spec(sides, tracks), decodings, force=force)
    track = _together(eval_name, sides, tracks)
    return replace(track, findings=(*track.findings, *told))


def _together(eval_name: str, sides: Sequence[Side], tracks: Sequence[Track]) -> Track:
    if any(side.is_log for side in sides):
        return _paired(eval_name, sides, tracks)
    own, (base, *others) = tracks[0], sides
    for side, track in zip(others, tracks[1:], strict=True):
        _check_same_data(own, base, track, side)
    answers = {
        (eval_name, side.label): found
        for side, track in zip(sides, tracks, strict=True)
        if (found := track.of(side.model))
    }
    return Track(own.spec, _contest(eval_name, others), base.label, own.heldout, (), answers)


def _track(side: Side, eval_name: str) -> Track:
    track = side.track(eval_name)
    if track is None:
        raise UsageError(f"{side.label}: no answers to {eval_name}")
    return track


def _paired(eval_name: str, sides: Sequence[Side], tracks: Sequence[Track]) -> Track:
    """The same where a log takes part: on the samples that all of them were asked."""
    pairs = pairing(eval_name, tracks)
    answers = {
        (eval_name, side.label): only(found, pairs.samples)
        for side, track in zip(sides, tracks, strict=True)
        if (found := track.of(side.model))
    }
    notes = (finding for track in tracks for finding in track.findings)
    return Track(
        spec=_best_spec(sides, tracks),
        experiment=_contest(eval_name, sides[1:]),
        base=sides[0].label,
        heldout=pairs.samples,
        checkpoints=(),
        answers=answers,
        findings=(*pairs.findings(), *notes),
    )


def _best_spec(sides: Sequence[Side], tracks: Sequence[Track]) -> EvalSpec:
    """A run folder knows more of its eval than a log."""
    known = (track.spec for side, track in zip(sides, tracks, strict=True) if not side.is_log)
    return next(known, tracks[0].spec)


def _contest(eval_name: str, others: Sequence[Side]) -> Experiment:
    labels = tuple(side.label for side in others)
    return Experiment(name="compare", evals=(eval_name,), others=labels)


def _check_same_data(own: Track, base: Side, track: Track, side: Side) -> None:
    if base.data_hash(own) != side.data_hash(track):
        raise RunFolderError(
            f"{own.spec.name}: {base.label} and {side.label} answered different held-out data "
            f"({own.spec.samples} has changed between the runs); run one of them again"
        )
