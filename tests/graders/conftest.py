"""Marking one text, as a fixture that all grader tests share."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from harness.graders import Grader
from harness.records import Completion, Sample, Score


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def give_mark(grader: Grader, text: Any, *ideal: Any, prompt: str = "?", **metadata: Any) -> Score:
    messages = ({"role": "user", "content": prompt},)
    sample = Sample("a.b.0", messages, tuple(map(as_text, ideal)), metadata=metadata)
    return asyncio.run(grader.grade(sample, Completion(as_text(text))))


@pytest.fixture(scope="session")
def mark() -> Any:
    """``mark(grader, text, *ideals, prompt=..., **metadata)``; objects are written as JSON."""
    return give_mark
