"""The best of several checkpoints: what its score is worth, having been picked by that score."""

from __future__ import annotations

from statistics import mean

from harness.pipeline.measurement import clusters_of
from harness.pipeline.track import Track
from harness.records import Estimate, Finding


def winner(track: Track) -> tuple[float, float, Estimate] | None:
    """The epoch count that scores best on held-out samples, its score, and the corrected score.

    Compares all epoch counts on the samples that all of them have a mark for. None where there
    is nothing to pick from, where marks are no shares, or where samples share documents.
    """
    tables = {epoch: scores for epoch in track.epochs if (scores := track.scores(epoch))}
    if len(tables) < 2:
        return None
    from harness.analysis.stats import selected_score

    first, *others = tables.values()
    keys = [key for key in first if all(key in table for table in others)]
    rows = {epoch: [table[key] for key in keys] for epoch, table in tables.items()}
    shares = all(0 <= value <= 1 for row in rows.values() for value in row)
    if not keys or not shares or clusters_of(keys, track.heldout) is not None:
        return None
    best = max(rows, key=lambda epoch: mean(rows[epoch]))
    return best, mean(rows[best]), selected_score(list(rows.values()))


def winner_finding(track: Track) -> Finding | None:
    """Said where the correction is large enough to be seen: half a point or more."""
    found = winner(track)
    if found is None:
        return None
    epoch, plain, corrected = found
    if plain - corrected.value < SEEN:
        return None
    return Finding(
        "picked checkpoint",
        "info",
        f"epoch {epoch:g} was picked as the best of {len(track.epochs)} on the samples that score "
        f"it, which flatters it: corrected for that its score is {100 * corrected.value:.1f}% "
        f"({100 * corrected.low:.0f} to {100 * corrected.high:.0f}%) rather than "
        f"{100 * plain:.1f}%; fresh samples would confirm it",
        {
            "epochs": epoch,
            "score": plain,
            "corrected": corrected.value,
            "low": corrected.low,
            "high": corrected.high,
        },
    )


SEEN = 0.005
