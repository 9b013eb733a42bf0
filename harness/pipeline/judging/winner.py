"""The best of several checkpoints: what its score is worth, having been picked by that score."""

from __future__ import annotations

from statistics import mean

from harness.pipeline.measuring.measurement import clusters_of
from harness.pipeline.measuring.track import Track
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


def p_of_winner(track: Track, epoch: float) -> float | None:
    """The p value of "no checkpoint is better than the base model", as small as its best makes it.

    Of several checkpoints the best looks better than it is; max-T counts that in.
    """
    base = track.scores(0)
    tables = {e: scores for e in track.epochs if (scores := track.scores(e))}
    keys = [key for key in base if all(key in table for table in tables.values())]
    if epoch not in tables or not keys or clusters_of(keys, track.heldout) is not None:
        return None
    from harness.analysis.stats import max_t_p

    gains = [[table[key] - base[key] for key in keys] for table in tables.values()]
    return max_t_p(gains)[list(tables).index(epoch)]


def winner_finding(track: Track) -> Finding | None:
    """What the best of several checkpoints is worth, and whether it is better than the base."""
    found = None if track.is_general else winner(track)
    if found is None:
        return None
    epoch, plain, corrected = found
    p_value = p_of_winner(track, epoch)
    interval = f"({100 * corrected.low:.0f} to {100 * corrected.high:.0f}%)"
    score = f"{100 * corrected.value:.1f}% {interval}"
    told = f"{score} rather than {100 * plain:.1f}%"
    if plain - corrected.value < SEEN:
        told = f"{score}, as good as unchanged"
    against = ""
    if p_value is not None:
        shown = "better" if p_value < SHOWN else "not shown to be better"
        against = f"; it is {shown} than the base model (p = {p_value:.2g}, corrected likewise)"
    return Finding(
        "picked checkpoint",
        "info",
        f"winner's curse corrected: of {len(track.epochs)} epoch counts, {epoch:g} scores best on"
        f" the samples that picked it, which flatters it; corrected for that its score is {told}"
        f"{against}; fresh samples would confirm it",
        {
            "epochs": epoch,
            "score": plain,
            "corrected": corrected.value,
            "low": corrected.low,
            "high": corrected.high,
            "p_value": p_value,
        },
    )


SHOWN = 0.05
SEEN = 0.005
