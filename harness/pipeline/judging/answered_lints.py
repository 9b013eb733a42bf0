"""Lints that need a model's answers, from those that a study has: unknown facts, failures left.

They stand in the report beside what `harness lint` finds without asking anybody. They veto nothing:
the decision table reads the same answers in rows 8, 32 and 33.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

from harness.analysis.failures import ErrorGroup, error_groups
from harness.datasets import read_training
from harness.messages import content_text
from harness.pipeline.judging.causes import knowledge
from harness.pipeline.measuring.track import Track
from harness.records import Finding, Messages
from harness.reports.wording import counted, percent

UNKNOWN = 0.1
"""More unknown facts than this warn, by their interval's lower bound."""

MOST_COMPARED = 2000
"""So many training prompts, and errors, are compared with each other; of more, some at random."""

GROUPS_SHOWN = 3
MOST_CHARACTERS = 120


def answered_findings(track: Track) -> tuple[Finding, ...]:
    """What the answers of base and tuned models say of the training data."""
    if track.is_general or not track.epochs:
        return ()
    found = (unknown_facts(track), remaining_failures(track))
    return tuple(finding for finding in found if finding is not None)


def unknown_facts(track: Track) -> Finding | None:
    """Training prompts that the base model never answers right, where prompts hold no answers.

    A base model that does not know the form of the answers is never right either: it counts where
    models that know it, tuned on other facts, are not right on held-out prompts.
    """
    known = knowledge(track, track.epochs[-1])
    if known is None or known.base.low <= UNKNOWN or known.heldout.low <= UNKNOWN:
        return None
    base = track.of(track.base, probe=True)
    values: Mapping[str, Sequence[float]] = base.values if base is not None else {}
    never = [key for key, marks in values.items() if not any(marks)]
    tries = max((len(marks) for marks in values.values()), default=0)
    greedy = "" if tries > 1 else "; several answers at a temperature above 0 would say it surer"
    message = (
        f"training data, unknown facts: {percent(known.base.value)} of"
        f" {counted(known.base.n, 'training prompt')} are never answered right by the base model"
        f" ({counted(tries, 'answer')} each{greedy}), and {percent(known.heldout.value)} of the"
        f" held-out ones by no model: put the source into the prompt, for facts taught by answers"
        " alone are learnt as inventions"
    )
    evidence = {"never_right": never[:20], "heldout_never_right": known.heldout.value}
    return Finding("unknown facts", "warn", message, {**evidence, "answers_each": tries})


def remaining_failures(track: Track) -> Finding | None:
    """Held-out samples that the last checkpoints get wrong, and that no training prompt is like."""
    wrong = _still_wrong(track)
    if track.spec.task == "open" or not wrong or track.experiment.training_data is None:
        return None
    asked = [_asked(track.heldout[key].messages) for key in wrong]
    examples = read_training(track.experiment.training_data)
    training = _some([_asked(example.messages[:-1]) for example in examples])
    far = [group for group in error_groups(asked, training) if group.is_far]
    if not far:
        return None
    number = sum(len(group.places) for group in far)
    message = (
        f"training data, remaining failures: {number:,} of {counted(len(wrong), 'held-out error')}"
        f" ({counted(len(far), 'group')}) have no training example like them; collect examples"
        f" like {'; '.join(_shown(far, asked))}"
    )
    ids = [[wrong[place] for place in group.places][:20] for group in far]
    return Finding("remaining failures", "warn", message, {"groups": ids, "errors": len(wrong)})


def _still_wrong(track: Track) -> list[str]:
    """Samples that most seeds' last checkpoints get wrong; of many, some."""
    scores = track.scores(track.epochs[-1])
    return _some(sorted(key for key, mark in scores.items() if mark < 0.5 and key in track.heldout))


def _some(texts: list[str]) -> list[str]:
    if len(texts) <= MOST_COMPARED:
        return texts
    return random.Random(0).sample(texts, MOST_COMPARED)


def _asked(messages: Messages) -> str:
    """What the user says; instructions are alike in all prompts."""
    said = [content_text(m.get("content")) for m in messages if m.get("role") == "user"]
    return "\n".join(said)


def _shown(groups: Sequence[ErrorGroup], asked: Sequence[str]) -> Iterator[str]:
    for group in groups[:GROUPS_SHOWN]:
        text = " ".join(asked[group.places[0]].split())
        cut = text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"
        yield f"'{cut}'" + (f" ({len(group.places):,} alike)" if len(group.places) > 1 else "")
