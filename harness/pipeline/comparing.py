"""Earlier runs compared: the answers of several run folders side by side, nothing asked again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from harness import __version__
from harness.errors import RunFolderError, UsageError, did_you_mean
from harness.pipeline.folder_report import read_tracks
from harness.pipeline.manifest import Manifest, portable
from harness.pipeline.measurement import Answers
from harness.pipeline.reporting import contest, section
from harness.pipeline.runfolder import RunFolder
from harness.pipeline.track import Track
from harness.records import Experiment
from harness.reports.document import Document, Provenance


@dataclass(frozen=True, slots=True)
class Side:
    """One model in one run folder."""

    label: str
    model: str
    manifest: Manifest
    tracks: tuple[Track, ...]

    def track(self, eval_name: str) -> Track | None:
        """This side's track of an eval, if it has one with answers of the model."""
        found = (t for t in self.tracks if t.spec.name == eval_name and t.of(self.model))
        return next(found, None)


def compare_folders(places: Sequence[str], patterns: Sequence[str], command: str) -> Document:
    """Compare the first place with each other one, on the evals that they share.

    A place is a run folder, with ``#model`` behind it where the folder holds several models.

    Raises:
        UsageError: a model or eval that is not there, or no shared eval.
        RunFolderError: a folder that cannot be read, or other held-out data in it.
    """
    base, *others = labelled([side_of(place) for place in places])
    shared = [name for name in _evals(base) if all(side.track(name) for side in others)]
    chosen = [n for n in shared if not patterns or any(fnmatchcase(n, p) for p in patterns)]
    if not chosen:
        having = ", ".join(shared) or "none"
        raise UsageError(f"no eval to compare: {', '.join(places)} share {having}")
    tracks = [joined(name, base, others) for name in chosen]
    return Document(
        title=contest(base.label, [side.label for side in others]),
        description="Comparison of earlier runs; nothing was asked again.",
        sections=tuple(section(track) for track in tracks),
        provenance=Provenance(
            command=command,
            harness_version=__version__,
            provider="earlier runs",
            base=base.label,
            files={k: v for side in (base, *others) for k, v in side.manifest.files.items()},
        ),
    )


def side_of(place: str) -> Side:
    """Read one place."""
    path, _, model = place.partition("#")
    folder = RunFolder(Path(path))
    manifest = folder.read()
    tracks = read_tracks(folder, manifest)
    models = list(dict.fromkeys(name for track in tracks for _, name in track.answers))
    if not model and len(models) == 1:
        model = models[0]
    if not model:
        raise UsageError(
            f"{path}: holds {len(models)} models; name one behind '{path}#': {', '.join(models)}"
        )
    if model not in models:
        raise UsageError(f"{path}: no answers of '{model}'{did_you_mean(model, models)}")
    return Side(model, model, manifest, tracks)


def labelled(sides: Sequence[Side]) -> Iterator[Side]:
    """The sides under names that differ: the model's, with a number where it occurs again."""
    seen: dict[str, int] = {}
    for side in sides:
        seen[side.model] = count = seen.get(side.model, 0) + 1
        yield side if count == 1 else replace(side, label=f"{side.model} ({count})")


def joined(eval_name: str, base: Side, others: Sequence[Side]) -> Track:
    """One eval's answers of all sides as one track."""
    own = base.track(eval_name)
    if own is None:
        raise UsageError(f"{base.label}: no answers to {eval_name}")
    answers: dict[tuple[str, str], Answers] = {}
    for side in (base, *others):
        track = side.track(eval_name)
        found = track.of(side.model) if track else None
        if track is None or found is None:
            continue
        _check_same_data(own, base, track, side)
        answers[eval_name, side.label] = found
    labels = tuple(side.label for side in others)
    experiment = Experiment(name="compare", evals=(eval_name,), others=labels)
    return Track(own.spec, experiment, base.label, own.heldout, (), answers)


def _check_same_data(own: Track, base: Side, track: Track, side: Side) -> None:
    ours = base.manifest.plan.files.get(portable(own.spec.samples))
    theirs = side.manifest.plan.files.get(portable(track.spec.samples))
    if ours != theirs:
        raise RunFolderError(
            f"{own.spec.name}: {base.label} and {side.label} answered different held-out data "
            f"({own.spec.samples} has changed between the runs); run one of them again"
        )


def _evals(side: Side) -> list[str]:
    return [track.spec.name for track in side.tracks if track.of(side.model)]
