"""What answers to open tasks share: with each other, and with the training data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.analysis.diversity import Repeat, most_repeated_ngrams, nearest_training, openings
from harness.messages import content_text
from harness.pipeline.measuring.track import Track
from harness.pipeline.reporting.examples import as_read, side_by_side
from harness.records import Advice, Sample
from harness.reports.document import Copy, Phrase, Repetition

PHRASES_SHOWN = 8
COPIES_SHOWN = 12
TEXT_LIMIT = 1_000
"""Characters of a text beside the run that it shares."""


def repetitions_of(track: Track, advices: Sequence[Advice]) -> tuple[Repetition, ...]:
    """The phrases and openings that most answers share, of the models that are worth a look."""
    return tuple(
        found
        for label, model in side_by_side(track, advices)
        if (found := _repetition(label, model, list(_texts(track, model).values())))
    )


def _repetition(label: str, model: str, groups: list[list[str]]) -> Repetition | None:
    count = sum(map(len, groups))
    if not count:
        return None
    return Repetition(
        label,
        model,
        count,
        tuple(map(_phrase, most_repeated_ngrams(groups, top=PHRASES_SHOWN))),
        tuple(map(_phrase, openings(groups, top=PHRASES_SHOWN))),
    )


def _phrase(found: Repeat) -> Phrase:
    return Phrase(_cut(found.text), found.texts, found.share, found.prompts)


def _texts(track: Track, model: str) -> dict[str, list[str]]:
    answers = track.of(model)
    if answers is None:
        return {}
    return {key: answers.texts[key] for key in track.heldout if key in answers.places}


# --- copies of training data ---------------------------------------------------------


def copies_of(track: Track, advices: Sequence[Advice]) -> tuple[tuple[Copy, ...], int]:
    """The copies of those models, the longest shared runs first; and how many more there are."""
    if not track.training_texts:
        return (), 0
    tuned = [model for _, model in side_by_side(track, advices) if model != track.base]
    found = sorted(
        (copy for model in tuned for copy in _copies(track, model)),
        key=lambda copy: (-copy.tokens, copy.model, copy.sample_id),
    )
    different = list({(copy.model, copy.answer): copy for copy in reversed(found)}.values())
    shown = different[::-1][:COPIES_SHOWN]
    return tuple(shown), len(different) - len(shown)


def _copies(track: Track, model: str) -> Iterator[Copy]:
    said = [(key, text) for key, texts in _texts(track, model).items() for text in texts]
    asked = _prompts(track.heldout)
    for one in nearest_training(
        [text for _, text in said],
        track.training_texts,
        prompts=[asked[key] for key, _ in said],
    ):
        key, text = said[one.text]
        yield Copy(
            model=model,
            sample_id=key,
            prompt=_cut(as_read(track.heldout[key])),
            answer=_around(text, one.run),
            training=_around(track.training_texts[one.training], one.run),
            run=one.run[:TEXT_LIMIT],
            tokens=one.tokens,
        )


def _prompts(samples: Mapping[str, Sample]) -> dict[str, str]:
    return {
        key: "\n".join(content_text(message.get("content")) for message in sample.messages)
        for key, sample in samples.items()
    }


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_LIMIT else f"{text[:TEXT_LIMIT]}…"


def _around(text: str, run: str) -> str:
    """The part of a long text that holds the run, with as much on either side as there is room."""
    if len(text) <= TEXT_LIMIT:
        return text
    start = max(0, text.find(run) - max(0, TEXT_LIMIT - len(run)) // 2)
    end = start + TEXT_LIMIT
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"
