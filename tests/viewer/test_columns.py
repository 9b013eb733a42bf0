"""Answers as columns."""

from __future__ import annotations

import numpy as np
import pytest

from harness.viewer.columns import ANSWER, Verdicts


def verdicts(*places: int) -> Verdicts:
    rows = np.zeros(len(places), ANSWER)
    rows["place"] = places
    return Verdicts(rows)


@pytest.mark.parametrize(
    ("held", "asked", "there"),
    [
        ((3, 4, 5), (2, 3, 5, 6, 9), (False, True, True, False, False)),
        ((3, 5, 9), (2, 3, 4, 9, 10), (False, True, False, True, False)),
        ((3, 3, 4), (3, 4), (True, True)),
        ((), (1,), (False,)),
    ],
)
def test_samples_are_found_at_their_places_with_gaps_and_without(
    held: tuple[int, ...], asked: tuple[int, ...], there: tuple[bool, ...]
) -> None:
    found = verdicts(*held)
    at, flags = found.at(np.array(asked, np.int64))
    assert tuple(flags.tolist()) == there
    met = [place for place, is_there in zip(asked, there, strict=True) if is_there]
    assert found.places[at[flags]].tolist() == met
