"""What OpenAI evals writes down about one answer: sampling, match, metrics and error events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import RegistryError
from harness.graders import Grader
from harness.graders.model_graded import METASCORE, ModelGraded
from harness.graders.structured import NotJson, equal, parsed
from harness.graders.text import normalized, overlap
from harness.messages import prompt_text
from harness.records import Completion, Endpoint, Outcome, Request, Sample, Score, Usage

SACREBLEU = "sacrebleu_sentence_score"
GOOD_TRANSLATION = 30
NO_MARK = "no_mark"
"""The type of the error event of an answer that could not be marked."""

Event = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Answer:
    """One outcome with what it answered and who marked it.

    ``requests`` are those whose answers the outcome joins; none where the sample brought its
    answer along.
    """

    outcome: Outcome
    sample: Sample
    requests: tuple[Request, ...]
    grader_name: str
    grader: Grader | None = None
    judge: str | None = None
    judge_endpoint: Endpoint = "chat"


@dataclass(frozen=True, slots=True)
class Marked:
    """One answer that has a mark."""

    sample: Sample
    text: str
    score: Score

    @property
    def correct(self) -> bool:
        """All right."""
        return self.score.value == 1

    @property
    def expected(self) -> str | list[str] | None:
        """The ideals as the reference writes them: a lone one bare."""
        ideal = self.sample.ideal
        return list(ideal) if len(ideal) > 1 else next(iter(ideal), None)


def events_of(answer: Answer) -> Iterator[Event]:
    """Every event of one outcome, in the reference's order."""
    outcome = answer.outcome
    if outcome.failure is not None:
        yield "error", _error(outcome, outcome.failure.kind, outcome.failure.message)
        return
    completion = outcome.completion or Completion("")
    score = next(iter(outcome.scores.values()), None)
    yield from _sampling(answer, completion)
    if score is None or (score.value is None and score.label is None):
        why = (score.reason if score else None) or "the grader gave no mark"
        yield "error", _error(outcome, NO_MARK, why)
        return
    yield from _judging(answer, completion, score)
    write = VERDICTS.get(answer.grader_name, _own)
    yield from write(Marked(answer.sample, completion.text, score))


def _error(outcome: Outcome, kind: str, message: str) -> dict[str, Any]:
    return {"type": kind, "message": message, **_repeat(outcome)}


def _repeat(outcome: Outcome) -> dict[str, int]:
    """Which repeat this is; the reference knows none, so the first goes without."""
    return {"repeat": outcome.repeat} if outcome.repeat else {}


# --- what was said -------------------------------------------------------------------


def _sampling(answer: Answer, completion: Completion) -> Iterator[Event]:
    said = completion.parts or (completion,)
    for request, part in zip(answer.requests, said, strict=False):
        data = _sampled(_prompt(request), part, request.model)
        yield "sampling", {**data, **_repeat(answer.outcome)}


def _prompt(request: Request) -> object:
    if request.endpoint == "completions" and len(request.messages) == 1:
        return request.messages[0].get("content")
    return list(request.messages)


def _sampled(prompt: object, completion: Completion, model: str) -> dict[str, Any]:
    data: dict[str, Any] = {"prompt": prompt, "sampled": [completion.text], "model": model}
    if completion.usage:
        data["usage"] = _usage(completion.usage)
    if completion.tool_calls:
        data["tool_calls"] = list(completion.tool_calls)
    return data


def _usage(usage: Usage) -> dict[str, int | None]:
    return {
        "completion_tokens": usage.completion_tokens,
        "prompt_tokens": usage.prompt_tokens,
        "total_tokens": usage.completion_tokens + usage.prompt_tokens,
        "completion_tokens_details": None,
        "prompt_tokens_details": None,
    }


def _judging(answer: Answer, completion: Completion, score: Score) -> Iterator[Event]:
    if not score.judged:
        return
    question = _question(answer, completion)
    for said in score.judged:
        yield "sampling", _sampled(question, said, answer.judge or "judge")


def _question(answer: Answer, completion: Completion) -> object:
    """What the judge was asked, worded anew."""
    if not isinstance(answer.grader, ModelGraded):
        return None
    try:
        question = answer.grader.question(answer.sample, completion)
    except RegistryError:
        return None
    return prompt_text(question) if answer.judge_endpoint == "completions" else list(question)


# --- how it was marked ---------------------------------------------------------------


def _match(marked: Marked) -> Iterator[Event]:
    yield (
        "match",
        {
            "correct": marked.correct,
            "expected": marked.expected,
            "picked": marked.score.label,
            "sampled": marked.text,
            "options": list(marked.sample.ideal),
        },
    )


def _includes(marked: Marked) -> Iterator[Event]:
    data = {"correct": marked.correct, "expected": marked.expected, "picked": marked.text}
    yield "match", {**data, "sampled": marked.text}


def _fuzzy_match(marked: Marked) -> Iterator[Event]:
    text = normalized(marked.text)
    fitting = [ideal for ideal in marked.sample.ideal if overlap(text, normalized(ideal))]
    yield "match", _picked(marked, fitting)
    yield (
        "metrics",
        {"accuracy": marked.score.value, "f1_score": marked.score.details.get("f1_score", 0)},
    )


def _json_match(marked: Marked) -> Iterator[Event]:
    try:
        answer = parsed(marked.text)
        fitting = [ideal for ideal in marked.sample.ideal if equal(answer, parsed(ideal))]
    except NotJson:
        fitting = []
    yield "match", _picked(marked, fitting)
    yield "metrics", {"accuracy": marked.score.value}


def _picked(marked: Marked, fitting: Sequence[str]) -> dict[str, Any]:
    """The answer once for every ideal that it fits."""
    picked = [marked.text for _ in fitting]
    return {"correct": marked.correct, "expected": marked.expected, "picked": picked}


def _json_validator(marked: Marked) -> Iterator[Event]:
    yield "match", {"correct": marked.correct, "expected": None, "picked": marked.text}


def _translate(marked: Marked) -> Iterator[Event]:
    bleu = marked.score.details.get(SACREBLEU)
    yield "metrics", {SACREBLEU: bleu}
    yield (
        "match",
        {
            "correct": marked.correct if bleu is None else bleu > GOOD_TRANSLATION,
            "expected": marked.expected,
            "picked": None,
            "sampled": marked.text,
            SACREBLEU: bleu,
        },
    )


def _model_graded(marked: Marked) -> Iterator[Event]:
    score = marked.score
    metrics: dict[str, Any] = {"choice": score.label, "score": score.value}
    if METASCORE in score.details:
        metrics[METASCORE] = score.details[METASCORE] == 1
    yield "metrics", metrics


def _own(marked: Marked) -> Iterator[Event]:
    """Graders that the reference does not have: the mark and everything measured beside it."""
    score = marked.score
    data = {"correct": marked.correct, "expected": marked.expected, "picked": score.label}
    yield "match", {**data, "sampled": marked.text}
    yield "metrics", {"score": score.value, **score.details}


VERDICTS: Mapping[str, Callable[[Marked], Iterator[Event]]] = {
    "match": _match,
    "multiple_choice": _match,
    "includes": _includes,
    "fuzzy_match": _fuzzy_match,
    "json_match": _json_match,
    "json_validator": _json_validator,
    "translate": _translate,
    "model_graded": _model_graded,
}
"""The events of a mark, by grader."""
