"""An even sample: items of every group in turn, in an order that their names alone decide."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import zip_longest
from typing import TypeVar

T = TypeVar("T")


def evenly(
    items: Iterable[T], group: Callable[[T], Hashable], name: Callable[[T], str]
) -> Iterator[T]:
    """All items, so that as many as one takes are shared out among the groups.

    Within a group the order is that of a hash of the names: as good as random, and the same
    every time, wherever items stood.
    """
    groups: dict[Hashable, list[T]] = {}
    for item in items:
        groups.setdefault(group(item), []).append(item)
    for found in groups.values():
        found.sort(key=lambda item: lot(name(item)))
    absent = object()
    rows = zip_longest(*groups.values(), fillvalue=absent)
    return (item for row in rows for item in row if item is not absent)  # type: ignore[misc]


def lot(name: str) -> bytes:
    """What a name draws: as good as random, always the same."""
    return hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=8).digest()
