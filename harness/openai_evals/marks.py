"""From what third-party code recorded about one sample to its mark."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.records import Completion, Score, Usage

MARKS = ("accuracy", "score", "correct", "is_correct")
"""Metrics that say how right a sample is, where nothing was matched."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recorded event: its type and data."""

    kind: str
    data: Mapping[str, Any]


def score_of(events: Sequence[Recorded], metrics: Sequence[str] = ()) -> Score:
    """The mark: whether it matched, else the first metric that is one; the rest are details.

    ``metrics`` are the names that the eval's registry entry calls its metrics.
    """
    matches = [event.data for event in events if event.kind == "match"]
    measured = [event.data for event in events if event.kind == "metrics"]
    details = _numbers([*matches, *measured])
    details.pop("correct", None)
    if matches:
        value = sum(bool(match.get("correct")) for match in matches) / len(matches)
        return Score(value, _label(matches[-1].get("picked")), details=details)
    for name in (*MARKS, *metrics):
        numbers = _numbers(measured)
        if name in numbers and 0 <= numbers[name] <= 1:
            details.pop(name, None)
            return Score(numbers[name], _choice(measured), details=details)
    return Score(None, _choice(measured), _why(details), details)


def ideal_of(events: Iterable[Recorded]) -> tuple[str, ...]:
    """The answers that a match event expected."""
    for event in events:
        expected = event.data.get("expected") if event.kind == "match" else None
        if expected is not None:
            several = isinstance(expected, list | tuple)
            return tuple(map(str, expected)) if several else (str(expected),)
    return ()


def _why(details: Mapping[str, float]) -> str:
    if not details:
        return "the eval recorded neither a match nor a metric for this sample"
    names = ", ".join(sorted(details))
    return f"none of the eval's metrics ({names}) says how right a sample is, from 0 to 1"


def _numbers(records: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Every finite number and truth value by its name; of one name the last."""
    found: dict[str, float] = {}
    for record in records:
        for name, value in record.items():
            if (number := _number(value)) is not None:
                found[str(name)] = number
    return found


def _number(value: object) -> float | None:
    """Numbers of numpy are numbers too."""
    plain = value.item() if hasattr(value, "item") and not hasattr(value, "__len__") else value
    if not isinstance(plain, bool | int | float):
        return None
    return float(plain) if math.isfinite(plain) else None


def _label(picked: object) -> str | None:
    return None if picked is None else str(picked)


def _choice(measured: Sequence[Mapping[str, Any]]) -> str | None:
    """What a judge picked."""
    return next((str(data["choice"]) for data in measured if "choice" in data), None)


def numbers_in(report: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of an eval's own final report."""
    return _numbers([report])


# --- what was said -------------------------------------------------------------------


def completion_of(events: Iterable[Recorded]) -> Completion:
    """What was recorded as sampled, for code that asks its own models."""
    said = [event.data.get("sampled") for event in events if event.kind == "sampling"]
    texts = [text for one in said for text in (one if isinstance(one, list) else [one])]
    return joined([Completion(str(text)) for text in texts]) or Completion("")


def joined(completions: Sequence[Completion]) -> Completion | None:
    """Several answers as one: the last one's text, with all of them as parts."""
    if len(completions) < 2:
        return next(iter(completions), None)
    known = [c.usage for c in completions if c.usage is not None]
    usage = Usage(sum(u.prompt_tokens for u in known), sum(u.completion_tokens for u in known))
    last = completions[-1]
    return Completion(
        last.text,
        last.finish_reason,
        usage if known else None,
        sum(c.latency_s for c in completions),
        parts=tuple(completions),
    )
