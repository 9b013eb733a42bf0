"""What the parity server answers: a pure function of the messages, so that all outcomes occur."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

Ideals = tuple[str, ...]
CHOICES = re.compile(r'"[^"\n]{1,24}"(?: or "[^"\n]{1,24}")+')
"""The choices as the answer prompts of modelgraded evals and their rubrics write them."""

ELSEWHERE: Ideals = ("Paris", "42", "Yes", '{"a": 1, "b": [true, null]}')
"""Right answers to prompts that no data set holds."""


@dataclass(frozen=True)
class Answers:
    """Knows the expected answers by prompt, and gives them right, wrong or disguised."""

    ideals: Mapping[str, Ideals]
    known: Sequence[str] = field(init=False)

    def __post_init__(self) -> None:
        firsts = sorted({ideals[0] for ideals in self.ideals.values() if ideals})
        object.__setattr__(self, "known", firsts or list(ELSEWHERE))

    def to(self, messages: Sequence[Mapping[str, Any]], model: str = "") -> str:
        """A model's answer to these messages, the same in every run and on every side."""
        canonical = json.dumps([model, messages], sort_keys=True, ensure_ascii=False).encode()
        dice = Random(hashlib.blake2b(canonical, digest_size=8).digest())
        prompt = text_of(messages[-1].get("content"))
        offered = CHOICES.findall(prompt)
        if offered and prompt not in self.ideals:
            choices = re.findall(r'"([^"\n]{1,24})"', offered[-1])
            return dice.choice(JUDGEMENTS)(dice.choice(choices))
        ideal = dice.choice(self.ideals.get(prompt) or ELSEWHERE)
        return dice.choice(DISGUISES)(ideal, dice.choice(self.known))


def text_of(content: object) -> str:
    """A message's content as one key."""
    return content if isinstance(content, str) else json.dumps(content, sort_keys=True)


# --- the answers of a model ----------------------------------------------------------


def rearranged(ideal: str, other: str) -> str:
    """The same JSON with its keys the other way round; a text stands reversed."""
    value = _json(ideal)
    if not isinstance(value, dict):
        return ideal[::-1]
    return json.dumps(dict(reversed(list(value.items()))), indent=1)


def spoilt(ideal: str, other: str) -> str:
    """The same JSON with its first value changed; a text with its first character missing."""
    value = _json(ideal)
    if not isinstance(value, dict) or not value:
        return ideal[1:]
    return json.dumps({**value, next(iter(value)): None})


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


Disguise = Callable[[str, str], str]
EXACT: Disguise = lambda ideal, other: ideal  # noqa: E731 - rows of a table
DISGUISES: Sequence[Disguise] = (
    EXACT,
    EXACT,
    EXACT,
    lambda ideal, other: f"{ideal} is the answer, since nothing else fits.",
    lambda ideal, other: f"The answer is {ideal}",
    lambda ideal, other: ideal.lower(),
    lambda ideal, other: ideal.upper(),
    lambda ideal, other: f"{ideal}.",
    lambda ideal, other: f'"{ideal}"',
    lambda ideal, other: f" {ideal}\n",
    lambda ideal, other: f"the {ideal}, an\u00a0exact—answer!",
    lambda ideal, other: other,
    lambda ideal, other: f"{other} {ideal}",
    lambda ideal, other: "I do not know.",
    lambda ideal, other: "",
    lambda ideal, other: "Ünïcödé 答えは … 🙂 İstanbul ẞ",
    lambda ideal, other: f"答え：{ideal}。{{braces}} {{0}} %s",
    rearranged,
    rearranged,
    spoilt,
)


# --- the answers of a judge ----------------------------------------------------------

REASONS = "The submission was read.\nIt says, in effect, what was asked; see (A), Yes or No below."
JUDGEMENTS: Sequence[Callable[[str], str]] = (
    lambda choice: choice,
    lambda choice: choice,
    lambda choice: f'"{choice}"',
    lambda choice: f"({choice})",
    lambda choice: f"**{choice}**.",
    lambda choice: f"{choice}\n{REASONS}",
    lambda choice: f"{REASONS}\n{choice}",
    lambda choice: f"{REASONS}\n\n{choice}\n\n{choice}\n",
    lambda choice: f"Reasoning: none.\n\nThe answer is {choice}",
    lambda choice: f"{choice}: because it is so. {REASONS}",
    lambda choice: f"  \t{choice}\u3000\r\n---\n",
    lambda choice: choice.lower(),
    lambda choice: f"It is {choice}, I think",
    lambda choice: "それは言えません。",
    lambda choice: "",
)


# --- the table -----------------------------------------------------------------------


def ideals_of(files: Iterable[Path]) -> dict[str, Ideals]:
    """The expected answers of samples files, by the text of the last message asked."""
    found: dict[str, Ideals] = {}
    for path in files:
        for line in path.read_bytes().splitlines():
            sample = json.loads(line) if line.strip() else {}
            for prompt in _prompts(sample):
                found.setdefault(prompt, _ideals(sample.get("ideal")))
    return found


def _prompts(sample: Mapping[str, Any]) -> Iterable[str]:
    """Any field can be what a modelgraded eval asks."""
    for name, value in sample.items():
        if name.startswith("input") and isinstance(value, str):
            yield value
        elif isinstance(value, list) and value and isinstance(value[-1], dict):
            yield text_of(value[-1].get("content"))


def _ideals(ideal: object) -> Ideals:
    listed = ideal if isinstance(ideal, list) else [ideal]
    texts = (one if isinstance(one, str) else json.dumps(one) for one in listed if one is not None)
    return tuple(texts)
