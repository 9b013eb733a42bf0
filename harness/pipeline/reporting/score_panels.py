"""Charts over epochs of what every track has: its score, and what its training run reported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import mean

from harness.pipeline.judging.judgement import train_score
from harness.pipeline.judging.prompting import BestPrompt
from harness.pipeline.measuring.scores import score
from harness.pipeline.measuring.track import Track
from harness.records import Estimate
from harness.reports.courses import curve_takeaway, score_takeaway
from harness.reports.document import Panel, Point, Role, Series

MOST_STEPS = 120
"""Points of a curve by step; of a longer run each is the mean of several steps."""


# --- the score -----------------------------------------------------------------------


def score_panel(track: Track, title: str, probe_name: str = "training prompts") -> Panel:
    """Held-out and training prompts, the base model, what was wanted, and every seed alone."""
    panel = Panel(title, "share", tuple(_score_series(track, probe_name)))
    return replace(panel, takeaway=score_takeaway(panel))


def _score_series(track: Track, probe_name: str) -> Iterator[Series]:
    yield _series("held-out", "heldout", track, probe=False)
    if track.probe:
        yield _series(probe_name, "train", track, probe=True)
    base = score(track.scores(0), track.heldout)
    if base is not None:
        yield Series("base model", "base", tuple(Point(e, base) for e in (0, track.epochs[-1])))
    yield from _levels(track)
    if len(track.seeds) > 1:
        for seed in track.seeds:
            yield _series(f"seed {seed}", "seed", track.only(seed), probe=False)


def _levels(track: Track) -> Iterator[Series]:
    """What the score can be held against beside the base model as it is asked in the data."""
    best = BestPrompt.of(track)
    if best is not None and not best.is_own:
        yield _level(f"base model, prompt {best.name}", best.score())
    ideal = track.ideal_score
    if ideal is not None and ideal.value < 1:
        yield _level("the ideal answers themselves", ideal)
    target = track.experiment.target
    if target is not None:
        yield _level("target", Estimate(target, target, target, 0, "what the team wants"))


def _level(name: str, height: Estimate) -> Series:
    return Series(name, "reference", (Point(0, height),))


def _series(name: str, role: Role, track: Track, *, probe: bool) -> Series:
    epochs = (0.0, *track.epochs)
    scores = ((epoch, track.scores(epoch, probe=probe)) for epoch in epochs)
    points = (
        (e, train_score(track, of) if probe else score(of, track.heldout)) for e, of in scores
    )
    return Series(name, role, tuple(Point(epoch, found) for epoch, found in points if found))


# --- training ------------------------------------------------------------------------


def curve_panels(track: Track) -> Iterator[Panel]:
    """Loss and token accuracy at the end of each epoch; the training loss by step, too."""
    loss = (
        *_curve(track, "train_loss", "training", "train"),
        *_curve(track, "valid_loss", "validation", "heldout"),
    )
    accuracy = (
        *_curve(track, "train_token_accuracy", "training", "train"),
        *_curve(track, "valid_token_accuracy", "validation", "heldout"),
    )
    yield from _told(Panel("Loss", "loss", loss), _by_step(track))
    yield from _told(Panel("Token accuracy", "share", accuracy), ())


def _told(panel: Panel, steps: tuple[Series, ...]) -> Iterator[Panel]:
    """The curves in words, by their epochs; nothing where there are none."""
    told = curve_takeaway(panel, low_is_good=panel.unit == "loss")
    if panel.series or steps:
        yield replace(panel, series=(*panel.series, *steps), takeaway=told)


def _curve(track: Track, field: str, label: str, role: Role) -> Iterator[Series]:
    points = []
    for epoch in track.epochs:
        values = [v for c in track.at(epoch) if (v := getattr(c, field)) is not None]
        if values:
            method = "mean of seeds, range" if len(values) > 1 else "one run"
            points.append(
                Point(epoch, Estimate(mean(values), min(values), max(values), len(values), method))
            )
    if points:
        yield Series(label, role, tuple(points))


def _by_step(track: Track) -> tuple[Series, ...]:
    """The training loss of every step, the mean over seeds, thinned where there are many."""
    runs = [run for run in track.curves.values() if run]
    if not runs:
        return ()
    losses = [mean(steps) for steps in zip(*runs, strict=False)]
    last = track.curve_epochs or track.epochs[-1]
    size = -(-len(losses) // MOST_STEPS)
    thinned = [(len(part), mean(part)) for part in _parts(losses, size)]
    return (Series("training, step by step", "curve", tuple(_placed(thinned, last, len(losses)))),)


def _placed(parts: Sequence[tuple[int, float]], last: float, steps: int) -> Iterator[Point]:
    """Each part at its last step, in epochs."""
    done = 0
    for length, loss in parts:
        done += length
        yield Point(last * done / steps, Estimate(loss, loss, loss, 1, "mean of steps and seeds"))


def _parts(losses: Sequence[float], size: int) -> Iterator[Sequence[float]]:
    return (losses[start : start + size] for start in range(0, len(losses), size))
