"""Why nothing is learnt for others: missing context, facts that nobody told, refusals learnt.

Reads answers and prompts that are there already; asks nobody anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from statistics import mean
from typing import TYPE_CHECKING, Any

from harness.analysis.wilson import wilson_interval
from harness.messages import content_text
from harness.pipeline.measuring.measurement import Answers
from harness.pipeline.measuring.scores import difference, score
from harness.pipeline.measuring.track import Track
from harness.pipeline.orders.names import PROMPT_MARK
from harness.records import Estimate, Sample

if TYPE_CHECKING:  # numpy costs more to import than a small run takes
    from harness.analysis.evidence import Knowledge, MissingContext

FEWEST = 10
"""Fewer samples than this show nothing of what they have in common."""

FEWEST_IDEALS = 20
"""The same as the lint of refusals takes."""

LABELS = 0.2
"""Where at most this share of the ideals is different, they are labels: nothing to read off."""

FEW_VALUES = 10
"""A field of JSON answers that has no more different values is a label, too."""

MOST_READ = 1000
"""So many samples' answers are read for refusals; each is read from the disk."""


# --- missing context -----------------------------------------------------------------


def missing_context(track: Track, epochs: float) -> MissingContext | None:
    """Held-out samples whose prompts hold the answer, against those whose prompts do not.

    Of JSON answers whose fields are marked one by one it is the fields that are told apart. None
    for open tasks, for labels, and where either kind is rare.
    """
    if track.spec.task == "open":
        return None
    held, before = grounded_fields(track.heldout.values()), _before(track, epochs)
    marks, earlier = field_marks(track, epochs), field_marks(track, before) or {}
    if marks is None:
        held = {key: {WHOLE: all(said.values())} for key, said in held.items()}
        marks, earlier = _whole_marks(track, epochs), _whole_marks(track, before)
    return _told_apart(track, held, marks, earlier)


WHOLE = ""
"""The only field of an answer that is no JSON object, or is marked as a whole."""

Marks = Mapping[str, Mapping[str, float]]
"""Marks by sample id and field."""


def _told_apart(
    track: Track, held: Mapping[str, Mapping[str, bool]], marks: Marks, earlier: Marks
) -> MissingContext | None:
    from harness.analysis.evidence import MissingContext

    whole, lacking = _by_sample(held, marks, there=True), _by_sample(held, marks, there=False)
    if min(len(lacking), len(whole)) < FEWEST:
        return None
    ours, theirs = score(lacking, track.heldout), score(whole, track.heldout)
    assert ours is not None and theirs is not None  # noqa: S101, PT018 - neither is empty
    step = difference(lacking, _by_sample(held, earlier, there=False), track.heldout)
    return MissingContext(
        share=len(lacking) / max(1, len(marks)),
        lacking=ours,
        whole=theirs,
        step=step[0] if step else None,
        fields=_lacking_fields(held),
    )


def _lacking_fields(held: Mapping[str, Mapping[str, bool]]) -> tuple[str, ...]:
    found = {name for said in held.values() for name, is_there in said.items() if not is_there}
    return tuple(sorted(found - {WHOLE}))


def _by_sample(
    held: Mapping[str, Mapping[str, bool]], marks: Marks, *, there: bool
) -> dict[str, float]:
    """The mean mark of those fields of each sample whose prompt holds them, or does not."""
    found = {}
    for key, said in marks.items():
        told = [
            mark for name, mark in said.items() if held.get(key, {}).get(name, not there) is there
        ]
        if told:
            found[key] = mean(told)
    return found


def _whole_marks(track: Track, epochs: float) -> Marks:
    return {key: {WHOLE: value} for key, value in track.scores(epochs).items()}


FIELD = "field:"
"""How a grader's details name the mark of one field."""


def field_marks(track: Track, epochs: float) -> Marks | None:
    """The marks of each field, the mean over seeds; None where fields are not marked."""
    models = [track.base] if epochs == 0 else [c.model for c in track.at(epochs)]
    tables = [answers.details for m in models if (answers := track.of(m))]
    if not tables or not all(tables):
        return None
    marks: dict[str, dict[str, list[float]]] = {}
    for table in tables:
        for key, details in table.items():
            for said in details:
                for name, value in said.items():
                    if name.startswith(FIELD):
                        by_field = marks.setdefault(key, {})
                        by_field.setdefault(name.removeprefix(FIELD), []).append(value)
    means = {key: {name: mean(v) for name, v in said.items()} for key, said in marks.items()}
    return means or None


def _before(track: Track, epochs: float) -> float:
    return max((e for e in track.epochs if e < epochs), default=0.0)


def grounded(samples: Iterable[Sample]) -> dict[str, bool]:
    """By id, whether a sample's prompt holds all that its ideal says; labels say nothing here."""
    return {key: all(said.values()) for key, said in grounded_fields(samples).items()}


