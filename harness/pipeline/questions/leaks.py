"""What a training file gives away of the held-out answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.records import Finding, Sample, TrainingExample

IDEAL = "ideal"
"""A training line's own field: the answer behind its text, written as samples write theirs."""


def answers_in_training(
    training: Sequence[TrainingExample], heldout: Iterable[Sample]
) -> Finding | None:
    """Say how many held-out answers the training lines name too, whatever they were asked.

    Only training lines that name their ``ideal`` take part: where answers are labels of a few
    classes all of them occur, and that is no leak.
    """
    named = [str(example.metadata[IDEAL]) for example in training if example.metadata.get(IDEAL)]
    if not named:
        return None
    from harness.analysis.leakage import exact_overlap

    wanted = [sample.ideal[0] for sample in heldout if sample.ideal]
    found = len(exact_overlap(named, wanted))
    if not found:
        return None
    share = "all" if found == len(wanted) else f"{found:,} of"
    message = (
        f"{share} {len(wanted):,} held-out answers also occur in the training data, under other"
        " prompts: what was learnt by heart counts as right; hold out answers that training lacks"
    )
    evidence = {"leaked_answers": found, "heldout": len(wanted), "named_in_training": len(named)}
    return Finding("answers in training", "warn", message, evidence)
