"""What people say of a run's answers: right, wrong or unsure. Kept beside the run, not in it.

A review is of a text, not of a place: it holds the request's key and a hash of the answer, so a
review of an answer that was replaced since is stale and counts no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from hashlib import blake2b
from typing import Any, Literal, NamedTuple, get_args

import orjson

from harness.errors import UsageError
from harness.graders import GOOD
from harness.pipeline.folder.beside import append_line, lines_in
from harness.pipeline.folder.runfolder import RunFolder
from harness.records import Completion, Outcome, Task

Verdict = Literal["right", "wrong"]
Opinion = Literal["right", "wrong", "unsure"]
OPINIONS: tuple[Opinion, ...] = get_args(Opinion)

ANONYMOUS = "anonymous"
LONGEST_NOTE = 4000
LONGEST_NAME = 80

GOOD_FROM: Mapping[Task, float] = {"one-answer": 1.0, "open": 0.5}
"""The mark from which an answer counts as right, where its grader does not say."""


class Place(NamedTuple):
    """Which answer of a run: what the journal tells answers apart by."""

    eval: str
    model: str
    sample_id: str
    repeat: int


@dataclass(frozen=True, slots=True)
class Review:
    """One person's word on one answer. ``at`` is in UTC, ISO 8601.

    ``drawn`` says that the answer was drawn at random, not picked; ``blind`` that the grader's
    mark was not shown before.
    """

    eval: str
    model: str
    sample_id: str
    repeat: int
    request_key: str
    text_hash: str
    opinion: Opinion
    reviewer: str
    at: str
    note: str = ""
    drawn: bool = False
    blind: bool = False

    @property
    def place(self) -> Place:
        """The answer it is about."""
        return Place(self.eval, self.model, self.sample_id, self.repeat)

    def is_of(self, outcome: Outcome) -> bool:
        """Is this still the answer that was reviewed?"""
        return (self.request_key, self.text_hash) == (outcome.request_key, answer_hash(outcome))


def answer_hash(outcome: Outcome) -> str:
    """A short hash of what was answered, calls of functions included."""
    said = outcome.completion or Completion("")
    calls = orjson.dumps(said.tool_calls) if said.tool_calls else b""
    return blake2b(said.text.encode("utf-8", "replace") + calls, digest_size=8).hexdigest()


def verdict_of(outcome: Outcome, task: Task = "one-answer") -> Verdict | None:
    """What the grader's mark says; None where there is none."""
    for score in outcome.scores.values():
        if score.value is not None:
            is_right = score.details.get(GOOD, float(score.value >= GOOD_FROM[task])) == 1
            return "right" if is_right else "wrong"
    return None


# --- the file ------------------------------------------------------------------------


def add_review(folder: RunFolder, review: Review) -> None:
    """Write a review beside the run; of one reviewer's on one answer the last counts.

    Raises:
        UsageError: an opinion that is none, or a note or name that is too long.
        RunFolderError: the file cannot be written.
    """
    if review.opinion not in OPINIONS:
        raise UsageError(f"{review.opinion!r} is no verdict; say {', '.join(OPINIONS)}")
    if len(review.note) > LONGEST_NOTE or len(review.reviewer) > LONGEST_NAME:
        raise UsageError(
            f"a note has at most {LONGEST_NOTE:,} characters and a name {LONGEST_NAME}; shorten it"
        )
    append_line(folder.reviews, asdict(review))


def read_reviews(folder: RunFolder) -> tuple[Review, ...]:
    """The reviews that count, the last one of each reviewer on each answer, as they were made.

    Lines that are torn, or no reviews, are passed over.

    Raises:
        RunFolderError: the file is there and cannot be read.
    """
    found: dict[tuple[Place, str], Review] = {}
    for line in lines_in(folder.reviews):
        review = _review(line)
        if review is not None:
            found.pop((review.place, review.reviewer), None)
            found[review.place, review.reviewer] = review
    return tuple(found.values())


def _review(line: Mapping[str, Any]) -> Review | None:
    known = {one.name: line[one.name] for one in fields(Review) if one.name in line}
    try:
        review = Review(**known)
    except TypeError:
        return None
    texts = (review.eval, review.model, review.sample_id, review.reviewer, review.note)
    is_whole = all(isinstance(text, str) for text in texts) and isinstance(review.repeat, int)
    return review if is_whole and review.opinion in OPINIONS else None


# --- several reviewers ---------------------------------------------------------------


def by_place(reviews: Iterable[Review]) -> dict[Place, list[Review]]:
    """The reviews of each answer."""
    found: dict[Place, list[Review]] = {}
    for review in reviews:
        found.setdefault(review.place, []).append(review)
    return found


def verdict_of_people(reviews: Sequence[Review]) -> Opinion:
    """What most of those say who are sure; unsure where they are split, or nobody is."""
    said = Counter(r.opinion for r in reviews if r.opinion != "unsure")
    if said["right"] == said["wrong"]:
        return "unsure"
    return "right" if said["right"] > said["wrong"] else "wrong"
