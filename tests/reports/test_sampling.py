from __future__ import annotations

from collections import Counter
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from harness.reports.sampling import evenly


def first(count: int, numbers: list[int]) -> list[int]:
    return list(islice(evenly(numbers, lambda n: n % 3, str), count))


@given(st.sets(st.integers(0, 10_000)), st.integers(0, 50))
def test_groups_take_turns_and_nobody_is_lost(numbers, count):
    ordered = first(len(numbers), sorted(numbers))
    assert sorted(ordered) == sorted(numbers)
    sizes = Counter(number % 3 for number in numbers)
    taken = Counter(number % 3 for number in ordered[:count])
    for group in taken:
        for other in sizes:
            assert taken[group] <= taken[other] + 1 or taken[other] == sizes[other]


def test_names_alone_decide_who_comes_first_in_a_group():
    numbers = list(range(0, 900, 3))
    assert first(20, numbers) == first(20, numbers[::-1])
    assert first(20, numbers) != numbers[:20]


def test_the_first_are_spread_over_the_whole_list():
    chosen = first(300, list(range(3_000)))
    tenths = Counter(number // 300 for number in chosen)
    assert len(tenths) == 10
    assert min(tenths.values()) > 12
