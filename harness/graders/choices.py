"""Reading a judge's choice out of its answer, with the exact semantics of OpenAI evals."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Mapping, Sequence

from harness.errors import RegistryError

INVALID = "__invalid__"
"""The choice of a judgement that names none of the choices."""

FROM_STRINGS = "from_strings"
PUNCTUATION = frozenset(string.punctuation)

COUNTED: Mapping[str, Callable[[int], str]] = {
    "from_n": lambda place: str(place + 1),
    "from_n_abc": lambda place: string.ascii_lowercase[place % 26],
    "from_n_ABC": lambda place: string.ascii_uppercase[place % 26],
}
"""Choices that depend on how many completions there are."""

MATCHES: Mapping[str, Callable[[str, str], bool]] = {
    # The choice includes the line, not the other way round: so it is in OpenAI evals.
    "include": lambda line, choice: line in choice,
    "exact": lambda line, choice: line == choice,
    "endswith": lambda line, choice: line.endswith(choice),
    "starts_or_endswith": lambda line, choice: line.startswith(choice) or line.endswith(choice),
}


def choices_for(declared: str | Sequence[str], n: int) -> tuple[str, ...]:
    """The choices of ``n`` completions; a text that is no ``from_n`` lists letters.

    Raises:
        RegistryError: a choice holds punctuation, which reading a judgement removes.
    """
    if isinstance(declared, str) and declared in COUNTED:
        return tuple(map(COUNTED[declared], range(n)))
    for choice in declared:
        if PUNCTUATION.intersection(choice):
            raise RegistryError(
                f"choice_strings: {choice!r} holds punctuation, which is removed from"
                " judgements; name the choice without it"
            )
    return tuple(declared)


def picked_choice(text: str, choices: Iterable[str], match: str, *, last_first: bool) -> str:
    """The first choice that the first fitting line names; ``INVALID`` when no line does.

    ``last_first`` reads the lines from the end, where reasoning precedes the answer.
    """
    fits = MATCHES[match]
    known = tuple(choices)
    lines = text.strip().split("\n")
    for line in reversed(lines) if last_first else lines:
        bare = "".join(c for c in line.strip() if c not in PUNCTUATION)
        if bare:
            for choice in known:
                if fits(bare, choice):
                    return choice
    return INVALID


def score_of(
    choice: str, choices: Iterable[str], scores: Mapping[str, float] | str | None
) -> float | None:
    """What a choice is worth; an invalid one as little as the worst, None without scores.

    Raises:
        RegistryError: the choice has no score.
    """
    if scores is None:
        return None
    table = {c: _number(c) for c in choices} if isinstance(scores, str) else scores
    if choice == INVALID:
        return min(table.values())
    if choice not in table:
        raise RegistryError(f"choice_scores: {choice!r} has no score; add it")
    return float(table[choice])


def _number(choice: str) -> float:
    try:
        return float(choice)
    except ValueError as error:
        raise RegistryError(
            f"choice_scores: from_strings needs numbers as choices, {choice!r} is none"
        ) from error