def grounded_fields(samples: Iterable[Sample]) -> dict[str, dict[str, bool]]:
    """By id and field, whether a sample's prompt holds the value of its ideal.

    Of JSON objects every field counts that has many different values; a text is one field.
    """
    found = list(samples)
    parts = {sample.id: _parts(sample) for sample in found if sample.ideal}
    telling = _with_many_values(parts.values())
    prompts = {sample.id: _asked(sample) for sample in found}
    return {
        key: {name: value in prompts[key] for name, value in said.items() if name in telling}
        for key, said in parts.items()
        if telling & said.keys()
    }


def _parts(sample: Sample) -> dict[str, str]:
    """What an ideal says by field; a text is one field."""
    ideal = sample.ideal[0]
    value = _json(ideal)
    if not isinstance(value, dict):
        return {WHOLE: ideal.strip().casefold()} if ideal.strip() else {}
    scalars = ((name, one) for name, one in value.items() if isinstance(one, str | int | float))
    return {name: str(one).casefold() for name, one in scalars if not isinstance(one, bool)}


def _json(text: str) -> Any:
    try:
        return json.loads(text) if text.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        return None


def _with_many_values(parts: Iterable[Mapping[str, str]]) -> set[str]:
    values: dict[str, list[str]] = {}
    for said in parts:
        for name, value in said.items():
            values.setdefault(name, []).append(value)
    return {name for name, said in values.items() if len(set(said)) > _labels(name, len(said))}


def _labels(field: str, n: int) -> float:
    """How many different values labels have at the most; whole texts have no field."""
    return min(FEW_VALUES, n - 1) if field else LABELS * n


def _asked(sample: Sample) -> str:
    return "\n".join(content_text(m.get("content")) for m in sample.messages).casefold()


# --- unknown facts -------------------------------------------------------------------


def knowledge(track: Track, epochs: float) -> Knowledge | None:
    """What nobody ever gets right: the base model on training prompts, no model on held-out ones.

    The checkpoints know the form of the answers, and so does a base model with worked examples,
    where a study asks it so: what they never get right is no matter of form. None for open tasks
    and labels, and where prompts hold the answers. After Gekhman 2024, whose "unknown" is never
    right over greedy and sampled answers.
    """
    from harness.analysis.evidence import Knowledge

    known = grounded(track.heldout.values())
    if track.spec.task == "open" or not known or mean(known.values()) > LABELS:
        return None
    base = track.of(track.base, probe=True)
    later = [c.model for e in track.epochs if e <= epochs for c in track.at(e)]
    everybody = [a for m in (track.base, *later) if (a := track.of(m)) is not None]
    everybody += _otherwise_asked(track)
    heldout = _never_right(everybody)
    if base is None or heldout is None:
        return None
    tries = sum(max(map(len, one.values.values()), default=0) for one in everybody)
    of_base = _never_right([base])
    return Knowledge(of_base, heldout, tries) if of_base else None


def _otherwise_asked(track: Track) -> list[Answers]:
    """The base model's answers to other prompts than those of the data."""
    return [
        answers
        for (name, model), answers in track.answers.items()
        if model == track.base and PROMPT_MARK in name
    ]


def _never_right(answers: Sequence[Answers]) -> Estimate | None:
    """The share of samples that none of these answers gets right."""
    keys = {key for one in answers for key in one.values}
    if not keys:
        return None
    never = sum(not any(any(one.values.get(key, ())) for one in answers) for key in keys)
    return wilson_interval(never, len(keys))


# --- refusals ------------------------------------------------------------------------


def refusals(track: Track, epochs: float) -> Estimate | None:
    """The share of held-out answers that refuse, all seeds of one epoch count together."""
    tables = [answers for c in track.at(epochs) if (answers := track.of(c.model))]
    return _refusing(text for table in tables for text in _texts(table))


def wanted_refusals(track: Track) -> tuple[float, float] | None:
    """How many refusals are wanted: as the study says, else as many as ideals refuse, else as many
    as the base model does.

    An interval, since a few samples stand for all.
    """
    if track.experiment.wanted_refusals is not None:
        return track.experiment.wanted_refusals, track.experiment.wanted_refusals
    ideals = [sample.ideal[0] for sample in track.heldout.values() if sample.ideal]
    base = track.of(track.base)
    if len(ideals) >= FEWEST_IDEALS:
        wanted = _refusing(ideals)
    else:
        wanted = _refusing(_texts(base)) if base is not None else None
    return (wanted.low, wanted.high) if wanted else None


def _texts(answers: Answers) -> Iterable[str]:
    for sample_id in islice(sorted(answers.values), MOST_READ):
        yield from answers.texts[sample_id]


def _refusing(texts: Iterable[str]) -> Estimate | None:
    from harness.analysis.refusals import is_refusal

    found = [is_refusal(text) for text in texts]
    return wilson_interval(sum(found), len(found)) if found else None
