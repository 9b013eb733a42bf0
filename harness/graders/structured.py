"""Marks by reading the completion as JSON, with the exact semantics of OpenAI evals.

Python's parser decides what is JSON: NaN and Infinity are, numbers of more than 4,300
digits are not, and of two equal keys the last one counts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from harness.records import Completion, Sample, Score


@dataclass(frozen=True)
class JsonMatch:
    """The completion is JSON that equals an expected answer, component by component."""

    needs_ideal: ClassVar[bool] = True

    async def grade(self, sample: Sample, completion: Completion) -> Score:
        """1 when it equals an ideal, which the label then is; no mark if an ideal is not JSON."""
        try:
            ideals = [parsed(ideal) for ideal in sample.ideal]
        except NotJson as error:
            return Score(value=None, reason=f"an 'ideal' of this sample is not JSON: {error}")
        try:
            answer = parsed(completion.text)
        except NotJson as error:
            return Score(value=0.0, reason=f"not JSON: {error}")
        pairs = zip(sample.ideal, ideals, strict=True)
        found = next((text for text, ideal in pairs if equal(answer, ideal)), None)
        return Score(value=float(found is not None), label=found)


@dataclass(frozen=True)
class JsonValidator:
    """The completion is JSON, whatever it says."""

    needs_ideal: ClassVar[bool] = False

    async def grade(self, sample: Sample, completion: Completion) -> Score:
        """1 when the completion parses."""
        try:
            parsed(completion.text)
        except NotJson as error:
            return Score(value=0.0, reason=f"not JSON: {error}")
        return Score(value=1.0)


class NotJson(Exception):
    """A text that Python's parser refuses; the message says why."""


def parsed(text: str) -> Any:
    """The value that a JSON text stands for.

    Raises:
        NotJson: it does not parse, or is nested too deeply to be walked.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise NotJson("nested too deeply") from error
    except ValueError as error:
        raise NotJson(str(error)) from error


def equal(answer: Any, ideal: Any) -> bool:
    """The same value; null is never right, and a missing key counts as null."""
    try:
        return _equal(answer, ideal)
    except RecursionError:
        return False


def _equal(answer: Any, ideal: Any) -> bool:
    if answer is None or ideal is None:
        return False
    if isinstance(answer, dict):
        if not isinstance(ideal, dict):
            return False
        keys = answer.keys() | ideal.keys()
        return all(_equal(answer.get(key), ideal.get(key)) for key in keys)
    if isinstance(answer, list):
        if not isinstance(ideal, list) or len(answer) != len(ideal):
            return False
        return all(map(_equal, answer, ideal))
    return bool(answer == ideal)
