"""Which label was answered where which was right, for evals whose samples have one of few."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from harness.pipeline.measuring.classes import NO_LABEL, UNACCEPTED, Classes
from harness.pipeline.measuring.measurement import Answers, codes_of
from harness.pipeline.measuring.track import Track
from harness.pipeline.reporting.examples import MODELS_SHOWN, to_use
from harness.records import Advice
from harness.reports.document import Confusion


def confusions_of(track: Track, advices: Sequence[Advice]) -> tuple[Confusion, ...]:
    """Those of the base model and the model to use, or of all models where there is no advice."""
    tables = [answers for name in _shown(track, advices) if (answers := track.of(name))]
    if not tables:
        return ()
    classes = tables[0].classes or Classes.of(track.spec, track.heldout.values())
    if classes is None:
        return ()
    found = (confusion(track, classes, answers) for answers in tables)
    return tuple(one for one in found if one is not None)


def _shown(track: Track, advices: Sequence[Advice]) -> tuple[str, ...]:
    if advices:
        return track.base, to_use(track, advices)
    return track.model_names[:MODELS_SHOWN]


def confusion(track: Track, classes: Classes, answers: Answers) -> Confusion | None:
    """What one model answered to the held-out samples; None where none has a mark."""
    codes: Counter[tuple[int, int]] = Counter()
    for sample_id, code in _codes(classes, answers):
        if sample_id in track.heldout:
            codes[classes.of_sample[sample_id], code] += 1
    if not codes:
        return None
    places = range(len(classes.names))
    return Confusion(
        model=answers.model,
        labels=classes.names,
        counts=tuple(tuple(codes[ideal, said] for said in places) for ideal in places),
        no_label=tuple(codes[ideal, NO_LABEL] + codes[ideal, UNACCEPTED] for ideal in places),
        unaccepted=sum(codes[ideal, UNACCEPTED] for ideal in places),
    )


def _codes(classes: Classes, answers: Answers) -> Iterator[tuple[str, int]]:
    """What every marked answer counts as: noted while the journal was read, or read again."""
    if answers.classes == classes:
        for sample_id, codes in answers.said.items():
            yield from ((sample_id, code) for code in codes)
        return
    for sample_id in answers.places:
        for outcome in map(answers.outcome_at, answers.places_of(sample_id)):
            yield from ((sample_id, code) for code in codes_of(outcome, classes))
