"""Further numbers of a grader, compared with the base as its score is: sample by sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.graders import FORMAT
from harness.pipeline.judging.judgement import detectable
from harness.pipeline.measuring.measurement import aligned
from harness.pipeline.measuring.metrics import by_sample
from harness.pipeline.measuring.scores import difference, score
from harness.pipeline.measuring.track import Track
from harness.records import Comparison


def detail_comparisons(track: Track, model: str) -> Iterator[Comparison]:
    """A comparison for each of the numbers that the eval names as its ``metrics``.

    Beside a quality the form is always told of.
    """
    base, tuned = track.of(track.base), track.of(model)
    if base is None or tuned is None:
        return
    form = (FORMAT,) if track.spec.task == "open" else ()
    for name in dict.fromkeys((*track.spec.metrics, *form)):
        before, after = by_sample(base.details, name), by_sample(tuned.details, name)
        if compared := compared_on(track, model, name, before, after):
            yield compared


def compared_on(
    track: Track,
    model: str,
    metric: str,
    before: Mapping[str, float],
    after: Mapping[str, float],
) -> Comparison | None:
    """One number of a tuned model against the base's, by sample; None where none has both."""
    found = difference(after, before, track.heldout)
    keys, ours, theirs = aligned(after, before)
    base_score = score(dict(zip(keys, theirs, strict=True)), track.heldout)
    tuned_score = score(dict(zip(keys, ours, strict=True)), track.heldout)
    if found is None or base_score is None or tuned_score is None:
        return None
    return Comparison(
        eval=track.spec.name,
        base=track.base,
        tuned=model,
        metric=metric,
        base_score=base_score,
        tuned_score=tuned_score,
        delta=found[0],
        p_value=found[1],
        excluded=len(track.heldout) - len(keys),
        detectable=detectable(keys, ours, theirs, track.heldout),
    )
