"""From the events of one sample in a log to what was asked, answered and marked.

Runs of several versions of OpenAI evals are read: prompts and answers as text or as lists,
answers recorded in the match event only, ideals in the sampling event or in a raw sample.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.graders.choices import INVALID
from harness.graders.model_graded import CHOICE, METASCORE
from harness.models.wire import usage_of
from harness.openai_evals.events import NO_MARK
from harness.openai_evals.log_lines import Data, Event
from harness.records import Completion, Failure, Messages, Outcome, Sample, Score, Usage

SCORE = "accuracy"
"""The name of an eval's own score in outcomes."""

JUDGED = "model_graded"
SHOWS_LABEL = frozenset({"match", "multiple_choice", "extraction", "style"})
"""Graders whose match event says what was picked, and not again what was answered."""


@dataclass(slots=True)
class Attempt:
    """One answer to a sample: what was sampled on the way to it, and its verdict."""

    samplings: list[Data] = field(default_factory=list)
    match: Data | None = None
    metrics: Data | None = None
    error: Data | None = None

    @property
    def closed(self) -> bool:
        """It has a verdict; what is sampled next belongs to another attempt."""
        return self.match is not None or self.metrics is not None or self.error is not None

    @property
    def judged(self) -> bool:
        """The last thing sampled is a judge's answer."""
        return self.metrics is not None and "choice" in self.metrics

    @property
    def repeat(self) -> int | None:
        """Which repeat it says it is."""
        for data in (*self.samplings, self.error or {}):
            if isinstance(said := data.get("repeat"), int):
                return said
        return None


def attempts_of(events: Iterable[Event]) -> list[Attempt]:
    """The attempts of one sample; events come in the run's order."""
    attempts: list[Attempt] = []
    for event in events:
        if event.kind not in ("sampling", "match", "metrics", "error"):
            continue
        if not attempts or _begins_another(attempts[-1], event):
            attempts.append(Attempt())
        current = attempts[-1]
        if event.kind == "sampling":
            current.samplings.append(event.data)
        else:
            setattr(current, event.kind, event.data)
    return attempts


def _begins_another(attempt: Attempt, event: Event) -> bool:
    if event.kind == "sampling":
        return attempt.closed
    return getattr(attempt, event.kind) is not None or (
        attempt.error is not None and not attempt.samplings
    )


# --- what was asked ------------------------------------------------------------------


def sample_of(sample_id: str, events: Iterable[Event], attempts: list[Attempt]) -> Sample:
    """The sample as the log shows it; without messages where nothing was recorded."""
    raw: Data = next((event.data for event in events if event.kind == "raw_sample"), {})
    first = next((data for one in attempts for data in one.samplings[:1]), {})
    prompt = first.get("prompt") or raw.get("input")
    found = (_expected(attempt) for attempt in attempts)
    ideal = next((ideal for ideal in found if ideal), ()) or _texts(raw.get("ideal"))
    return Sample(sample_id, _messages(prompt), ideal)


def _messages(prompt: Any) -> Messages:
    if isinstance(prompt, str):
        return ({"role": "user", "content": prompt},)
    if not isinstance(prompt, list):
        return ()
    return tuple(message for message in prompt if isinstance(message, dict))


def _expected(attempt: Attempt) -> tuple[str, ...]:
    for data in (attempt.match or {}, *attempt.samplings):
        if data.get("expected") is not None:
            return _texts(data["expected"])
    return ()


