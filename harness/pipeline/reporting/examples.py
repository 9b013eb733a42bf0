"""The samples that a report shows: what tuning changed, what is wrong, how open tasks read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from harness.messages import content_text
from harness.pipeline.measuring.measurement import Answers, Fault
from harness.pipeline.measuring.track import Track
from harness.records import Advice, Sample
from harness.reports.document import Flip, FlipKind, Gallery, Miss
from harness.reports.sampling import evenly, lot

SAMPLES_READ, LEAST_READ = 2_400, 200
"""Samples that are read for a report, and at least of each eval; a page takes what it has room
for."""

KINDS: tuple[FlipKind, ...] = ("broken", "fixed", "both_wrong")

GALLERIES_SHOWN = 4
ANSWERS_SHOWN = 5
MODELS_SHOWN = 4


def samples_read(evals: int) -> int:
    """How many samples of each of so many evals are read for a report."""
    return max(LEAST_READ, SAMPLES_READ // max(1, evals))


def as_read(sample: Sample) -> str:
    """The messages as a person reads them."""
    said = ((one.get("role"), content_text(one.get("content"))) for one in sample.messages)
    return "\n".join(f"{role}: {text}" for role, text in said)


def ideal_text(sample: Sample) -> str:
    """The right answers, all in one line."""
    return " | ".join(sample.ideal)


# --- what changed --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Changed:
    """A sample whose mark tuning changed, or that both models miss."""

    place: int
    sample_id: str
    kind: FlipKind
    model: str
    tuned: Answers


def flips_of(
    track: Track, advices: Sequence[Advice], most: int = SAMPLES_READ
) -> tuple[tuple[Flip, ...], int]:
    """The flips of the model to use, or of all where there is no advice; and how many more.

    Of too many as many of each kind and model are taken, the same every time. Open tasks have
    none: their answers differ every time.
    """
    base = track.of(track.base)
    if base is None or track.spec.task == "open":
        return (), 0
    models = (to_use(track, advices),) if advices else track.tuned_names
    found = [
        changed
        for model in models
        if (tuned := track.of(model)) is not None
        for changed in _changed(base, model, tuned, track.heldout)
    ]
    by_kind = evenly(found, lambda c: (c.kind, c.model), lambda c: c.sample_id)
    shown = sorted(
        islice(by_kind, most),
        key=lambda c: (models.index(c.model), KINDS.index(c.kind), c.place),
    )
    flips = (_flip(changed, track.heldout, base) for changed in shown)
    return tuple(flips), len(found) - len(shown)


def to_use(track: Track, advices: Sequence[Advice]) -> str:
    """The model that the latest advice says to use; without a word on it the last one."""
    return advices[-1].checkpoint or track.tuned_names[-1]


def _changed(
    base: Answers, model: str, tuned: Answers, samples: Iterable[str]
) -> Iterator[_Changed]:
    """What tuning changed, and what both models miss."""
    before, after = base.by_prompt, tuned.by_prompt
    for place, key in enumerate(samples):
        if key in before and key in after:
            kind = flip_kind(before[key], after[key])
            if kind is not None:
                yield _Changed(place, key, kind, model, tuned)


def flip_kind(before: float, after: float) -> FlipKind | None:
    """What tuning did to one sample's mark; None where it was and is right."""
    if after > before:
        return "fixed"
    if after < before:
        return "broken"
    return "both_wrong" if after < 1 else None


def _flip(
    changed: _Changed,
    samples: Mapping[str, Sample],
    base: Answers,
) -> Flip:
    key, tuned = changed.sample_id, changed.tuned
    sample = samples[key]
    return Flip(
        kind=changed.kind,
        sample_id=key,
        prompt=as_read(sample),
        ideal=ideal_text(sample),
        base_text=base.texts.get(key, [""])[0],
        tuned_text=tuned.texts.get(key, [""])[0],
        tuned_model=changed.model,
        cluster=sample.cluster,
    )


# --- what is wrong -------------------------------------------------------------------


def misses_of(track: Track, most: int = SAMPLES_READ) -> tuple[tuple[Miss, ...], int]:
    """What a model that stands alone got wrong, the worst first; and how many more there are.

    References of open tasks are no right answers, so they are not shown as ideal.
    """
    answers = track.of(track.base)
    if answers is None or track.tuned_names:
        return (), 0
    marks = answers.by_prompt
    wrong = [key for key in track.heldout if answers.is_faulty(key)]
    worst = set(sorted(wrong, key=lambda key: (marks[key], lot(key)))[:most])
    shown = sorted((key for key in wrong if key in worst), key=marks.__getitem__)
    one_answer = track.spec.task == "one-answer"
    misses = (
        _miss(track.heldout[key], answers.fault(key), marks[key], one_answer=one_answer)
        for key in shown
    )
    return tuple(misses), len(wrong) - len(shown)


def _miss(sample: Sample, fault: Fault, mark: float, *, one_answer: bool) -> Miss:
    return Miss(
        sample_id=sample.id,
        prompt=as_read(sample),
        ideal=ideal_text(sample) if one_answer else "",
        answer=fault.text,
        mark=mark,
        reason=fault.reason,
        cluster=sample.cluster,
    )


# --- how open tasks read -------------------------------------------------------------


def galleries_of(track: Track, advices: Sequence[Advice]) -> tuple[Gallery, ...]:
    """Answers of several models to the same prompts; only open tasks have them."""
    if track.spec.task != "open":
        return ()
    shown = dict(side_by_side(track, advices))
    return tuple(
        Gallery(key, as_read(sample), _answers_of(shown, track, key))
        for key, sample in islice(track.heldout.items(), GALLERIES_SHOWN)
    )


def _answers_of(
    models: Mapping[str, str], track: Track, sample_id: str
) -> Mapping[str, tuple[str, ...]]:
    return {
        label: tuple(table.texts.get(sample_id, [])[:ANSWERS_SHOWN])
        for label, model in models.items()
        if (table := track.of(model))
    }


def side_by_side(track: Track, advices: Sequence[Advice]) -> Iterator[tuple[str, str]]:
    """Labels and models: base, the checkpoint to use, the last one; without epochs all of them."""
    if not advices:
        yield from ((model, model) for model in track.model_names[:MODELS_SHOWN])
        return
    chosen, last = to_use(track, advices), track.at(track.epochs[-1])[0].model
    yield "base", track.base
    yield "tuned, to use now", chosen
    if last != chosen:
        yield "tuned, last", last
