"""Further numbers of a grader, compared with the base as its score is: sample by sample."""

from __future__ import annotations

from collections.abc import Iterator

from harness.pipeline.judgement import detectable, difference, score
from harness.pipeline.measurement import aligned
from harness.pipeline.metrics import by_sample
from harness.pipeline.track import Track
from harness.records import Comparison


def detail_comparisons(track: Track, model: str) -> Iterator[Comparison]:
    """A comparison for each of the numbers that the eval names as its ``metrics``."""
    base, tuned = track.of(track.base), track.of(model)
    if base is None or tuned is None:
        return
    for name in track.spec.metrics:
        before, after = by_sample(base.details, name), by_sample(tuned.details, name)
        found = difference(after, before, track.heldout)
        keys, ours, theirs = aligned(after, before)
        base_score = score(dict(zip(keys, theirs, strict=True)), track.heldout)
        tuned_score = score(dict(zip(keys, ours, strict=True)), track.heldout)
        if found is None or base_score is None or tuned_score is None:
            continue
        yield Comparison(
            eval=track.spec.name,
            base=track.base,
            tuned=model,
            metric=name,
            base_score=base_score,
            tuned_score=tuned_score,
            delta=found[0],
            p_value=found[1],
            excluded=len(track.heldout) - len(keys),
            detectable=detectable(keys, ours, theirs, track.heldout),
        )
