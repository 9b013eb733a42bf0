"""Samples ready to read: prompt, right answer and answers side by side, differences marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.messages import content_text
from harness.records import Completion, Outcome, Sample, Score
from harness.reports import wording
from harness.reports.wordwise import Piece, compared
from harness.viewer.journal_index import JournalIndex, Query, Row, Verdict

IN_A_LIST = 400
"""Characters of one text in a list; its own page shows more."""

ON_ITS_PAGE = 50_000
MOST_IDEALS = 50

STATE_WORDS: Mapping[str, str] = {
    "right": "Right",
    "partly": "Partly right",
    "wrong": "Wrong",
    "failed": "Failed",
    "unmarked": "No mark",
}
CHANGE_WORDS: Mapping[str, str] = {
    "fixed": "Fixed",
    "broken": "Broken",
    "both_wrong": "Both wrong",
    "both_right": "Both right",
}


@dataclass(frozen=True, slots=True)
class Said:
    """An answer in a list; ``text`` None where there is none. ``more`` are its further repeats."""

    verdict: Verdict
    pieces: tuple[Piece, ...]
    failure: str = ""
    more: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of a list."""

    row: Row
    prompt: str
    ideal: str
    said: Said
    other: Said | None

    @property
    def state(self) -> str:
        """What became of it: against the other model where there is one."""
        return self.row.change or self.row.verdict.state

    @property
    def state_words(self) -> str:
        """The same in words."""
        return CHANGE_WORDS.get(self.state) or STATE_WORDS[self.state]


def shown(text: str, limit: int) -> str:
    """Text as a page can show it."""
    return wording.shortened(wording.printable(text), limit)


def ideal_of(sample: Sample | None) -> str:
    """The right answers of a sample, one a line."""
    return "\n".join(sample.ideal) if sample else ""


def asked_of(sample: Sample | None) -> str:
    """What a sample asks, without its system message: that is mostly the same for all."""
    if sample is None:
        return ""
    said = [m for m in sample.messages if m.get("role") != "system"] or sample.messages
    return "\n".join(content_text(message.get("content")) for message in said)


def listed(
    index: JournalIndex, query: Query, rows: Sequence[Row], against: str
) -> tuple[list[Listed], str]:
    """The rows of a page with their texts; and why there are no prompts, where that is so.

    ``against`` is what answers are compared with: "ideal", "other" or "nothing". Where a sample has
    no right answer to compare with it is the other model's; one that cannot be read is not told
    from any answer.
    """
    ids = [row.sample_id for row in rows]
    samples, fault = index.samples(query.eval, ids)
    said = index.first_outcomes(query.eval, query.model, ids)
    before = index.first_outcomes(query.eval, query.other_model, ids) if query.other_model else {}
    found = []
    for row in rows:
        key, sample = row.sample_id, samples.get(row.sample_id)
        one, two = _text(said.get(key)), _text(before.get(key))
        ideals = sample.ideal if sample and against == "ideal" else ()
        is_unknown = sample is None and against == "ideal"
        other = () if against == "nothing" or is_unknown else (one, two)
        found.append(
            Listed(
                row,
                shown(asked_of(sample), IN_A_LIST),
                shown(ideal_of(sample), IN_A_LIST),
                _said(row.verdict, said.get(key), one, nearest(one, ideals or other[1:])),
                _said(row.other, before.get(key), two, nearest(two, ideals or other[:1]))
                if row.other
                else None,
            )
        )
    return found, fault


def nearest(text: str, ideals: Sequence[str], limit: int = IN_A_LIST) -> str:
    """The right answer that a text is compared with: of several the most similar; "" of none."""
    short = [shown(ideal, limit) for ideal in ideals[:MOST_IDEALS]]
    if len(short) < 2:
        return "".join(short)
    from rapidfuzz import fuzz

    return max(short, key=lambda ideal: fuzz.ratio(text, ideal))


def _text(outcome: Outcome | None) -> str:
    completion = outcome.completion if outcome else None
    return shown(answer_text(completion), IN_A_LIST) if completion else ""


def answer_text(completion: Completion) -> str:
    """What an answer says, calls of functions too."""
    calls = (call.get("function", call) for call in completion.tool_calls)
    said = [f"{call.get('name')}({call.get('arguments')})" for call in calls]
    return "\n".join([completion.text, *said] if completion.text or not said else said)


def _said(verdict: Verdict, outcome: Outcome | None, text: str, reference: str) -> Said:
    failure = outcome.failure.message if outcome and outcome.failure else ""
    pieces = compared(text, reference) if text else ()
    return Said(verdict, pieces, shown(failure, IN_A_LIST), len(verdict.repeats) - 1)


# --- one sample ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mark:
    """What one grader gave an answer, and what judges said."""

    name: str
    score: Score
    judged: tuple[str, ...]

    @property
    def state(self) -> str:
        """Which state this mark is."""
        value = self.score.value
        if value is None:
            return "unmarked"
        return "right" if value >= 1 else "partly" if value > 0 else "wrong"


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer on its sample's page."""

    outcome: Outcome
    pieces: tuple[Piece, ...]
    marks: tuple[Mark, ...]
    parts: tuple[str, ...]

    @property
    def state(self) -> str:
        """What became of it."""
        if self.outcome.failure is not None:
            return "failed"
        order = ["wrong", "partly", "right"]
        states = [mark.state for mark in self.marks if mark.state != "unmarked"]
        if not states:
            return "unmarked"
        alike = states[0] if len(set(states)) == 1 else "partly"
        return alike if alike in order else "unmarked"


@dataclass(frozen=True, slots=True)
class Replies:
    """All answers of one model to a sample; ``epochs`` None where it is not known."""

    model: str
    epochs: float | None
    replies: tuple[Reply, ...]
    is_base: bool = False


def replies_of(
    outcomes: Sequence[Outcome],
    ideals: Sequence[str],
    epochs: Mapping[str, float],
    first: Sequence[str] = (),
) -> list[Replies]:
    """The answers by model: the ``first`` ones, then the least trained, unknown epochs last."""
    by_model: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_model.setdefault(outcome.model, []).append(outcome)
    found = [
        Replies(
            model,
            epochs.get(model),
            tuple(_reply(outcome, ideals) for outcome in some),
            epochs.get(model) == 0,
        )
        for model, some in by_model.items()
    ]
    at = {model: place for place, model in enumerate(first)}
    return sorted(
        found,
        key=lambda one: (at.get(one.model, len(at)), one.epochs is None, one.epochs or 0.0),
    )


def _reply(outcome: Outcome, ideals: Sequence[str]) -> Reply:
    completion = outcome.completion
    text = shown(answer_text(completion), ON_ITS_PAGE) if completion else ""
    marks = tuple(
        Mark(name, score, tuple(shown(one.text, ON_ITS_PAGE) for one in score.judged))
        for name, score in outcome.scores.items()
    )
    parts = tuple(shown(part.text, ON_ITS_PAGE) for part in completion.parts) if completion else ()
    pieces = compared(text, nearest(text, ideals, ON_ITS_PAGE)) if text else ()
    return Reply(outcome, pieces, marks, parts)


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a chat."""

    role: str
    text: str


def turns(messages: Sequence[Mapping[str, object]]) -> list[Turn]:
    """A prompt's messages to read."""
    return [
        Turn(
            str(message.get("name") or message.get("role") or "?"),
            shown(content_text(message.get("content")), ON_ITS_PAGE),
        )
        for message in messages
    ]
