"""The samples that a report shows: what tuning changed, what is wrong, how open tasks read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from harness.messages import content_text
from harness.pipeline.measurement import Answers, Fault
from harness.pipeline.track import Track
from harness.records import Advice, Sample
from harness.reports.document import Flip, FlipKind, Gallery, Miss

FLIPS_SHOWN = 60
MISSES_SHOWN = 40
GALLERIES_SHOWN = 4
ANSWERS_SHOWN = 5
MODELS_SHOWN = 4


def as_read(sample: Sample) -> str:
    """The messages as a person reads them."""
    said = ((one.get("role"), content_text(one.get("content"))) for one in sample.messages)
    return "\n".join(f"{role}: {text}" for role, text in said)


def ideal_text(sample: Sample) -> str:
    """The right answers, all in one line."""
    return " | ".join(sample.ideal)


# --- what changed --------------------------------------------------------------------


def flips_of(track: Track, advices: Sequence[Advice]) -> tuple[tuple[Flip, ...], int]:
    """The flips of the model to use, or of each model where there is no advice; and how many more.

    Open tasks have none: their answers differ every time.
    """
    base = track.of(track.base)
    if base is None or track.spec.task == "open":
        return (), 0
    models = (to_use(track, advices),) if advices else track.tuned_names[:MODELS_SHOWN]
    shown: list[Flip] = []
    omitted = 0
    for model in models:
        if tuned := track.of(model):
            flips, more = flips_between(base, tuned, track.heldout, FLIPS_SHOWN // len(models))
            shown += flips
            omitted += more
    return tuple(shown), omitted


def to_use(track: Track, advices: Sequence[Advice]) -> str:
    """The model that the latest advice says to use; without a word on it the last one."""
    return advices[-1].checkpoint or track.tuned_names[-1]


def flips_between(
    base: Answers, tuned: Answers, samples: Mapping[str, Sample], most: int = FLIPS_SHOWN
) -> tuple[tuple[Flip, ...], int]:
    """Samples that tuning fixed or broke, then those that both miss; and how many are not shown."""
    found: dict[FlipKind, list[str]] = {"broken": [], "fixed": [], "both_wrong": []}
    before, after = base.by_prompt, tuned.by_prompt
    for key in samples:
        if key not in before or key not in after:
            continue
        kind = flip_kind(before[key], after[key])
        if kind is not None:
            found[kind].append(key)
    share = {"broken": most // 2, "fixed": most // 2, "both_wrong": most // 3}
    shown = [
        _flip(kind, samples[key], base, tuned)
        for kind, keys in found.items()
        for key in keys[: share[kind]]
    ]
    return tuple(shown), sum(map(len, found.values())) - len(shown)


def flip_kind(before: float, after: float) -> FlipKind | None:
    """What tuning did to one sample's mark; None where it was and is right."""
    if after > before:
        return "fixed"
    if after < before:
        return "broken"
    return "both_wrong" if after < 1 else None


def _flip(kind: FlipKind, sample: Sample, base: Answers, tuned: Answers) -> Flip:
    return Flip(
        kind=kind,
        sample_id=sample.id,
        prompt=as_read(sample),
        ideal=ideal_text(sample),
        base_text=base.texts.get(sample.id, [""])[0],
        tuned_text=tuned.texts.get(sample.id, [""])[0],
        tuned_model=tuned.model,
    )


# --- what is wrong -------------------------------------------------------------------


def misses_of(track: Track) -> tuple[tuple[Miss, ...], int]:
    """What a model that stands alone got wrong, the worst first; and how many more there are.

    References of open tasks are no right answers, so they are not shown as ideal.
    """
    answers = track.of(track.base)
    if answers is None or track.tuned_names:
        return (), 0
    marks = answers.by_prompt
    wrong = sorted((key for key in track.heldout if answers.is_faulty(key)), key=marks.__getitem__)
    one_answer = track.spec.task == "one-answer"
    shown = [
        _miss(track.heldout[key], answers.fault(key), marks[key], one_answer=one_answer)
        for key in wrong[:MISSES_SHOWN]
    ]
    return tuple(shown), len(wrong) - len(shown)


def _miss(sample: Sample, fault: Fault, mark: float, *, one_answer: bool) -> Miss:
    return Miss(
        sample_id=sample.id,
        prompt=as_read(sample),
        ideal=ideal_text(sample) if one_answer else "",
        answer=fault.text,
        mark=mark,
        reason=fault.reason,
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