def _texts(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [] if value is None else [value]
    return tuple(v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in values)


# --- what was answered and how it was marked -----------------------------------------


@dataclass(frozen=True, slots=True)
class Who:
    """Which model answered which eval, and the grader that stands for its class."""

    eval: str
    model: str
    grader: str | None


def outcome_of(who: Who, sample_id: str, place: int, attempt: Attempt) -> Outcome:
    """One attempt as an outcome; one without a verdict has no mark."""
    repeat = place if attempt.repeat is None else attempt.repeat
    failure = _failure(attempt)
    if failure is not None:
        return Outcome(who.eval, who.model, sample_id, repeat, "", failure=failure)
    score = _score(who, attempt)
    completion = _completion(who, attempt)
    return Outcome(who.eval, who.model, sample_id, repeat, "", completion, {SCORE: score})


def _failure(attempt: Attempt) -> Failure | None:
    """An error where nothing was sampled; with an answer it is one without a mark."""
    if attempt.error is None or attempt.samplings or attempt.match or attempt.metrics:
        return None
    return Failure(str(attempt.error.get("type") or "error"), _message(attempt.error))


def _message(error: Data) -> str:
    return str(error.get("message") or "the log does not say why")


def _completion(who: Who, attempt: Attempt) -> Completion:
    """The policy's answer; several that a judge saw together are its parts."""
    judged = who.grader == JUDGED or attempt.judged
    said = [_said(data) for data in (attempt.samplings[:-1] if judged else attempt.samplings)]
    if len(said) == 1:
        return replace(said[0], text=_matched_text(attempt) or said[0].text)
    return Completion(
        _matched_text(attempt) or _last_text(said, attempt),
        usage=_sum_of(said),
        parts=tuple(said),
    )


def _matched_text(attempt: Attempt) -> str:
    """What the match event says was answered: it decides where a solver asked several times."""
    return _first_text((attempt.match or {}).get("sampled"))


def _last_text(said: Sequence[Completion], attempt: Attempt) -> str:
    return said[-1].text if said else _first_text((attempt.match or {}).get("picked"))


def _sum_of(said: Sequence[Completion]) -> Usage | None:
    known = [part.usage for part in said if part.usage is not None]
    if not known:
        return None
    return Usage(sum(u.prompt_tokens for u in known), sum(u.completion_tokens for u in known))


def _said(data: Data) -> Completion:
    calls = data.get("tool_calls")
    return Completion(
        _first_text(data.get("sampled")),
        usage=usage_of(data.get("usage")),
        tool_calls=tuple(calls) if isinstance(calls, list) else (),
    )


def _first_text(sampled: Any) -> str:
    if isinstance(sampled, list):
        sampled = sampled[0] if sampled else ""
    if isinstance(sampled, str):
        return sampled
    return "" if sampled is None else json.dumps(sampled, ensure_ascii=False)


def _score(who: Who, attempt: Attempt) -> Score:
    if attempt.error is not None and not (attempt.match or attempt.metrics):
        why, kind = _message(attempt.error), attempt.error.get("type")
        return Score(None, reason=why if kind == NO_MARK else f"{kind}: {why}")
    metrics, match = attempt.metrics or {}, attempt.match or {}
    if "choice" in metrics:
        return _judged(metrics, attempt)
    value = _value(metrics, match)
    if value is None:
        return Score(None, reason="the log holds no verdict on this answer")
    label = match.get("picked") if who.grader in SHOWS_LABEL else None
    return Score(value, label if isinstance(label, str) else None, details=_details(metrics, match))


VERDICT_NAMES = ("score", "accuracy", "correct", "is_correct")
"""Metrics that say how right one answer is, the strongest first."""


def _value(metrics: Data, match: Data) -> float | None:
    if (own := _number(metrics.get("score"))) is not None:
        return own
    if (correct := _number(match.get("correct"))) is not None:
        return correct
    found = (_number(metrics.get(name)) for name in VERDICT_NAMES)
    return next((value for value in found if value is not None), None)


def _details(metrics: Data, match: Data) -> Mapping[str, float]:
    """Every further number of one answer."""
    verdict = next((name for name in VERDICT_NAMES if name in metrics), None)
    extra = {k: v for k, v in match.items() if k not in ("correct", "expected", "picked")}
    found = {k: _number(v) for k, v in {**extra, **metrics}.items() if k != verdict}
    return {name: value for name, value in found.items() if value is not None}


def _judged(metrics: Data, attempt: Attempt) -> Score:
    choice = str(metrics["choice"])
    details = {f"{CHOICE}{choice}": 1.0}
    if (agreed := _number(metrics.get(METASCORE))) is not None:
        details[METASCORE] = agreed
    said = tuple(_said(data) for data in attempt.samplings[-1:])
    reason = "no choice in the judgement" if choice == INVALID else f"the judge picked {choice}"
    return Score(_number(metrics.get("score")), choice, reason, details, said)


def _number(value: Any) -> float | None:
    """A finite number or truth value as a float."""
    if not isinstance(value, bool | int | float) or value != value or abs(value) == float("inf"):
        return None
    return float(value)


def with_all_choices(outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """The outcomes, each with a 0 for every choice that others got: shares need them."""
    scores = (score for outcome in outcomes for score in outcome.scores.values())
    names = {name for score in scores for name in score.details if name.startswith(CHOICE)}
    if not names:
        return tuple(outcomes)
    return tuple(_with_choices(outcome, names) for outcome in outcomes)


def _with_choices(outcome: Outcome, names: Iterable[str]) -> Outcome:
    none = dict.fromkeys(sorted(names), 0.0)
    scores = {
        key: score if score.label is None else replace(score, details={**none, **score.details})
        for key, score in outcome.scores.items()
    }
    return replace(outcome, scores=scores)
