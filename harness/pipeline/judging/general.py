"""What a report says of general abilities: what the base model could do, and what was forgotten."""

from __future__ import annotations

from collections.abc import Iterator

from harness.analysis.thresholds import DEFAULT, Thresholds
from harness.pipeline.judging.judgement import forgetting
from harness.pipeline.measuring.scores import score
from harness.pipeline.measuring.track import Track
from harness.records import Checkpoint, Estimate, Finding
from harness.reports.document import Panel, Point, Series
from harness.reports.wording import after

FORGETTING = "forgetting"
"""The metric: the general set, tuned minus base; below 0 something was forgotten."""

TITLE = "General abilities"


def forgetting_metrics(track: Track, checkpoint: Checkpoint) -> dict[str, Estimate]:
    """The change on the general set, of this checkpoint's own seed."""
    lost = forgetting(track.only(checkpoint.seed), checkpoint.epoch)
    return {FORGETTING: lost} if lost is not None else {}


def general_panels(track: Track) -> tuple[Panel, ...]:
    """The scores on each eval of the general set, from the base model on."""
    series = tuple(line for one in track.general if (line := _line(one)).points)
    if not series:
        return ()
    return (Panel(TITLE, "share", series, _takeaway(track)),)


def _line(track: Track) -> Series:
    scores = ((epoch, score(track.scores(epoch), track.heldout)) for epoch in (0.0, *track.epochs))
    points = tuple(Point(epoch, found) for epoch, found in scores if found)
    return Series(track.spec.name, "heldout", points)


def _takeaway(track: Track) -> str:
    """How much the last checkpoint lost."""
    lost = forgetting(track, track.epochs[-1])
    if lost is None:
        return "what the base model could do before"
    return f"what the base model could do before; after the last epoch {_points(lost)}"


def _points(lost: Estimate) -> str:
    return (
        f"{100 * lost.value:+.1f} points ({100 * lost.low:+.1f} to {100 * lost.high:+.1f}) "
        "against the base model"
    )


def forgetting_findings(track: Track, limits: Thresholds = DEFAULT) -> Iterator[Finding]:
    """Which epochs lost more than the tolerance; a general eval says what it is for."""
    if track.is_general:
        text = "a general ability: measured to see what was forgotten; it chooses no epoch"
        yield Finding(FORGETTING, "info", text)
    for epoch in track.epochs if track.general else ():
        lost = forgetting(track, epoch)
        if lost is None or lost.high >= -limits.forgetting_tolerance:
            continue
        yield Finding(
            FORGETTING,
            "warn",
            f"{after(epoch)} general abilities moved by {_points(lost)}: more was "
            f"forgotten than the {100 * limits.forgetting_tolerance:g} points that are tolerated",
            {"epochs": epoch, "value": lost.value, "low": lost.low, "high": lost.high},
        )
